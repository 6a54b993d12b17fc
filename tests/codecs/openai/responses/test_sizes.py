"""Large values: carried in messages that each fit, or refused by an error that names the limit."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from ai_transport_codecs import AgentSession, ClientSession, InvalidArgumentError, MemoryHub
from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.openai.responses import CODEC, ResponsesMessage
from ai_transport_codecs.codecs.openai.responses.kinds import MAX_CHUNKS, MAX_WHOLE
from ai_transport_codecs.wire.headers import codec_headers
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage
from ai_transport_codecs.wire.size import message_size
from tests.codecs.openai.responses.scripts import (
    about,
    added,
    call,
    calling,
    completed,
    created,
    done,
    message,
    say,
    text_part,
)
from tests.codecs.openai.responses.wire import joined, kind_of, live, only, without_own, write_all

LIMIT = 65_536


def blob(size: int) -> str:
    return random.Random(7).randbytes(size // 2).hex()


def image(result: str | None, status: str = "completed") -> dict[str, Any]:
    return {"id": "ig_1", "type": "image_generation_call", "status": status, "result": result}


def sizes(deliveries: list[InboundMessage]) -> list[int]:
    return [message_size(OutboundMessage(each.name or "", each.data, each.extras)) for each in deliveries]


LOGPROBS = [{"token": f"t{number}", "logprob": -0.5, "top_logprobs": [], "bytes": [1]} for number in range(3_000)]

LARGE: dict[str, list[dict[str, Any]]] = {
    "an image": [added(image(None, "in_progress")), done(image(blob(400_000)))],
    "a preview of an image": [
        added(image(None, "in_progress")),
        about("response.image_generation_call.partial_image", "ig_1", partial_image_b64=blob(200_000)),
    ],
    "logprobs": [added(message("m1")), *say("m1", "hi"), done(message("m1", text_part("hi", logprobs=LOGPROBS)))],
    "encrypted reasoning": [
        added({"id": "r1", "type": "reasoning", "summary": []}),
        done({"id": "r1", "type": "reasoning", "summary": [], "encrypted_content": blob(100_000)}),
    ],
    "a message that comes whole": [
        added(message("m1", text_part("é" * 70_000))),
        done(message("m1", text_part("é" * 70_000))),
    ],
    "a part with a large annotation": [
        added(message("m1")),
        about(
            "response.content_part.added",
            "m1",
            content_index=0,
            part=text_part("", annotations=[{"type": "x", "text": blob(80_000)}]),
        ),
        done(message("m1", text_part("hi", annotations=[{"type": "x", "text": blob(80_000)}]))),
    ],
    "a call that comes whole": [added(call("f1", "c1", blob(100_000))), done(call("f1", "c1", blob(100_000)))],
    "an item of a new type": [added({"id": "n", "type": "new", "data": [blob(90_000), "\U0001f600" * 30_000]})],
    "an event of a new type": [{"type": "response.new.thing", "data": blob(90_000)}],
}


@pytest.mark.parametrize("what", LARGE)
def test_what_is_large_arrives_in_messages_that_each_fit(what: str) -> None:
    deliveries = write_all([created(), *LARGE[what]])
    pieces = [delivery for delivery in deliveries if delivery.name is not None]
    headers = [message_size(OutboundMessage("", "", each.extras)) for each in deliveries]
    assert max(sizes(pieces)) < LIMIT
    assert max(headers) < LIMIT // 8, "each append repeats the headers"
    held = only(deliveries)
    last = LARGE[what][-1]
    if "item" in last:
        assert held["items"] == [last["item"]]
    else:
        [event] = held.get("events", [])
        assert {**event, "output_index": 0} == {**last, "output_index": 0}
    for position in range(0, len(deliveries), 3):
        assert joined(deliveries, position).messages == [held]


@pytest.mark.parametrize("what", ["a message that comes whole", "a call that comes whole"])
def test_a_reference_reader_sees_the_text_of_what_is_large(what: str) -> None:
    [seen] = only(without_own(write_all(LARGE[what])))["items"]
    expected: dict[str, Any] = LARGE[what][-1]["item"]
    assert seen.get("arguments") == expected.get("arguments")
    assert [part["text"] for part in seen.get("content", [])] == [part["text"] for part in expected.get("content", [])]


async def test_a_large_image_crosses_a_channel_with_the_default_limit() -> None:
    result = blob(300_000)
    hub = MemoryHub(max_message_size=LIMIT)

    async def answer(run: Any) -> None:
        await run.pipe([created(), added(image(None, "in_progress")), done(image(result)), completed(image(result))])

    async with AgentSession[ResponsesMessage](hub.client("agent"), "chat", codec="openai-responses") as agent:
        serving = asyncio.create_task(agent.serve(answer))
        async with ClientSession[ResponsesMessage](hub.client("alice"), "chat", codec="openai-responses") as device:
            turn = await device.view.send("draw")
            await turn.wait()
            assert turn.error is None
            [held] = turn.messages
            assert held["items"] == [image(result)]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def test_what_is_larger_than_readers_put_together_is_refused_by_name_and_limit() -> None:
    limit = MAX_CHUNKS * MAX_WHOLE
    with pytest.raises(InvalidArgumentError, match=rf"'x-item' for item 'ig_1'; its limit is {limit} bytes") as caught:
        write_all([added(image("x" * limit))])
    assert "store it elsewhere and send a link" in caught.value.message
    assert caught.value.code == 40003


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="cannot carry a value that is no JSON"):
        write_all([added({"id": "n", "type": "new", "data": object()})])


def test_a_long_answer_is_not_sent_twice() -> None:
    text = "word " * 40_000
    whole = message("m1", text_part(text))
    script = [created(), added(message("m1")), *say("m1", *[text[at : at + 50] for at in range(0, len(text), 50)])]
    deliveries = write_all(
        [*script, about("response.output_text.done", "m1", content_index=0, text=text), done(whole), completed(whole)]
    )
    assert only(deliveries)["items"] == [whole]
    assert sum(len(each.data) for each in deliveries if isinstance(each.data, str)) == len(text)


def test_arguments_are_not_sent_twice() -> None:
    events = [created(), *calling("f1", "c1", '{"a":', "1}"), completed(call("f1", "c1", '{"a":1}'))]
    assert [each.data for each in write_all(events) if each.name is None] == ['{"a":', "1}", ""]


def chunk(of: str, index: Any, count: Any, text: Any) -> dict[str, Any]:
    return {"type": "x-chunk", "of": of, "index": index, "count": count, "text": text}


@pytest.mark.parametrize(
    "crafted",
    [
        chunk("a", 1, 1, "{}"),
        chunk("a", 0, 10**9, "{}"),
        chunk("a", -1, 2, "{}"),
        chunk("a", 0.5, 2, "{}"),
        chunk("a", 0, 1, None),
        chunk("a", 0, 1, "{"),
        chunk("a", 0, 1, "[]"),
        chunk("a", 0, 1, '{"type":"x-chunk"}'),
        chunk("a", 0, 1, '{"type":"response.output_item.added","item":{"type":"message"}}'),
        chunk("a", 0, 1, '{"type":"x-item","item":' + "[" * 5_000 + "]" * 5_000 + "}"),
        chunk("a", 0, 1, "x" * (MAX_WHOLE + 1)),
    ],
)
def test_a_crafted_piece_adds_nothing(crafted: dict[str, Any]) -> None:
    projection = CODEC.init()
    CODEC.fold_output(projection, crafted, FoldMeta("1", "a"))
    assert all(held["items"] == [] for held in projection.messages)


def test_pieces_that_are_never_completed_are_forgotten() -> None:
    projection = CODEC.init()
    for number in range(1_000):
        CODEC.fold_output(projection, chunk(str(number), 0, 2, "x" * 1_000), FoldMeta("1", "a"))
    assert len(projection.states["a"].chunks) <= 8


def test_pieces_are_told_apart_and_may_come_twice() -> None:
    deliveries = write_all([added(image(blob(90_000)))])
    pieces = [each for each in deliveries if kind_of(each) == "x-chunk"]
    assert len({codec_headers(each.extras)["of"] for each in pieces}) == 1
    twice = [each for piece in pieces for each in (piece, piece)]
    assert live(twice).messages == live(deliveries).messages
