"""A workflow that asks people: asked on every device, answered by the first, whichever process serves then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import HumanResponseEvent
from workflows.context.serializers import JsonPickleSerializer

from ai_transport_codecs import ClientSession, MemoryHub
from ai_transport_codecs.codecs.llamaindex import (
    CODEC,
    InputRequest,
    LlamaIndexProjection,
    MemoryContexts,
    agent_turn,
    as_history,
    human_response,
    open_requests,
)
from ai_transport_codecs.errors import InvalidArgumentError
from tests.codecs.llamaindex import asking
from tests.codecs.llamaindex.models import Piece, ScriptedLLM, dynamic
from tests.codecs.people import agent_serving
from tests.codecs.people import until_runs as until

Device = ClientSession[ChatMessage]


serving = partial(agent_serving, CODEC)


@asynccontextmanager
async def conversation(handler: Any) -> AsyncIterator[Device]:
    """A device, and an agent that goes on serving."""
    hub = MemoryHub()
    async with Device(hub.client("alice"), "chat", codec=CODEC) as alice, serving(hub, handler):
        yield alice


async def asked(device: Device, count: int = 1, *, after: InputRequest | None = None) -> list[InputRequest]:
    """The questions, once the run waits for answers to so many, and for none to ``after`` any more."""
    found: list[InputRequest] = []

    def is_waiting() -> bool:
        found[:] = open_requests(device.view)
        is_over = after is None or after.id not in {each.id for each in found}
        return is_over and len(found) == count and device.view.runs()[-1].status == "suspended"

    await until(device, is_waiting)
    return found


async def answer(device: Device, request: InputRequest, said: str | HumanResponseEvent) -> None:
    await device.view.send(request.answer(said), run_id=request.run_id)


async def settled() -> None:
    """Let an agent that was just started listen."""
    for _ in range(60):
        await asyncio.sleep(0)


async def ended(device: Device) -> str:
    """How the last run ended."""
    await until(device, lambda: device.view.runs()[-1].status not in {"active", "suspended"})
    return str(device.view.runs()[-1].status)


def projection(device: Device) -> LlamaIndexProjection:
    node = device.tree.node(device.view.runs()[-1].run_id)
    assert node is not None
    assert isinstance(node.projection, LlamaIndexProjection)
    return node.projection


def last_text(device: Device) -> str | None:
    return device.view.messages[-1].content


async def test_the_first_answer_of_any_device_resumes_the_workflow_after_restarts_too(tmp_path: Path) -> None:
    hub = MemoryHub()

    @asynccontextmanager
    async def agent() -> AsyncIterator[None]:
        store = asking.SqliteContexts(tmp_path / "contexts.db")
        async with serving(hub, agent_turn(asking.Trip(), contexts=store)):
            yield
        store.connection.close()

    async with (
        Device(hub.client("alice"), "chat", codec=CODEC) as alice,
        Device(hub.client("bob"), "chat", codec=CODEC) as bob,
    ):
        async with agent():
            assert await (await alice.view.send("plan a trip")).wait() == "suspended"
        for device in (alice, bob):
            [where] = await asked(device)
            assert (where.name, where.data, where.refused) == ("InputRequiredEvent", {"prefix": "Where to?"}, "")
        await answer(bob, where, "Lisbon")
        await answer(alice, where, "Oslo")
        async with agent():
            for device in (alice, bob):
                [when] = await asked(device, after=where)
                assert (when.name, when.data) == ("AskDay", {"days": ["Friday", "Monday"]})
                assert [run.answered_by for run in device.view.runs()] == ["bob"]
        async with agent():
            await answer(alice, when, asking.Chosen(day="Friday"))
            for device in (alice, bob):
                assert await ended(device) == "complete"
                assert last_text(device) == "To Lisbon on Friday."
                assert [run.answered_by for run in device.view.runs()] == ["alice"]
        assert open_requests(alice.view) == []
        await answer(bob, when, asking.Chosen(day="Monday"))
        assert last_text(bob) == "To Lisbon on Friday."
    left = asking.SqliteContexts(tmp_path / "contexts.db")
    assert len(left) == 0
    left.connection.close()


async def test_an_answer_that_is_none_is_refused_and_the_question_stays_open() -> None:
    async with conversation(agent_turn(asking.Trip())) as alice:
        await alice.view.send("plan a trip")
        [where] = await asked(alice)
        await answer(alice, where, "Lisbon")
        [when] = await asked(alice, after=where)
        await answer(alice, when, dynamic(HumanResponseEvent, day="Sunday"))
        [again] = await asked(alice, after=when)
        assert (again.name, again.data) == (when.name, when.data)
        assert again.refused == (
            "This answer cannot be used: day: Input should be 'Friday' or 'Monday'. Please answer again."
        )
        await answer(alice, when, asking.Chosen(day="Monday"))  # to a question that was answered, though badly
        await answer(alice, again, "   ")
        [again] = await asked(alice, after=again)
        assert again.refused == "This answer cannot be used: day: Field required. Please answer again."
        await answer(alice, again, dynamic(HumanResponseEvent, day="Friday", _data={"day": "Monday"}))
        assert await ended(alice) == "complete"
        assert last_text(alice) == "To Lisbon on Friday."


@pytest.mark.parametrize("said", ["Ann", '{"a"', "[1]"])
async def test_a_tools_result_answers_a_question_that_a_step_returned(said: str) -> None:
    async with conversation(agent_turn(asking.Name())) as alice:
        await alice.view.send("hi")
        [request] = await asked(alice)
        assert CODEC.create_tool_result is not None
        result = {"tool_call_id": request.id, "content": said}
        await alice.view.send(CODEC.create_tool_result(request.message_id, result), run_id=request.run_id)
        assert await ended(alice) == "complete"
        assert last_text(alice) == f"Hello {said}"


async def test_an_event_answers_the_only_question_of_the_message_it_is_sent_to() -> None:
    async with conversation(agent_turn(asking.Name())) as alice:
        await alice.view.send("hi")
        [request] = await asked(alice)
        event = dynamic(HumanResponseEvent, response='{"a":1}')
        event.response = event.response[:5]
        await alice.view.send(human_response(request.message_id, event), run_id=request.run_id)
        assert await ended(alice) == "complete"
        assert last_text(alice) == 'Hello {"a":'
        assert projection(alice).answers[0].message_id == request.message_id


async def test_a_workflow_may_ask_the_same_again() -> None:
    async with conversation(agent_turn(asking.Name())) as alice:
        await alice.view.send("hi")
        [request] = await asked(alice)
        await answer(alice, request, "Anastasia")
        [again] = await asked(alice, after=request)
        await answer(alice, again, "Ann")
        assert await ended(alice) == "complete"
        assert last_text(alice) == "Hello Ann"


async def test_what_a_step_that_begins_again_asks_again_is_asked_once() -> None:
    async with conversation(agent_turn(asking.Twice())) as alice:
        await alice.view.send("hi")
        [sure] = await asked(alice)
        await answer(alice, sure, "yes")
        [quite] = await asked(alice, after=sure)
        assert quite.data == {"prefix": "Quite?"}
        await answer(alice, quite, "very")
        assert await ended(alice) == "complete"
    asked_of = [each.message for each in alice.view.get_messages() if each.message.role == "assistant"]
    assert len(asked_of) == 3  # two questions, and the result


async def test_tools_that_run_at_once_each_get_the_answer_to_their_question() -> None:
    llm = ScriptedLLM(asking.CALLS, [Piece("Done")], [Piece("Indeed")])
    async with conversation(agent_turn(asking.agent(llm))) as alice:
        await alice.view.send("mail both")
        requests = {each.data["to"]: each for each in await asked(alice, 2)}
        await answer(alice, requests["eve"], "never")
        assert [each.data["to"] for each in await asked(alice, after=requests["eve"])] == ["bob"]
        assert len(llm.requests) == 1
        await answer(alice, requests["bob"], "sent")
        assert await ended(alice) == "complete"
        assert last_text(alice) == "Done"
        told = projection(alice)
        assert sorted((call.id, call.kwargs["to"]) for call in told.tool_calls) == [
            ("mail-1", "bob"),
            ("mail-2", "eve"),
        ]
        assert told.events == []
        results = {
            message.additional_kwargs["tool_call_id"]: message.content
            for message in told.messages
            if _is_result(message)
        }
        assert results == {"mail-1": "sent to bob", "mail-2": "never to eve"}
        assert await (await alice.view.send("sure?")).wait() == "complete"
    assert [message.role.value for message in llm.requests[1]] == ["user", "assistant", "tool", "tool"]
    ids = [str(message.additional_kwargs["tool_call_id"]) for message in llm.requests[2] if message.role == "tool"]
    assert sorted(ids) == ["mail-1", "mail-2"]
    assert "input-required" not in str(llm.requests[2])


def _is_result(message: ChatMessage) -> bool:
    return message.role == "tool" and not message.additional_kwargs["tool_call_id"].startswith("input-required:")


async def test_questions_whose_answers_nobody_could_tell_apart_are_not_asked() -> None:
    llm = ScriptedLLM(asking.CALLS)
    tool = FunctionTool.from_defaults(async_fn=asking.careless_mail, name="mail")
    agent = FunctionAgent(tools=[tool], llm=llm)
    async with conversation(agent_turn(agent)) as alice:
        turn = await alice.view.send("mail both")
        assert await turn.wait() == "error"
        assert str(turn.error).startswith(
            "unable to ask 2 questions at once; several steps wait for workflows.events.HumanResponseEvent"
        )
        assert open_requests(alice.view) == []


@pytest.mark.parametrize(
    ("workflow", "serializer", "says"),
    [
        (
            asking.Deaf,
            None,
            "no step of the workflow took the answer, a HumanResponseEvent: it waits for another class",
        ),
        (asking.Unwritable, None, "the workflow's context cannot be stored: Failed to serialize state value for key"),
        (asking.Unwritable, JsonPickleSerializer(), None),
    ],
)
async def test_what_cannot_go_on_ends_with_an_error(workflow: Any, serializer: Any, says: str | None) -> None:
    store = MemoryContexts()
    async with conversation(agent_turn(workflow(), contexts=store, serializer=serializer)) as alice:
        turn = await alice.view.send("go")
        if await turn.wait() == "suspended":
            await answer(alice, (await asked(alice))[0], "yes")
        await ended(alice)
        [run] = alice.view.runs()
        assert (run.error is None) == (says is None)
        assert says is None or says in str(run.error)
        assert await store.get(run.run_id) is None


async def test_an_answer_after_a_restart_without_the_context_ends_the_run() -> None:
    hub = MemoryHub()
    async with Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        async with serving(hub, agent_turn(asking.Name())):
            await (await alice.view.send("hi")).wait()
        [request] = await asked(alice)
        async with serving(hub, agent_turn(asking.Name())):
            await answer(alice, request, "Ann")
            assert await ended(alice) == "error"
        assert str(alice.view.runs()[-1].error).startswith(
            f"unable to resume run {request.run_id!r}; the context of its workflow is not in agent_turn's contexts"
        )
        assert open_requests(alice.view) == []


async def test_a_context_that_another_version_of_the_workflow_wrote_ends_the_run() -> None:
    hub, store = MemoryHub(), MemoryContexts()
    async with Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        async with serving(hub, agent_turn(asking.Trip(), contexts=store)):
            await (await alice.view.send("hi")).wait()
        [request] = await asked(alice)
        kept = await store.get(request.run_id)
        assert kept is not None
        await store.put(request.run_id, kept.replace("workflows.events.StartEvent", "elsewhere.Begin"))
        async with serving(hub, agent_turn(asking.Trip(), contexts=store)):
            await answer(alice, request, "Ann")
            assert await ended(alice) == "error"
        assert "the context that was stored does not fit the workflow: " in str(alice.view.runs()[-1].error)


@pytest.mark.parametrize("spoilt", ["", "{", "[]", "{}", '{"questions": [{"who": 1}]}', '{"questions": 5}'])
async def test_a_store_that_does_not_give_back_what_it_was_given_ends_the_run_and_is_emptied(spoilt: str) -> None:
    hub, store = MemoryHub(), MemoryContexts()
    async with Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        async with serving(hub, agent_turn(asking.Name(), contexts=store)):
            await alice.view.send("hi")
            [request] = await asked(alice)
            await store.put(request.run_id, spoilt)
            await answer(alice, request, "Ann")
            assert await ended(alice) == "error"
        assert "what agent_turn's contexts gave is not what was put there, whole and" in str(
            alice.view.runs()[-1].error
        )
        assert await store.get(request.run_id) is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workflow": 5}, "agent_turn takes a LlamaIndex workflow, or a function that makes one, not a int"),
        ({"human": "me"}, "agent_turn's human is a function, not a str"),
        ({"input": 5}, "agent_turn's input is a function, not a int"),
        ({"contexts": {}}, "agent_turn's contexts is a ContextStore, and a dict has no put and no delete"),
    ],
)
def test_what_cannot_be_asked_or_kept_with_is_refused_at_once(wrong: dict[str, Any], said: str) -> None:
    settings: dict[str, Any] = {"workflow": asking.Name(), **wrong}
    with pytest.raises(InvalidArgumentError, match=f"^{said}$"):
        agent_turn(**settings)


async def test_who_says_something_else_to_the_run_takes_the_question_away() -> None:
    store = MemoryContexts()
    async with conversation(agent_turn(asking.Trip(), contexts=store)) as alice:
        await alice.view.send("plan a trip")
        [where] = await asked(alice)
        await alice.view.send("no, another one", run_id=where.run_id)
        [again] = await asked(alice, after=where)
        assert (again.run_id, again.data) == (where.run_id, where.data)
        await answer(alice, again, "Rome")
        [when] = await asked(alice, after=again)
        assert when.name == "AskDay"


async def test_another_turn_leaves_the_question_of_the_one_before_open() -> None:
    store = MemoryContexts()
    async with conversation(agent_turn(asking.Name(), contexts=store)) as alice:
        await alice.view.send("hi")
        [first] = await asked(alice)
        await alice.view.send("hello?")
        second = (await asked(alice, 2))[1]
        await answer(alice, second, "Bob")
        assert await ended(alice) == "complete"
        assert last_text(alice) == "Hello Bob"
        await answer(alice, first, "Ann")
        await until(alice, lambda: [run.status for run in alice.view.runs()] == ["complete", "complete"])
        assert [message.content for message in as_history(alice.view.messages)] == [
            "hi", "Hello Ann", "hello?", "Hello Bob",
        ]  # fmt: skip


async def test_one_workflow_serves_several_runs_that_wait() -> None:
    hub = MemoryHub()
    async with (
        Device(hub.client("alice"), "chat", codec=CODEC) as alice,
        serving(hub, agent_turn(asking.Name())),
    ):
        turns = [await alice.view.send(said) for said in ("one", "two", "three")]
        assert [await turn.wait() for turn in turns] == ["suspended"] * 3
        for request, name in zip(reversed(await asked(alice, 3)), ("C", "B", "A"), strict=True):
            await answer(alice, request, name)
        await until(alice, lambda: [run.status for run in alice.view.runs()] == ["complete"] * 3)
        said = [message.content for message in as_history(alice.view.messages) if message.role == "assistant"]
        assert said == ["Hello A", "Hello B", "Hello C"]


@pytest.mark.parametrize("restarts", [False, True])
async def test_stop_ends_a_workflow_that_waits(restarts: bool) -> None:
    hub, contexts = MemoryHub(), MemoryContexts()

    def agent() -> Any:
        return serving(hub, agent_turn(asking.Trip, contexts=contexts))

    async with Device(hub.client("alice"), "chat", codec=CODEC) as alice:
        async with agent():
            await alice.view.send("plan a trip")
            [where] = await asked(alice)
            if not restarts:
                await alice.cancel(where.run_id)
                assert await ended(alice) == "cancelled"
        async with agent():
            await settled()
            if restarts:
                await alice.cancel(where.run_id)
            assert await ended(alice) == "cancelled"
            late = await alice.view.send(where.answer("Lisbon"), run_id=where.run_id)
            assert await late.wait() == "cancelled"
            assert open_requests(alice.view) == []
