"""HTTP: hands requests to the REST interface, and answers when what was done is kept."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from ai_transport_codecs.errors import AITransportError

from .journal import Journal
from .refusals import body_too_large
from .rest.exchange import Reply, Request, error_reply, split_path
from .rest.routes import Rest
from .websocket import WebSocketEdge

_ABOUT: Final = (
    "This is ai-transport's local server. It speaks Ably's protocol, for development, tests and single-machine use;"
    " in production, use Ably.\n"
)

_EXPOSED: Final = "Link,X-Ably-Errorcode,X-Ably-Errormessage"
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET,POST,PATCH,OPTIONS",
    "Access-Control-Max-Age": "3600",
}


class HttpEdge:
    """Serves everything on one port: WebSockets at the root, REST below it."""

    def __init__(self, rest: Rest, sockets: WebSocketEdge, journal: Journal) -> None:
        self._rest = rest
        self._sockets = sockets
        self._journal = journal

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.path == "/" and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._sockets.serve(request)
        if request.method == "OPTIONS":
            allowed = request.headers.get("Access-Control-Request-Headers", "*")
            headers = _cors(request) | _PREFLIGHT | {"Access-Control-Allow-Headers": allowed}
            return web.Response(status=204, headers=headers)
        if request.path == "/":
            return web.Response(text=_ABOUT, headers=_cors(request))
        try:
            asked = Request(request.method, split_path(request.raw_path), request.query, request.headers)
            asked = asked._replace(body=await request.read())
            reply = self._rest.answer(asked)
            await self._journal.reach(self._journal.mark)
        except web.HTTPRequestEntityTooLarge:
            return _response(request, error_reply(body_too_large(self._sockets.max_frame_size)))
        except AITransportError as error:
            return _response(request, error_reply(error))
        return _response(request, reply)


def _cors(request: web.Request) -> dict[str, str]:
    """Front ends come from another port of this machine. Whoever asks has to show a key or a token, never a cookie.

    All the same ably-js asks with credentials whenever it has an Authorization header to send, and browsers then take
    no wildcard for an answer.
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": _EXPOSED,
        "Vary": "Origin",
    }


def _response(request: web.Request, reply: Reply) -> web.Response:
    wire = Request("", (), request.query, request.headers).answer_format()
    raw = wire.encode(reply.value)
    # ably-js compares the type of an error as text, so it has no charset.
    headers = {**_cors(request), **reply.headers, "Content-Type": wire.content_type}
    return web.Response(status=reply.status, body=raw.encode() if isinstance(raw, str) else raw, headers=headers)
