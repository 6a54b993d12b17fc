"""An agent as a web application: a route that wakes it, and one that gives devices their tokens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Literal, TypeAlias, get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ai_transport_codecs.codec.contract import Codec
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError, UsageError
from ai_transport_codecs.session.agent import AgentSession

from . import faults
from .access import Allow, check_access
from .answering import Handler
from .bodies import FORM, JSON, BodyLimits, read_client_id, read_fields, read_invocation, read_session_name
from .client import ClientSource, open_client
from .desk import Desk, Limits
from .pool import Pool
from .tokens import TokenIssuer

_log = logging.getLogger("ai_transport_codecs.asgi")

BODY_LIMIT: Final = 64 * 1024
BODY_TIMEOUT: Final = 30.0
WAIT: Final = 5.0
GRACE: Final = 10.0
IDLE_TIMEOUT: Final = 60.0
MAX_IDLE: Final = 100
MAX_OPEN: Final = 1_000

_Orphans: TypeAlias = Literal["end", "leave"]
Endpoint = Callable[[Request], Awaitable[Response]]


class AgentApp(Starlette):
    """What :func:`agent_app` makes. ``lifespan`` is for the application that it is mounted in."""

    def __init__(
        self,
        source: ClientSource,
        make_desk: Callable[[Any], Desk],
        *,
        closing: Callable[[Desk], Awaitable[None]],
        allow: Allow | None,
        tokens: TokenIssuer | None,
        body_limits: BodyLimits,
        cors_origins: Sequence[str],
    ) -> None:
        self._source = source
        self._make_desk = make_desk
        self._close_desk = closing
        self._allow = allow
        self._tokens = tokens
        self._body_limits = body_limits
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._desk: Desk | None = None
        self._is_watched = self._is_closed = False
        routes = [Route("/chat", _guarded(self._chat), methods=["POST"])]
        if tokens is not None:
            routes.append(Route("/token", _guarded(self._token), methods=["GET", "POST"]))
        super().__init__(
            routes=routes,
            middleware=_cors(cors_origins),
            exception_handlers={HTTPException: _http_error},
            lifespan=self.lifespan,
        )
        self.router.redirect_slashes = False  # a redirect would name the host that the request says it has

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """While the agent is there; in the end, open runs are ended or handed off.

        Frameworks do not tell mounted applications when they start and stop: ``FastAPI(lifespan=agents.lifespan)``, or
        ``async with agents.lifespan():`` within a lifespan of your own. Without it nobody would end the runs that are
        open when the process stops, so invocations are refused, with words that say so; tokens are issued.
        """
        self._is_watched, self._is_closed = True, False
        await self._open()
        try:
            yield
        finally:
            self._is_watched = False
            await self.aclose()

    async def aclose(self) -> None:
        """End as ``lifespan`` does: from now on requests are refused, until a ``lifespan`` begins. Idempotent."""
        self._is_closed = True
        async with self._opening:
            desk, stack = self._desk, self._stack
            if desk is not None:
                await self._close_desk(desk)
            self._desk, self._stack = None, AsyncExitStack()
            await stack.aclose()

    async def _open(self) -> Desk:
        if self._is_closed:
            raise faults.closing()
        if not self._is_watched:
            raise faults.not_started()
        async with self._opening:
            if self._desk is None:
                self._desk = self._make_desk(await open_client(self._source, self._stack))
            return self._desk

    async def _chat(self, request: Request) -> Response:
        fields = await read_fields(request, self._body_limits)
        invocation = read_invocation(fields)
        await check_access(self._allow, request, invocation.session_name, read_client_id(fields))
        receipt = await (await self._open()).take(invocation, fields)
        ids = {"runId": receipt.run_id, "invocationId": receipt.invocation_id}
        named = {"inputEventId": invocation.input_event_id, "sessionName": invocation.session_name}
        return JSONResponse(ids | named, 202 if receipt.is_new else 200)

    async def _token(self, request: Request) -> Response:
        assert self._tokens is not None  # noqa: S101  # there is no such route without
        fields: Mapping[str, Any] = request.query_params
        if request.method == "POST":
            fields = dict(fields) | dict(await read_fields(request, self._body_limits, types=(JSON, FORM)))
        session_name, client_id = read_session_name(fields), read_client_id(fields)
        if client_id is None:
            raise faults.RequestError('a token is for one client: name it in the text "clientId"')
        await check_access(self._allow, request, session_name, client_id)
        details = self._tokens.issue(session_name, client_id)
        return JSONResponse(details, headers={"Cache-Control": "no-store"})


def agent_app(
    client: ClientSource,
    handler: Handler,
    *,
    codec: str | Codec[Any, Any, Any, Any],
    allow: Allow | None = None,
    token_key: str | None = None,
    token_ttl: int = 3600,
    cors_origins: Sequence[str] = (),
    body_limit: int = BODY_LIMIT,
    body_timeout: float = BODY_TIMEOUT,
    wait: float = WAIT,
    grace: float = GRACE,
    hand_off: bool = False,
    idle_timeout: float = IDLE_TIMEOUT,
    max_idle: int = MAX_IDLE,
    max_open: int = MAX_OPEN,
    orphans: _Orphans = "end",
    on_error: Callable[[AITransportError], None] | None = None,
    session_options: Mapping[str, Any] | None = None,
) -> AgentApp:
    """A Starlette application that answers with ``handler``, to be served as it is or mounted.

    For example::

        agents = agent_app(lambda: connect_ably(key), chain_turn(chain), codec="langchain", allow=may_use)
        app = FastAPI(lifespan=agents.lifespan)
        app.mount("/api", agents)

    ``client`` is a connection to an engine, shared by all sessions, or a function that makes one. ``POST /chat`` takes
    an invocation, ``{"inputEventId", "sessionName"}`` and whatever else (see :func:`~.desk.posted`). It looks for the
    input for up to ``wait`` seconds, and answers with the run's ids as soon as the run's start is published: 202, or
    200 when the input has its run already. The handler runs on in the background. ``GET`` or ``POST /token``, with
    ``sessionName`` and ``clientId``, gives an Ably token for that channel and client, signed with ``token_key``;
    without a key there is no such route.

    ``allow(request, session_name, client_id)`` decides who may do so; without it, nobody may. When the application
    stops, runs have ``grace`` seconds to end; then they are cancelled or, with ``hand_off``, suspended for another
    process to resume. A body may have ``body_limit`` bytes and take ``body_timeout`` seconds. Pages of other origins
    are let in when ``cors_origins`` names theirs. Errors that no call carries go to ``on_error``, else to the log
    ``ai_transport_codecs.asgi``. ``idle_timeout`` and ``max_idle`` say how long and how many unused sessions stay open,
    ``max_open`` how many invocations may be under way, and ``session_options`` are more options of AgentSession.

    Several processes may serve the same sessions: of those that get one invocation, the one whose start is first on the
    channel answers. What users say to a run under way is taken up by its process; a cancel finds it there too, and
    ends a suspended run while a process has the session open: ``idle_timeout`` after its last invocation. Runs that a
    process left active as it was killed are ended as errors when a session is next opened, or 15 seconds after
    its connection is gone, unless ``orphans`` says "leave"; see :meth:`AgentSession.serve`, also on what that needs.

    Raises InvalidArgumentError for settings that make no sense, UnknownCodecError and siblings for the codec.
    """
    durations = {"wait": wait, "grace": grace, "idle_timeout": idle_timeout, "body_timeout": body_timeout}
    _check_settings(durations, {"max_idle": max_idle}, {"body_limit": body_limit, "max_open": max_open})
    _check_policies(cors_origins, orphans)
    found = get_codec(codec) if isinstance(codec, str) else codec
    report = _report if on_error is None else _safely(on_error)

    def make_desk(connection: Any) -> Desk:
        def open_session(name: str) -> AgentSession[Any]:
            return AgentSession(connection, name, codec=found, **(session_options or {}))

        pool = Pool(open_session, idle_timeout=idle_timeout, max_idle=max_idle, orphans=orphans, on_error=report)
        return Desk(pool, handler, Limits(wait, max_open), on_error=report)

    return AgentApp(
        client,
        make_desk,
        closing=lambda desk: desk.close(grace=grace, hand_off=hand_off),
        allow=allow,
        tokens=None if token_key is None else TokenIssuer(token_key, ttl=token_ttl),
        body_limits=BodyLimits(body_limit, body_timeout),
        cors_origins=cors_origins,
    )


def _check_settings(durations: Mapping[str, float], counts: Mapping[str, int], limits: Mapping[str, int]) -> None:
    """Durations and counts may be 0, limits may not."""
    wrong = [name for name, value in {**durations, **counts}.items() if not value >= 0]
    wrong += [name for name, value in limits.items() if value < 1]
    if wrong:
        raise InvalidArgumentError(f"unable to make an agent app; {', '.join(wrong)} cannot be as small as that")


def _check_policies(cors_origins: Sequence[str], orphans: str) -> None:
    if isinstance(cors_origins, str):
        raise InvalidArgumentError('cors_origins is a list of origins, like ["https://chat.example"], not one text')
    if orphans not in get_args(_Orphans):
        raise InvalidArgumentError(f'orphans is "end" or "leave" in an agent app, not {orphans!r}')


def _guarded(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with every failure as JSON; what nobody expected is for the log only."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except HTTPException:
            raise
        except UsageError as error:
            if error.status_code >= 500:
                _log.error("%s", error)
            return faults.error_response(error)
        except AITransportError as error:
            return faults.error_response(error)
        except Exception:
            _log.exception("the agent's application failed")
            return faults.error_response(faults.unexpected())

    return guarded


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for nothing else
    response = faults.error_response(faults.http_error(error.status_code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


def _cors(origins: Sequence[str]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],  # who may send is decided by origin; front ends bring headers of their own
            expose_headers=["Retry-After", "WWW-Authenticate"],
            allow_credentials="*" not in origins,  # cookies are for origins that were named
        )
    ]


def _safely(on_error: Callable[[AITransportError], None]) -> Callable[[AITransportError], None]:
    """The application's ``on_error``; what it raises is logged, and disturbs no run."""

    def report(error: AITransportError) -> None:
        try:
            on_error(error)
        except Exception:
            _log.exception("on_error raised; the error that it was told of: %s", error)

    return report


def _report(error: AITransportError) -> None:
    _log.error("%s (code %d)", error, error.code, exc_info=error.__cause__)
