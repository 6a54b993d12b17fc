"""Agents that stream UI message chunks, as turn handlers over a session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.codec.inputs import tool_result
from ai_transport_codecs.codecs.vercel import ChunkWatch, UIMessage, fork_with_result, pending_tool_calls, ui_turn
from ai_transport_codecs.errors import OperationCancelledError, StreamError


def answer(text: str, *last: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "start"},
        {"type": "text-start", "id": "0"},
        {"type": "text-delta", "id": "0", "delta": text},
        {"type": "text-end", "id": "0"},
        *(last or ({"type": "finish", "finishReason": "stop"},)),
    ]


def text_of(messages: list[UIMessage]) -> list[str]:
    return ["".join(part.get("text", "") for part in message["parts"]) for message in messages]  # type: ignore[misc]


@asynccontextmanager
async def conversation(handler: Any) -> AsyncIterator[ClientSession[UIMessage]]:
    hub = MemoryHub()
    async with AgentSession[UIMessage](hub.client("agent"), "chat", codec="vercel") as session:
        serving = asyncio.create_task(session.serve(handler))
        async with ClientSession[UIMessage](hub.client("alice"), "chat", codec="vercel") as device:
            yield device
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def until(session: ClientSession[UIMessage], holds: Callable[[], bool]) -> None:
    """Wait for the session's runs to be so."""
    reached = asyncio.Event()
    ignore = session.view.on("run", lambda _: reached.set() if holds() else None)
    if not holds():
        await asyncio.wait_for(reached.wait(), 10)
    ignore()


async def stream(chunks: list[Any]) -> AsyncIterator[Any]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def lines(chunks: list[Any]) -> Iterator[str]:
    for chunk in chunks:
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


@pytest.mark.parametrize("form", ["async", "awaited", "list", "lines"])
async def test_an_agent_answers_turn_after_turn(form: str) -> None:
    seen: list[list[str]] = []

    def source(messages: list[UIMessage]) -> Any:
        seen.append(text_of(messages))
        chunks = answer(f"answer {len(messages)}")

        async def later() -> Any:
            return stream(chunks)

        return {"async": stream, "awaited": lambda _: later(), "list": list, "lines": lines}[form](chunks)

    async with conversation(ui_turn(source)) as session:
        for said in ("one", "two"):
            turn = await session.view.send(said)
            await turn.wait()
            assert turn.status == "complete"
        assert text_of(session.view.messages) == ["one", "answer 1", "two", "answer 3"]
    assert seen == [["one"], ["one", "answer 1", "two"]]


async def test_an_error_in_the_stream_is_the_runs_error_and_what_was_said_stays() -> None:
    chunks = answer("so far", {"type": "error", "errorText": "the provider hung up"}, {"type": "finish"})
    async with conversation(ui_turn(lambda _: stream(chunks))) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert turn.status == "error"
        assert "the agent's stream said: the provider hung up" in str(turn.error)
        assert text_of(turn.messages) == ["so far"]


async def test_an_abort_in_the_stream_cancels_the_run() -> None:
    chunks = answer("so far", {"type": "abort", "reason": "enough"})
    async with conversation(ui_turn(lambda _: stream(chunks))) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert (turn.status, text_of(turn.messages)) == ("cancelled", ["so far"])


async def test_a_source_that_raises_ends_the_run_with_its_error() -> None:
    async def source(_: Any) -> AsyncIterator[Any]:
        yield answer("")[0]
        raise ValueError("no more tokens")

    async with conversation(ui_turn(source)) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert turn.status == "error"
        assert "no more tokens" in str(turn.error)


async def test_a_cancel_closes_the_agents_stream() -> None:
    closed = asyncio.Event()

    async def source(_: Any) -> AsyncIterator[Any]:
        try:
            for chunk in answer("so far")[:3]:
                yield chunk
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with conversation(ui_turn(source)) as session:
        turn = await session.view.send("hello")
        async for _ in turn.stream():
            if text_of(turn.messages) == ["so far"]:
                break
        await turn.cancel()
        await turn.wait()
        await asyncio.wait_for(closed.wait(), 5)
        assert (turn.status, text_of(turn.messages)) == ("cancelled", ["so far"])


CALL = {"toolCallId": "c", "toolName": "ask-user"}
ASKING = [
    {"type": "start"},
    {"type": "start-step"},
    {"type": "tool-input-available", **CALL, "input": {"question": "Where?"}},
    {"type": "finish-step"},
    {"type": "finish", "finishReason": "tool-calls"},
]


