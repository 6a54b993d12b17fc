"""What readers hold before an item is done, and what those make of it who know the reference's kinds only."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.wire.headers import transport_headers
from tests.codecs.openai.responses.scripts import (
    about,
    added,
    call,
    completed,
    created,
    done,
    message,
    say,
    text_part,
)
from tests.codecs.openai.responses.wire import Log, live, only, without_own, write_all, write_each

Event = dict[str, Any]


def states_of(log: Log) -> dict[str, str]:
    """What the newest delivery of each stream says of it, by the stream's id."""
    found: dict[str, str] = {}
    ids: dict[str | None, str] = {}
    for delivery in log.deliveries:
        headers = transport_headers(delivery.extras)
        if "stream-id" in headers:
            stream = ids.setdefault(delivery.serial, f"{headers['stream-id']}#{delivery.serial}")
            found[stream] = headers["status"]
    return found


def test_arguments_that_a_call_begins_with_are_there_before_it_is_done() -> None:
    log = Log()
    events = [
        added(call("f1", "c1", '{"city":', status="in_progress")),
        about("response.function_call_arguments.delta", "f1", delta='"Rome"}'),
        done(call("f1", "c1", '{"city":"Rome"}')),
    ]
    seen = [only(log.deliveries)["items"][0]["arguments"] for _ in write_each(log, events)]
    assert seen == ['{"city":', '{"city":"Rome"}', '{"city":"Rome"}']


def test_a_text_goes_on_from_what_its_item_is_stated_anew_with() -> None:
    log = Log()
    events = [
        added(message("m1", status="in_progress")),
        *say("m1", "Hel"),
        added(message("m1", text_part("Hello"), status="in_progress")),
        about("response.output_text.delta", "m1", content_index=0, delta=" world"),
    ]
    seen = [only(log.deliveries)["items"][0]["content"] for _ in write_each(log, events)]
    assert [[part["text"] for part in content] for content in seen[2:]] == [["Hel"], ["Hello"], ["Hello world"]]


def test_a_part_that_is_opened_again_leaves_no_stream_open() -> None:
    log = Log()
    events = [added(message("m1", status="in_progress")), *say("m1", "old"), *say("m1", "new")]
    states = [list(states_of(log).values()) for _ in write_each(log, events)]
    assert states[2:] == [["streaming"], ["complete", "streaming"], ["complete", "streaming"]]
    assert only(log.deliveries)["items"][0]["content"] == [text_part("new")]


def test_the_stream_of_a_text_ends_when_the_text_does() -> None:
    log = Log()
    events = [
        added(message("m1", status="in_progress")),
        *say("m1", "hi"),
        about("response.output_text.done", "m1", content_index=0, text="hi"),
    ]
    states = [list(states_of(log).values()) for _ in write_each(log, events)]
    assert states == [[], ["streaming"], ["streaming"], ["complete"]]


def test_content_that_the_api_does_not_state_in_the_end_is_gone() -> None:
    bare: Event = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
    events = [created(), added(message("m1", status="in_progress")), *say("m1", "draft"), done(bare), completed(bare)]
    assert only(write_all(events))["items"] == [bare]


def test_what_is_small_of_a_finished_item_reaches_those_who_know_only_the_references_kinds() -> None:
    logprobs = [{"token": "x", "logprob": -0.5}]
    thought: Event = {"id": "r1", "type": "reasoning", "summary": []}
    answer = message("m1", text_part("x", logprobs=logprobs))
    end = {**thought, "encrypted_content": "sealed"}
    events = [
        created(), added(thought), done(end),
        added(message("m1", status="in_progress"), 1), *say("m1", "x"), done(answer, 1), completed(end, answer),
    ]  # fmt: skip
    [found] = live(without_own(write_all(events))).messages
    assert found["items"] == [end, answer]
