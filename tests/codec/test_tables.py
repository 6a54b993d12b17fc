"""Tables that contradict themselves are refused when they are written down (codec spec d.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ai_transport_codecs.codec.contract import CodecMessage, FoldMeta
from ai_transport_codecs.codec.define import TableCodec, define_codec
from ai_transport_codecs.codec.descriptors import (
    InputRow,
    OutputRow,
    StreamStart,
    drop,
    event,
    input_batch,
    input_event,
    part,
    stream,
    text_data,
    value_data,
    wire_only,
)
from ai_transport_codecs.codec.fields import text
from ai_transport_codecs.codec.operations import Publish
from ai_transport_codecs.errors import CodecDefinitionError, InvalidArgumentError, UnsupportedEventError
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage


class NoReducer:
    def init(self) -> None:
        return None

    def fold_input(self, projection: None, event: Mapping[str, Any], meta: FoldMeta) -> None:
        return None

    def fold_output(self, projection: None, event: Mapping[str, Any], meta: FoldMeta) -> None:
        return None

    def get_messages(self, projection: None) -> Sequence[CodecMessage[Any]]:
        return []


AnyCodec = TableCodec[Any, Any, None, Any]


def codec(outputs: Sequence[OutputRow] = (), inputs: Sequence[InputRow] = ()) -> AnyCodec:
    return define_codec(name="test", outputs=outputs, inputs=inputs, reducer=NoReducer())


def texts(kind: str = "text", start: str | StreamStart = "start", delta: str = "delta", end: str = "end") -> OutputRow:
    return stream(kind, text("id"), stream_id=lambda e: e["id"], start=start, delta=(delta, "delta"), end=end)


def batch(*parts: Any) -> InputRow:
    return input_batch("say", *parts, explode=lambda e: e["parts"], assemble=lambda part, transport, codec: part)


@pytest.mark.parametrize(
    ("outputs", "inputs", "message"),
    [
        ([event("a"), event("a")], [], "'a' is declared by both output event 'a' (row 0) and output event 'a' (row 1)"),
        ([event("a"), drop("a")], [], "'a' is declared by both"),
        ([event("text"), texts()], [], "'text' is declared by both"),
        ([texts(), texts("other", start="begin", end="stop")], [], "'delta' is declared by both"),
        ([texts(), texts("other", start="end", delta="d", end="e")], [], "start type 'end' of output stream 'other'"),
        ([event("a", text("kind"))], [], "has a field 'kind', a name the wire reserves"),
        ([], [wire_only("again"), input_event("again")], "'again' is declared by both"),
        ([], [batch(part("text"), part("text"))], "'text' is declared by both"),
        ([], [batch(part("text", text("partType")))], "has a field 'partType', a name the wire reserves"),
    ],
)
def test_a_contradiction_is_refused_and_named(
    outputs: Sequence[OutputRow], inputs: Sequence[InputRow], message: str
) -> None:
    with pytest.raises(CodecDefinitionError) as caught:
        codec(outputs, inputs)
    assert str(caught.value).startswith("unable to define codec; ")
    assert message in str(caught.value)
    assert caught.value.code == 40003


def written(found: AnyCodec, output: Mapping[str, Any]) -> dict[str, str]:
    """The codec tier of the one message that an output is carried as."""
    [operation] = found.create_encoder().encode_output(output)
    assert isinstance(operation, Publish)
    tier: dict[str, str] = operation.message.extras["ai"]["codec"]
    return tier


def test_an_exact_row_goes_before_a_drop_and_a_drop_before_a_wildcard() -> None:
    found = codec([event("x-*", data=value_data("v")), event("x-a", text("own")), drop("x-b", "nobody needs it")])
    assert written(found, {"type": "x-a", "own": "1", "v": 2}) == {"kind": "x-a", "own": "1"}
    assert found.create_encoder().encode_output({"type": "x-b"}) == ()
    assert written(found, {"type": "x-", "v": 1}) == {"kind": "x-"}
    assert written(found, {"type": "x-*", "v": 1}) == {"kind": "x-*"}


def test_a_start_that_every_stream_declines_is_an_event_or_nothing() -> None:
    shared = StreamStart("added", lambda e: e.get("is") == "text")
    alone = codec([texts(start=shared)])
    with pytest.raises(UnsupportedEventError, match="codec 'test' has no row for type 'added'"):
        alone.create_encoder().encode_output({"type": "added", "is": "image"})
    with_event = codec([texts(start=shared), event("added", text("is"))])
    assert written(with_event, {"type": "added", "is": "image"}) == {"kind": "added", "is": "image"}


@pytest.mark.parametrize("output", [{"type": "nobody"}, {"type": 7}, {}, None, "text", 3])
def test_what_no_row_carries_is_refused_by_name(output: Any) -> None:
    with pytest.raises(UnsupportedEventError, match=r"unable to encode (output; codec 'test'|event; it must be)"):
        codec([event("a")]).create_encoder().encode_output(output)


def test_an_input_that_no_row_carries_names_those_that_are() -> None:
    found = codec([], [input_event("answer"), wire_only("again")])
    with pytest.raises(UnsupportedEventError, match="no row for kind 'shout', it takes 'answer', 'again'"):
        found.create_encoder().encode_input({"kind": "shout"})
    with pytest.raises(InvalidArgumentError, match="'answer' input needs an object as its payload, not NoneType"):
        found.create_encoder().encode_input({"kind": "answer"})
    with pytest.raises(InvalidArgumentError, match="codec 'test' cannot send a int; pass an input event"):
        found.to_input(7)


def test_a_delta_that_is_no_text_is_refused_before_it_is_written() -> None:
    encoder = codec([texts()]).create_encoder()
    encoder.encode_output({"type": "start", "id": "t"})
    with pytest.raises(InvalidArgumentError, match="'delta' of a 'delta' event must be text, not NoneType"):
        encoder.encode_output({"type": "delta", "id": "t"})
    with pytest.raises(InvalidArgumentError, match="no stream 'u' is open, its start event must come first"):
        encoder.encode_output({"type": "delta", "id": "u", "delta": "x"})


@pytest.mark.parametrize("kind", ["constructor", "__proto__", "__class__", "", "x-", "say", "text", None, 7, [], {}])
def test_kinds_of_strangers_decode_to_nothing(kind: Any) -> None:
    found = codec([texts(), event("a")], [batch(part("text", data=text_data("text")))])
    for name in (names.OUTPUT, names.INPUT, "constructor", None):
        for streamed in ("true", "false"):
            extras = {"ai": {"transport": {"stream": streamed}, "codec": {"kind": kind, "partType": kind}}}
            for action in (names.CREATE, names.UPDATE, names.APPEND):
                message = InboundMessage(action, "1", "2", 0, name, "data", extras)
                decoded = found.create_decoder().decode(message)
                is_known_stream = kind == "text" and streamed == "true" and name == names.OUTPUT
                assert is_known_stream or (not decoded.inputs and not decoded.outputs)


def test_what_a_stranger_files_an_output_under_never_reaches_a_reducer_as_an_input() -> None:
    class Strict(NoReducer):
        def fold_input(self, projection: None, event: Mapping[str, Any], meta: FoldMeta) -> None:
            folded.append(event["kind"])

    folded: list[str] = []
    made: AnyCodec = define_codec(name="test", outputs=[texts()], inputs=[wire_only("poke")], reducer=Strict())
    ai = {
        "transport": {"stream": "true", "status": "streaming", "stream-id": "1"},
        "codec": {"kind": "text", "id": "1"},
    }
    decoder = made.create_decoder()
    decoder.decode(InboundMessage(names.CREATE, "1", "1", 0, names.OUTPUT, "", {"ai": ai}))
    filed = decoder.decode(InboundMessage(names.APPEND, "1", "2", 0, names.INPUT, "more", {"ai": ai}))
    assert [each["type"] for each in filed.inputs] == ["delta"]
    for each in (*filed.inputs, {"kind": []}, {"kind": "poke"}):
        made.fold_input(None, each, FoldMeta("2", "m"))
    assert folded == ["poke"]
