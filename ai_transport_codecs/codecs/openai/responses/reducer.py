"""The reducer: events into a projection (codec spec e.4)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ai_transport_codecs.codec.contract import CodecMessage, Event, FoldMeta

from .fold import FOLDS, Fold
from .fold_inputs import INPUT_FOLDS
from .fold_own import OWN_FOLDS
from .inputs import ResponsesInput
from .json_values import TooDeepError
from .messages import ResponsesMessage
from .projection import ResponsesProjection

_log = logging.getLogger("ai_transport_codecs.codecs.openai.responses")

ALL_FOLDS: Final[Mapping[str, Fold]] = {**FOLDS, **OWN_FOLDS}


class ResponsesReducer:
    """Folds in place, in constant time per delta, and keeps no event.

    What comes without a ``codec-message-id`` belongs to no message and changes nothing; neither does an event whose
    type is unknown, or whose values make no sense. Nothing raises.
    """

    def init(self) -> ResponsesProjection:
        """No messages."""
        return ResponsesProjection()

    def fold_input(
        self, projection: ResponsesProjection, event: ResponsesInput | Event, meta: FoldMeta
    ) -> ResponsesProjection:
        """What a user said."""
        held: Mapping[str, Any] = event
        fold = INPUT_FOLDS.get(held.get("kind", ""))
        if fold is not None and meta.message_id is not None:
            try:
                fold(projection, meta.message_id, held)
            except TooDeepError as error:
                _skip(held.get("kind"), meta, error)
        return projection

    def fold_output(self, projection: ResponsesProjection, event: Event, meta: FoldMeta) -> ResponsesProjection:
        """What the agent streamed."""
        fold = ALL_FOLDS.get(event["type"])
        if fold is not None and meta.message_id is not None:
            try:
                fold(projection, meta.message_id, event)
            except TooDeepError as error:
                _skip(event["type"], meta, error)
        return projection

    def get_messages(self, projection: ResponsesProjection) -> Sequence[CodecMessage[ResponsesMessage]]:
        """All messages, oldest first."""
        return projection.entries


def _skip(name: Any, meta: FoldMeta, error: TooDeepError) -> None:
    _log.warning("skipped a %r event in message %r: %s", name, meta.serial, error)
