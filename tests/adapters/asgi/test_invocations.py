"""Posting an invocation: the agent is woken, once, and no run is left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_transport_codecs import AgentSession
from ai_transport_codecs.adapters.asgi import posted
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.session.outcome import RunOutcome
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.testing.fault_plan import FaultPlan, Hold, LoseAck
from ai_transport_codecs.testing.faults import FaultyProvider
from ai_transport_codecs.wire.messages import OutboundMessage
from tests.adapters.asgi.web import Web, app_on, error_of, serving
from tests.session.agent_stage import lifecycle, result, statuses
from tests.session.stage import CHANNEL, Stage, say, settle, staged, text_events, words
from tests.session.toy_codec import TOY


def codes(stage: Stage) -> list[int]:
    return [error.code for error in stage.errors if isinstance(error, AITransportError)]


async def test_an_invocation_is_answered_at_once_and_its_run_streams_over_the_channel() -> None:
    gate = asyncio.Event()

    async def slowly(run: Any) -> None:
        await run.pipe(words("to you", gate=gate))

    async with staged() as stage, serving(stage, slowly) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        response = await web.chat(turn)
        assert response.status_code == 202
        assert response.json() == {
            "runId": await turn.started,
            "invocationId": stage.headers("ai-run-start")[0]["invocation-id"],
            "inputEventId": turn.input_event_id,
            "sessionName": CHANNEL,
        }
        assert turn.status == "active"
        gate.set()
        assert await turn.wait() == "complete"
        assert turn.messages == ["to you."]


async def test_an_invocation_may_come_before_its_input() -> None:
    async with staged() as stage, serving(stage) as web, stage.device() as alice:
        await alice.view.send(say("hello"))
        await settle()
        (sent,) = [message for message in stage.seen if message.name == "ai-input"]
        transport = sent.extras["ai"]["transport"] | {"event-id": "early", "codec-message-id": "m-early"}
        waiting = asyncio.create_task(web.chat(inputEventId="early", sessionName=CHANNEL))
        await settle()
        extras = {**sent.extras, "ai": {**sent.extras["ai"], "transport": transport}}
        await stage.hub.client("alice").channel(CHANNEL).publish(OutboundMessage("ai-input", sent.data, extras))
        assert (await waiting).status_code == 202
        assert stage.headers("ai-run-start")[0]["input-codec-message-id"] == "m-early"


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_same_invocation_twice_is_one_run(at_once: bool) -> None:
    async with staged() as stage, serving(stage) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        if at_once:
            responses = await asyncio.gather(*(web.chat(turn) for _ in range(5)))
        else:
            responses = [await web.chat(turn)]
            await turn.wait()
            responses.append(await web.chat(turn))
        assert [each.status_code for each in responses] == [202, *[200] * (len(responses) - 1)]
        assert len({each.json()["runId"] for each in responses}) == 1
        assert len({each.json()["invocationId"] for each in responses}) == 1
        await turn.wait()
        assert len(stage.headers("ai-run-start")) == 1


async def test_the_same_invocation_at_two_processes_at_once_is_one_run() -> None:
    async with staged() as stage, serving(stage) as here, serving(stage) as there, stage.device() as alice:
        for text in ("hello", "again"):
            turn = await alice.view.send(say(text))
            responses = await asyncio.gather(*(web.chat(turn) for web in (here, there, here, there)))
            assert sorted(each.status_code for each in responses) == [200, 200, 200, 202]
            assert len({each.text for each in responses}) == 1
            assert await turn.wait() == "complete"
            assert turn.messages == [f"to {text}."]
            assert {(await web.chat(turn)).text for web in (here, there)} == {responses[0].text}
        await settle()
        assert lifecycle(stage).count("ai-run-end") == 2
        assert len({each["run-id"] for each in stage.headers("ai-run-start")}) == 2


async def test_a_run_that_another_process_answers_is_cancelled_there_and_not_ended_here() -> None:
    async def for_ever(run: Any) -> None:
        await run.pipe(words("never ending", gate=asyncio.Event()))

    async with staged() as stage, serving(stage, for_ever) as here, stage.device() as alice:
        async with serving(stage, for_ever) as there:
            turn = await alice.view.send(say("hello"))
            responses = await asyncio.gather(here.chat(turn), there.chat(turn))
            assert [each.status_code for each in responses] == [202, 200]
        await settle()
        assert turn.status == "active"
        await turn.cancel()
        assert await turn.wait() == "cancelled"
        assert lifecycle(stage).count("ai-run-end") == 1


async def test_after_a_restart_the_channel_tells_which_run_answers_the_input() -> None:
    async with staged() as stage, stage.device() as alice:
        async with serving(stage) as web:
            turn = await alice.view.send(say("hello"))
            first = await web.chat(turn)
            await turn.wait()
            again = await alice.view.regenerate(alice.view.get_messages()[-1].id)
            second = await web.chat(again)
            await again.wait()
        async with serving(stage) as web:
            for asked, answered in [(turn, first), (again, second)]:
                response = await web.chat(asked)
                assert (response.status_code, response.json()) == (200, answered.json())
        assert len(stage.headers("ai-run-start")) == 2


async def test_a_session_that_was_idle_is_closed_and_opened_again() -> None:
    async with staged() as stage, serving(stage, max_idle=0) as web, stage.device() as alice:
        for text in "abc":
            turn = await alice.view.send(say(text))
            assert (await web.chat(turn)).status_code == 202
            assert await turn.wait() == "complete"
            assert turn.messages == [f"to {text}."]
        assert not stage.errors


async def test_an_invocation_of_an_input_that_is_nowhere_publishes_nothing() -> None:
    async with staged() as stage, serving(stage, wait=0.05) as web:
        status, code, text = error_of(await web.chat(inputEventId="forged", sessionName=CHANNEL))
        assert (status, code) == (504, 104010)
        assert "'forged' is not on the channel 'conversation'" in text
        assert lifecycle(stage) == []
        assert codes(stage) == [104010]


async def test_an_input_that_comes_later_is_answered_when_it_is_posted_again() -> None:
    async with staged() as stage, serving(stage, wait=0.05) as web, stage.device() as alice:
        assert (await web.chat(inputEventId="forged", sessionName=CHANNEL)).status_code == 504
        turn = await alice.view.send(say("hello"))
        assert (await web.chat(turn)).status_code == 202
        assert await turn.wait() == "complete"


async def test_an_input_of_another_session_is_foreign() -> None:
    async with (
        staged() as stage,
        serving(stage, wait=0.05, allow=lambda request, session, client: True) as web,
        stage.device() as alice,
    ):
        turn = await alice.view.send(say("hello"))
        status, code, _ = error_of(await web.chat(turn, sessionName="elsewhere"))
        assert (status, code) == (504, 104010)
        assert "ai-run-start" not in lifecycle(stage)


async def test_a_handler_that_raises_ends_its_run_with_the_error() -> None:
    async def broken(run: Any) -> None:
        raise ValueError("no model today")

    async with staged() as stage, serving(stage, broken) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        assert (await web.chat(turn)).status_code == 202
        assert await turn.wait() == "error"
        assert turn.error is not None
        assert "no model today" in turn.error.message
        await settle()
        assert any("no model today" in str(error) for error in stage.errors)


async def test_a_source_that_fails_ends_the_run_and_leaves_no_stream_open() -> None:
    async def failing(run: Any) -> None:
        async def source() -> AsyncIterator[Any]:
            for event in text_events("half", ends=False):
                yield event
            raise ValueError("the model hung up")

        await run.pipe(source())

    async with staged() as stage, serving(stage, failing) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        await web.chat(turn)
        assert await turn.wait() == "error"
        assert "streaming" not in await statuses(stage)


async def test_a_cancel_stops_the_run() -> None:
    async def for_ever(run: Any) -> None:
        await run.pipe(words("never ending", gate=asyncio.Event()))

    async with staged() as stage, serving(stage, for_ever) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        await web.chat(turn)
        await turn.cancel()
        assert await turn.wait() == "cancelled"
        assert await statuses(stage) == ["cancelled"]


async def test_a_request_that_is_given_up_does_not_stop_its_run() -> None:
    async with staged() as stage, serving(stage) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        request = asyncio.create_task(web.chat(turn))
        await asyncio.sleep(0)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        response = await web.chat(turn)
        assert await turn.wait() == "complete"
        assert response.json()["runId"] == turn.run_id
        assert len(stage.headers("ai-run-start")) == 1


async def test_only_so_many_may_be_under_way() -> None:
    gate = asyncio.Event()

    async def wait(run: Any) -> None:
        await gate.wait()

    async with staged() as stage, serving(stage, wait, max_open=1) as web, stage.device() as alice:
        first = await alice.view.send(say("a"))
        second = await alice.view.send(say("b"))
        await web.chat(first)
        refused = await web.chat(second)
        assert error_of(refused)[0] == 503
        assert refused.headers["retry-after"] == "1"
        gate.set()
        assert await first.wait() == "complete"
        await settle()
        assert (await web.chat(second)).status_code == 202


async def test_what_the_front_end_added_reaches_the_handler() -> None:
    seen: list[Any] = []

    async def look(run: Any) -> None:
        seen.append(posted()["model"])

    async with staged() as stage, serving(stage, look) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        await web.chat(turn, model="small")
        assert await turn.wait() == "complete"
    assert seen == ["small"]
    assert posted() == {}


# --- runs that wait for somebody


class Asking:
    """A handler that asks something, and takes up the answer when it is called again."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()

    async def __call__(self, run: Any) -> RunOutcome | None:
        self.calls += 1
        await run.view.load()
        if self.calls == 1:
            await run.pipe(words("may I"))
            await self.gate.wait()
            return RunOutcome("suspend")
        await run.pipe(words("thanks"))
        return None


