"""What readers need before anything else, synthesised when they join in the middle (codec spec f.2).

A stream's reader wants ``start`` and ``start-step`` first. One that joins later, or reads a producer that never sends
them, gets them made up: once per run id and decoder, and again after the message or the step is over.

A reader that joins late and then reads the history before finds the real ones too, at their own places. So a step that
was made up says so, and the reducer leaves it out where the real one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.decoder_core import StreamTracker
from ai_transport_codecs.codec.lifecycle import LifecyclePolicy, LifecycleTracker, Phase

_START: Final = "start"
_STEP: Final = "start-step"

_Headers: TypeAlias = Mapping[str, Any]
_LeadIn: TypeAlias = Callable[[str, _Headers], Iterable[Any]]


class ImpliedStep(dict[str, Any]):
    """A ``start-step`` that nobody published; equal to one that somebody did."""

    __slots__ = ()


def create_policy() -> LifecyclePolicy:
    """The policy of one decoder."""
    tracker: LifecycleTracker[_Headers] = LifecycleTracker(_PHASES)

    def on_stream_start(run_id: str, stream: StreamTracker) -> Iterable[Any]:
        return tracker.ensure_phases(run_id, stream.codec_headers)

    def quietly(change: Callable[[str], None]) -> _LeadIn:
        def run(run_id: str, headers: _Headers) -> Iterable[Any]:
            change(run_id)
            return ()

        return run

    over = quietly(tracker.clear_scope)
    return LifecyclePolicy(
        on_discrete={
            # Only a tool's input, of all that is not streamed, needs a message to be in (g.64).
            "tool-input": tracker.ensure_phases,
            "start": quietly(lambda run_id: tracker.mark_emitted(run_id, _START)),
            "start-step": quietly(lambda run_id: tracker.mark_emitted(run_id, _STEP)),
            "finish-step": quietly(lambda run_id: tracker.reset_phase(run_id, _STEP)),
            "finish": over,
            "error": over,
            "abort": over,
        },
        on_stream_start=on_stream_start,
    )


def _start(headers: _Headers) -> Iterable[Any]:
    message_id = headers.get("messageId")
    return ({"type": "start", "messageId": message_id} if isinstance(message_id, str) else {"type": "start"},)


def _step(headers: _Headers) -> Iterable[Any]:
    return (ImpliedStep(type="start-step"),)


_PHASES: Final = (Phase(_START, _start), Phase(_STEP, _step))
