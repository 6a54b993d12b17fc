"""Which address is for what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.server import refusals
from ai_transport_codecs.server.site import Site

from .exchange import Call, Reply, Request, error_reply
from .messages import MessageRoutes
from .presence import PresenceRoutes

_log: Final = logging.getLogger("ai_transport_codecs.server")

Handler: TypeAlias = Callable[[Call], Reply]
_Route: TypeAlias = tuple[tuple[str, ...], Mapping[str, Handler]]


class Rest:
    """Answers requests to a site, all that are not WebSockets. ``faults`` opens the routes that break things."""

    def __init__(self, site: Site, *, now_ms: Callable[[], int], faults: bool = False) -> None:
        self._site = site
        self._now_ms = now_ms
        messages, presence = MessageRoutes(site), PresenceRoutes(site)
        # A part in braces is open: whatever stands there is the channel, the message or the fault.
        self._routes: list[_Route] = [
            (("channels", "{channel}", "messages"), {"GET": messages.history, "POST": messages.publish}),
            (("channels", "{channel}", "messages", "{serial}"), {"GET": messages.message, "PATCH": messages.change}),
            (("channels", "{channel}", "messages", "{serial}", "versions"), {"GET": messages.versions}),
            (("channels", "{channel}", "presence"), {"GET": presence.members}),
            (("channels", "{channel}", "presence", "history"), {"GET": presence.history}),
            (("channels", "{channel}"), {"GET": presence.details}),
        ]
        if faults:
            self._routes.append((("_faults", "{fault}"), {"POST": self._break}))

    def answer(self, request: Request) -> Reply:
        """The answer, whatever is asked; a refusal is one too."""
        try:
            return self._answer(request)
        except AITransportError as error:
            return error_reply(error)
        except Exception:
            _log.exception("%s /%s failed", request.method, "/".join(request.path))
            return error_reply(refusals.went_wrong())

    def _answer(self, request: Request) -> Reply:
        if request.path == ("time",) and request.method == "GET":
            return Reply(200, [self._now_ms()])
        if request.path[:1] == ("keys",) and request.path[2:] == ("requestToken",) and request.method == "POST":
            authenticator = self._site.authenticator
            details = authenticator.issue_token(request.path[1], request.value(), request.headers, request.query)
            return Reply(201, details)
        handlers, names = self._find(request.path)
        handler = handlers.get(request.method)
        if handler is None:
            raise refusals.wrong_method(request.method, "/" + "/".join(request.path))
        identity = self._site.authenticator.from_request(request.headers, request.query)
        return handler(Call(request, identity, names, request.answer_format().is_binary))

    def _find(self, path: tuple[str, ...]) -> tuple[Mapping[str, Handler], Mapping[str, str]]:
        for pattern, handlers in self._routes:
            names = _match(pattern, path)
            if names is not None:
                return handlers, names
        raise refusals.not_found(f"this server has nothing at {'/' + '/'.join(path)!r}")

    def _break(self, call: Call) -> Reply:
        """Do a fault: ``cut``, ``hold-acks``, ``release-acks`` or ``drop``."""
        value: Any = call.request.value() if call.request.body else {}
        if not isinstance(value, dict):
            raise refusals.bad_field("a fault", "body", "it has to be an object")
        if call.identity.expires is not None:
            raise refusals.bad_key()
        return Reply(200, _do_fault(self._site, call.names["fault"], value))


def _do_fault(site: Site, fault: str, value: Mapping[str, Any]) -> dict[str, Any]:
    faults = site.faults
    if fault == "cut":
        connection_id = value.get("connectionId")
        if connection_id is not None and not isinstance(connection_id, str):
            raise refusals.bad_field("a fault", "connectionId", "it has to be text")
        return {"cut": faults.cut(connection_id)}
    if fault == "hold-acks":
        faults.hold_acks()
        return {}
    if fault == "release-acks":
        faults.release_acks()
        return {}
    if fault == "drop":
        action, count = value.get("action"), value.get("count", 1)
        if type(action) is not int or type(count) is not int or count < 1:
            raise refusals.bad_field("a fault", "action or count", "they have to be numbers")
        faults.drop(action, count)
        return {}
    raise refusals.not_found(f"there is no fault {fault!r}; these are cut, hold-acks, release-acks and drop")


def _match(pattern: tuple[str, ...], path: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(path):
        return None
    names: dict[str, str] = {}
    for part, given in zip(pattern, path, strict=True):
        if part.startswith("{"):
            names[part[1:-1]] = given
        elif part != given:
            return None
    return names