@asynccontextmanager
async def asked_at_two_processes(asking: Asking) -> AsyncIterator[tuple[Stage, Web, Web, Any, Any]]:
    """A turn that waits for its user, with two processes at the channel: the stage, both, the device and the turn."""
    asking.gate.set()
    async with (
        staged() as stage,
        serving(stage, asking) as here,
        serving(stage, asking) as there,
        stage.device() as alice,
    ):
        turn = await alice.view.send(say("hello"))
        await asyncio.gather(here.chat(turn), there.chat(turn))
        assert await turn.wait() == "suspended"
        yield stage, here, there, alice, turn


async def test_an_answer_resumes_the_suspended_run_once() -> None:
    asking = Asking()
    asking.gate.set()
    async with staged() as stage, serving(stage, asking) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        first = await web.chat(turn)
        assert await turn.wait() == "suspended"
        answer = await alice.view.send(result(turn.get_messages()[0].id, "yes", "call"), run_id=turn.run_id)
        responses = await asyncio.gather(web.chat(answer), web.chat(answer))
        assert sorted(each.status_code for each in responses) == [200, 202]
        assert {each.json()["runId"] for each in responses} == {first.json()["runId"]}
        await settle()
        assert await turn.wait() == "complete"
        assert lifecycle(stage).count("ai-run-resume") == 1
    async with serving(stage, asking) as web:
        late = await web.chat(answer)
        assert (late.status_code, late.json()) == (200, responses[0].json())
    assert asking.calls == 2


