"""Calls that a person approves: asked on every device, answered by the first, whichever process serves then."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from ai_transport_codecs import ClientSession, MemoryHub, UnsupportedEventError
from ai_transport_codecs.codecs.openai.chat import CODEC, ChatMessage, ChatTranslator, chat_turn
from tests.codecs.openai.chat.test_turn import Provider, calls, client_of, says
from tests.codecs.people import agent_serving
from tests.codecs.people import until_only_run as until

Device = ClientSession[ChatMessage]


serving = partial(agent_serving, CODEC)


def approvals(device: Device) -> dict[str, str | None]:
    """How each tool call stands."""
    found = [call for message in device.view.messages for call in message.get("tool_calls", ())]
    return {call["id"]: call.get("approval") for call in found}


async def answer(device: Device, call_id: str = "c1", *, approved: bool, reason: str | None = None) -> None:
    """A yes or no to what the message with tool calls asks."""
    [message] = [each for each in device.view.get_messages() if each.message.get("tool_calls")]
    payload = {"tool_call_id": call_id, "approved": approved} | ({} if reason is None else {"reason": reason})
    run = device.view.run_of(message.id)
    assert run is not None
    assert CODEC.create_tool_approval_response is not None
    await device.view.send(CODEC.create_tool_approval_response(message.id, payload), run_id=run.run_id)


@pytest.mark.parametrize("approved", [True, False])
async def test_the_first_answer_of_any_device_decides_after_a_restart_too(approved: bool) -> None:
    hub, sent = MemoryHub(), []

    async def mail(to: str) -> str:
        sent.append(to)
        return "sent"

    provider = Provider([calls(("c1", "mail", '{"to":"bob"}')), says("Done.")])
    async with (
        client_of(provider) as client,
        Device(hub.client("alice"), "chat", codec=CODEC) as alice,
        Device(hub.client("bob"), "chat", codec=CODEC) as bob,
    ):
        handler = chat_turn(client, model="gpt", tools={"mail": mail}, approve={"mail"})
        async with serving(hub, handler):
            await (await alice.view.send("mail Bob")).wait()
        for device in (alice, bob):
            await until(device, "suspended")
            assert approvals(device) == {"c1": "pending"}
        assert sent == []
        await answer(bob, approved=approved, reason=None if approved else "not now")
        await answer(alice, approved=not approved, reason="too late")
        async with serving(hub, handler):
            for device in (alice, bob):
                await until(device, "complete")
        assert sent == (["bob"] if approved else [])
        for device in (alice, bob):
            assert [run.answered_by for run in device.view.runs()] == ["bob"]
            assert approvals(device) == {"c1": "approved" if approved else "denied"}
            assert [each["content"] for each in device.view.messages if each["role"] == "tool"] == [
                "sent" if approved else "not now"
            ]
            assert device.view.messages[-1]["content"] == "Done."
    assert provider.requests[1]["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "mail", "arguments": '{"to":"bob"}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sent" if approved else "not now"},
    ]


async def test_a_run_waits_for_every_answer_and_runs_the_other_calls_meanwhile() -> None:
    hub, ran = MemoryHub(), []

    async def mail(to: str) -> str:
        ran.append(f"mail {to}")
        return "sent"

    async def look() -> str:
        ran.append("look")
        return "seen"

    wanted = ("c1", "mail", '{"to":"bob"}'), ("c2", "mail", '{"to":"eve"}'), ("c3", "look", "{}")
    provider = Provider([calls(*wanted), says("Done.")])
    async with client_of(provider) as client, Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        handler = chat_turn(client, model="gpt", tools={"mail": mail, "look": look}, approve={"mail"})
        async with serving(hub, handler):
            await (await alice.view.send("mail both")).wait()
            assert ran == ["look"]
            await until(alice, "suspended")
            await answer(alice, "c1", approved=True)
            await answer(alice, "c2", approved=False, reason="never Eve")
            await until(alice, "complete")
    assert ran == ["look", "mail bob"]
    told = {
        each["tool_call_id"]: each["content"] for each in provider.requests[1]["messages"] if "tool_call_id" in each
    }
    assert told == {"c1": "sent", "c2": "never Eve", "c3": "seen"}
    assert len(provider.requests) == 2


async def test_a_call_that_a_predicate_lets_pass_runs_at_once() -> None:
    hub = MemoryHub()

    async def mail(to: str) -> str:
        return to

    provider = Provider([calls(("c1", "mail", '{"to":"bob"}')), says("Done.")])
    async with client_of(provider) as client, Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        handler = chat_turn(
            client, model="gpt", tools={"mail": mail}, approve=lambda call: "boss" in call["function"]["arguments"]
        )
        async with serving(hub, handler):
            assert await (await alice.view.send("mail Bob")).wait() == "complete"
            assert approvals(alice) == {"c1": None}


def test_a_request_for_approval_needs_a_call_of_the_completion_before_it() -> None:
    with pytest.raises(UnsupportedEventError, match="ask with the id of a tool call, after the chunks"):
        list(ChatTranslator().translate({"type": "tool-approval-request", "tool_call_id": "c1"}))


@pytest.mark.parametrize("restarts", [False, True])
async def test_stop_ends_a_run_that_waits_for_approval_and_its_call_never_runs(restarts: bool) -> None:
    hub, sent = MemoryHub(), []

    async def mail(to: str) -> str:
        sent.append(to)
        return "sent"

    provider = Provider([calls(("c1", "mail", '{"to":"bob"}')), says("Done.")])
    async with client_of(provider) as client, Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        handler = chat_turn(client, model="gpt", tools={"mail": mail}, approve={"mail"})
        async with serving(hub, handler):
            turn = await alice.view.send("mail Bob")
            assert await turn.wait() == "suspended"
            if not restarts:
                await turn.cancel()
                await until(alice, "cancelled")
        async with serving(hub, handler):
            for _ in range(60):  # until it listens
                await asyncio.sleep(0)
            if restarts:
                await turn.cancel()
            await until(alice, "cancelled")
            await answer(alice, approved=True)
            for _ in range(60):
                await asyncio.sleep(0)
    assert (sent, len(provider.requests)) == ([], 1)
