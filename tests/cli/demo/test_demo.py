"""The demo tells a true story: it passes when devices agree with the chain, and fails when they do not."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.cli.demo.backend import RealBackend, open_backend
from ai_transport_codecs.cli.demo.command import run_demo
from ai_transport_codecs.cli.demo.evidence import Evidence, Sighting
from ai_transport_codecs.cli.demo.options import DemoOptions, RealProvider, real_provider
from ai_transport_codecs.cli.demo.pacing import no_pauses
from ai_transport_codecs.cli.demo.pane import Pane
from ai_transport_codecs.cli.demo.provider import ReplayProvider, Take
from ai_transport_codecs.cli.demo.recording import Recording, riddle, split_events, story
from ai_transport_codecs.cli.demo.screen import SilentScreen
from ai_transport_codecs.cli.demo.story import Story
from ai_transport_codecs.cli.demo.verdict import judge
from ai_transport_codecs.codec.contract import CodecMessage

FAST = DemoOptions(fast=True)


def run(options: DemoOptions = FAST, *, wants_json: bool = True) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run_demo(options, wants_json=wants_json, out=out, err=err), out.getvalue(), err.getvalue()


def test_over_real_sockets_the_same_promises_are_kept() -> None:
    pytest.importorskip("ably")
    pytest.importorskip("aiohttp")
    code, out, err = run(replace(FAST, server=True))
    summary = json.loads(out)
    assert (code, err, summary["failures"]) == (0, "", {})
    assert summary["checks"].keys() == json.loads(run()[1])["checks"].keys()
    assert summary["devices"]["laptop"]["tokens_while_away"] > 0


def test_the_summary_is_one_json_object_that_says_ok() -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    summary = json.loads(out)
    assert summary["ok"] is True
    assert summary["failures"] == {}
    assert summary["turns"] == 2
    assert summary["cancel"]["provider_stream_closed"] is True
    assert {device["equal"] for device in summary["devices"].values()} == {True}
    assert summary["devices"]["phone"]["joined_at_tokens"] > 0
    assert summary["devices"]["laptop"]["tokens_while_away"] > 0
    assert summary["tokens"] > 800
    assert summary["time_to_first_token_ms"] < 5_000


def test_a_pipe_gets_plain_lines() -> None:
    code, out, _ = run(wants_json=False)
    assert code == 0
    assert "\x1b" not in out
    assert out.endswith("checks passed: both devices hold what the chain produced\n")
    assert all(len(line) < 200 for line in out.splitlines())


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    async def play() -> Evidence:
        async with open_backend(FAST) as backend:
            return await Story(backend, MemoryHub(), SilentScreen(), (Pane("laptop"), Pane("phone"))).play()

    return asyncio.run(play())


def failed(evidence: Evidence) -> set[str]:
    return {check.name for check in judge(evidence) if not check.is_kept}


def without_last(sighting: Sighting) -> Sighting:
    return replace(sighting, messages=sighting.messages[:-1])


def with_other_text(sighting: Sighting, index: int) -> Sighting:
    messages: list[CodecMessage[Any]] = list(sighting.messages)
    message = messages[index].message
    messages[index] = replace(messages[index], message=AIMessage(f"{message.text}!", id=message.id))
    return replace(sighting, messages=messages)


def test_true_evidence_convinces(evidence: Evidence) -> None:
    assert failed(evidence) == set()


def test_each_lie_is_found_out(evidence: Evidence) -> None:
    e = evidence
    assert e.phone.arrival is not None
    assert "phone_equals_laptop" in failed(replace(e, phone=without_last(e.phone)))
    assert "history_equals_laptop" in failed(replace(e, history=with_other_text(e.history, 1)))
    both = replace(e, laptop=with_other_text(e.laptop, 1), phone=with_other_text(e.phone, 1))
    assert {"laptop_turn_1_equals_the_chain", "phone_turn_1_equals_the_chain"} <= failed(both)
    said_more = replace(e, laptop=with_other_text(e.laptop, 3))
    assert "laptop_turn_2_is_what_was_said_before_the_cancel" in failed(said_more)
    late = replace(e.phone, arrival=replace(e.phone.arrival, in_the_middle=False))
    assert failed(replace(e, phone=late)) == {"phone_joined_mid_answer"}
    partial = replace(e.phone, arrival=replace(e.phone.arrival, had_at_once="Once upon another time"))
    assert failed(replace(e, phone=partial)) == {"phone_joined_mid_answer"}
    assert failed(replace(e, phone=replace(e.phone, arrival=None))) == {"phone_joined_mid_answer"}
    assert failed(replace(e, laptop=replace(e.laptop, faults=["text shrank"]))) == {"laptop_never_lost_or_doubled_text"}
    assert failed(replace(e, phone=replace(e.phone, errors=["boom"]))) == {"phone_had_no_errors"}
    assert failed(replace(e, laptop=replace(e.laptop, tokens_while_away=0))) == {"laptop_missed_tokens_while_away"}
    assert failed(replace(e, cancel=replace(e.cancel, provider_closed=False))) == {"provider_stream_closed_by_cancel"}
    assert failed(replace(e, phone=replace(e.phone, statuses=e.phone.statuses[:1]))) == {
        "phone_saw_one_complete_one_cancelled"
    }


# --- a provider of the user's


def test_the_usual_variables_name_the_provider() -> None:
    assert real_provider({}) is None
    assert real_provider({"OPENAI_API_KEY": "  "}) is None
    assert real_provider({"OPENAI_API_KEY": "k"}) == RealProvider("k")
    named = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://u:secret@h:1/v1?key=x", "OPENAI_MODEL": "m"}
    found = real_provider(named)
    assert found is not None
    assert (found.model, found.address) == ("m", "http://h:1/v1")


def asked_for_real() -> list[Take]:
    """The recordings as answers to what a real provider is asked."""
    questions = RealBackend(RealProvider("k")).questions
    recordings = [Recording(question, story().events) for question in questions]
    # Real models take their time; without any, the answer would be over before the story's middle.
    return [Take(recording, [0.003] * len(recording.events)) for recording in recordings]


@asynccontextmanager
async def real_one(takes: list[Take], *, key: str = "k") -> AsyncIterator[RealProvider]:
    async with ReplayProvider(takes, api_key="k") as provider:
        yield RealProvider(key, provider.base_url, "gpt-x")


async def test_a_real_provider_is_asked_when_there_is_a_key() -> None:
    async with real_one(asked_for_real()) as provider:
        code, out, _ = await asyncio.to_thread(run, DemoOptions(real=provider))
    summary = json.loads(out)
    assert (code, summary["ok"], summary["provider"]) == (0, True, "openai")
    assert summary["cancel"]["provider_stream_closed"] is None, "only the provider could know"


@pytest.mark.parametrize("wants_json", [True, False])
async def test_a_refused_key_fails_the_demo_and_says_so(wants_json: bool) -> None:
    async with real_one(asked_for_real(), key="wrong") as provider:
        code, out, err = await asyncio.to_thread(run, DemoOptions(real=provider), wants_json=wants_json)
    assert code == 1
    assert err.startswith("ai-transport demo: the turn failed: ")
    assert "Incorrect API key provided" in err
    if wants_json:
        summary = json.loads(out)
        assert summary["ok"] is False
        assert "Incorrect API key" in summary["error"]


async def test_a_provider_that_breaks_off_fails_the_demo() -> None:
    [first, second] = asked_for_real()
    garbled = split_events(story().body[:20_000] + b"\n\ndata: {not json\n\n")
    recording = Recording(first.recording.question, garbled)
    async with real_one([Take(recording, no_pauses(recording)), second]) as provider:
        code, _, err = await asyncio.to_thread(run, DemoOptions(real=provider))
    assert code == 1
    assert err.startswith("ai-transport demo: ")


# --- the recordings' server


def test_events_are_split_without_losing_a_byte() -> None:
    for body in (story().body, riddle().body, b"data: a\r\n\r\ndata: b\n\ndata: cut", b""):
        assert b"".join(split_events(body)) == body


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET /v1/chat/completions HTTP/1.1\r\n\r\n", 405),
        ("POST /v1/elsewhere HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", 404),
        ("POST /v1/chat/completions HTTP/1.1\r\n\r\n", 411),
        ("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 3\r\n\r\n{no", 400),
        ("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}", 401),
        ("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", 413),
        ("no request at all\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nwithout a colon\r\n\r\n", 400),
    ],
)
async def test_the_loopback_provider_refuses_what_it_cannot_answer(request_text: str, status: int) -> None:
    async with ReplayProvider(asked_for_real(), api_key="k") as provider:
        port = int(provider.base_url.split(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_text.encode())
        await writer.drain()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.decode().partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert json.loads(body)["error"]["message"]