async def test_an_answer_at_two_processes_at_once_resumes_the_run_once() -> None:
    asking = Asking()
    async with asked_at_two_processes(asking) as (_, here, there, alice, turn):
        answer = await alice.view.send(result(turn.get_messages()[0].id, "yes", "call"), run_id=turn.run_id)
        responses = await asyncio.gather(here.chat(answer), there.chat(answer))
        assert sorted(each.status_code for each in responses) == [200, 202]
        assert len({each.text for each in responses}) == 1
        await settle()
        assert await turn.wait() == "complete"
    assert asking.calls == 2


async def test_an_answer_that_comes_before_the_run_is_suspended_resumes_it_then() -> None:
    asking = Asking()
    async with staged() as stage, serving(stage, asking) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        first = await web.chat(turn)
        await settle()
        answer = await alice.view.send(result(turn.get_messages()[0].id, "yes", "call"), run_id=turn.run_id)
        early = await web.chat(answer)
        assert (early.status_code, early.json()["runId"]) == (200, first.json()["runId"])
        asking.gate.set()
        await settle(200)
        assert await turn.wait() == "complete"
        assert lifecycle(stage).count("ai-run-resume") == 1


async def test_the_second_answer_to_one_question_is_not_answered() -> None:
    asking = Asking()
    asking.gate.set()
    async with staged() as stage, serving(stage, asking) as web, stage.device() as alice, stage.device("bob") as bob:
        turn = await alice.view.send(say("hello"))
        await web.chat(turn)
        assert await turn.wait() == "suspended"
        await settle()
        question = turn.get_messages()[0].id
        answers = [await each.view.send(result(question, "yes", "call"), run_id=turn.run_id) for each in (alice, bob)]
        await asyncio.gather(*(web.chat(answer) for answer in answers))
        await settle(200)
        assert await turn.wait() == "complete"
        assert asking.calls == 2


