"""Stop on a run that waits for an answer: it ends as cancelled for everybody, and answers after it change nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs import ClientSession
from ai_transport_codecs.errors import CancelListenerError
from ai_transport_codecs.session.handle import ClientRun
from ai_transport_codecs.session.hooks import CancelRequest
from ai_transport_codecs.session.run import Run
from ai_transport_codecs.testing.fault_plan import FaultPlan, Hold
from ai_transport_codecs.testing.faults import FaultyProvider
from tests.session.agent_stage import agent_on, lifecycle, note, result, serving
from tests.session.stage import Stage, say, settle, staged
from tests.session.virtual_time import run_virtually

Device = ClientSession[str]


async def ask(run: Run[str]) -> None:
    """Ask on the first pass; with the answer, go on."""
    await run.view.load()
    if "=" in run.view.get_messages()[-1].message:
        await run.pipe([note("thanks")])
    else:
        await run.pipe([note("which?")])
        await run.suspend()


async def asked(device: Device) -> ClientRun[str]:
    turn = await device.view.send(say("book it"))
    assert await turn.wait() == "suspended"
    await settle()
    return turn


async def answer(device: Device, turn: ClientRun[str], said: str = "the first") -> ClientRun[str]:
    return await device.view.send(result(turn.get_messages()[0].id, said), run_id=turn.run_id)


def ends(stage: Stage) -> list[dict[str, str]]:
    return stage.headers("ai-run-end")


@pytest.mark.parametrize("how", ["handle", "run id"])
@pytest.mark.parametrize("restarts", [False, True])
async def test_stop_ends_a_run_that_waits_on_every_device(how: str, restarts: bool) -> None:
    async with staged() as stage, stage.device() as alice, stage.device("bob") as bob:
        async with serving(stage, ask):
            turn = await asked(alice)
            if not restarts:
                await (turn.cancel() if how == "handle" else bob.cancel(turn.run_id))
                await settle()
        async with serving(stage, ask):
            if restarts:
                await (turn.cancel() if how == "handle" else bob.cancel(turn.run_id))
                await settle()
        assert [[run.status for run in each.view.runs()] for each in (alice, bob)] == [["cancelled"], ["cancelled"]]
        assert ends(stage) == [stage.headers("ai-run-suspend")[0] | {"run-reason": "cancelled"}]
        assert lifecycle(stage)[-2:] == ["ai-cancel", "ai-run-end"]
        assert stage.errors == []


async def test_a_process_without_backlog_looks_the_run_up() -> None:
    async with staged() as stage, stage.device() as alice:
        async with serving(stage, ask):
            turn = await asked(alice)
        async with serving(stage, ask, backlog=False, orphans="leave"):
            await turn.cancel()
            await settle()
        assert turn.status == "cancelled"


@pytest.mark.parametrize("how", ["handle", "run id"])
async def test_a_run_that_asks_again_is_stopped_by_who_began_it_too(how: str) -> None:
    """The first send's handle names the first input, though the run was resumed for another one since."""

    async def ask_twice(run: Run[str]) -> None:
        await run.pipe([note("which?")])
        await run.suspend()

    async with staged() as stage, stage.agent(ask_twice), stage.device() as alice, stage.device("bob") as bob:
        turn = await asked(alice)
        assert await (await answer(bob, turn)).wait() == "suspended"
        await settle()
        await (turn.cancel() if how == "handle" else alice.cancel(turn.run_id))
        await settle()
        assert turn.status == "cancelled"
        assert ends(stage)[0]["run-client-id"] == "bob", "as the run's newest message says"


async def test_who_answers_too_late_learns_that_the_run_is_over() -> None:
    async with staged() as stage, stage.agent(ask), stage.device() as alice, stage.device("bob") as bob:
        turn = await asked(alice)
        await turn.cancel()
        racing = await answer(bob, turn)
        assert await racing.wait() == "cancelled"
        late = await answer(alice, turn, "the second")
        assert await late.wait() == "cancelled"
        await settle()
        assert stage.headers("ai-run-resume") == []
        assert len(ends(stage)) == 1


@pytest.mark.parametrize("turns", [0, 2, 4, 6, 8, 12, 20])
async def test_a_cancel_that_races_with_the_answer_ends_the_run_either_way(turns: int) -> None:
    """What comes first on the channel counts: a run is resumed for an answer before the cancel only, and then ends."""

    async def ask_slowly(run: Run[str]) -> None:
        await run.view.load()
        if "=" in run.view.get_messages()[-1].message:
            await asyncio.Event().wait()
        await ask(run)

    async with staged() as stage, stage.agent(ask_slowly), stage.device() as alice, stage.device("bob") as bob:
        turn = await asked(alice)
        answering = asyncio.create_task(answer(bob, turn))
        await settle(turns)
        await alice.cancel(turn.run_id)
        assert await (await answering).wait() == "cancelled"
        await settle()
        after = lifecycle(stage)[lifecycle(stage).index("ai-run-suspend") + 1 :]
        assert after.count("ai-run-end") == 1
        if turns in (0, 20):
            assert ("ai-run-resume" in after) == bool(turns)


