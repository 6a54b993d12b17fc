"""Chat completions, through the bridge to UI messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from ai_transport_codecs import get_codec
from ai_transport_codecs.bridges import UiTranslator, bridged, ui_history
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.openai.chat import chat_turn
from tests.bridges.client_rules import check
from tests.bridges.fidelity import METADATA, PARTS
from tests.bridges.reading import folded, told
from tests.bridges.stage import conversation, seen_from_everywhere
from tests.codecs.openai.chat.recordings import RECORDINGS, chunks_in
from tests.codecs.openai.responses.replay import provider


def chunk(id_: str, reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    about = {"id": id_, "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    return {**about, "choices": [choice]}


def call(index: int, args: str, **more: Any) -> dict[str, Any]:
    """A piece of a tool call; only the first one has an id and a name."""
    name = {"name": more.pop("name")} if "name" in more else {}
    return chunk("c1", tool_calls=[{"index": index, **more, "function": {**name, "arguments": args}}])


def usage(id_: str, used: int, made: int) -> dict[str, Any]:
    tokens = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
    return {"id": id_, "object": "chat.completion.chunk", "created": 1, "model": "m-1", "choices": [], "usage": tokens}


CALLING: Final = [
    chunk("c1", role="assistant", content=""),
    chunk("c1", reasoning_content="Weather "),
    chunk("c1", reasoning_content="first."),
    chunk("c1", content="Let me "),
    chunk("c1", content="look."),
    call(0, "", id="call-1", type="function", name="weather"),
    call(1, "", id="call-2", type="function", name="clock"),
    call(0, '{"city":'),
    call(1, '{"zone":'),
    call(0, ' "Lisbon"}'),
    call(1, ' "WET"}'),
    chunk("c1", "tool_calls"),
    usage("c1", 10, 20),
]
RESULTS: Final = [
    {"role": "tool", "tool_call_id": "call-1", "content": "sunny in Lisbon"},
    {"role": "tool", "tool_call_id": "call-2", "content": "noon in WET"},
]
ANSWERING: Final = [chunk("c2", content="Sunny, "), chunk("c2", "stop", content="and noon."), usage("c2", 30, 5)]


async def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def clock(zone: str) -> str:
    """The time in a zone."""
    return f"noon in {zone}"


def body(chunks: list[dict[str, Any]]) -> bytes:
    return b"".join(lines(chunks))


def lines(chunks: list[dict[str, Any]]) -> Iterator[bytes]:
    for each in chunks:
        yield f"data: {json.dumps(each)}\n\n".encode()
    yield b"data: [DONE]\n\n"


async def test_a_turn_that_calls_two_tools_at_once_loses_nothing() -> None:
    async with provider(body(CALLING), body(ANSWERING), body(ANSWERING)) as (client, seen):
        handler = chat_turn(client, model="m-1", tools={"weather": weather, "clock": clock})
        async with conversation(bridged(handler, "openai-chat")) as talk:
            (message,) = await talk.say("How is Lisbon?")
            assert message["parts"] == PARTS
            assert message.get("metadata") == METADATA
            await talk.say("Thank you.")
    asked = seen.requests[-1]["messages"]
    assert [each["role"] for each in asked] == ["user", "assistant", "tool", "tool", "assistant", "user"]
    assert [each["id"] for each in asked[1]["tool_calls"]] == ["call-1", "call-2"]
    assert [each["content"] for each in asked[2:4]] == ["sunny in Lisbon", "noon in WET"]


async def test_every_device_sees_the_same_wherever_it_joins() -> None:
    message, others = await seen_from_everywhere([*CALLING, *RESULTS, *ANSWERING], "openai-chat")
    assert message["parts"] == PARTS
    assert all(other == message for other in others)


async def test_a_call_that_is_left_to_the_client_suspends_the_run() -> None:
    described = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    async with provider(body(CALLING)) as (client, _):
        handler = chat_turn(client, model="m-1", tools=described)
        async with conversation(bridged(handler, "openai-chat")) as talk:
            turn = await talk.device.view.send("How is Lisbon?")
            await turn.wait()
            assert turn.status == "suspended"


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_ui_message_says_all_that_the_completion_does(name: str) -> None:
    found = chunks_in(RECORDINGS[name].read_bytes())
    translator = UiTranslator("openai-chat")
    chunks = [each for item in found for each in translator.translate(item)] + translator.finish()
    check(chunks)
    codec = get_codec("openai-chat")
    reader, projection = codec.create_translator(), codec.init()
    for events in (*(reader.translate(item) for item in found), reader.finish()):
        for event in events:
            codec.fold_output(projection, event, FoldMeta("", reader.message_key(event)))
    said = told([folded(chunks)], "vercel")
    said["data"] = [each for each in said["data"] if each[0] != "choice"]
    assert said == told([entry.message for entry in codec.get_messages(projection)], "openai-chat")


def test_other_choices_are_data() -> None:
    both = {**chunk("c", "stop", content="one"), "choices": []}
    both["choices"] = [
        {"index": index, "delta": {"content": text}, "finish_reason": "stop"} for index, text in enumerate(["a", "b"])
    ]
    translator = UiTranslator("openai-chat")
    chunks = translator.translate(both) + translator.finish()
    check(chunks)
    (data,) = [each for each in chunks if each["type"] == "data-choice"]
    assert data["data"]["message"]["content"] == "b"


def test_a_refusal_is_text_and_why_the_message_ends() -> None:
    translator = UiTranslator("openai-chat")
    chunks = translator.translate(chunk("c", refusal="I cannot.")) + translator.translate(chunk("c", "stop"))
    chunks += translator.finish()
    check(chunks)
    assert chunks[-1]["finishReason"] == "content-filter"
    (message,) = ui_history([folded(chunks)], "openai-chat")
    assert message == {"role": "assistant", "content": "I cannot."}
