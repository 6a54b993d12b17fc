"""One connection of the protocol: frames come in, and what they ask for is done and answered. No sockets, no waiting.

It outlives the socket: a client that comes back in time finds it as it was (Ably protocol 3 and 4).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from ai_transport_codecs.channels.memory.hosted import HostedChannel
from ai_transport_codecs.errors import AITransportError

from . import refusals
from .acks import Operations, Outcome, Reply
from .attached import Attached, read_attach
from .channel_names import channel_name
from .formats import Raw
from .identity import Identity
from .link import Link, disconnected, failed
from .numbers import ACTIONS, Action
from .presence import enter_or_leave
from .publishing import Publishing, check_mode
from .rates import RateLimit
from .site import Site

_log: Final = logging.getLogger("ai_transport_codecs.server")

_MAX_MSG_SERIAL: Final = 2**53


class Connection:
    """The server's end of the connection ``id`` of the client that ``identity`` says.

    ``window``: for how many seconds its appends may be held to be merged.
    """

    def __init__(self, id: str, identity: Identity, site: Site, *, window: float) -> None:
        self.id = id
        self.identity = identity
        self.link: Link | None = None
        """The socket that serves it now."""
        self._site = site
        self._echo = True
        self._attached: dict[str, Attached] = {}
        self._operations = Operations()
        self._rate = RateLimit(site.settings.max_rate, site.timers.time)
        self._publishing = Publishing(id, window=window, timers=site.timers, settled=self._flush)
        self._handlers: Final[Mapping[Action, Callable[[Mapping[str, Any], Raw], None]]] = {
            Action.HEARTBEAT: self._heartbeat,
            Action.CLOSE: self._close,
            Action.ATTACH: self._attach,
            Action.DETACH: self._detach,
            Action.PRESENCE: self._presence,
            Action.MESSAGE: self._message,
            Action.SYNC: self._sync,
            Action.AUTH: self._auth,
            Action.ANNOTATION: self._unsupported,
            Action.OBJECT: self._unsupported,
            # A client says so before it drops the socket itself; the socket's end is what counts.
            Action.DISCONNECT: _ignore,
            Action.CONNECT: _ignore,
        }

    # -- the socket's side ---------------------------------------------------------------------------------------------

    def serve(self, link: Link, *, echo: bool, window: float) -> None:
        """Go on through this socket. What still comes through the one before is not read any more."""
        previous, self.link = self.link, link
        self._echo = echo
        self._publishing.window = window
        link.connection_id = self.id
        if previous is not None:
            previous.cut()
            self._silence()

    def receive(self, link: Link, raw: Raw) -> None:
        """Take in a frame that came through ``link``."""
        if self.link is not link or link.is_ended:
            return
        try:
            frame, action = _read_frame(link, raw)
            handler = self._handlers.get(action) if action is not None else None
            if handler is None:
                _log.debug("connection %s: frame with action %r ignored", self.id, frame.get("action"))
                return
            handler(frame, raw)
        except AITransportError as error:
            self.fail(error)
        except Exception:
            _log.exception("connection %s failed", self.id)
            self.fail(refusals.went_wrong())

    def lose(self, link: Link) -> bool:
        """The socket is gone; whether it was the one that served this connection."""
        if self.link is not link:
            return False
        self.link = None
        self._silence()
        return True

    def fail(self, error: AITransportError) -> None:
        """End the connection for good, with the reason."""
        if self.link is not None:
            self.link.end(failed(error))
        self.leave()
        self._site.forget(self)

    def drop(self, error: AITransportError) -> None:
        """End the socket with the reason; the client may come back."""
        if self.link is not None:
            self.link.end(disconnected(error))

    def send(self, frame: Mapping[str, Any]) -> None:
        """Send a frame, if there is a socket."""
        if self.link is not None:
            self.link.send(frame)

    def leave(self) -> None:
        """Leave every channel, and be present nowhere any more."""
        self._publishing.release_all()
        for attached in self._attached.values():
            attached.hosted.detach(self.id)
        self._attached.clear()

    def leave_presence(self) -> None:
        """Be present nowhere any more."""
        for attached in self._attached.values():
            attached.hosted.detach(self.id)

    def _silence(self) -> None:
        self._publishing.release_all()
        for attached in self._attached.values():
            attached.hosted.mute(self.id)

    # -- what frames ask for -------------------------------------------------------------------------------------------

    def _heartbeat(self, frame: Mapping[str, Any], raw: Raw) -> None:
        answer: dict[str, Any] = {"action": int(Action.HEARTBEAT)}
        if isinstance(frame.get("id"), str):
            answer["id"] = frame["id"]
        self.send(answer)

    def _close(self, frame: Mapping[str, Any], raw: Raw) -> None:
        self.leave()
        if self.link is not None:
            self.link.flush_acks()
            self.link.end({"action": int(Action.CLOSED)})
        self._site.forget(self)

    def _auth(self, frame: Mapping[str, Any], raw: Raw) -> None:
        auth = frame.get("auth")
        token = auth.get("accessToken") if isinstance(auth, dict) else None
        identity = self._site.authenticator.from_token(token).claimed_by(self.identity.client_id)
        self.identity = identity
        for name, attached in list(self._attached.items()):
            if not self._site.grant(identity, name).modes(attached.modes):
                self._refuse_channel(name, refusals.lost_access(name))
        self._site.welcome(self)

    def _attach(self, frame: Mapping[str, Any], raw: Raw) -> None:
        name, link = channel_name(frame), self.link
        if link is None:
            return
        try:
            request = read_attach(frame)
            grant = self._site.grant(self.identity, name)
            if name not in self._attached and len(self._attached) >= self._site.settings.max_channels:
                raise refusals.too_many_channels(self._site.settings.max_channels)
            grant.modes(request.modes)
            attached = Attached(self._site.hub.hosted(name), link, self.id, grant, self._site.frames)
            self._publishing.release(attached.hosted)
            attached.begin(request, echo=self._echo)
        except AITransportError as error:
            self._refuse_channel(name, error)
        else:
            self._attached[name] = attached

    def _detach(self, frame: Mapping[str, Any], raw: Raw) -> None:
        name = channel_name(frame)
        attached = self._attached.pop(name, None)
        if attached is not None:
            self._publishing.release(attached.hosted)
            attached.hosted.detach(self.id)
        self.send({"action": int(Action.DETACHED), "channel": name})

    def _sync(self, frame: Mapping[str, Any], raw: Raw) -> None:
        attached = self._attached.get(channel_name(frame))
        if attached is not None:
            attached.sync()

    def _message(self, frame: Mapping[str, Any], raw: Raw) -> None:
        def publish(hosted: HostedChannel, outcome: Outcome) -> None:
            messages = frame.get("messages")
            count = len(messages) if isinstance(messages, list) else 1
            self._check_rate(hosted, count)
            grant = self._site.grant(self.identity, hosted.name)
            check_mode(hosted, self._modes(hosted), "PUBLISH", grant, "publish")
            self._publishing.publish(hosted, grant, self.identity, frame, outcome)

        self._operate(frame, raw, publish)

    def _presence(self, frame: Mapping[str, Any], raw: Raw) -> None:
        def enter(hosted: HostedChannel, outcome: Outcome) -> None:
            modes = self._modes(hosted)
            if modes is None:
                raise refusals.not_attached("change presence", hosted.name)
            grant = self._site.grant(self.identity, hosted.name)
            check_mode(hosted, modes, "PRESENCE", grant, "presence")
            self._publishing.release(hosted)
            enter_or_leave(hosted, grant, self.identity, self.id, frame)
            outcome.reply = Reply()

        self._operate(frame, raw, enter)

    def _unsupported(self, frame: Mapping[str, Any], raw: Raw) -> None:
        def refuse(hosted: HostedChannel, outcome: Outcome) -> None:
            raise refusals.unsupported("annotations and objects are")

        self._operate(frame, raw, refuse)

    # -- what they have in common --------------------------------------------------------------------------------------

    def _operate(self, frame: Mapping[str, Any], raw: Raw, operation: Callable[[HostedChannel, Outcome], None]) -> None:
        """Do something that is acknowledged; once, however often it is sent."""
        link, msg_serial = self.link, frame.get("msgSerial")
        if link is None:
            return
        if type(msg_serial) is not int or not 0 <= msg_serial < _MAX_MSG_SERIAL:
            raise refusals.bad_field("a frame", "msgSerial", "it has to be a number from 0")
        digest = hash(raw)
        outcome = self._operations.find(msg_serial, digest)
        if outcome is not None:
            link.acks.add(msg_serial, outcome)
        else:
            outcome = self._operations.add(msg_serial, digest)
            link.acks.add(msg_serial, outcome)
            try:
                operation(self._site.hub.hosted(channel_name(frame)), outcome)
            except AITransportError as error:
                outcome.reply = Reply(error=error)
            except Exception:
                _log.exception("connection %s: operation %s failed", self.id, msg_serial)
                outcome.reply = Reply(error=refusals.went_wrong())
        link.flush_acks()

    def _modes(self, hosted: HostedChannel) -> frozenset[str] | None:
        attached = self._attached.get(hosted.name)
        return None if attached is None else attached.modes

    def _check_rate(self, hosted: HostedChannel, count: int) -> None:
        if not self._rate.takes(count):
            raise refusals.too_fast(self._rate.limit)
        channel = self._site.channel_rate(hosted.name)
        if not channel.takes(count):
            raise refusals.channel_too_fast(channel.limit)

    def _refuse_channel(self, name: str, error: AITransportError) -> None:
        attached = self._attached.pop(name, None)
        if attached is not None:
            attached.hosted.detach(self.id)
        self.send({**failed(error), "channel": name})

    def _flush(self) -> None:
        if self.link is not None:
            self.link.flush_acks()


def _read_frame(link: Link, raw: Raw) -> tuple[Mapping[str, Any], Action | None]:
    frame = link.format.decode(raw)
    if not isinstance(frame, dict):
        raise refusals.malformed("a frame", f"it is a {type(frame).__name__}, and has to be an object")
    action = frame.get("action")
    if type(action) is not int:
        raise refusals.bad_field("a frame", "action", "it has to be a number")
    return frame, ACTIONS.get(action)


def _ignore(frame: Mapping[str, Any], raw: Raw) -> None:
    """What needs nothing done."""