async def test_a_cancel_waits_with_the_answer_that_waits_in_the_queue() -> None:
    """Other turns are answered first; nothing is heard of the run that long."""
    gate = asyncio.Event()

    async def in_turn(run: Run[str]) -> None:
        await run.view.load()
        if run.view.get_messages()[-1].message == "slow":
            await gate.wait()
        else:
            await ask(run)

    async with staged() as stage, stage.device() as alice, serving(stage, in_turn, when_busy="queue"):
        turn = await asked(alice)
        slow = await alice.view.send(say("slow"), parent="")
        await slow.started
        answered = await answer(alice, turn)
        await settle()
        await alice.cancel(turn.run_id)
        await settle()
        assert turn.status == "suspended"
        gate.set()
        assert await answered.wait() == "cancelled"
        assert "thanks" not in turn.messages


@pytest.mark.parametrize("hold", [0, 1, 2, 3, 5, 8, 13, 40])
async def test_a_cancel_that_crosses_the_suspend_is_not_lost(hold: int) -> None:
    """Whenever it comes: before the suspend is on the channel, before it is acknowledged, before it comes back."""
    suspending = asyncio.Event()

    async def slow(run: Run[str]) -> None:
        await run.pipe([note("which?")])
        suspending.set()
        await run.suspend()

    async with staged() as stage, stage.device() as alice:
        plan = FaultPlan().on("publish", 4, Hold(20)).on("delivery", 6, Hold(20))
        agent = agent_on(stage, client=FaultyProvider(stage.hub.client("agent"), plan))
        async with agent:
            task = asyncio.create_task(agent.serve(slow))
            turn = await alice.view.send(say("book it"))
            await suspending.wait()
            await settle(hold)
            await turn.cancel()
            await settle(200)
            assert turn.status == "cancelled"
            assert len(ends(stage)) == 1
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("grants", [True, False])
async def test_who_may_stop_is_asked_for_runs_that_wait_too_and_an_answer_waits_for_it(grants: bool) -> None:
    requests: list[CancelRequest] = []
    gate = asyncio.Event()

    async def on_cancel(request: CancelRequest) -> bool:
        requests.append(request)
        await gate.wait()
        return grants

    async with staged() as stage, stage.device() as alice, stage.device("bob") as bob:
        async with serving(stage, ask, on_cancel=on_cancel):
            turn = await asked(alice)
            await bob.cancel(turn.run_id)
            answered = await answer(alice, turn)
            await settle()
            assert stage.headers("ai-run-resume") == [], "the cancel came first, and is not decided yet"
            gate.set()
            assert await answered.wait() == ("cancelled" if grants else "complete")
            await settle()
        assert [(each.run_id, each.message.client_id) for each in requests] == [(turn.run_id, "bob")]


async def test_on_cancel_of_serve_is_asked_for_runs_under_way() -> None:
    async def only_alice(request: CancelRequest) -> bool:
        return request.message.client_id == "alice"

    async def endless(run: Run[str]) -> None:
        await asyncio.Event().wait()

    async with (
        staged() as stage,
        stage.device() as alice,
        stage.device("bob") as bob,
        serving(stage, endless, on_cancel=only_alice),
    ):
        turn = await alice.view.send(say("go on"))
        await turn.started
        await bob.cancel(turn.run_id)
        await settle()
        assert turn.status == "active"
        await turn.cancel()
        assert await turn.wait() == "cancelled"


async def test_an_on_cancel_that_raises_stops_nothing_and_is_reported() -> None:
    async def broken(request: CancelRequest) -> bool:
        raise ValueError("no such user")

    async with staged() as stage, stage.device() as alice, serving(stage, ask, on_cancel=broken):
        turn = await asked(alice)
        await turn.cancel()
        await settle()
        assert turn.status == "suspended"
        assert [type(each) for each in stage.errors] == [CancelListenerError]
        assert await (await answer(alice, turn)).wait() == "complete"


async def test_a_run_of_another_agent_is_left_alone() -> None:
    async with staged() as stage, stage.device() as alice:
        other = agent_on(stage, "another")
        async with other:
            turn = await alice.view.send(say("book it"))
            run = other.create_run(turn.to_invocation())
            await run.start()
            await run.suspend()
        async with serving(stage, ask, backlog=False):
            await turn.cancel()
            await settle()
        assert turn.status == "suspended"


def test_of_several_processes_one_ends_the_run_and_the_others_see_to_it() -> None:
    async def story(silent: bool) -> None:
        async with staged() as stage, stage.device() as alice:
            async with serving(stage, ask):
                turn = await asked(alice)
            first, second = stage.hub.client("agent"), stage.hub.client("agent")
            async with agent_on(stage, client=first) as one, agent_on(stage, client=second) as two:
                tasks = [asyncio.create_task(each.serve(ask, backlog=False)) for each in (one, two)]
                await settle()
                if silent:
                    await first.disconnect()  # it was killed, and presence has not noticed yet
                await turn.cancel()
                assert await turn.wait() == "suspended"
                await asyncio.sleep(20)
                assert turn.status == "cancelled"
                assert len(ends(stage)) == 1
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    for silent in (False, True):
        run_virtually(story(silent))


async def test_what_was_never_on_the_channel_is_stopped_without_ado() -> None:
    async with staged() as stage, stage.agent(ask), stage.device() as alice:
        await alice.cancel("no such run")
        await alice.cancel_input("no such message")
        await settle()
        turn: Any = await asked(alice)
        assert await (await answer(alice, turn)).wait() == "complete"
        await turn.cancel()
        await settle()
        assert [each["run-reason"] for each in ends(stage)] == ["complete"]
        assert stage.errors == []