async def test_a_call_that_the_client_runs_suspends_the_run_and_its_result_resumes_it() -> None:
    def source(messages: list[UIMessage]) -> list[Any]:
        if pending_tool_calls(messages):
            raise AssertionError("asked again before the client answered")
        outputs = [part.get("output") for message in messages for part in message["parts"] if "toolCallId" in part]
        return answer(f"You are in {outputs[0]}") if outputs else ASKING

    async with conversation(ui_turn(source)) as session:
        turn = await session.view.send("Plan a trip")
        await turn.wait()
        assert turn.status == "suspended"
        (waiting,) = [entry for entry in session.view.get_messages() if entry.message["role"] == "assistant"]
        (call,) = pending_tool_calls([waiting.message])
        assert (call["toolName"], call["input"]) == ("ask-user", {"question": "Where?"})
        result = tool_result(waiting.id, {"toolCallId": "c", "output": "Lisbon"})
        turn = await session.view.send(result, run_id=turn.run_id)
        await until(session, lambda: [run.status for run in session.view.runs()] == ["complete"])
        assert text_of(session.view.messages)[-1] == "You are in Lisbon"
        parts: list[Any] = [part for message in session.view.messages for part in message["parts"]]
        assert [part["output"] for part in parts if "output" in part] == ["Lisbon"]


async def test_a_fork_answers_a_call_in_a_run_of_its_own() -> None:
    seen: list[list[UIMessage]] = []

    def source(messages: list[UIMessage]) -> list[Any]:
        seen.append(messages)
        return ASKING if len(seen) == 1 else answer("You are in Lisbon")

    async with conversation(ui_turn(source)) as session:
        asked = await session.view.send("Plan a trip")
        await asked.wait()
        user, _ = session.view.get_messages()
        fork = fork_with_result(asked.get_messages(), "c", "Lisbon", run_id=asked.run_id, parent=user.id)
        turn = await session.view.send(fork.input, **fork.options)
        await turn.wait()
        assert (turn.status, turn.run_id == asked.run_id) == ("complete", False)
        assert text_of(session.view.messages) == ["Plan a trip", "", "You are in Lisbon"]
    assert [message["role"] for message in seen[1]] == ["user", "assistant"]
    answered: Any = seen[1][1]["parts"][-1]
    assert (answered["state"], answered["output"]) == ("output-available", "Lisbon")


async def test_what_is_no_stream_is_refused_with_advice() -> None:
    async with conversation(ui_turn(lambda _: "hello")) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert "unable to answer with a str; give what streams" in str(turn.error)


# --- how a run ends, told without a session


class Result(NamedTuple):
    reason: str


class Messages:
    async def load(self) -> None: ...

    def get_messages(self) -> list[CodecMessage[Any]]:
        return []


class SuspendableRun:
    """A run that reads its source to the end and notes what is done with it."""

    run_id = "r"
    view = Messages()
    cancel_token: Any = None  # nothing here waits for it

    def __init__(self, reason: str = "complete") -> None:
        self.reason = reason
        self.done: list[str] = []

    def has_input(self) -> bool:
        return True

    async def pipe(self, source: Any) -> Result:
        async for _ in source:
            pass
        return Result(self.reason)

    async def suspend(self) -> None:
        self.done.append("suspended")

    async def end(self, reason: str) -> None:
        self.done.append(reason)


@pytest.mark.parametrize(
    ("last", "reason", "done"),
    [
        ({"type": "finish", "finishReason": "tool-calls"}, "complete", ["suspended"]),
        ({"type": "finish", "finishReason": "tool-calls"}, "cancelled", []),
        ({"type": "finish", "finishReason": "stop"}, "complete", []),
        ({"type": "finish"}, "complete", []),
        ({"type": "abort"}, "complete", ["cancelled"]),
        ({"type": "abort"}, "error", []),
        ({"type": "error", "errorText": "x"}, "cancelled", []),
    ],
)
async def test_how_the_stream_ends_is_how_the_run_ends(last: dict[str, Any], reason: str, done: list[str]) -> None:
    run = SuspendableRun(reason)
    await ui_turn(lambda _: stream(answer("x", last)))(run)
    assert run.done == done


# --- the watch by itself


async def test_the_watch_hands_over_every_chunk_and_knows_the_reason() -> None:
    chunks = answer("x", {"type": "finish", "finishReason": "length"})
    for source in (stream(chunks), stream(list(lines(chunks)))):
        watch = ChunkWatch()
        watched: Any = watch.chunks(source)
        assert [chunk async for chunk in watched] == chunks
        assert watch.finish_reason() == "length"
    for steps in (chunks, lines(chunks), [json.dumps(chunk).join(("data: ", "")) for chunk in chunks]):
        watch = ChunkWatch()
        found: Any = watch.chunks(steps)
        assert list(found) == chunks
        assert watch.finish_reason() == "length"


