"""Each event of the installed SDK is carried, or left out for a reason."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from openai.types.responses import ResponseOutputItem, ResponseStreamEvent

from ai_transport_codecs import UnsupportedEventError
from ai_transport_codecs.codec.descriptors import Drop, OutputEvent, OutputStream
from ai_transport_codecs.codecs.openai.responses import CODEC
from ai_transport_codecs.codecs.openai.responses.carry import CARRIED, LEFT_OUT
from ai_transport_codecs.codecs.openai.responses.tables import OUTPUTS
from tests.codecs.openai.responses.scripts import added, completed, created, done
from tests.codecs.openai.responses.wire import events_of, kind_of, only, write_all


def types_in(union: Any) -> set[str]:
    members = get_args(get_args(union)[0])
    return {value for member in members for value in get_args(member.model_fields["type"].annotation)}


EVENTS = sorted(types_in(ResponseStreamEvent))
ITEMS = sorted(types_in(ResponseOutputItem))
REFERENCE = {
    name
    for row in OUTPUTS
    for name in ([row.start.type, row.delta.type, row.end.type] if isinstance(row, OutputStream) else [row.type])
    if not name.startswith("x-")
}


def test_the_sdk_has_the_events_that_we_think() -> None:
    assert len(EVENTS) >= 59


def test_every_event_of_the_sdk_is_listed() -> None:
    assert set(EVENTS) - CARRIED.keys() - LEFT_OUT.keys() == set()
    assert CARRIED.keys() & LEFT_OUT.keys() == set()
    assert all(LEFT_OUT.values())


def test_what_is_listed_is_an_event_of_the_sdk_or_known_from_recordings() -> None:
    assert (CARRIED.keys() | LEFT_OUT.keys()) - set(EVENTS) == {
        "function_call_output",
        "tool-approval-request",
        "response.apply_patch_call_operation_diff.delta",
        "response.apply_patch_call_operation_diff.done",
    }


def test_the_encoder_takes_exactly_what_the_references_takes() -> None:
    assert {name for name in REFERENCE if name.startswith("response.") or name == "error"} & set(EVENTS) == set(
        EVENTS
    ) - REFUSED
    assert all(row.reason for row in OUTPUTS if isinstance(row, Drop))


REFUSED = {name for name in EVENTS if name not in REFERENCE}


def test_the_reference_refuses_36_of_59() -> None:
    assert len(REFUSED) == 36 + len(EVENTS) - 59


@pytest.mark.parametrize("type_", sorted(REFUSED))
def test_an_event_given_to_the_encoder_itself_is_refused_as_the_reference_refuses_it(type_: str) -> None:
    with pytest.raises(UnsupportedEventError, match=r"codec 'openai-responses' has no row for type") as caught:
        CODEC.create_encoder().encode_output({"type": type_})
    assert repr(type_) in caught.value.message
    assert caught.value.code == 40003


@pytest.mark.parametrize("phase", ["added", "done"])
@pytest.mark.parametrize("item_type", [*ITEMS, "of_next_year", None])
def test_items_of_other_types_are_refused_by_the_encoder(phase: str, item_type: str | None) -> None:
    if item_type in {"message", "reasoning", "function_call"}:
        return
    with pytest.raises(UnsupportedEventError, match="pass the API's events through the codec's translator") as caught:
        CODEC.create_encoder().encode_output({"type": f"response.output_item.{phase}", "item": {"type": item_type}})
    assert repr(item_type) in caught.value.message


@pytest.mark.parametrize("item_type", [*ITEMS, "of_next_year"])
@pytest.mark.parametrize("id_", [{"id": "i1"}, {}], ids=["with an id", "without"])
def test_items_of_every_type_are_carried_by_the_translator(item_type: str, id_: dict[str, str]) -> None:
    start = {**id_, "type": item_type, "status": "in_progress", "anything": [{"new": None}]}
    end = {**id_, "type": item_type, "status": "completed", "anything": [{"new": 1.5}, True], "late": {"a": "b"}}
    events = [created(), added(start), done(end), completed(end)]
    assert only(write_all(events))["items"] == [end]


def test_own_kinds_begin_with_what_no_api_event_begins_with() -> None:
    kinds = {row.kind if isinstance(row, OutputStream) else row.type for row in OUTPUTS if not isinstance(row, Drop)}
    own = {kind for kind in kinds if kind.startswith("x-")}
    assert len(own) == 8
    assert not any(name.startswith("x-") for name in EVENTS)
    assert all(isinstance(row, OutputEvent | OutputStream | Drop) for row in OUTPUTS)


def test_nothing_of_what_is_left_out_reaches_the_wire() -> None:
    for type_ in LEFT_OUT:
        assert write_all([{"type": type_, "item_id": "i", "output_index": 0, "part": {"type": "output_text"}}]) == []


@pytest.mark.parametrize("type_", sorted(set(EVENTS) - LEFT_OUT.keys()))
def test_an_event_alone_with_all_its_fields_missing_breaks_nothing(type_: str) -> None:
    deliveries = write_all([{"type": type_}])
    events_of(deliveries)
    assert all(kind_of(delivery) for delivery in deliveries)
