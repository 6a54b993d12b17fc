"""Real provider streams, through LlamaIndex's own OpenAI LLMs: readers hold what LlamaIndex makes of them, or better.

LlamaIndex's OpenAI package wants an older openai than other tests do, so these have an environment of their own.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from ai_transport_codecs.codecs.llamaindex import as_history
from tests.codecs.llamaindex.replay import HAS_OPENAI, RECORDINGS, api_of, replayed
from tests.codecs.llamaindex.wire import Log, Reader, joined, late, live, write_all, write_each

if not HAS_OPENAI:
    pytest.skip("llama-index-llms-openai has an environment of its own: llamaindex-openai", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning")


@pytest.fixture(params=list(RECORDINGS.values()), ids=list(RECORDINGS))
def recording(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


async def responses_of(recording: Path) -> list[ChatResponse]:
    """What the LLM streams; up to where it raises, if LlamaIndex itself does."""
    items: list[ChatResponse] = []
    async with replayed(recording) as llm:
        async for item in await llm.astream_chat([ChatMessage("hi")]):
            items.append(item)  # noqa: PERF401  # what came before it raises counts
    return items


def plain(message: ChatMessage) -> Any:
    """A message in which a provider's objects are what they are as JSON."""
    return message.model_dump(mode="json")


def right(items: list[ChatResponse]) -> ChatMessage | None:
    """LlamaIndex's last message, unless that is less than what it streamed: then nothing to compare with."""
    last = items[-1].message
    text = "".join(item.delta or "" for item in items)
    said = "".join(getattr(block, "text", "") for block in last.blocks)
    return last if len(said) >= len(text) and last.blocks else None


def test_there_are_recordings_of_each_api() -> None:
    assert {api_of(path) for path in RECORDINGS.values()} == {"chat.completions", "responses"}


async def test_readers_hold_what_llamaindex_makes_of_the_answer(recording: Path) -> None:
    items = await responses_of(recording)
    deliveries = write_all(items).deliveries
    [held] = live(deliveries).messages
    expected = right(items)
    if expected is None:
        # An answer that was cut off ends with no blocks at all in LlamaIndex; readers keep what they have seen.
        assert "".join(getattr(block, "text", "") for block in held.blocks) == "".join(
            item.delta or "" for item in items
        )
    else:
        assert plain(held) == plain(expected)
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).messages == [held]
        as_history(Reader().read(late(deliveries, position)).projection.messages)


async def test_at_each_response_readers_hold_a_message_that_openai_would_accept(recording: Path) -> None:
    items = await responses_of(recording)
    to_dicts = import_module("llama_index.llms.openai.utils").to_openai_message_dicts
    is_responses = api_of(recording) == "responses"
    log = Log()
    for number, _ in enumerate(write_each(log, items)):
        if number % 5 == 0:
            to_dicts([ChatMessage("hi"), *as_history(live(log.deliveries).messages)], is_responses_api=is_responses)
    history = as_history(live(log.deliveries).messages)
    assert to_dicts([ChatMessage("hi"), *history], is_responses_api=is_responses)


async def test_nothing_is_sent_twice(recording: Path) -> None:
    items = await responses_of(recording)
    text = "".join(item.delta or "" for item in items)
    if len(text) < 200:
        pytest.skip("too short for a repetition to show")
    assert str([delivery.data for delivery in write_all(items).deliveries]).count(text[-60:]) == 0


async def test_an_agent_over_the_real_llm_ends_with_its_result(recording: Path) -> None:
    items = await responses_of(recording)
    if api_of(recording) == "responses" or any(
        type(block).__name__ == "ToolCallBlock" for block in items[-1].message.blocks
    ):
        pytest.skip("asks for tools that nobody has")
    async with replayed(recording) as llm:
        handler = FunctionAgent(tools=[], llm=llm).run(user_msg="hi")
        events = [event async for event in handler.stream_events()]
        result: Any = await handler
    assert plain(live(write_all(events).deliveries).messages[-1]) == plain(result.response)
