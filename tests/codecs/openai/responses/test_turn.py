"""``responses_turn`` with the real client, a loopback provider, and sessions over the memory channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codecs.openai.responses import ResponsesMessage, responses_turn
from tests.codecs.openai.responses.replay import provider, sse
from tests.codecs.openai.responses.scripts import answer, call, calling, completed, created, message, text_part

BUNDLED = Path(__file__).parents[3] / "recordings" / "langchain_openai-1.7.4"


@asynccontextmanager
async def conversation(handler: Any) -> AsyncIterator[ClientSession[ResponsesMessage]]:
    hub = MemoryHub()
    async with AgentSession[ResponsesMessage](hub.client("agent"), "chat", codec="openai-responses") as session:
        serving = asyncio.create_task(session.serve(handler))
        async with ClientSession[ResponsesMessage](hub.client("alice"), "chat", codec="openai-responses") as device:
            yield device
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def say(session: ClientSession[ResponsesMessage], value: Any) -> list[ResponsesMessage]:
    turn = await session.view.send(value)
    await turn.wait()
    if turn.error is not None:
        raise turn.error
    return turn.messages


def says(id_: str, text: str, response: str = "resp_1") -> bytes:
    return sse(created(response), *answer(id_, text), completed(message(id_, text_part(text)), id_=response))


def calls(id_: str, call_id: str, arguments: str, name: str = "weather", response: str = "resp_1") -> bytes:
    item = call(id_, call_id, arguments, name=name)
    return sse(created(response), *calling(id_, call_id, arguments, name=name), completed(item, id_=response))


async def test_a_conversation_goes_on_turn_after_turn() -> None:
    async with (
        provider(says("m1", "one"), says("m2", "two")) as (client, running),
        conversation(responses_turn(client, model="gpt", temperature=0.5)) as session,
    ):
        [first] = await say(session, "hello")
        parts = [{"type": "input_text", "text": "and"}, {"type": "input_image", "file_id": "f"}]
        await say(session, {"role": "user", "content": parts})
        assert first["items"] == [message("m1", text_part("one"))]
    assert [request["input"] for request in running.requests] == [
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            message("m1", text_part("one")),
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "and"}, {"type": "input_image", "file_id": "f"}],
            },
        ],
    ]
    assert {(request["model"], request["stream"], request["temperature"]) for request in running.requests} == {
        ("gpt", True, 0.5)
    }


@pytest.mark.parametrize("name", ["reasoning--1", "web-search--1", "code-interpreter--1", "incomplete-response--1"])
async def test_a_recorded_response_reaches_the_device(name: str) -> None:
    body = (BUNDLED / f"responses--test-{name}.sse").read_bytes()
    async with provider(body) as (client, _), conversation(responses_turn(client, model="gpt")) as session:
        [held] = await say(session, "go")
    assert held.get("response", {}).get("status") == ("incomplete" if "incomplete" in name else "completed")
    assert held["items"]


async def test_functions_are_called_until_the_model_is_done() -> None:
    async def weather(city: str) -> dict[str, Any]:
        """The weather in a city."""
        return {"city": city, "sunny": True}

    bodies = calls("f1", "c1", '{"city":"Lisbon"}'), says("m1", "Sunny.", "resp_2")
    async with (
        provider(*bodies) as (client, running),
        conversation(responses_turn(client, model="gpt", tools={"weather": weather})) as session,
    ):
        asked, output, answered = await say(session, "Lisbon?")
    result = {"type": "function_call_output", "call_id": "c1", "output": '{"city": "Lisbon", "sunny": true}'}
    assert asked["items"] == [call("f1", "c1", '{"city":"Lisbon"}', name="weather")]
    assert output["items"] == [result]
    assert answered["items"] == [message("m1", text_part("Sunny."))]
    assert running.requests[1]["input"][1:] == [*asked["items"], result]
    [tool] = running.requests[0]["tools"]
    assert (tool["type"], tool["name"], tool["description"]) == ("function", "weather", "The weather in a city.")
    assert tool["parameters"]["required"] == ["city"]


@pytest.mark.parametrize(
    ("arguments", "says_"),
    [('{"city"', "Error: the arguments are not JSON"), ("[1]", "no JSON object"), ('{"x":1}', "Error: TypeError")],
)
async def test_what_goes_wrong_in_a_call_is_told_to_the_model(arguments: str, says_: str) -> None:
    async def weather(city: str) -> str:
        return city

    async with (
        provider(calls("f1", "c1", arguments), says("m1", "Sorry.", "resp_2")) as (client, running),
        conversation(responses_turn(client, model="gpt", tools={"weather": weather})) as session,
    ):
        asked, output, _ = await say(session, "Lisbon?")
    assert asked["items"][0]["arguments"] == arguments, "kept as it came"
    assert says_ in output["items"][0]["output"]
    assert says_ in running.requests[1]["input"][-1]["output"]


async def test_calls_of_functions_that_are_not_here_are_left_to_the_client() -> None:
    async with provider(calls("f1", "c1", "{}", name="locate")) as (client, running):
        tool = {"type": "function", "name": "locate", "parameters": {}}
        async with conversation(responses_turn(client, model="gpt", tools=[tool])) as session:
            [asked] = await say(session, "Where am I?")
    assert asked["items"][0]["name"] == "locate"
    assert len(running.requests) == 1


async def test_a_call_of_a_response_that_broke_off_is_not_run() -> None:
    ran = []

    async def weather() -> str:
        ran.append(1)
        return ""

    body = sse(created(), *calling("f1", "c1", "{}", name="weather"))
    async with (
        provider(body) as (client, running),
        conversation(responses_turn(client, model="gpt", tools={"weather": weather})) as session,
    ):
        [held] = await say(session, "?")
    assert held.get("response", {}).get("status") == "incomplete"
    assert (ran, len(running.requests)) == ([], 1)


async def test_a_cancel_closes_the_providers_stream_and_keeps_what_was_said() -> None:
    body = sse(created(), *answer("m1", "so far")[:3]) + b"..."
    async with provider(body) as (client, running), conversation(responses_turn(client, model="gpt")) as session:
        turn = await session.view.send("tell me")
        async for said in turn.stream():
            if said and said["items"] and said["items"][0]["content"]:
                break
        await turn.cancel()
        await turn.wait()
        await running.closed.wait()
        assert turn.status == "cancelled"
        assert turn.messages[0]["items"][0]["content"][0]["text"] == "so far"


async def test_a_failed_response_ends_the_run_with_its_error() -> None:
    failed = completed(status="failed")
    failed["response"]["error"] = {"code": "server_error", "message": "out of luck"}
    async with (
        provider(sse(created(), failed)) as (client, _),
        conversation(responses_turn(client, model="gpt")) as session,
    ):
        turn = await session.view.send("hello")
        await turn.wait()
        assert turn.status == "error"
        assert "the response failed: out of luck (server_error)" in str(turn.error)


async def test_an_input_mapping_may_be_asynchronous() -> None:
    async def last(messages: list[ResponsesMessage]) -> list[Any]:
        await asyncio.sleep(0)
        return messages[-1]["items"]

    async with (
        provider(says("m1", "one"), says("m2", "two")) as (client, running),
        conversation(responses_turn(client, model="gpt", input=last)) as session,
    ):
        await say(session, "first")
        await say(session, "second")
    assert [len(request["input"]) for request in running.requests] == [1, 1]


def test_parameters_of_the_handlers_own_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="sets 'background' and 'stream' of each request itself"):
        responses_turn(object(), model="gpt", stream=True, background=True)  # type: ignore[arg-type]
