"""Whatever is streamed, however it is cut, interleaved, rolled up, repeated or joined: readers hold the response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_transport_codecs import AITransportError
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.openai.responses import (
    CODEC,
    approved_unexecuted_calls,
    model_input,
    resolved_call_ids,
    unanswered_calls,
)
from ai_transport_codecs.codecs.openai.responses.carry import CARRIED
from ai_transport_codecs.codecs.openai.responses.reducer import ALL_FOLDS
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.openai.responses.scripts import about, call, completed, created, message, text_part
from tests.codecs.openai.responses.wire import joined, live, only, write_all

Event = dict[str, Any]

texts = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(["\U0001f600é", "a" * 50, ""])
cuts = st.lists(texts, max_size=5)


@st.composite
def message_script(draw: st.DrawFn, id_: str, index: int) -> tuple[list[Event], Event]:
    """The events of a message, some of which a provider leaves out, and the message in the end."""
    parts, events = [], []
    leaves_out = draw(st.sets(st.sampled_from(["item added", "part added", "text done", "deltas", "item done"])))
    if "item added" not in leaves_out:
        events.append({"type": "response.output_item.added", "output_index": index, "item": message(id_)})
    for number in range(draw(st.integers(0, 3))):
        pieces = draw(cuts)
        whole = "".join(pieces)
        is_refusal = draw(st.booleans())
        kind, key = ("refusal", "refusal") if is_refusal else ("output_text", "text")
        part = {"type": "refusal", "refusal": whole} if is_refusal else text_part(whole)
        at = {"content_index": number, "output_index": index}
        if "part added" not in leaves_out:
            events.append(about("response.content_part.added", id_, part={**part, key: ""}) | at)
        if "deltas" not in leaves_out:
            events += [about(f"response.{kind}.delta", id_, delta=piece) | at for piece in pieces]
        if "text done" not in leaves_out:
            events.append(about(f"response.{kind}.done", id_, **{key: whole}) | at)
        parts.append(part)
    end = message(id_, *parts)
    if "item done" not in leaves_out:
        events.append({"type": "response.output_item.done", "output_index": index, "item": end})
    return events, end


@st.composite
def call_script(draw: st.DrawFn, id_: str, index: int) -> tuple[list[Event], Event]:
    """The events of a call; its arguments may be no JSON."""
    pieces = draw(cuts)
    end = call(id_, f"call_{id_}", "".join(pieces))
    at = {"output_index": index}
    events = [{"type": "response.output_item.added", "item": {**end, "arguments": "", "status": "in_progress"}} | at]
    events += [about("response.function_call_arguments.delta", id_, delta=piece) | at for piece in pieces]
    if draw(st.booleans()):
        events.append(about("response.function_call_arguments.done", id_, arguments=end["arguments"]) | at)
    if draw(st.booleans()):
        events.append({"type": "response.output_item.done", "item": end} | at)
    return events, end


@st.composite
def hosted_script(draw: st.DrawFn, id_: str, index: int) -> tuple[list[Event], Event]:
    """The events of a tool that the provider runs."""
    pieces = draw(cuts)
    at = {"output_index": index}
    start = {"id": id_, "type": "code_interpreter_call", "status": "in_progress", "code": None}
    end = {**start, "status": "completed", "code": "".join(pieces), "outputs": draw(st.lists(st.integers()))}
    events = [{"type": "response.output_item.added", "item": start} | at] if draw(st.booleans()) else []
    events += [about("response.code_interpreter_call_code.delta", id_, delta=piece) | at for piece in pieces]
    events.append(about("response.code_interpreter_call.completed", id_) | at)
    return events, end


@st.composite
def responses(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """The events of a response, its items interleaved, and its output."""
    scripts = [
        draw(draw(st.sampled_from([message_script, call_script, hosted_script]))(f"item-{index}", index))
        for index in range(draw(st.integers(1, 3)))
    ]
    order = draw(st.permutations([number for number, (events, _) in enumerate(scripts) for _ in events]))
    lanes = [iter(events) for events, _ in scripts]
    output = [end for _, end in scripts]
    return [created(), *(next(lanes[number]) for number in order), completed(*output)], output


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(responses())
def test_readers_end_with_the_output(response: tuple[list[Event], list[Event]]) -> None:
    events, output = response
    assert only(write_all(events))["items"] == output


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(responses())
def test_wherever_a_reader_joins(response: tuple[list[Event], list[Event]]) -> None:
    events, output = response
    deliveries = write_all(events)
    for position in range(len(deliveries) + 1):
        [held] = joined(deliveries, position).messages
        assert held["items"] == output


def rolled_up(deliveries: Sequence[InboundMessage], merges: Sequence[bool]) -> list[InboundMessage]:
    """Appends that follow each other on one message, merged where ``merges`` says so."""
    found: list[InboundMessage] = []
    for delivery, merge in zip(deliveries, [*merges, *([False] * len(deliveries))], strict=False):
        last = found[-1] if found else None
        if (
            merge
            and last is not None
            and last.action == delivery.action == names.APPEND
            and last.serial == delivery.serial
        ):
            found[-1] = delivery._replace(data=last.data + delivery.data)
        else:
            found.append(delivery)
    return found


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(responses(), st.lists(st.booleans(), max_size=60), st.lists(st.booleans(), max_size=60))
def test_rolled_up_and_repeated(
    response: tuple[list[Event], list[Event]], merges: list[bool], repeats: list[bool]
) -> None:
    events, output = response
    deliveries = rolled_up(write_all(events), merges)
    # Of streamed messages any version may come again; the session keeps discrete ones apart (design D6).
    again = [
        each
        for delivery, twice in zip(deliveries, [*repeats, *([False] * len(deliveries))], strict=False)
        for each in ([delivery, delivery] if twice and delivery.action == names.APPEND else [delivery])
    ]
    assert only(again)["items"] == output


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(responses(), st.data())
def test_a_stream_that_breaks_off_leaves_a_valid_message(
    response: tuple[list[Event], list[Event]], data: st.DataObject
) -> None:
    events, _ = response
    cut = data.draw(st.integers(1, len(events) - 1))
    held = only(write_all(events[:cut]))
    assert held.get("response", {}).get("status") == "incomplete"
    assert all(item.get("status") != "in_progress" for item in held["items"])
    model_input([held])
    unanswered_calls([held])


keys = st.sampled_from(
    [
        "type", "id", "item", "item_id", "content", "summary", "content_index", "summary_index", "part", "text",
        "delta", "call_id", "path", "patch", "set", "remove", "done", "status", "arguments", "output_index", "items",
        "response", "event", "key", "fields", "of", "index", "count", "/content/0/text", "/content", "/a/b", "output",
    ]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
wild = st.one_of(
    json_values,
    st.sampled_from(["message", "reasoning", "function_call", "output_text", "summary_text", "i1", "/content/0", 0, 1]),
)
wild_objects = st.dictionaries(keys, wild | st.dictionaries(keys, wild, max_size=4), max_size=6)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(sorted(ALL_FOLDS)), wild_objects), max_size=8))
def test_no_event_raises_out_of_the_reducer(script: list[tuple[str, Event]]) -> None:
    projection = CODEC.init()
    messages = projection.messages
    base = [("response.output_item.added", {"item": {"id": "i1", "type": kind}}) for kind in ("message",)]
    for type_, fields in [*base, *script]:
        projection = CODEC.fold_output(projection, {**fields, "type": type_}, FoldMeta("1", "m"))
        messages = projection.messages
    helpers: list[Any] = [model_input, resolved_call_ids, unanswered_calls, approved_unexecuted_calls]
    for helper in helpers:
        assert isinstance(helper(messages), list)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ai-output", "ai-input", "other"]),
            st.sampled_from([names.CREATE, names.APPEND, names.UPDATE, names.DELETE, "meta"]),
            wild,
            st.dictionaries(keys | st.just("kind") | st.just("partType"), wild, max_size=5),
            st.sampled_from([*sorted(ALL_FOLDS), "output_text", "x-text", "x-delta", "user-message", "tool-result"]),
        ),
        max_size=8,
    )
)
def test_no_message_raises_out_of_a_reader(script: list[tuple[str, str, Any, dict[str, Any], str]]) -> None:
    deliveries = []
    for number, (name, action, data, headers, kind) in enumerate(script):
        transport = {"stream": "true" if number % 2 else "false", "codec-message-id": "m", "status": "complete"}
        extras = {"ai": {"transport": transport, "codec": {**headers, "kind": kind}}}
        deliveries.append(InboundMessage(action, f"s{number % 3}", f"v{number}", 0, name, data, extras))
    projection = live(deliveries)
    assert isinstance(projection.messages, list)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(sorted(CARRIED)), wild_objects), max_size=8))
def test_a_provider_may_say_anything(script: list[tuple[str, Event]]) -> None:
    try:
        deliveries = write_all([{**fields, "type": type_} for type_, fields in script])
    except AITransportError:
        return  # refused in our own words
    assert isinstance(live(deliveries).messages, list)
