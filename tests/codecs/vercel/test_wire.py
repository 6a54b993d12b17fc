"""What each chunk looks like on the wire, and what a reader makes of wire messages that are not quite right."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs import InvalidArgumentError, SessionClosedError
from ai_transport_codecs.codec.contract import EncoderOptions, WriteOptions
from ai_transport_codecs.codec.operations import Close, Publish
from ai_transport_codecs.codecs.vercel import CODEC
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.vercel.wire import decoded, published


def codec_headers(delivery: InboundMessage) -> dict[str, str]:
    return dict(delivery.extras["ai"]["codec"])


def status(delivery: InboundMessage) -> str | None:
    found: str | None = delivery.extras["ai"]["transport"].get("status")
    return found


def wire(kind: str, data: Any = "", name: str = names.OUTPUT, **headers: str) -> InboundMessage:
    """A discrete message, as anyone may write it."""
    extras = {"ai": {"transport": {"codec-message-id": "m"}, "codec": {"kind": kind, **headers}}}
    return InboundMessage(names.CREATE, "s1", "s1", 0, name, data, extras)


DISCRETE = [
    (
        {"type": "start", "messageId": "u", "messageMetadata": {"a": 1}},
        "",
        {"messageId": "u", "messageMetadata": '{"a":1}'},
    ),
    ({"type": "start-step"}, "", {}),
    ({"type": "finish", "finishReason": "tool-calls"}, "", {"finishReason": "tool-calls"}),
    ({"type": "finish", "finishReason": "made-up"}, "", {"finishReason": "made-up"}),
    ({"type": "message-metadata", "messageMetadata": 0}, "", {"messageMetadata": "0"}),
    ({"type": "message-metadata", "messageMetadata": None}, "", {}),
    ({"type": "error", "errorText": "boom"}, "boom", {}),
    ({"type": "error"}, "", {}),
    ({"type": "abort", "reason": "user"}, "user", {}),
    ({"type": "abort", "reason": None}, "", {}),
    ({"type": "file", "mediaType": "image/png", "url": "data:,"}, "data:,", {"mediaType": "image/png"}),
    ({"type": "source-url", "sourceId": "s", "url": "u", "title": ""}, "u", {"sourceId": "s", "title": ""}),
    (
        {"type": "source-document", "sourceId": "s", "mediaType": "m", "title": "t", "filename": "f"},
        "",
        {"sourceId": "s", "mediaType": "m", "title": "t", "filename": "f"},
    ),
    (
        {
            "type": "tool-input-error",
            "toolCallId": "c",
            "toolName": "t",
            "dynamic": True,
            "input": None,
            "errorText": "e",
        },
        {"errorText": "e", "input": None},
        {"toolCallId": "c", "toolName": "t", "dynamic": "true"},
    ),
    (
        {"type": "tool-output-available", "toolCallId": "c", "output": None, "preliminary": False},
        {"output": None},
        {"toolCallId": "c", "preliminary": "false"},
    ),
    ({"type": "tool-output-available", "toolCallId": "c"}, {}, {"toolCallId": "c"}),
    ({"type": "tool-output-error", "toolCallId": "c", "errorText": "e"}, {"errorText": "e"}, {"toolCallId": "c"}),
    (
        {"type": "tool-approval-request", "toolCallId": "c", "approvalId": "a"},
        "",
        {"toolCallId": "c", "approvalId": "a"},
    ),
    ({"type": "tool-output-denied", "toolCallId": "c"}, "", {"toolCallId": "c"}),
    ({"type": "data-x", "id": "i", "data": [1]}, [1], {"id": "i"}),
    ({"type": "data-", "data": None}, None, {}),
]


@pytest.mark.parametrize(("chunk", "data", "headers"), DISCRETE)
def test_a_discrete_chunk_is_one_message(chunk: dict[str, Any], data: Any, headers: dict[str, str]) -> None:
    (delivery,) = published([chunk])
    assert (delivery.name, delivery.data, delivery.extras["ai"]["transport"]["stream"]) == ("ai-output", data, "false")
    assert codec_headers(delivery) == {"kind": chunk["type"], **headers}
    assert "ephemeral" not in delivery.extras


def test_what_only_version_6_in_process_readers_see_is_not_carried() -> None:
    extra = {"toolMetadata": {"a": 1}, "providerMetadata": {"p": {}}, "signature": "s", "inputEncoding": "json"}
    for type_ in ("tool-output-available", "tool-output-error", "tool-approval-request"):
        (delivery,) = published([{"type": type_, "toolCallId": "c", **extra}])
        assert codec_headers(delivery) == {"kind": type_, "toolCallId": "c"}


def test_transient_data_reaches_live_readers_only() -> None:
    transient, lasting = published(
        [{"type": "data-x", "data": 1, "transient": True}, {"type": "data-x", "data": 1, "transient": 1}]
    )
    assert transient.extras["ephemeral"] is True
    assert "ephemeral" not in lasting.extras
    assert decoded([transient]) == [{"type": "data-x", "data": 1, "transient": True}]


def test_a_message_gets_the_encoders_id_when_its_start_has_none() -> None:
    encoder = CODEC.create_encoder(EncoderOptions(message_id="fallback"))
    for chunk, expected in (({}, "fallback"), ({"messageId": None}, "fallback"), ({"messageId": "own"}, "own")):
        (operation,) = encoder.encode_output({"type": "start", **chunk})
        assert isinstance(operation, Publish)
        assert operation.message.extras["ai"]["codec"]["messageId"] == expected


def test_a_tool_input_is_streamed_and_not_sent_again_at_its_end() -> None:
    start = {"type": "tool-input-start", "toolCallId": "c", "toolName": "t", "title": "T", "providerExecuted": False}
    end = {"type": "tool-input-available", "toolCallId": "c", "toolName": "", "input": "not this", "title": "not this"}
    deltas = [{"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": text} for text in ('{"a"', ":1}")]
    opened, *appends, closed = published([start, *deltas, end])
    assert codec_headers(opened) == {
        "kind": "tool-input", "toolCallId": "c", "toolName": "t", "title": "T", "providerExecuted": "false"
    }  # fmt: skip
    assert [append.data for append in appends] == ['{"a"', ":1}"]
    assert (closed.data, status(closed), codec_headers(closed)["toolName"]) == ("", "complete", "")
    assert decoded([opened, *appends, closed])[-1] == {
        "type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": {"a": 1}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", ABSENT),
        ("{}", {}),
        (" [1] ", [1]),
        ("1", 1),
        ("null", None),
        ('"x"', "x"),
        ('{"a":', '{"a":'),
        ("not JSON", "not JSON"),
        ("  ", "  "),
        ("NaN", "NaN"),
        ("[" * 5_000 + "]" * 5_000, "[" * 5_000 + "]" * 5_000),
        ('{"a":"[[[}"}', {"a": "[[[}"}),
    ],
)
def test_the_input_of_a_call_is_its_texts_value_or_else_the_text(text: str, value: Any) -> None:
    start = {"type": "tool-input-start", "toolCallId": "c", "toolName": "t"}
    delta = {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": text}
    end = {"type": "tool-input-available", "toolCallId": "c", "toolName": "t"}
    assert decoded(published([start, delta, end]))[-1].get("input", ABSENT) == value


def test_an_input_at_once_is_one_message_and_two_events() -> None:
    end = {
        "type": "tool-input-available", "toolCallId": "c", "toolName": "t", "dynamic": True, "title": "T",
        "input": {"a": 1}, "providerMetadata": {"p": {}},
    }  # fmt: skip
    (delivery,) = published([end])
    assert delivery.data == {"a": 1}
    made_up, step, start, available = decoded([delivery])
    assert [made_up, step] == [{"type": "start"}, {"type": "start-step"}]
    assert start == {key: value for key, value in end.items() if key != "input"} | {"type": "tool-input-start"}
    assert available == {key: value for key, value in end.items() if key not in {"dynamic", "title"}}


def test_an_input_at_once_ignores_write_options_and_a_second_end_closes_again() -> None:
    encoder = CODEC.create_encoder()
    end = {"type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": 1}
    options = WriteOptions({"x": "y"}, "other")
    (publish,) = encoder.encode_output(end, options)
    assert isinstance(publish, Publish)
    assert publish.message.extras["ai"]["transport"] == {"stream": "false"}
    encoder.encode_output({"type": "tool-input-start", "toolCallId": "c", "toolName": "t"})
    for _ in range(2):
        (close,) = encoder.encode_output(end)
        assert isinstance(close, Close)
    encoder.close()
    with pytest.raises(SessionClosedError):
        encoder.encode_output(end)


def test_metadata_of_a_start_is_on_the_decoded_end_too() -> None:
    chunks = [
        {"type": "text-start", "id": "0", "providerMetadata": {"p": {"k": 1}}},
        {"type": "text-delta", "id": "0", "delta": "x", "providerMetadata": {"p": {"k": 2}}},
        {"type": "text-end", "id": "0"},
    ]
    *_, delta, end = decoded(published(chunks))
    assert delta == {"type": "text-delta", "id": "0", "delta": "x"}
    assert end == {"type": "text-end", "id": "0", "providerMetadata": {"p": {"k": 1}}}


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        ({"type": "text-start"}, "a 'text-start' chunk needs text as its 'id', not NoneType"),
        ({"type": "tool-input-start", "toolCallId": 7}, "a 'tool-input-start' chunk needs text as its 'toolCallId'"),
        ({"type": "text-delta", "id": "0", "delta": "x"}, "no stream '0' is open, its start event must come first"),
        ({"type": "reasoning-end", "id": "9"}, "no stream '9' is open"),
    ],
)
def test_a_chunk_without_what_it_needs_is_refused(chunk: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        published([chunk])


MALFORMED = [
    (wire("finish", finishReason="made-up"), [{"type": "finish", "finishReason": "stop"}]),
    (wire("finish", messageMetadata="{"), [{"type": "finish", "finishReason": "stop"}]),
    (wire("finish", messageMetadata="null"), [{"type": "finish", "finishReason": "stop", "messageMetadata": None}]),
    (wire("error", {"not": "text"}), [{"type": "error", "errorText": ""}]),
    (wire("abort", 7), [{"type": "abort"}]),
    (wire("abort", ""), [{"type": "abort"}]),
    (wire("file", None), [{"type": "file", "mediaType": "", "url": ""}]),
    (wire("source-document"), [{"type": "source-document", "sourceId": "", "mediaType": "", "title": ""}]),
    (wire("tool-input-error", [1]), [{"type": "tool-input-error", "toolCallId": "", "toolName": "", "errorText": ""}]),
    (
        wire("tool-input-error", {"errorText": 7, "input": 1}),
        [{"type": "tool-input-error", "toolCallId": "", "toolName": "", "errorText": ""}],
    ),
    (
        wire("tool-input-error", {"input": 1}),
        [{"type": "tool-input-error", "toolCallId": "", "toolName": "", "errorText": "", "input": 1}],
    ),
    (wire("tool-output-available", None), [{"type": "tool-output-available", "toolCallId": ""}]),
    (wire("tool-output-available", "text"), [{"type": "tool-output-available", "toolCallId": ""}]),
    (
        wire("tool-output-available", {"output": None}, preliminary="yes"),
        [{"type": "tool-output-available", "toolCallId": "", "output": None, "preliminary": False}],
    ),
    (wire("tool-output-error", {}), [{"type": "tool-output-error", "toolCallId": "", "errorText": ""}]),
    (wire("data-x", ABSENT), [{"type": "data-x"}]),
    (wire("data-x", None, type="file"), [{"type": "data-x", "data": None}]),
    (wire("constructor"), []),
    (wire("__proto__"), []),
    (wire(""), []),
    (wire("text"), []),
    (wire("start", name="ai-other"), []),
    (wire("regenerate", name=names.INPUT), []),
    (wire("start", name=names.INPUT), []),
]


@pytest.mark.parametrize(("message", "events"), MALFORMED)
def test_a_malformed_message_decodes_to_what_can_be_made_of_it(message: InboundMessage, events: list[Any]) -> None:
    assert decoded([message]) == events