# --- when the application stops


@pytest.mark.parametrize(("hand_off", "status"), [(False, "cancelled"), (True, "suspended")])
async def test_a_run_that_is_open_when_the_application_stops_is_closed(hand_off: bool, status: str) -> None:
    async def for_ever(run: Any) -> None:
        await run.pipe(words("never ending", gate=asyncio.Event()))

    async with staged() as stage, stage.device() as alice:
        app = app_on(stage, for_ever, hand_off=hand_off)
        web = Web(app, stage)
        async with web.http:
            async with app.lifespan():
                turn = await alice.view.send(say("hello"))
                await web.chat(turn)
                await settle()
            assert await turn.wait() == status
            assert await statuses(stage) == ["cancelled"]
            assert error_of(await web.chat(turn))[:2] == (503, 104004)


async def test_a_run_that_ends_in_time_ends_as_it_would() -> None:
    gate = asyncio.Event()

    async def slowly(run: Any) -> None:
        await run.pipe(words("done", gate=gate))

    async with staged() as stage, stage.device() as alice:
        async with serving(stage, slowly, grace=30) as web:
            turn = await alice.view.send(say("hello"))
            await web.chat(turn)
            asyncio.get_running_loop().call_soon(gate.set)
        assert await turn.wait() == "complete"


@pytest.mark.parametrize("turns", [*range(12), 60])
async def test_who_waits_for_an_input_when_the_application_stops_is_told(turns: int) -> None:
    async with staged() as stage:
        app = app_on(stage, wait=60)
        async with app.lifespan():
            web = Web(app, stage)
            request = asyncio.create_task(web.chat(inputEventId="later", sessionName=CHANNEL))
            await settle(turns)
        assert error_of(await request)[:2] == (503, 104004)
        assert lifecycle(stage) == []
        await web.http.aclose()


async def test_an_answer_to_a_run_that_is_not_there_or_over_is_refused() -> None:
    async with staged() as stage, serving(stage, wait=0.05) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        await web.chat(turn)
        assert await turn.wait() == "complete"
        for run_id, says in [("nowhere", "is not on its channel"), (turn.run_id, "had ended as complete")]:
            answer = await alice.view.send(result(turn.get_messages()[0].id, "yes", "call"), run_id=run_id)
            status, code, text = error_of(await web.chat(answer))
            assert (status, code) == (409, 40003)
            assert says in text
        assert "ai-run-resume" not in lifecycle(stage)


async def test_what_is_said_to_a_run_under_way_is_that_runs_to_take_up_and_a_cancel_still_reaches_it() -> None:
    async def for_ever(run: Any) -> None:
        await run.pipe(words("never ending", gate=asyncio.Event()))

    async with staged() as stage, serving(stage, for_ever) as web, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        first = await web.chat(turn)
        await settle()
        steer = turn.steer(say("shorter"))
        await steer.published
        said = next(headers for headers in stage.headers("ai-input") if headers.get("run-id") == first.json()["runId"])
        response = await web.chat(inputEventId=said["event-id"], sessionName=CHANNEL)
        assert (response.status_code, response.json()["runId"]) == (200, first.json()["runId"])
        await turn.cancel()
        assert await turn.wait() == "cancelled"
        await asyncio.gather(steer.outcome, return_exceptions=True)


