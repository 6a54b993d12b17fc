"""The connection of an ably-python client, with what is wrong about it put right (Ably protocol 9).

It hears every frame before ably-python does, so that it can give that what it relies on, and keeps a client from
believing that it is connected, or that something was published, when it is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from . import refusals
from .frames import whole_characters
from .pending import PendingWrites
from .protocol_numbers import CHANNEL_ACTIONS, Action
from .sdk import AblyException, ably_error, abort_socket
from .watchdog import Watchdog

_log = logging.getLogger("ai_transport_codecs.channels")

_DEFAULT_MAX_MESSAGE_SIZE: Final = 65_536
_ENDED: Final = frozenset({"closing", "closed", "failed"})

FrameTaker = Callable[[Mapping[str, Any]], "dict[str, Any] | None"]


class Link:
    """One client's connection.

    ``take_channel_frame`` gets each frame about a channel first, and returns what ably-python shall make of it; None
    for nothing.
    """

    def __init__(self, client: Any, take_channel_frame: FrameTaker) -> None:
        self._client = client
        self._manager: Any = client.connection.connection_manager
        self._take_channel_frame = take_channel_frame
        self._waiting: list[asyncio.Future[None]] = []
        self._was_connected = self._state == "connected"
        self.max_message_size = _DEFAULT_MAX_MESSAGE_SIZE
        """What Ably says that the account may publish at once; ably-python never looks (Ably protocol 3)."""
        self._repairs: Final[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {
            Action.CONNECTED: self._connected,
            Action.DISCONNECTED: self._disconnected,
            Action.ERROR: self._failed,
            Action.NACK: self._failed,
        }
        self._pending = PendingWrites()
        # Whatever waits already was sent by somebody else, and is taken over.
        for message in self._manager.pending_message_queue.messages:
            self._pending.push(message)
        self._manager.pending_message_queue = self._pending
        # A client that queues while offline corrupts its list, repeats itself and overtakes itself (P1, P2, P5, P6).
        # What fails at once is repaired by the outbox.
        client.options.queue_messages = False
        # It would ask a web page whether there is an internet, and stop the event loop until that answers.
        self._manager.check_connection = lambda: True
        self._watchdog = Watchdog(self._manager, self._pending, patience=client.options.realtime_request_timeout / 1000)
        self._manager.on("transport.pending", self._wrap)
        self._manager.on("connectionstate", self._changed)
        if self._manager.transport is not None:
            self._wrap(self._manager.transport)
        if self._was_connected:
            self._watchdog.start()

    @property
    def is_connected(self) -> bool:
        """Whether frames can be sent."""
        return self._state == "connected" and self._manager.transport is not None

    @property
    def connection_id(self) -> str | None:
        known: str | None = self._manager.connection_id
        return known

    @property
    def _state(self) -> str:
        return str(self._manager.state.value)

    async def ready(self, doing: str) -> None:
        """Wait for the client's first connection, if it is being made.

        Raises ChannelError 80003 when that fails, or when there was a connection and is none; 80017, or the error with
        which Ably refused the connection, when there will be none.
        """
        if not self._was_connected and self._state in {"initialized", "connecting"}:
            if self._state == "initialized":
                self._client.connect()
            news = asyncio.get_running_loop().create_future()
            self._waiting.append(news)
            await asyncio.wait({news}, timeout=self._client.options.realtime_request_timeout / 1000)
        self.check(doing)

    def check(self, doing: str) -> None:
        """Raises ChannelError 80003 while not connected, 80017 or the reason when that is for good."""
        if self.is_connected:
            return
        reason = self._client.connection.error_reason
        if self._state in _ENDED:
            if self._state == "failed" and isinstance(reason, AblyException):
                raise refusals.connection_refused(reason)
            raise refusals.closed(doing, self._state, reason)
        if self._state == "connected":
            self._watchdog.look(is_sure=True)
        raise refusals.not_connected(doing, reason)

    async def send(self, frame: dict[str, Any], doing: str) -> list[str | None]:
        """Send a frame that is acknowledged; the serials of its acknowledgement.

        The frame is written before anything is awaited. Raises ChannelError, 80003 when the connection goes.
        """
        self.check(doing)
        try:
            result = await self._send(frame)
        except Exception as error:
            if not isinstance(error, AblyException):
                self._watchdog.look(is_sure=True)  # the socket is gone; whether ably-python knows is not sure (P4)
            raise refusals.refused(doing, frame["channel"], error) from error
        serials = getattr(result, "serials", None)
        return list(serials) if isinstance(serials, list) else []

    async def _send(self, frame: dict[str, Any]) -> Any:
        try:
            return await self._manager.send_protocol_message(frame)
        except UnicodeEncodeError:
            # Found before a byte was sent. ably-python waits for an acknowledgement by then, and has used a number.
            self._pending.forget(frame["msgSerial"])
            self._manager.msg_serial = frame.pop("msgSerial")
            return await self._manager.send_protocol_message(whole_characters(frame))

    def abort(self) -> None:
        """Cut the socket, while the connection is closing."""
        abort_socket(self._manager.transport)

    # -- what comes in -------------------------------------------------------------------------------------------------

    def _wrap(self, transport: Any) -> None:
        receive, connect = transport.on_protocol_message, transport.ws_connect

        async def on_protocol_message(frame: Any) -> None:
            current = self._manager.transport
            if current is not None and current is not transport:
                return  # a late frame of a socket that was given up: what it says comes again through the new one
            whole = self._take(frame)
            if whole is not None:
                await receive(whole)

        async def ws_connect(url: str, headers: Any) -> None:
            try:
                await connect(url, headers)
            except OSError as error:
                # Nobody listens there: ably-python would find out by its timeout (P12).
                failure = ably_error(f"unable to connect to {transport.host}: {error}", status_code=503, code=80003)
                transport._emit("failed", failure)  # noqa: SLF001  # as it does itself for other failures

        transport.on_protocol_message = on_protocol_message
        transport.ws_connect = ws_connect

    def _take(self, frame: Any) -> dict[str, Any] | None:
        if not isinstance(frame, dict):
            _log.warning("a frame that is a %s is ignored", type(frame).__name__)
            return None
        action = frame.get("action")
        if action in CHANNEL_ACTIONS and (action != Action.ERROR or frame.get("channel") is not None):
            try:
                return self._take_channel_frame(frame)
            except Exception:
                _log.exception("a frame about channel %r could not be taken in", frame.get("channel"))
                return frame
        repair = self._repairs.get(action) if type(action) is int else None
        return frame if repair is None else repair(frame)

    def _connected(self, frame: dict[str, Any]) -> dict[str, Any]:
        details = frame.get("connectionDetails")
        if not isinstance(details, dict):
            return {**frame, "connectionDetails": {}}
        size = details.get("maxMessageSize")
        if type(size) is int and size > 0:
            self.max_message_size = size
        return frame

    def _disconnected(self, frame: dict[str, Any]) -> dict[str, Any]:
        """With an error that makes ably-python reconnect and fail what is open: others leave it a zombie (P3)."""
        error = frame.get("error")
        whole = refusals.whole_error(error if isinstance(error, dict) else {"code": 80003, "message": "disconnected"})
        if whole["statusCode"] >= 500:
            whole["statusCode"] = 400
        return {**frame, "error": whole}

    def _failed(self, frame: dict[str, Any]) -> dict[str, Any]:
        error = frame.get("error")
        return {**frame, "error": refusals.whole_error(error if isinstance(error, dict) else {})}

    # -- what becomes of the connection --------------------------------------------------------------------------------

    def _changed(self, change: Any) -> None:
        state = str(change.current.value)
        if state == "connected":
            self._was_connected = True
            self._watchdog.start()
        if state == "failed":
            self._end(change.reason)
        if state in _ENDED:
            self._watchdog.stop()
        if state not in {"initialized", "connecting"}:
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for news in waiting:
            if not news.done():
                news.set_result(None)

    def _end(self, reason: Any) -> None:
        """Failed is the end; ably-python lets a timer revive it, and leaves what is open to wait for ever (P13)."""
        manager = self._manager
        manager.cancel_transition_timer()
        manager.cancel_suspend_timer()
        manager.cancel_retry_timer()
        manager.fail_queued_messages(reason)
        self._client.channels._propagate_connection_interruption(  # noqa: SLF001  # as it does for other failures
            manager.state, reason
        )
