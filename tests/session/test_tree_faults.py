"""Messages that are not ours, and codecs that raise."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from ai_transport_codecs.codec.contract import CodecMessage, Decoded
from ai_transport_codecs.codec.define import TableCodec
from ai_transport_codecs.codec.table_decoder import TableDecoder
from ai_transport_codecs.session.events import Applied
from ai_transport_codecs.session.tree import Tree
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.reading import new_tree, tell, texts_of
from tests.session.toy_codec import TOY, ToyReducer
from tests.session.wire_script import Script


@pytest.mark.parametrize(
    "message",
    [
        InboundMessage("message.create", "1", "1", 1, "chat", "hi", {"headers": {"x": "y"}}),
        InboundMessage("message.create", "1", "1", 1, "ai-output", "hi", None),
        InboundMessage("message.create", "1", "1", 1, "ai-output", "hi", {"ai": {"transport": {}}}),
        InboundMessage("message.create", "1", "1", 1, "ai-run-start", None, {"ai": {"transport": {}}}),
        InboundMessage("message.create", "1", "1", 1, "ai-step-start", None, {"ai": {"transport": {"run-id": "R"}}}),
        InboundMessage("message.create", None, None, 1, "ai-run-end", None, {"ai": {"transport": {"run-id": "R"}}}),
        InboundMessage("meta", "1", "2", 1, None, None, None),
        InboundMessage("message.summary", "1", "2", 1, None, None, None),
        InboundMessage("message.append", "1", "2", 1, None, "more", {"ai": {"transport": {"run-id": "R"}}}),
        InboundMessage("message.delete", None, None, 1, None, None, None),
    ],
)
def test_a_message_that_is_not_ours_is_told_as_a_message_and_nothing_else(message: InboundMessage) -> None:
    tree = new_tree()
    told: list[Any] = []
    tree.on("output", told.append)
    tree.on("run", told.append)
    tree.on("update", lambda: told.append("update"))
    messages: list[Applied] = []
    tree.on("message", messages.append)
    applied = tree.apply(message)
    assert (applied.key, applied.run, applied.step, applied.output) == (None, None, None, None)
    assert messages == [applied]
    assert told == []
    assert tree.visible_nodes() == []


def test_a_cancel_of_a_known_run_is_an_output_without_content() -> None:
    script = Script()
    script.turn("R1", "M1")
    tree = new_tree(script)
    applied = tree.apply(script.cancel(run_id="R1"))
    assert applied.output is not None
    assert (applied.key, applied.output.outputs, applied.output.inputs) == ("R1", (), ())
    assert tree.apply(script.cancel(run_id="R2")).output is None
    assert tree.run("R2") is None


def test_an_event_whose_fold_raises_is_lost_alone_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.note("A1", "before")
    turn.note("A1", "", kind="boom")
    turn.note("A1", "", kind="boom")
    turn.note("A1", "after")
    assert texts_of(new_tree(script), "R1") == ["before|after"]
    assert [record.message for record in caplog.records] == [
        "the codec raised in folding for 'boom'; that event is skipped"
    ]


class RaisingDecoder(TableDecoder):
    """Somebody's decoder, with a defect."""

    def decode(self, message: InboundMessage) -> Decoded:
        if message.data == "raise":
            raise KeyError("oops")
        return super().decode(message)

    def restate(self, serial: str) -> Decoded:
        raise KeyError(serial)


class FragileReducer(ToyReducer):
    def get_messages(self, projection: Any) -> list[CodecMessage[str]]:
        messages = super().get_messages(projection)
        if any("unreadable" in message.message for message in messages):
            raise IndexError("unreadable")
        return messages


class FragileCodec(TableCodec[Any, Any, Any, str]):
    """The toy codec, with a defect wherever a codec can have one."""

    def create_decoder(self) -> RaisingDecoder:
        return RaisingDecoder(self.outputs, self.inputs)


def fragile_tree() -> Tree[str]:
    codec: TableCodec[Any, Any, Any, str] = replace(TOY, reducer=FragileReducer())
    return Tree(FragileCodec(*(getattr(codec, field.name) for field in fields(codec))))


def test_a_decoder_that_raises_costs_its_message_and_no_other() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    turn.note("A1", "raise")
    stream = turn.open("A1")
    stream.append("Hi")
    stream.append("raise")
    stream.append("!")
    tree = fragile_tree()
    tell(tree, script)
    assert texts_of(tree, "R1") == ["Hi!"]
    tree.apply(stream.replace("anew"))  # its restating raises as well: nothing is left to show, and nothing breaks
    assert texts_of(tree, "R1") == []
    tree.apply(turn.note("A1", "after"))
    assert texts_of(tree, "R1") == ["after"]


def test_a_projection_that_cannot_be_read_shows_no_messages_until_it_can() -> None:
    script = Script()
    turn = script.turn("R1", "M1")
    note = turn.note("A1", "unreadable")
    tree = fragile_tree()
    tell(tree, script)
    assert texts_of(tree, "R1") == []
    tell(tree, [turn.note("A1", "after"), script.delete(note)])
    assert texts_of(tree, "R1") == ["after"]


def test_output_that_names_no_run_and_inputs_that_name_no_message_are_ignored() -> None:
    script = Script()
    script.publish("ai-output", "x", {"codec-message-id": "A1", "stream": "false"}, {"kind": "note"})
    script.publish("ai-input", "x", {"role": "user", "stream": "false"}, {"kind": "user-message", "partType": "text"})
    tree = new_tree(script)
    assert tree.visible_nodes() == []
    assert tree.runs() == []
