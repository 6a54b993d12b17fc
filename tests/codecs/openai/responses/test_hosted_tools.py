"""What the reference throws on: hosted tools, their progress, annotations, audio, and events of next year."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from ai_transport_codecs import get_codec
from ai_transport_codecs.codecs.openai.responses import CODEC
from ai_transport_codecs.wire.headers import transport_headers
from tests.codecs.openai.responses.scripts import (
    about,
    added,
    answer,
    completed,
    created,
    done,
    message,
    say,
    text_part,
)
from tests.codecs.openai.responses.wire import (
    Log,
    history,
    joined,
    kind_of,
    live,
    only,
    without_own,
    write_all,
    write_each,
)

Event = dict[str, Any]


def item(type_: str, status: str | None = "in_progress", **fields: Any) -> Event:
    return {"id": "i1", "type": type_, **({} if status is None else {"status": status}), **fields}


GROWING = [
    ("code_interpreter_call", "code_interpreter_call_code", "code", {"code": None}, lambda text: {"code": text}),
    ("mcp_call", "mcp_call_arguments", "arguments", {"arguments": ""}, lambda text: {"arguments": text}),
    ("custom_tool_call", "custom_tool_call_input", "input", {"input": "", "call_id": "c"}, lambda t: {"input": t}),
    (
        "apply_patch_call",
        "apply_patch_call_operation_diff",
        "diff",
        {"operation": {"type": "create_file", "path": "a", "diff": ""}},
        lambda text: {"operation": {"type": "create_file", "path": "a", "diff": text}},
    ),
]


@pytest.mark.parametrize(("type_", "stem", "whole", "start", "fields"), GROWING, ids=[row[0] for row in GROWING])
def test_what_a_tool_is_given_grows_while_it_is_written(
    type_: str, stem: str, whole: str, start: Event, fields: Any
) -> None:
    log = Log()
    end = item(type_, "completed", **{**start, **fields("print(1)")})
    events = [
        added(item(type_, **start)),
        about(f"response.{stem}.delta", "i1", delta="print"),
        about(f"response.{stem}.delta", "i1", delta="(1)"),
        about(f"response.{stem}.done", "i1", **{whole: "print(1)"}),
        done(end),
        completed(end),
    ]
    seen = [{key: only(log.deliveries)["items"][0][key] for key in fields("")} for _ in write_each(log, events)]
    assert seen[0] == {key: start[key] for key in fields("")}
    assert seen[1:3] == [fields("print"), fields("print(1)")]
    assert only(log.deliveries)["items"] == [end]
    assert [delivery.data for delivery in log.deliveries if delivery.name is None] == ["print", "(1)", ""]
    assert live(without_own(log.deliveries)).messages == []


def test_commands_of_a_shell_grow_one_by_one_and_have_no_item_id() -> None:
    def command(phase: str, index: int, **fields: Any) -> Event:
        return {"type": f"response.shell_call_command.{phase}", "output_index": 2, "command_index": index, **fields}

    log = Log()
    events = [
        added(item("shell_call", action={"commands": []}), 2),
        command("added", 0, command="ls"),
        command("delta", 0, delta=" -l"),
        command("done", 0, command="ls -l"),
        command("added", 1, command=""),
        command("delta", 1, delta="pwd"),
    ]
    for _ in write_each(log, events):
        pass
    assert only(log.deliveries)["items"][0]["action"] == {"commands": ["ls -l", "pwd"]}


def test_the_output_of_a_shell_grows_on_both_channels() -> None:
    def output(**delta: str) -> Event:
        return about("response.shell_call_output_content.delta", "i1", command_index=0, delta=delta)

    events = [
        added(item("shell_call_output", output=[])),
        output(stdout="a"),
        output(stderr="!"),
        output(stdout="b", stderr="?"),
    ]
    assert only(write_all(events))["items"][0]["output"] == [{"stdout": "ab", "stderr": "!?"}]


@pytest.mark.parametrize(
    ("stem", "phases"),
    [
        ("web_search_call", ["searching", "completed"]),
        ("file_search_call", ["searching", "completed"]),
        ("code_interpreter_call", ["interpreting", "completed"]),
        ("image_generation_call", ["generating", "completed"]),
        ("mcp_call", ["in_progress", "failed"]),
    ],
)
def test_the_phase_of_a_tool_is_its_items_status(stem: str, phases: list[str]) -> None:
    log = Log()
    events = [added(item(stem)), *(about(f"response.{stem}.{phase}", "i1") for phase in phases)]
    seen = [only(log.deliveries)["items"][0]["status"] for _ in write_each(log, events)]
    assert seen == ["in_progress", *phases]


@pytest.mark.parametrize(("type_", "phase"), [("mcp_list_tools", "failed"), ("compaction", "compacting")])
def test_the_phase_of_an_item_without_a_status_stands_beside_it_until_it_is_done(type_: str, phase: str) -> None:
    log = Log()
    plain = item(type_, None)
    events = [added(plain), about(f"response.{type_}.{phase}", "i1"), done(plain)]
    seen = [only(log.deliveries).get("progress") for _ in write_each(log, events)]
    assert seen == [None, {"i1": phase}, None]
    assert only(log.deliveries)["items"] == [plain]


def test_a_phase_that_is_known_costs_no_message() -> None:
    events = [added(item("web_search_call")), about("response.web_search_call.in_progress", "i1")]
    assert len(write_all(events)) == len(write_all(events[:1]))


def test_a_phase_of_an_item_that_was_never_added_brings_the_item() -> None:
    [held] = only(write_all([about("response.web_search_call.searching", "ws_1")]))["items"]
    assert held == {"id": "ws_1", "type": "web_search_call", "status": "searching"}


def test_annotations_come_while_the_text_is_written() -> None:
    log = Log()
    notes = [{"type": "url_citation", "url": "https://a", "start_index": 0}, {"type": "file_citation", "file_id": "f"}]
    events = [
        added(message("m1", status="in_progress")),
        *say("m1", "one "),
        about("response.output_text.annotation.added", "m1", content_index=0, annotation_index=0, annotation=notes[0]),
        about("response.output_text.delta", "m1", content_index=0, delta="two"),
        about("response.output_text.annotation.added", "m1", content_index=0, annotation_index=1, annotation=notes[1]),
    ]
    for _ in write_each(log, events):
        pass
    [part] = only(log.deliveries)["items"][0]["content"]
    assert (part["text"], part["annotations"]) == ("one two", notes)
    for position in range(len(log.deliveries)):
        assert joined(log.deliveries, position).messages == live(log.deliveries).messages
    [seen] = only(without_own(log.deliveries))["items"][0]["content"]
    assert (seen["text"], seen["annotations"]) == ("one two", [])


def test_previews_of_an_image_give_way_to_the_next_and_to_the_image() -> None:
    def preview(number: int) -> Event:
        fields = {"partial_image_index": number, "partial_image_b64": f"image{number}"}
        return about("response.image_generation_call.partial_image", "i1", **fields, sequence_number=number)

    log = Log()
    end = item("image_generation_call", "completed", result="image")
    seen = [
        [event["partial_image_b64"] for event in only(log.deliveries).get("events", [])]
        for _ in write_each(log, [added(item("image_generation_call")), preview(0), preview(1), done(end)])
    ]
    assert seen == [[], ["image0"], ["image1"], []]
    assert only(log.deliveries)["items"] == [end]


def test_audio_is_one_base64_text_whatever_its_pieces() -> None:
    sound = bytes(range(100))
    pieces = [sound[start : start + 7] for start in range(0, 100, 7)]
    events: list[Event] = [created()]
    for number, piece in enumerate(pieces):
        events.append({"type": "response.audio.delta", "delta": base64.b64encode(piece).decode()})
        events.append({"type": "response.audio.transcript.delta", "delta": f"{number} "})
    events += [{"type": "response.audio.done"}, {"type": "response.audio.transcript.done"}, completed()]
    deliveries = write_all(events)
    audio: dict[str, Any] = {**only(deliveries).get("audio", {})}
    assert base64.b64decode(audio["data"], validate=True) == sound
    assert audio["transcript"] == "".join(f"{number} " for number in range(len(pieces)))
    assert joined(deliveries, 9).messages == live(deliveries).messages


def test_an_event_of_next_year_is_carried_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    new = {"type": "response.hologram.ready", "item_id": "m1", "where": {"x": [1, None]}, "sequence_number": 3}
    events = [created(), *answer("m1", "hi"), new, new, completed(message("m1", text_part("hi")))]
    with caplog.at_level(logging.WARNING):
        deliveries = write_all(events)
    told = {"type": "response.hologram.ready", "item_id": "m1", "where": {"x": [1, None]}}
    assert only(deliveries).get("events") == [told, told]
    assert only(deliveries)["items"] == [message("m1", text_part("hi"))]
    [record] = caplog.records
    assert "codec 'openai-responses' does not know events of type 'response.hologram.ready'" in record.message
    assert "update ai-transport-codecs" in record.message


def test_deltas_of_next_year_grow_into_one_event() -> None:
    def new(delta: str, lane: int) -> Event:
        return {"type": "response.smell.delta", "item_id": "m1", "lane": lane, "delta": delta, "obfuscation": "xx"}

    deliveries = write_all([new("a", 0), new("b", 1), new("c", 0), new("d", 0), completed()])
    streams = [each for each in history(deliveries) if transport_headers(each.extras)["stream"] == "true"]
    assert [transport_headers(each.extras)["status"] for each in streams] == ["complete", "complete"]
    assert joined(deliveries, 3).messages == [only(deliveries)]
    assert only(deliveries).get("events") == [
        {"type": "response.smell.delta", "item_id": "m1", "lane": 0, "delta": "acd"},
        {"type": "response.smell.delta", "item_id": "m1", "lane": 1, "delta": "b"},
    ]
    assert len(streams) == 2


def test_a_reference_reader_is_not_disturbed_by_any_of_it() -> None:
    plain = [created(), *answer("m1", "one ", "two"), completed(message("m1", text_part("one two")))]
    disturbed = [
        plain[0],
        {"type": "response.hologram.ready", "item_id": "m1"},
        added(item("web_search_call"), 1),
        about("response.web_search_call.searching", "i1"),
        *plain[1:4],
        {"type": "response.audio.delta", "delta": "AAAA"},
        *plain[4:],
    ]
    assert live(without_own(write_all(disturbed))).messages == live(without_own(write_all(plain))).messages


def test_every_own_message_is_of_a_kind_that_the_reference_does_not_know() -> None:
    kinds = {kind_of(delivery) for delivery in write_all([added(item("web_search_call")), created()])}
    assert kinds == {"x-item", "x-item-patch", "x-response"}


def test_the_codec_is_found_by_its_name() -> None:
    assert get_codec("openai-responses") is CODEC
    assert CODEC.adapter_tag == "openai-responses"