def test_the_reason_is_that_of_the_last_message() -> None:
    watch = ChunkWatch()
    found: Any = watch.chunks([*answer("x", {"type": "error", "errorText": "boom"}), *answer("y")])
    list(found)
    assert watch.finish_reason() == "stop"


@pytest.mark.parametrize(
    ("last", "error", "message"),
    [
        ({"type": "error", "errorText": "boom"}, StreamError, "the agent's stream said: boom"),
        ({"type": "abort", "reason": "enough"}, OperationCancelledError, "the agent's stream was aborted: enough"),
        ({"type": "abort"}, OperationCancelledError, "the agent's stream was aborted$"),
    ],
)
def test_a_stream_that_broke_off_has_no_reason(last: dict[str, Any], error: type[Exception], message: str) -> None:
    watch = ChunkWatch()
    found: Any = watch.chunks(answer("x", last))
    list(found)
    with pytest.raises(error, match=message):
        watch.finish_reason()


@pytest.mark.parametrize("source", [7, None, "data: {}", b"", {"type": "start"}])
def test_what_cannot_be_iterated_is_refused(source: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"unable to answer with a {type(source).__name__}; give what str"):
        ChunkWatch().chunks(source)


async def test_a_source_that_never_began_is_closed_too() -> None:
    class Body:
        def __init__(self) -> None:
            self.is_closed = False

        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            raise StopIteration

        def close(self) -> None:
            self.is_closed = True

    begun = stream(answer("x"))
    watched: Any = ChunkWatch().chunks(begun)
    await watched.aclose()
    assert [chunk async for chunk in begun] == []
    body = Body()
    steps: Any = ChunkWatch().chunks(body)
    steps.close()
    assert body.is_closed


# --- several devices


def agentic() -> list[dict[str, Any]]:
    """Two steps with a tool between, as streamText gives them."""
    call = {"toolCallId": "c", "toolName": "weather"}
    return [
        {"type": "start", "messageId": "ui"},
        {"type": "start-step"},
        {"type": "reasoning-start", "id": "r"},
        {"type": "reasoning-delta", "id": "r", "delta": "The user asks for the weather."},
        {"type": "tool-input-start", **call},
        *(
            {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": text}
            for text in ('{"city":', '"Lisbon"}')
        ),
        {"type": "reasoning-end", "id": "r"},
        {"type": "tool-input-available", **call, "input": {"city": "Lisbon"}},
        {"type": "tool-output-available", "toolCallId": "c", "output": {"sun": True}},
        {"type": "finish-step"},
        {"type": "start-step"},
        {"type": "text-start", "id": "0"},
        *({"type": "text-delta", "id": "0", "delta": text} for text in ("Take ", "sun", "glasses")),
        {"type": "text-end", "id": "0"},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "stop"},
    ]


PARTS = [
    {"type": "step-start"},
    {"type": "reasoning", "text": "The user asks for the weather."},
    {
        "type": "tool-weather",
        "toolCallId": "c",
        "state": "output-available",
        "input": {"city": "Lisbon"},
        "output": {"sun": True},
    },
    {"type": "step-start"},
    {"type": "text", "text": "Take sunglasses"},
]


@pytest.mark.parametrize("joins_at", range(len(agentic()) + 1))
async def test_a_device_that_joins_at_any_chunk_ends_with_the_same_message(joins_at: int) -> None:
    reached, joined = asyncio.Event(), asyncio.Event()

    async def source(_: Any) -> AsyncIterator[Any]:
        for number, chunk in enumerate(agentic()):
            if number == joins_at:
                reached.set()
                await joined.wait()
            yield chunk
        reached.set()
        await joined.wait()

    hub = MemoryHub()
    async with AgentSession[UIMessage](hub.client("agent"), "chat", codec="vercel") as agent:
        serving = asyncio.create_task(agent.serve(ui_turn(source)))
        async with ClientSession[UIMessage](hub.client("alice"), "chat", codec="vercel") as alice:
            turn = await alice.view.send("hello")
            await reached.wait()
            async with ClientSession[UIMessage](hub.client("bob"), "chat", codec="vercel") as bob:
                joined.set()
                await turn.wait()
                await until(bob, lambda: [run.status for run in bob.view.runs()] == ["complete"])
                assert [message["parts"] for message in bob.view.messages[-1:]] == [PARTS]
                assert bob.view.messages == alice.view.messages
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
