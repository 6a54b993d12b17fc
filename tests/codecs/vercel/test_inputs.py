"""What users send: text, UI messages, parts; and how a message of several parts arrives."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs import InvalidArgumentError
from ai_transport_codecs.codec.contract import EncoderOptions, FoldMeta, WriteOptions
from ai_transport_codecs.codec.operations import Publish, PublishBatch
from ai_transport_codecs.codecs.vercel import CODEC
from ai_transport_codecs.wire.headers import MESSAGE_ID
from tests.codecs.vercel.wire import answered, decoded, folded, live, projected, said

TEXT = {"type": "text", "text": "hello"}
FILE = {"type": "file", "mediaType": "image/png", "url": "data:,"}
DATA = {"type": "data-place", "id": "p", "data": {"city": "Lisbon"}}


class Dumped:
    """What pydantic's models look like from here: unset fields dump as null, names by alias."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]:
        assert (mode, by_alias) == ("json", True)
        return self._fields


def parts_of(value: Any) -> list[Any]:
    return [*CODEC.to_input(value)["message"]["parts"]]  # type: ignore[typeddict-item]  # a user-message, not any input


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("hello", [TEXT]),
        ("", [{"type": "text", "text": ""}]),
        (TEXT, [TEXT]),
        ([TEXT, FILE], [TEXT, FILE]),
        ((DATA,), [DATA]),
        ({"id": "own", "role": "user", "parts": [TEXT]}, [TEXT]),
        ({"parts": []}, []),
        (Dumped(type="text", text="hello", state=None), [TEXT]),
        ([Dumped(**FILE, filename=None)], [FILE]),
        (Dumped(id="own", role="user", metadata=None, parts=[{**TEXT, "state": None}]), [TEXT]),
        ({"parts": [{**DATA, "data": None}]}, [{**DATA, "data": None}]),
        (Dumped(type="data-x", id=None, data=None), [{"type": "data-x", "data": None}]),
    ],
)
def test_what_a_user_may_say(value: Any, parts: list[Any]) -> None:
    assert parts_of(value) == parts


def test_a_message_keeps_its_own_id_and_role_and_gets_them_otherwise() -> None:
    given: Any = CODEC.to_input({"id": "own", "role": "system", "metadata": {"a": 1}, "parts": [TEXT]})
    assert given["message"] == {"id": "own", "role": "system", "metadata": {"a": 1}, "parts": [TEXT]}
    first, second = CODEC.to_input({"id": None, "role": None, "parts": []}), CODEC.to_input("x")
    messages: list[Any] = [first["message"], second["message"]]  # type: ignore[typeddict-item]
    assert [message["role"] for message in messages] == ["user", "user"]
    assert messages[0]["id"] != messages[1]["id"]


def test_an_input_event_stays_as_it_is() -> None:
    event = CODEC.create_regenerate("target", "parent")
    assert CODEC.to_input(event) is event


