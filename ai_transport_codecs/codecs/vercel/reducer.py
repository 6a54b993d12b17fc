"""Events into a :class:`.projection.VercelProjection`, each delta in constant time (codec spec f.4)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec import inputs as well_known
from ai_transport_codecs.codec.contract import CodecMessage, Event, FoldMeta

from . import fold_text, fold_tools
from .fold_text import Fold, fold_data
from .fork_seed import SeedMessage, parse_fork_seed
from .messages import DATA, UIMessage
from .plain import copy_json
from .projection import MessageState, VercelProjection

_log = logging.getLogger("ai_transport_codecs.codecs.vercel")


class VercelReducer:
    """Folds in canonical order; an event that does not fit what came before it is ignored, never an error.

    Events are copied, never kept: folding the same ones again gives the same messages.
    """

    __slots__ = ()

    def init(self) -> VercelProjection:
        """An empty conversation."""
        return VercelProjection()

    def fold_output(self, projection: VercelProjection, event: Event, meta: FoldMeta) -> VercelProjection:
        """Fold one chunk. Ignores it when nothing says which message it belongs to."""
        message_id = meta.message_id
        if message_id is None:
            return projection
        type_ = event["type"]
        fold = _OUTPUTS.get(type_)
        if fold is None:
            if not type_.startswith(DATA):
                return projection
            fold = fold_data
        try:
            fold(projection, message_id, event)
        except ValueError as error:
            _log.warning("skipped a %s chunk of message %r: %s", type_, message_id, error)
        if projection.has_new_tools:
            fold_tools.settle(projection)
        return projection

    def fold_input(self, projection: VercelProjection, event: Event, meta: FoldMeta) -> VercelProjection:
        """Fold one input; the parts of a user's message join in the order they come."""
        fold = _INPUTS.get(event.get("kind", ""))
        if fold is None:
            return projection
        try:
            fold(projection, event, meta.message_id)
        except ValueError as error:
            _log.warning("skipped a %s input of message %r: %s", event["kind"], meta.message_id, error)
        if projection.has_new_tools:
            fold_tools.settle(projection)
        return projection

    def get_messages(self, projection: VercelProjection) -> Sequence[CodecMessage[UIMessage]]:
        """The projection's messages with their ids; new dictionaries each time, for the caller to keep or change."""
        return projection.entries


def _user_message(projection: VercelProjection, event: Event, message_id: str | None) -> None:
    message = event.get("message")
    if not isinstance(message, Mapping):
        return
    parts = message.get("parts")
    parts = parts if isinstance(parts, list | tuple) else []
    held = None if message_id is None else projection.by_id.get(message_id)
    if held is None:
        id_ = message.get("id")
        held = _given(message_id if message_id is not None else id_ if isinstance(id_, str) else "", message)
        held.add_given(parts)
        projection.add(held)
    else:
        held.add_given(parts)


def _tool_answer(projection: VercelProjection, event: Event, message_id: str | None) -> None:
    payload = event.get("payload")
    if not isinstance(payload, Mapping):
        return
    if "forkSeed" in payload and event.get("codecMessageId") not in projection.by_id:
        _seed(projection, parse_fork_seed(payload["forkSeed"]) or [])
    fold_tools.resolve(projection, event, payload)


def _approval(projection: VercelProjection, event: Event, message_id: str | None) -> None:
    payload = event.get("payload")
    if isinstance(payload, Mapping):
        fold_tools.resolve(projection, event, payload)


def _seed(projection: VercelProjection, messages: Sequence[SeedMessage]) -> None:
    """State anew the messages of the run that a fork goes on from, for readers that have not seen them."""
    for entry in messages:
        if entry["codecMessageId"] not in projection.by_id:
            state = _given(entry["codecMessageId"], entry["message"])
            state.add_given(entry["message"]["parts"], track_tools=True)
            projection.add(state)
            projection.has_new_tools = projection.has_new_tools or bool(state.tools)


def _given(message_id: str, message: Mapping[str, Any]) -> MessageState:
    """A message that somebody else made, without its parts."""
    return MessageState(message_id, {key: copy_json(value) for key, value in message.items() if key != "parts"})


_OUTPUTS: Final[Mapping[str, Fold]] = {**fold_text.FOLDS, **fold_tools.FOLDS}

_INPUTS: Final[Mapping[str, Callable[[VercelProjection, Event, str | None], None]]] = {
    well_known.USER_MESSAGE: _user_message,
    well_known.TOOL_RESULT: _tool_answer,
    well_known.TOOL_RESULT_ERROR: _tool_answer,
    well_known.TOOL_APPROVAL_RESPONSE: _approval,
}
