"""A workflow that asks people, in front of a page that reads UI messages: a question is a tool that the user is."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.workflow import Workflow

from ai_transport_codecs.bridges import bridged
from ai_transport_codecs.codecs.llamaindex import agent_turn
from ai_transport_codecs.codecs.vercel import CODEC
from tests.bridges.stage import Conversation, conversation
from tests.codecs.llamaindex import asking
from tests.codecs.llamaindex.models import Piece, ScriptedLLM


def parts_of(talk: Conversation) -> list[tuple[str, dict[str, Any]]]:
    """The parts of all messages, each with its message's id."""
    return [(entry.id, dict(part)) for entry in talk.device.view.get_messages() for part in entry.message["parts"]]


async def answered(talk: Conversation, output: Any, status: str) -> dict[str, Any]:
    """The open question as the page shows it, after its answer, as the AI SDK's ``addToolOutput`` gives one."""
    view, changed = talk.device.view, asyncio.Event()
    talk.device.tree.on("run", lambda _: changed.set())
    [(id_, part)] = [
        (id_, part)
        for id_, part in parts_of(talk)
        if part.get("state") == "input-available" and part["toolCallId"].startswith("input-required:")
    ]
    run = view.run_of(id_)
    assert run is not None
    assert CODEC.create_tool_result is not None
    result = CODEC.create_tool_result(id_, {"toolCallId": part["toolCallId"], "output": output})
    before = len(view.messages)
    await view.send(result, run_id=run.run_id)
    while [each.status for each in view.runs()] != [status] or len(view.messages) == before:
        await changed.wait()
        changed.clear()
    [shown] = [each for _, each in parts_of(talk) if each.get("toolCallId") == part["toolCallId"]]
    return shown


async def test_a_page_shows_each_question_as_a_tool_and_its_output_answers_it() -> None:
    async with conversation(bridged(agent_turn(asking.Trip()), "llamaindex")) as talk:
        assert await (await talk.device.view.send("plan a trip")).wait() == "suspended"
        where = await answered(talk, "Lisbon", "suspended")
        assert (where["type"], where["input"], where["output"]) == (
            "tool-InputRequiredEvent",
            {"prefix": "Where to?"},
            "Lisbon",
        )
        when = await answered(talk, {"day": "Friday"}, "complete")
        assert (when["type"], when["state"]) == ("tool-AskDay", "output-available")
        assert parts_of(talk)[-1][1] == {"type": "text", "text": "To Lisbon on Friday."}


async def test_a_tool_that_asked_has_its_own_result_and_the_model_hears_of_that_only() -> None:
    llm = ScriptedLLM(asking.CALLS[:1], [Piece("Done")], [Piece("Indeed")])
    agent: Workflow = asking.agent(llm)
    async with conversation(bridged(agent_turn(agent), "llamaindex")) as talk:
        assert await (await talk.device.view.send("mail Bob")).wait() == "suspended"
        await answered(talk, "sent", "complete")
        results = [part["output"] for _, part in parts_of(talk) if part.get("toolCallId") == "mail-1"]
        assert results == ["sent to bob"]
        await talk.say("sure?")
    assert [message.role.value for message in llm.requests[2]] == ["user", "assistant", "tool", "assistant", "user"]
    assert "input-required" not in str(llm.requests[2])
