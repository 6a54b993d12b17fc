"""A chat completion as a turn: a real client, a loopback server that replays bodies, and sessions at both ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from aiohttp import web
from openai import AsyncOpenAI

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codecs.openai.chat import ChatMessage, chat_turn
from tests.codecs.openai.chat.recordings import BUNDLED
from tests.codecs.openai.chat.test_translator import chunk


class Provider:
    """A server that answers the first request with the first body, and so on; ``hangs`` after the last one's text."""

    def __init__(self, bodies: Iterable[bytes], *, hangs: bool = False) -> None:
        self.requests: list[dict[str, Any]] = []
        self.hung_up = asyncio.Event()
        self._bodies = iter(bodies)
        self._hangs = hangs

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(await request.json())
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(next(self._bodies))
        if self._hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.hung_up.set()
        return response


class Refusing(Provider):
    """A server that knows no model."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound(
            text=json.dumps({"error": {"message": "no such model"}}), content_type="application/json"
        )


def body(*chunks: dict[str, Any]) -> bytes:
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks).encode() + b"data: [DONE]\n\n"


def says(text: str) -> bytes:
    return body(chunk({"role": "assistant", "content": text}), chunk(finish_reason="stop"))


def calls(*wanted: tuple[str, str, str]) -> bytes:
    pieces = [
        {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
        for index, (id_, name, arguments) in enumerate(wanted)
    ]
    return body(chunk({"tool_calls": pieces}), chunk(finish_reason="tool_calls"))


@asynccontextmanager
async def client_of(provider: Provider) -> AsyncIterator[AsyncOpenAI]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with AsyncOpenAI(api_key="-", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0) as client:
            yield client
    finally:
        await runner.cleanup()


@asynccontextmanager
async def conversation(handler: Any) -> AsyncIterator[ClientSession[ChatMessage]]:
    hub = MemoryHub()
    async with AgentSession[ChatMessage](hub.client("agent"), "chat", codec="openai-chat") as session:
        serving = asyncio.create_task(session.serve(handler))
        async with ClientSession[ChatMessage](hub.client("alice"), "chat", codec="openai-chat") as device:
            yield device
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def say(session: ClientSession[ChatMessage], text: str) -> list[ChatMessage]:
    turn = await session.view.send(text)
    await turn.wait()
    if turn.error is not None:
        raise turn.error
    return turn.messages


async def test_a_model_answers_turn_after_turn_with_the_conversation_so_far() -> None:
    provider = Provider([says("one"), says("two")])
    async with client_of(provider) as client:
        handler = chat_turn(client, model="gpt", instructions="Be brief.", temperature=0)
        async with conversation(handler) as session:
            assert [message["content"] for message in await say(session, "first")] == ["one"]
            assert [message["content"] for message in await say(session, "second")] == ["two"]
    assert provider.requests[1] == {
        "model": "gpt",
        "stream": True,
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "one"},
            {"role": "user", "content": "second"},
        ],
    }


async def weather(city: str, unit: Literal["C", "F"] = "C") -> dict[str, Any]:
    """The weather in a city."""
    if city == "Atlantis":
        raise LookupError("no such city")
    return {"city": city, "degrees": 20, "unit": unit}


async def test_tools_are_run_and_the_model_is_asked_again() -> None:
    asked = calls(
        ("a", "weather", '{"city": "Lisbon"}'),
        ("b", "weather", '{"city": "Atlantis"}'),
        ("c", "weather", '{"city'),
        ("d", "weather", "[1]"),
    )
    provider = Provider([asked, says("Sunny in Lisbon")])
    async with (
        client_of(provider) as client,
        conversation(chat_turn(client, model="gpt", tools={"weather": weather})) as session,
    ):
        messages = await say(session, "Weather?")
    assert [message["role"] for message in messages] == ["assistant", *["tool"] * 4, "assistant"]
    assert messages[-1]["content"] == "Sunny in Lisbon"
    results = {message["tool_call_id"]: message["content"] for message in messages[1:-1]}
    assert json.loads(results["a"]) == {"city": "Lisbon", "degrees": 20, "unit": "C"}
    assert results["b"] == "Error: LookupError: no such city"
    assert results["c"].startswith("Error: the arguments are not JSON (")
    assert results["d"] == "Error: the arguments are no JSON object; call weather again with an object."
    first, second = provider.requests
    assert first["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "The weather in a city.",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}},
                    "required": ["city"],
                },
            },
        }
    ]
    assert [message.get("tool_call_id") for message in second["messages"][2:]] == ["a", "b", "c", "d"]


async def test_a_call_of_a_tool_that_clients_run_waits_for_its_result() -> None:
    provider = Provider([calls(("a", "confirm", "{}")), says("Booked")])
    described = [{"type": "function", "function": {"name": "confirm", "parameters": {}}}]
    async with (
        client_of(provider) as client,
        conversation(chat_turn(client, model="gpt", tools=described)) as session,
    ):
        [asked] = await say(session, "Book it")
    assert asked["tool_calls"][0]["function"]["name"] == "confirm"
    assert len(provider.requests) == 1


async def test_a_model_that_never_stops_calling_is_stopped() -> None:
    provider = Provider(calls((f"a{number}", "weather", '{"city": "x"}')) for number in range(9))
    async with (
        client_of(provider) as client,
        conversation(chat_turn(client, model="gpt", tools={"weather": weather}, max_rounds=3)) as session,
    ):
        await say(session, "Weather?")
    assert len(provider.requests) == 3


async def test_a_cancelled_turn_closes_the_response_and_keeps_what_was_said() -> None:
    provider = Provider([b"data: " + json.dumps(chunk({"content": "so far"})).encode() + b"\n\n"], hangs=True)
    async with client_of(provider) as client, conversation(chat_turn(client, model="gpt")) as session:
        turn = await session.view.send("Tell me everything")
        async for _ in turn.stream():
            if turn.messages and turn.messages[0]["content"] == "so far":
                break
        await turn.cancel()
        await turn.wait()
        assert turn.status == "cancelled"
        await asyncio.wait_for(provider.hung_up.wait(), 10)
        assert [message["content"] for message in turn.messages] == ["so far"]


async def test_a_cancelled_turn_cancels_the_tools_that_still_run() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def wait_for_ever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    provider = Provider([calls(("a", "wait", ""))])
    async with (
        client_of(provider) as client,
        conversation(chat_turn(client, model="gpt", tools={"wait": wait_for_ever})) as session,
    ):
        turn = await session.view.send("Wait")
        await started.wait()
        await turn.cancel()
        await turn.wait()
        await asyncio.wait_for(stopped.wait(), 10)
        assert turn.status == "cancelled"


async def test_a_request_that_fails_ends_the_run_with_what_the_provider_said() -> None:
    provider = Refusing([])
    async with client_of(provider) as client, conversation(chat_turn(client, model="gpt")) as session:
        turn = await session.view.send("hello")
        await turn.wait()
        assert turn.status == "error"
        assert "no such model" in str(turn.error)


@pytest.mark.parametrize("name", ["*multiple-tools-streaming*", "*gemini-complete*", "*openrouter*streamed-response*"])
async def test_recorded_answers_arrive(name: str) -> None:
    [recording] = BUNDLED.rglob(f"chat.completions--{name}.sse")
    async with (
        client_of(Provider([recording.read_bytes()])) as client,
        conversation(chat_turn(client, model="gpt")) as session,
    ):
        [message] = await say(session, "hello")
        assert message["content"] or message["tool_calls"]


def test_parameters_and_functions_that_cannot_be_are_refused_at_once() -> None:
    client = AsyncOpenAI(api_key="-")

    def not_asynchronous() -> None: ...

    async def positional(x: int, /) -> None: ...

    with pytest.raises(InvalidArgumentError, match="chat_turn sets 'messages' and 'stream' of each request itself"):
        chat_turn(client, model="gpt", stream=True, messages=[])
    with pytest.raises(InvalidArgumentError, match="tool 'f' is not asynchronous; define it with 'async def'"):
        chat_turn(client, model="gpt", tools={"f": not_asynchronous})  # type: ignore[dict-item]  # what is tested
    with pytest.raises(InvalidArgumentError, match="tool 'f' has the parameter 'x', which cannot be given by name"):
        chat_turn(client, model="gpt", tools={"f": positional})
