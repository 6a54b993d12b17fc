"""Bridged turns that end in other ways than well, and several pipes in one message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from ai_transport_codecs.bridges import UiTranslator, bridged, ui_chunks, ui_history
from ai_transport_codecs.codec.handler import TurnRun
from ai_transport_codecs.errors import InvalidArgumentError, UnsupportedEventError
from tests.bridges.client_rules import check
from tests.bridges.langchain.scripts import ANSWERING, CALLING, RESULTS
from tests.bridges.stage import conversation


async def test_a_source_that_raises_ends_the_message_and_the_run_with_its_error() -> None:
    closed = []

    async def source() -> AsyncIterator[Any]:
        try:
            yield AIMessageChunk(content="so far")
            raise ValueError("the provider hung up")
        finally:
            closed.append(True)

    async def answer(run: TurnRun) -> None:
        result = await run.pipe(source())
        assert result.reason == "error"

    async with conversation(bridged(answer, "langchain")) as talk:
        turn = await talk.device.view.send("Hello")
        await turn.wait()
        assert (turn.status, closed) == ("error", [True])
        assert "the provider hung up" in str(turn.error)
        (message,) = turn.messages
        assert message["parts"] == [{"type": "step-start"}, {"type": "text", "text": "so far"}]

    chunks: list[dict[str, Any]] = []

    async def read() -> None:
        async for chunk in ui_chunks(source(), "langchain"):
            chunks.append(chunk)  # noqa: PERF401  # what came before it raises counts

    with pytest.raises(ValueError, match="hung up"):
        await read()
    check(chunks)
    assert chunks[-1] == {"type": "error", "errorText": "the provider hung up"}


@pytest.mark.parametrize("waits_in", ["source", "handler"])
async def test_a_cancelled_turn_closes_its_source_and_keeps_what_was_said(waits_in: str) -> None:
    here, closed = asyncio.Event(), []

    async def source() -> AsyncIterator[Any]:
        try:
            yield AIMessageChunk(content="so far")
            if waits_in == "source":
                here.set()
                await asyncio.Event().wait()
        finally:
            closed.append(True)

    async def answer(run: TurnRun) -> None:
        result = await run.pipe(source())
        if waits_in == "handler":
            here.set()
            await asyncio.Event().wait()
        assert result.reason == "cancelled"

    async with conversation(bridged(answer, "langchain")) as talk:
        turn = await talk.device.view.send("Hello")
        await here.wait()
        await turn.cancel()
        await turn.wait()
        assert (turn.status, closed) == ("cancelled", [True])
        (message,) = turn.messages
        assert message["parts"][-1] == {"type": "text", "text": "so far"}


async def test_what_a_handler_pipes_one_after_the_other_is_one_message_in_steps() -> None:
    async def answer(run: TurnRun) -> None:
        for items in (CALLING, RESULTS, ANSWERING):
            result = await run.pipe(items)
            assert result.reason == "complete"

    async with conversation(bridged(answer, "langchain")) as talk:
        (message,) = await talk.say("How is Lisbon?")
    assert [part["type"] for part in message["parts"]].count("step-start") == 2


async def test_a_handler_that_raises_between_two_pipes_ends_the_message_too() -> None:
    async def answer(run: TurnRun) -> None:
        await run.pipe([AIMessageChunk(content="so far")])
        raise RuntimeError("no tool of that name")

    async with conversation(bridged(answer, "langchain")) as talk:
        turn = await talk.device.view.send("Hello")
        await turn.wait()
        assert turn.status == "error"
        assert "no tool of that name" in str(turn.error)


async def test_a_turn_that_says_nothing_is_an_empty_message() -> None:
    async def answer(run: TurnRun) -> None:
        await run.pipe([])

    async with conversation(bridged(answer, "langchain")) as talk:
        (message,) = await talk.say("Hello")
    assert message["parts"] == []
    check([chunk async for chunk in ui_chunks([], "langchain")])


async def test_chunks_that_nobody_reads_close_their_source() -> None:
    closed = []

    class Source:
        def __aiter__(self) -> AsyncIterator[Any]:
            raise AssertionError

        async def aclose(self) -> None:
            closed.append(True)

    await ui_chunks(Source(), "langchain").aclose()
    assert closed == [True]


async def test_what_is_none_of_the_frameworks_is_refused_in_its_codecs_words() -> None:
    with pytest.raises(UnsupportedEventError, match="codec 'langchain' cannot carry an item of type int"):
        UiTranslator("langchain").translate(42)


@pytest.mark.parametrize(
    "use",
    [
        UiTranslator,
        lambda name: ui_chunks([], name),
        lambda name: ui_history([], name),
        lambda name: bridged(lambda run: run.pipe([]), name),
    ],
)
def test_a_framework_without_a_bridge_is_refused_at_once(use: Any) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"no bridge from 'haystack' to UI messages, only from 'langchain', "
    ):
        use("haystack")
    with pytest.raises(InvalidArgumentError, match="its streams are UI message chunks already"):
        use("vercel")


async def test_a_call_that_comes_whole_may_be_longer_than_a_message_on_the_channel() -> None:
    given = {"text": 'é"' * 50_000}

    async def answer(run: TurnRun) -> None:
        await run.pipe([AIMessage(content="", tool_calls=[{"name": "save", "args": given, "id": "c1"}])])

    async with conversation(bridged(answer, "langchain")) as talk:
        turn = await talk.device.view.send("Save it")
        await turn.wait()
        assert turn.status == "suspended", turn.error  # nobody ran the tool
        part: Any
        [part] = [each for each in turn.messages[0]["parts"] if "toolCallId" in each]
        assert (part["type"], part["state"], part["input"] == given) == ("tool-save", "input-available", True)
