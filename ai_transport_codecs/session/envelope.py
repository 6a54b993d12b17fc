"""The transport headers that place a message in a conversation (session spec 2.3)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ai_transport_codecs.wire import headers as h
from ai_transport_codecs.wire.json_text import parse_json

MAX_STEER_IDS: Final = 1_000
"""Steered messages that one output may answer; more are ignored."""


class Envelope(NamedTuple):
    """The untrusted headers of one message; what is missing, empty or no string is None."""

    run_id: str | None = None
    message_id: str | None = None
    role: str | None = None
    parent: str | None = None
    fork_of: str | None = None
    regenerates: str | None = None
    supersedes: str | None = None
    input_message_id: str | None = None
    run_client_id: str | None = None
    invocation_id: str | None = None
    step_id: str | None = None
    step_start_serial: str | None = None
    event_id: str | None = None
    steer_message_ids: tuple[str, ...] = ()


_KEYS: Final = (  # in the order of the envelope's fields
    h.RUN_ID,
    h.MESSAGE_ID,
    h.ROLE,
    h.PARENT,
    h.FORK_OF,
    h.REGENERATES,
    h.SUPERSEDES,
    h.INPUT_MESSAGE_ID,
    h.RUN_CLIENT_ID,
    h.INVOCATION_ID,
    h.STEP_ID,
    h.STEP_START_SERIAL,
    h.EVENT_ID,
)


def read_envelope(transport: Mapping[str, Any]) -> Envelope:
    """The envelope in a message's transport tier."""
    texts = [_text(transport.get(key)) for key in _KEYS]
    return Envelope._make((*texts, _steer_ids(transport.get(h.STEER_MESSAGE_IDS))))


def _text(value: Any) -> str | None:
    # The log keeps ids as long as the session lives, and a run's messages repeat them.
    return sys.intern(value) if type(value) is str and value else None


def _steer_ids(value: Any) -> tuple[str, ...]:
    if type(value) is not str or not value:
        return ()
    try:
        ids = parse_json(value)
    except ValueError:
        return ()
    if not isinstance(ids, list):
        return ()
    return tuple(each for each in ids[:MAX_STEER_IDS] if isinstance(each, str) and each)
