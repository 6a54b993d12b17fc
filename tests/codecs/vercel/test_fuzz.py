"""Whatever is on the wire, decoding and folding it raises nothing, and what follows is read as if it were not there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.codecs.vercel import CODEC
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.vercel.test_tables import VERSION_6
from tests.codecs.vercel.wire import fold, live, meta_of, published

TEXT = st.text(max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
HOSTILE = st.sampled_from(
    ["__proto__", "constructor", "", "[" * 2_000, '{"a":' * 600, "\ud83d", "true", "null", "-1", "1e999"]
)
INPUTS = ["user-message", "tool-result", "tool-result-error", "tool-approval-response", "regenerate"]
KINDS = st.sampled_from([*VERSION_6, *INPUTS, "text", "reasoning", "tool-input", "data-x"]) | HOSTILE
IDS = st.sampled_from(["0", "c", "m", ""])
VALUES = IDS | HOSTILE | JSON
KEYS = ("id", "toolCallId", "toolName", "messageId", "approvalId", "messageMetadata", "providerMetadata", "dynamic",
        "title", "transient", "finishReason", "partType", "approved", "mediaType", "sourceId")  # fmt: skip

CODEC_TIER = st.fixed_dictionaries({}, optional={"kind": KINDS | JSON, **dict.fromkeys(KEYS, VALUES)})
TRANSPORT = st.fixed_dictionaries(
    {},
    optional={
        "stream": st.sampled_from(["true", "false"]) | JSON,
        "status": st.sampled_from(["streaming", "complete", "cancelled"]) | JSON,
        "stream-id": VALUES,
        "run-id": VALUES,
        "codec-message-id": VALUES,
        "role": VALUES,
    },
)
EXTRAS = st.fixed_dictionaries({"ai": st.fixed_dictionaries({"transport": TRANSPORT, "codec": CODEC_TIER})})
SEED = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"codecMessageId": VALUES, "message": JSON}) | JSON, max_size=2) | JSON}
)
DATA = st.one_of(
    JSON,
    HOSTILE,
    st.just(ABSENT),
    st.fixed_dictionaries(
        {}, optional={"output": JSON, "errorText": JSON, "input": JSON, "message": JSON, "forkSeed": SEED}
    ),
)
MESSAGES = st.builds(
    InboundMessage,
    action=st.sampled_from([names.CREATE, names.APPEND, names.UPDATE, names.DELETE, "meta", ""]),
    serial=st.sampled_from([None, "", "s1", "s2", "s3"]),
    version=st.sampled_from([None, "", "s1", "s2", "s3", "s4"]),
    timestamp=st.just(0),
    name=st.sampled_from([names.INPUT, names.OUTPUT, names.OUTPUT, None, "other"]),
    data=DATA,
    extras=EXTRAS | EXTRAS | EXTRAS | JSON,
)
ANSWER = [
    {"type": "start", "messageId": "ui"},
    {"type": "start-step"},
    {"type": "text-start", "id": "t"},
    {"type": "text-delta", "id": "t", "delta": "still here"},
    {"type": "text-end", "id": "t"},
]


@contextmanager
def quietly() -> Iterator[None]:
    """Without the warnings that malformed messages cause, as they should."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@given(st.lists(MESSAGES, max_size=12))
def test_nothing_on_the_wire_raises_or_spoils_what_follows(hostile: list[InboundMessage]) -> None:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    with quietly():
        for message in hostile:
            projection = fold(projection, decoder.decode(message), meta_of(message))
            messages = projection.messages
            assert all(isinstance(each["parts"], list) for each in messages)
            json.dumps(messages, allow_nan=False)
    answer = [message._replace(serial=f"x{message.serial}") for message in published(ANSWER, "another")]
    for message in answer:
        version = f"x{message.version}"
        projection = fold(projection, decoder.decode(message._replace(version=version)), meta_of(message))
    (found,) = [entry for entry in CODEC.get_messages(projection) if entry.id == "another"]
    assert found.message == live(answer)[0]


@given(KINDS, CODEC_TIER, DATA, st.sampled_from([names.INPUT, names.OUTPUT]))
def test_a_message_of_each_kind_with_anything_in_it(kind: str, headers: Any, data: Any, name: str) -> None:
    extras = {"ai": {"transport": {"codec-message-id": "m"}, "codec": {**headers, "kind": kind}}}
    message = InboundMessage(names.CREATE, "s", "s", 0, name, data, extras)
    with quietly():
        before = live(published([{"type": "tool-input-start", "toolCallId": "c", "toolName": "t"}]))
        after = live([*published([{"type": "tool-input-start", "toolCallId": "c", "toolName": "t"}]), message])
    assert len(after) >= len(before)
    json.dumps(after, allow_nan=False)
