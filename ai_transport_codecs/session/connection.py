"""A session's hold on its channel: connecting, being ready, losing continuity, reporting errors (session spec 1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from ai_transport_codecs.channels.adapt import as_provider
from ai_transport_codecs.channels.protocol import Channel, ChannelProvider, ChannelState, ChannelStateChange
from ai_transport_codecs.errors import (
    AITransportError,
    ChannelContinuityError,
    ChannelNotReadyError,
    InvalidArgumentError,
    SessionClosedError,
    SessionSubscriptionError,
)
from ai_transport_codecs.wire.messages import InboundMessage

from .events import Signal, Unsubscribe

_log = logging.getLogger("ai_transport_codecs.session")

_LOST_STATES: Final = frozenset({ChannelState.FAILED, ChannelState.SUSPENDED, ChannelState.DETACHED})
_MODES: Final = (
    "PUBLISH", "SUBSCRIBE", "PRESENCE", "PRESENCE_SUBSCRIBE",
    "OBJECT_PUBLISH", "OBJECT_SUBSCRIBE", "ANNOTATION_PUBLISH", "ANNOTATION_SUBSCRIBE",
)  # fmt: skip
_USUAL_MODES: Final = frozenset({"PUBLISH", "SUBSCRIBE", "PRESENCE", "PRESENCE_SUBSCRIBE", "ANNOTATION_PUBLISH"})
_WRITABLE_STATES: Final = frozenset({ChannelState.ATTACHED, ChannelState.ATTACHING})


def agent_params(adapter_tag: str | None) -> Mapping[str, str]:
    """The channel parameter that names this library and the codec (session spec 1.1)."""
    try:
        release = version("ai-transport-codecs")
    except PackageNotFoundError:  # used from a source tree that is not installed
        release = "0"
    tags = ["ai-transport-python", *([adapter_tag] if adapter_tag else [])]
    return {"agent": " ".join(f"{tag}/{release}" for tag in tags)}


def channel_modes(extra: Sequence[str] | None) -> Sequence[str] | None:
    """What to attach with when an application asks for more than the usual (session spec 1.1).

    A channel takes the modes it is given in place of its own, so the usual ones are among them; none, if none is asked.
    """
    if not extra:
        return None
    wanted = _USUAL_MODES | {mode.upper() for mode in extra}
    return [*filter(wanted.__contains__, _MODES), *sorted(wanted.difference(_MODES))]


class Connection:
    """One session on one channel. Use one per client and channel: closing it detaches the channel."""

    def __init__(
        self,
        provider: ChannelProvider | object,
        channel_name: str,
        *,
        adapter_tag: str | None,
        modes: Sequence[str] | None,
        on_message: Callable[[InboundMessage], None],
        on_continuity_lost: Callable[[ChannelStateChange], None],
    ) -> None:
        self.channel: Channel = as_provider(provider).channel(
            channel_name, params=agent_params(adapter_tag), modes=channel_modes(modes)
        )
        self.errors: Signal[AITransportError] = Signal()
        self._on_message = on_message
        self._on_continuity_lost = on_continuity_lost
        self._has_attached = self.channel.state is ChannelState.ATTACHED
        self._attempt: asyncio.Task[None] | None = None
        self._failure: SessionSubscriptionError | None = None
        self._unsubscribe: Unsubscribe | None = None
        self._ignore_states = self.channel.on_state_change(self._on_state)
        self._closing: Signal[None] = Signal()
        self._has_left = False
        self.is_closed = False

    async def connect(self) -> None:
        """Subscribe and attach. Idempotent, and shared by concurrent callers; a failed attempt may be repeated.

        Raises SessionClosedError after close, SessionSubscriptionError (104001) when the channel refuses.
        """
        if self.is_closed:
            raise SessionClosedError("unable to connect; session is closed, create a new one")
        if self._attempt is None:
            self._attempt = asyncio.get_running_loop().create_task(self._connect(), name="ai-transport-connect")
            self._attempt.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._attempt)

    async def _connect(self) -> None:
        if self.is_closed:
            raise SessionClosedError("unable to connect; session is closed, create a new one")
        self._stop_listening()
        # Listening comes before attaching, so that nothing delivered in between is missed.
        self._unsubscribe = self.channel.subscribe(self._deliver)
        try:
            await self.channel.attach()
        except Exception as error:
            self._attempt = None
            self._failure = SessionSubscriptionError(
                f"unable to connect to channel {self.channel.name!r}; {error}. Call connect() again to retry",
                cause=error,
            )
            self.report(self._failure)
            raise self._failure from error
        self._failure = None
        if self._is_gone():  # closed while attaching: nobody else will detach it
            await self._leave()
            raise SessionClosedError("unable to connect; session was closed meanwhile, create a new one")

    async def ready(self, operation: str) -> None:
        """Wait until connected, before anything is published.

        Raises InvalidArgumentError before ``connect()``, SessionClosedError after close, and an AITransportError with
        the code of the last ``connect()`` if that failed.
        """
        self.check_open(operation)
        if self._attempt is None:
            if self._failure is not None:
                raise AITransportError(
                    f"unable to {operation}; the session's last connect() failed ({self._failure}), call it again",
                    code=self._failure.code,
                    status_code=self._failure.status_code,
                    cause=self._failure,
                )
            raise InvalidArgumentError(f"unable to {operation}; connect() must be called before {operation}()")
        await asyncio.shield(self._attempt)
        self.check_open(operation)

    def check_open(self, operation: str) -> None:
        """Raises SessionClosedError (104004) once the session is closed."""
        if self.is_closed:
            raise SessionClosedError(f"unable to {operation}; session is closed, create a new one")

    def check_writable(self, operation: str) -> None:
        """Raises ChannelNotReadyError (104007) while the channel is neither attached nor attaching."""
        if self.channel.state not in _WRITABLE_STATES:
            raise ChannelNotReadyError(
                f"unable to {operation}; channel {self.channel.name!r} is {self.channel.state},"
                " wait until it is attached again or connect anew"
            )

    @property
    def client_id(self) -> str | None:
        """The identity to stamp on inputs: None when the client is anonymous or a wildcard (session spec 3.1)."""
        client_id = self.channel.client_id
        return client_id if client_id and client_id != "*" else None

    def report(self, error: AITransportError) -> None:
        """Tell the session's error listeners; without any, the log."""
        if not self.errors.subscriptions:
            _log.error("%s (code %d); no error listener is registered", error, error.code)
        self.errors.emit(error)

    def on_close(self, listener: Callable[[], None]) -> Unsubscribe:
        """Call ``listener`` when the session closes."""
        return self._closing.subscribe(lambda _: listener())

    def _is_gone(self) -> bool:
        """Whether the session was closed while something was awaited."""
        return self.is_closed

    def shut(self) -> None:
        """Be closed: hear nothing more, and tell those who wait. :meth:`close` does the rest. Idempotent."""
        if self.is_closed:
            return
        self.is_closed = True
        self._ignore_states()
        self._stop_listening()
        self.errors = Signal()
        self._closing.emit(None)

    async def close(self) -> None:
        """Stop listening and detach, best effort. Publishes nothing. Idempotent."""
        self.shut()
        if not self._has_left:
            self._has_left = True
            await self._leave()

    def _stop_listening(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    async def _leave(self) -> None:
        if self._attempt is None and self._failure is None:
            return  # never connected, so nothing to leave
        self._stop_listening()
        try:
            await self.channel.detach()
        except Exception as error:  # the session is over either way
            _log.info("detaching channel %r failed: %s", self.channel.name, error)

    def guard(self, handle: Callable[[InboundMessage], None], message: InboundMessage) -> None:
        """Let ``handle`` take a message; what it raises is an ``error`` event, and the subscription goes on."""
        try:
            handle(message)
        except Exception as error:
            self.report(
                SessionSubscriptionError(f"unable to process channel message; {error!r}. It was skipped", cause=error)
            )

    def _deliver(self, message: InboundMessage) -> None:
        self.guard(self._on_message, message)

    def _on_state(self, change: ChannelStateChange) -> None:
        if not self._has_attached:
            self._has_attached = change.current is ChannelState.ATTACHED
            return
        is_new_attachment = change.current is ChannelState.ATTACHED and not change.resumed
        if change.current in _LOST_STATES or is_new_attachment:
            self._on_continuity_lost(change)


def continuity_error(change: ChannelStateChange, *, refetched: bool = False) -> ChannelContinuityError:
    """The error that tells listeners of lost continuity (session spec 1.4)."""
    attached = change.current is ChannelState.ATTACHED
    state = f"{change.current}, resumed: false" if attached else str(change.current)
    advice = "what was missed has been fetched from history" if refetched else "what happened meanwhile may be missing"
    return ChannelContinuityError(
        f"unable to {'continue' if attached else 'deliver events'}; channel continuity lost ({state}); {advice}",
        cause=change.reason,
    )