# --- when the process was killed


@pytest.mark.parametrize("orphans", ["end", "leave"])
async def test_a_run_of_a_killed_process_is_ended_by_the_next_one(orphans: str) -> None:
    async def for_ever(run: Any) -> None:
        await run.pipe(words("never ending", gate=asyncio.Event()))

    async with staged() as stage, stage.device() as alice:
        client = stage.hub.client("agent")
        once = {"retry": RetryPolicy(attempts=1)}
        async with serving(stage, for_ever, client=client, session_options=once) as web:
            turn = await alice.view.send(say("hello"))
            first = await web.chat(turn)
            await settle()
            await client.disconnect()  # nothing is closed, and nothing is published any more
            await settle()
            assert turn.status == "active"
            async with serving(stage, orphans=orphans) as next_one:
                again = await next_one.chat(turn)
                assert (again.status_code, again.json()) == (200, first.json())
                await settle(200)
                assert turn.status == ("error" if orphans == "end" else "active")
                if orphans == "end":
                    assert await statuses(stage) == ["cancelled"]
            await client.close()


async def test_a_run_under_way_is_nobodys_orphan() -> None:
    gate = asyncio.Event()

    async def slowly(run: Any) -> None:
        await run.pipe(words("done", gate=gate))

    async with staged() as stage, serving(stage, slowly) as here, serving(stage) as there, stage.device() as alice:
        turn = await alice.view.send(say("hello"))
        await here.chat(turn)
        other = await alice.view.send(say("and"))
        await there.chat(other)
        agent = stage.hub.client("agent")
        async with AgentSession(agent, CHANNEL, codec=TOY) as session:
            serving_too = asyncio.create_task(session.serve(slowly, backlog=False))
            await settle(200)
            assert turn.status == "active"
            gate.set()
            assert await turn.wait() == "complete"
            serving_too.cancel()
            await asyncio.gather(serving_too, return_exceptions=True)


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_start_that_nobody_acknowledged_does_not_leave_its_run_active(is_late: bool) -> None:
    """It comes back in time, and the input is answered; or later, and the run that was given up is ended."""
    plan = FaultPlan().on("publish", 1, LoseAck()).on("publish", 2, LoseAck())
    plan = plan.on("delivery", 1, Hold(300)) if is_late else plan
    async with staged() as stage, stage.device() as alice:
        client = FaultyProvider(stage.hub.client("agent"), plan)
        options = {"retry": RetryPolicy(attempts=2, first_delay=0)}
        async with serving(stage, client=client, session_options=options) as web:
            turn = await alice.view.send(say("hello"))
            response = await web.chat(turn)
            assert response.status_code == (500 if is_late else 202)
            await settle(600)
            assert turn.status == ("error" if is_late else "complete")
            assert lifecycle(stage).count("ai-run-end") == 1


async def test_a_cancel_ends_a_run_that_waits_and_answers_after_it_resume_nothing() -> None:
    asking = Asking()
    async with asked_at_two_processes(asking) as (stage, here, there, alice, turn):
        await settle()
        question = turn.get_messages()[0].id
        await turn.cancel()
        racing = await alice.view.send(result(question, "yes", "call"), run_id=turn.run_id)
        assert (await there.chat(racing)).status_code == 200, "it was said to the run, which takes it up no more"
        assert await racing.wait() == "cancelled"
        late = await alice.view.send(result(question, "yes", "call"), run_id=turn.run_id)
        status, _, text = error_of(await here.chat(late))
        assert (status, "had ended as cancelled before it was answered" in text) == (409, True)
        await settle()
        assert lifecycle(stage).count("ai-run-end") == 1
        assert (asking.calls, lifecycle(stage).count("ai-run-resume")) == (1, 0)