REFUSED: list[tuple[Any, str]] = [
    (7, "cannot send a int; pass text, a UI message"),
    (None, "cannot send a NoneType; pass text"),
    ([], "cannot send an empty list; pass text"),
    ({"content": "hello"}, r"cannot send a mapping with keys \['content'\]; pass text"),
    ({"role": "user", "parts": "hello"}, "a UI message whose 'parts' are str; pass a list of parts"),
    ({"id": 7, "parts": [TEXT]}, "a UI message whose 'id' is a int; pass text, or leave it out"),
    ({"role": "bot", "parts": [TEXT]}, "a UI message whose 'role' is 'bot'; it is one of system, user, assistant"),
    (
        {"parts": [{"type": "reasoning", "text": "x"}]},
        r"a mapping with type='reasoning' in it; its parts may be file, te",
    ),
    ({"parts": ["hello"]}, "a user's message with a str in it"),
    ({"parts": [{"text": "hello"}]}, r"a user's message with a mapping with keys \['text'\] in it"),
    ({"parts": [{"type": "text"}]}, "a 'text' part whose 'text' is a NoneType; it must be text"),
    ({"parts": [{"type": "file", "mediaType": 1, "url": ""}]}, "a 'file' part whose 'mediaType' is a int; it must be"),
    ({"parts": [{"type": "file", "mediaType": ""}]}, "a 'file' part whose 'url' is a NoneType"),
    ({"parts": [{"type": "data-x"}]}, "a 'data-x' part without 'data'; null is data too"),
    ({"parts": [{"type": "data-x", "data": 1}]}, "cannot send 1 as the data of a 'data-x' part, because a channel's"),
    ({"parts": [{"type": "data-x", "data": True}]}, "cannot send True as the data of a 'data-x' part"),
    ({"parts": [{"type": "data-x", "data": {1: 2}}]}, "a 'data-x' part whose 'data' is not JSON: a JSON object's keys"),
    ({"parts": [{"type": "data-x", "data": [object()]}]}, "whose 'data' is not JSON: a object cannot be carried"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_what_cannot_be_sent_is_refused_with_advice(value: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        CODEC.to_input(value)


# --- the wire


def test_each_part_is_a_message_and_all_are_one_publish() -> None:
    encoder = CODEC.create_encoder(EncoderOptions(headers={"x": "y"}))
    message: Any = {"id": "own", "role": "user", "parts": [TEXT, FILE, DATA]}
    (operation,) = encoder.encode_input(CODEC.create_user_message(message), WriteOptions(message_id="w"))
    assert isinstance(operation, PublishBatch)
    common = {"x": "y", "role": "user", "codec-message-id": "w", "stream": "false", "discrete": "true"}
    assert [each.extras["ai"]["transport"] for each in operation.messages] == [common] * 3
    kind = {"kind": "user-message", "messageId": "own"}
    assert [(each.name, each.data, each.extras["ai"]["codec"]) for each in operation.messages] == [
        ("ai-input", "hello", {**kind, "partType": "text"}),
        ("ai-input", "data:,", {**kind, "partType": "file", "mediaType": "image/png"}),
        ("ai-input", {"city": "Lisbon"}, {**kind, "partType": "data-place", "id": "p"}),
    ]


def test_a_message_arrives_as_it_was_sent_under_its_wire_id() -> None:
    message: Any = {"id": "own", "role": "user", "parts": [TEXT, FILE, DATA]}
    deliveries = said(CODEC.create_user_message(message), "wire-id")
    assert [*live(deliveries)] == [message]
    assert [entry.id for entry in CODEC.get_messages(projected(deliveries))] == ["wire-id"]


def test_what_does_not_travel_is_left_out() -> None:
    parts = [{"type": "step-start"}, {**TEXT, "state": "done"}, {**FILE, "filename": "f"}, "not a part", None]
    message: Any = {"id": "own", "role": "user", "metadata": {"a": 1}, "parts": parts}
    assert [*live(said(CODEC.create_user_message(message)))] == [{"id": "own", "role": "user", "parts": [TEXT, FILE]}]


@pytest.mark.parametrize("parts", [[], [{"type": "reasoning", "text": "x"}], None, "x"])
def test_a_message_without_parts_that_travel_exists_all_the_same(parts: Any) -> None:
    message: Any = {"id": "own", "role": "user", "parts": parts}
    (delivery,) = said(CODEC.create_user_message(message))
    assert [*live([delivery])] == [{"id": "own", "role": "user", "parts": [{"type": "text", "text": ""}]}]


def test_ids_and_roles_that_are_no_text_stay_away_and_read_as_defaults() -> None:
    message: Any = {"id": 7, "role": None, "parts": [TEXT]}
    (delivery,) = said(CODEC.create_user_message(message))
    assert delivery.extras["ai"]["codec"] == {"kind": "user-message", "partType": "text"}
    assert decoded([delivery]) == [{"kind": "user-message", "message": {"id": "", "role": "user", "parts": [TEXT]}}]


def test_a_user_message_that_is_none_is_refused() -> None:
    event: Any = {"kind": "user-message", "message": "hello"}
    with pytest.raises(InvalidArgumentError, match="a 'user-message' needs a UI message as its 'message', not str"):
        said(event)


def test_asking_for_another_answer_is_all_in_the_headers() -> None:
    encoder = CODEC.create_encoder()
    (operation,) = encoder.encode_input(CODEC.create_regenerate("target", "parent"))
    assert isinstance(operation, Publish)
    assert (operation.message.data, operation.message.extras["ai"]["codec"]) == ("", {"kind": "regenerate"})
    assert decoded(said(CODEC.create_regenerate("t", "p"))) == []


@pytest.mark.parametrize("kind", ["tool-result", "tool-result-error", "tool-approval-response"])
def test_an_answer_without_a_payload_is_refused(kind: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"a '{kind}' input needs an object as its payload, not NoneType"):
        said({"kind": kind, "codecMessageId": "m"})


# --- folding


def test_parts_that_are_folded_again_are_there_once() -> None:
    """The reference keeps the first event's own message and extends it (codec spec h, H1)."""
    message: Any = {"id": "own", "role": "user", "parts": [TEXT, FILE]}
    deliveries = said(CODEC.create_user_message(message))
    events = decoded(deliveries)
    for _ in range(2):
        projection = CODEC.init()
        for event, delivery in zip(events, deliveries, strict=True):
            message_id = delivery.extras["ai"]["transport"][MESSAGE_ID]
            projection = CODEC.fold_input(projection, event, FoldMeta("s", message_id))
        assert [*projection.messages] == [message]


def test_without_a_wire_id_each_part_is_a_message_of_its_own() -> None:
    message: Any = {"id": "own", "role": "user", "parts": [TEXT, FILE]}
    events = decoded(said(CODEC.create_user_message(message)))
    projection = CODEC.init()
    for event in events:
        projection = CODEC.fold_input(projection, event, FoldMeta("s", None))
    assert [(entry.id, len(entry.message["parts"])) for entry in CODEC.get_messages(projection)] == [("own", 1)] * 2


def test_a_users_part_joins_whichever_message_has_the_id() -> None:
    projection = folded([{"type": "start"}], "u")
    projection = CODEC.fold_input(projection, CODEC.to_input("hello"), FoldMeta("s", "u"))
    assert [*projection.messages] == [{"id": "u", "role": "assistant", "parts": [TEXT]}]


@pytest.mark.parametrize("message", [None, "x", [], {"parts": 7}, {"id": 7}, {"parts": [7, None, "x"]}])
def test_a_malformed_user_message_does_no_harm(message: Any) -> None:
    found = answered(folded([]), {"kind": "user-message", "message": message}).messages
    assert all(each["parts"] == [] for each in found)


def test_of_equal_ids_the_first_message_goes_on() -> None:
    said: Any = {"kind": "user-message", "message": {"id": "m", "role": "user", "parts": [TEXT]}}
    projection = CODEC.init()
    for _ in range(2):
        projection = CODEC.fold_input(projection, said, FoldMeta("s", None))
    projection = CODEC.fold_output(projection, {"type": "text-start", "id": "0"}, FoldMeta("s", "m"))
    assert [[*message["parts"]] for message in projection.messages] == [[TEXT, {"type": "text", "text": ""}], [TEXT]]


def test_of_equal_data_parts_the_first_is_replaced() -> None:
    data: Any = {"type": "data-x", "id": "p", "data": 1}
    said: Any = {"kind": "user-message", "message": {"id": "m", "role": "user", "parts": [data, data]}}
    projection = CODEC.fold_input(CODEC.init(), said, FoldMeta("s", "m"))
    newer: Any = {**data, "data": [2]}
    projection = CODEC.fold_output(projection, newer, FoldMeta("s", "m"))
    assert [*projection.messages[0]["parts"]] == [newer, data]
