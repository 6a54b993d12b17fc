"""Calls that a person approves: asked on every device, answered by the first, whichever process serves then."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ai_transport_codecs import ClientSession, MemoryHub
from ai_transport_codecs.codecs.openai.responses import CODEC, ResponsesMessage, responses_turn
from tests.codecs.openai.responses.replay import provider
from tests.codecs.openai.responses.test_turn import calls, says
from tests.codecs.people import agent_serving
from tests.codecs.people import until_only_run as until

Device = ClientSession[ResponsesMessage]


serving = partial(agent_serving, CODEC)


async def answer(device: Device, *, approved: bool, reason: str | None = None) -> Any:
    """A yes or no to what the last message asks."""
    [message] = [each for each in device.view.get_messages() if each.message.get("toolCallStates")]
    payload = {"call_id": "c1", "approved": approved} | ({} if reason is None else {"reason": reason})
    run = device.view.run_of(message.id)
    assert run is not None
    assert CODEC.create_tool_approval_response is not None
    return await device.view.send(CODEC.create_tool_approval_response(message.id, payload), run_id=run.run_id)


@pytest.mark.parametrize("approved", [True, False])
async def test_the_first_answer_of_any_device_decides_after_a_restart_too(approved: bool) -> None:
    hub, sent = MemoryHub(), []

    async def mail(to: str) -> str:
        sent.append(to)
        return "sent"

    bodies = calls("f1", "c1", '{"to":"bob"}', name="mail"), says("m1", "Done.", "resp_2")
    async with (
        provider(*bodies) as (client, running),
        Device(hub.client("alice"), "chat", codec=CODEC) as alice,
        Device(hub.client("bob"), "chat", codec=CODEC) as bob,
    ):
        handler = responses_turn(client, model="gpt", tools={"mail": mail}, approve={"mail"})
        async with serving(hub, handler):
            await (await alice.view.send("mail Bob")).wait()
        for device in (alice, bob):
            await until(device, "suspended")
            [states] = [states for each in device.view.messages if (states := each.get("toolCallStates"))]
            assert states["c1"] == {"approval": "pending", "name": "mail", "arguments": '{"to":"bob"}'}
        assert sent == []
        await answer(bob, approved=approved, reason="not now" if not approved else None)
        await answer(alice, approved=not approved)
        async with serving(hub, handler):
            for device in (alice, bob):
                await until(device, "complete")
        assert sent == (["bob"] if approved else [])
        for device in (alice, bob):
            assert [run.answered_by for run in device.view.runs()] == ["bob"]
            assert device.view.messages[-1]["items"][0]["content"][0]["text"] == "Done."
    [output] = [item for item in running.requests[1]["input"] if item["type"] == "function_call_output"]
    assert output["output"] == ("sent" if approved else "not now")


async def test_a_call_that_a_predicate_lets_pass_runs_at_once() -> None:
    hub = MemoryHub()

    async def mail(to: str) -> str:
        return to

    bodies = calls("f1", "c1", '{"to":"bob"}', name="mail"), says("m1", "Done.", "resp_2")
    async with provider(*bodies) as (client, _), Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        handler = responses_turn(
            client, model="gpt", tools={"mail": mail}, approve=lambda call: "boss" in call["arguments"]
        )
        async with serving(hub, handler):
            assert await (await alice.view.send("mail Bob")).wait() == "complete"
