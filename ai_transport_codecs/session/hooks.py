"""What an application may attach to a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from ai_transport_codecs.codec.contract import MessageHook
from ai_transport_codecs.errors import AITransportError, CancelListenerError
from ai_transport_codecs.wire.messages import InboundMessage

from .pipe import OnCancelled


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """A client asked to cancel a run; ``message.client_id`` says who."""

    run_id: str
    message: InboundMessage


OnCancel: TypeAlias = Callable[[CancelRequest], Awaitable[bool]]
"""Whether to honour a cancel."""


@dataclass(slots=True)
class RunHooks:
    """What an application may attach to a run, when it makes it or later (``run.hooks``).

    ``on_cancel(request)``: whether to honour a cancel; without it every cancel is. ``on_cancelled(write)``: last words
    of a pipe that was cancelled: ``await write(output)`` adds an output event of the codec, or an item of its
    framework, before what is open is closed. ``on_error(error)``: what went wrong while piping, and what hooks raised.
    ``on_message(message)``: each outgoing output message, just before it is written. ``on_steer()``: somebody said
    something to the run; ``run.has_input()`` takes it up.
    """

    on_cancel: OnCancel | None = None
    on_cancelled: OnCancelled | None = None
    on_error: Callable[[AITransportError], None] | None = None
    on_message: MessageHook | None = None
    on_steer: Callable[[], None] | None = None


def listener_error(hook: str, run_id: str, error: Exception) -> CancelListenerError:
    """What says that a hook of a run raised (session spec 8.2)."""
    return CancelListenerError(f"unable to go on as asked; {hook} of run {run_id!r} raised {error!r}", cause=error)
