"""Earlier turns as a model accepts them, whatever happened to them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage, ToolMessageChunk

from ai_transport_codecs.codecs.langchain import as_history
from tests.codecs.langchain.replay import RECORDINGS, chunks_of, replayed
from tests.codecs.langchain.wire import Log, live, write_all, write_each

CALL: Any = {"name": "f", "args": {}, "id": "c1", "type": "tool_call"}
OTHER: Any = {"name": "g", "args": {}, "id": "c2", "type": "tool_call"}
QUESTION = HumanMessage("and now?")

MOST_BYTES = 25_000  # the cost of a recording grows with its square here
CUT_RECORDINGS = [name for name, path in RECORDINGS.items() if path.stat().st_size < MOST_BYTES]
ANTHROPIC_BLOCKS = {
    "bash_code_execution_tool_result",
    "code_execution_tool_result",
    "compaction",
    "input_text",
    "output_text",
    "redacted_thinking",
    "refusal",
    "server_tool_use",
    "text",
    "text_editor_code_execution_tool_result",
    "thinking",
    "web_fetch_tool_result",
    "web_search_tool_result",
}


def cut_off(*chunks: AIMessageChunk) -> BaseMessage:
    """What readers hold of an answer whose source went silent."""
    deliveries = write_all(chunks).deliveries
    [message] = live([delivery for delivery in deliveries if "-end" not in str(delivery.extras)]).messages
    assert isinstance(message, AIMessageChunk)
    return message


def test_what_is_fine_stays_as_it_is() -> None:
    messages = [
        HumanMessage("?"),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("r", tool_call_id="c1"),
        AIMessage("a"),
    ]
    history = as_history(messages)
    assert all(kept is message for kept, message in zip(history, messages, strict=True))


def test_a_text_that_was_cut_off_is_kept_as_far_as_it_came() -> None:
    history = as_history([cut_off(AIMessageChunk(content="half an ")), QUESTION])
    assert history == [AIMessage("half an "), QUESTION]
    assert type(history[0]) is AIMessage


def test_half_a_call_is_taken_away() -> None:
    chunk: Any = {"name": "f", "args": '{"a', "id": "c1", "index": 1}
    text = AIMessageChunk(content=[{"type": "text", "text": "Let me", "index": 0}])
    call = AIMessageChunk(
        content=[{"type": "tool_use", "id": "c1", "name": "f", "input": {}, "index": 1}], tool_call_chunks=[chunk]
    )
    assert as_history([cut_off(text, call), QUESTION]) == [
        AIMessage([{"type": "text", "text": "Let me", "index": 0}]),
        QUESTION,
    ]


def test_an_answer_of_which_nothing_is_left_is_left_out() -> None:
    chunk: Any = {"name": "f", "args": '{"a', "id": "c1", "index": 0}
    assert as_history([cut_off(AIMessageChunk(content="", tool_call_chunks=[chunk])), QUESTION]) == [QUESTION]


def test_calls_that_nobody_answered_are_taken_away_once_the_conversation_went_on() -> None:
    message = AIMessage("a", tool_calls=[CALL, OTHER])
    result = ToolMessage("r", tool_call_id="c2")
    assert as_history([message, result, QUESTION]) == [AIMessage("a", tool_calls=[OTHER]), result, QUESTION]
    assert as_history([AIMessage("", tool_calls=[CALL]), QUESTION]) == [QUESTION]
    assert message.tool_calls == [CALL, OTHER], "the message itself was changed"


def test_calls_that_wait_for_their_results_are_kept() -> None:
    messages = [AIMessage("", tool_calls=[CALL, OTHER]), ToolMessage("r", tool_call_id="c2")]
    assert as_history(messages) == messages


def test_invalid_calls_and_raw_calls_are_taken_away_too() -> None:
    message = AIMessage(
        "a",
        invalid_tool_calls=[{"name": "f", "args": "{", "id": "c1", "error": None, "type": "invalid_tool_call"}],
        additional_kwargs={"tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{"}}], "x": 1},
    )
    assert as_history([message, QUESTION]) == [AIMessage("a", additional_kwargs={"x": 1}), QUESTION]


def test_other_chunks_become_final_messages() -> None:
    caller = AIMessage("", tool_calls=[CALL])
    history = as_history([caller, ToolMessageChunk(content="r", tool_call_id="c1")])
    assert history == [caller, ToolMessage("r", tool_call_id="c1")]


def test_a_result_comes_directly_after_its_call_and_the_last_one_counts() -> None:
    caller = AIMessage("", tool_calls=[CALL, OTHER])
    first, late, again = (
        ToolMessage("r1", tool_call_id="c1"),
        ToolMessage("r2", tool_call_id="c2"),
        ToolMessage("r1!", tool_call_id="c1"),
    )
    assert as_history([caller, first, QUESTION, late, again]) == [caller, again, late, QUESTION]


def test_a_result_belongs_to_the_latest_call_of_its_id() -> None:
    """Some providers count their calls from the start in every answer."""
    messages = [
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("one", tool_call_id="c1"),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("two", tool_call_id="c1"),
        QUESTION,
    ]
    assert as_history(messages) == messages


def test_a_result_of_no_call_and_an_empty_answer_are_left_out() -> None:
    orphan = ToolMessage("r", tool_call_id="c1")
    assert as_history([orphan, AIMessage(""), AIMessage([]), QUESTION, orphan]) == [QUESTION]


def block(type_: str, **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content=[{"type": type_, **fields}])


def test_thoughts_that_led_to_nothing_are_taken_away() -> None:
    thought = block("thinking", thinking="Hm", index=0)
    text = block("text", text="So", index=1)
    later = block("reasoning", id="rs_2", summary=[], index=2)
    assert as_history([cut_off(thought), QUESTION]) == [QUESTION]
    [kept, _] = as_history([cut_off(thought, text, later), QUESTION])
    assert [entry["type"] for entry in kept.content if isinstance(entry, dict)] == ["thinking", "text"]


def test_thoughts_go_with_the_call_that_they_led_to() -> None:
    message = AIMessage([{"type": "reasoning", "id": "rs_1", "summary": []}], tool_calls=[CALL])
    assert as_history([message, QUESTION]) == [QUESTION]


def test_calls_of_the_providers_own_tools_are_kept_with_their_results_only() -> None:
    asked = {"type": "server_tool_call_chunk", "id": "s1", "name": "fetch", "args": '{"url": "u"}', "index": 0}
    result = {"type": "server_tool_result", "tool_call_id": "s1", "status": "success", "index": 1}
    half = {**asked, "id": "s2", "args": '{"u', "index": 2}
    raw = {"type": "server_tool_use", "id": "s3", "name": "fetch", "input": {}, "index": 3}
    empty = {"type": "text", "text": "", "index": 4}
    chunks = [AIMessageChunk(content=[entry]) for entry in (asked, result, half, raw, empty)]
    assert as_history([cut_off(*chunks), QUESTION]) == [
        AIMessage([{**asked, "type": "server_tool_call", "args": {"url": "u"}}, result]),
        QUESTION,
    ]


def test_whatever_a_stranger_puts_into_blocks_is_no_error() -> None:
    odd: list[Any] = [
        {"type": kind, "id": {}, "call_id": [], "tool_use_id": {}} for kind in ("tool_use", "server_tool_use", "x")
    ]
    message = AIMessage([*odd, {"type": []}, {"type": "non_standard", "value": 1}, ""], tool_calls=[CALL])
    assert [type(kept) for kept in as_history([message, QUESTION])] == [AIMessage, HumanMessage]


def test_a_long_conversation_is_read_once() -> None:
    """Two million comparisons for a thousand turns would be felt at each of them."""
    reads = 0

    class Counted(ToolMessage):
        def __getattribute__(self, name: str) -> Any:
            nonlocal reads
            reads += name == "tool_call_id"
            return super().__getattribute__(name)

    turns = 50
    messages: list[BaseMessage] = []
    for number in range(turns):
        call = {**CALL, "id": str(number)}
        messages += [
            QUESTION,
            AIMessage("", tool_calls=[call]),
            Counted(content="r", tool_call_id=str(number)),
            AIMessage("a"),
        ]
    reads = 0
    assert as_history(messages) == messages
    assert reads <= 10 * turns


@pytest.mark.filterwarnings("ignore:Received unexpected tool content block")
@pytest.mark.parametrize("output_version", ["v1", None])
@pytest.mark.parametrize("name", CUT_RECORDINGS)
async def test_every_cut_of_a_recorded_answer_makes_a_request(name: str, output_version: str | None) -> None:
    settings = {"output_version": output_version} if output_version else {}
    chunks = await chunks_of(RECORDINGS[name], **settings)
    log = Log()
    async with replayed(RECORDINGS[name], **settings) as model:
        for _ in write_each(log, chunks):
            answers = live(log.deliveries).messages
            if not isinstance(answers[-1], AIMessageChunk):
                break  # it has arrived: what LangChain makes of it is LangChain's own affair
            history = as_history([QUESTION, *answers, QUESTION])
            # What both packages send; none of their public methods tells it without sending it.
            payload = model._get_request_payload(history)  # type: ignore[attr-defined]  # noqa: SLF001
            assert not list(refused(payload))


def refused(payload: dict[str, Any]) -> Iterator[str]:
    """What providers answer with an error in a request of a cut-off answer between two questions."""
    messages = payload.get("input") or payload["messages"]
    for message, following in pairwise(messages):
        if message.get("type") == "reasoning" and following.get("role") == "user":
            yield "a thought that led to nothing"
        if message.get("role") == "assistant" and not message.get("content"):
            yield "an empty message"
        if message.get("tool_calls") or str(message.get("type")).endswith(("function_call", "custom_tool_call")):
            yield "a call without a result"
        blocks = message.get("content") if isinstance(message.get("content"), list) else []
        for entry in blocks:
            answered = any(entry.get("id") == other.get("tool_use_id") for other in blocks)
            if entry["type"] in ("server_tool_use", "tool_use") and not answered:
                yield "a call without a result"
            if entry["type"] == "text" and not entry["text"]:
                yield "an empty text"
            if entry["type"] not in ANTHROPIC_BLOCKS:
                yield f"a {entry['type']} block"
