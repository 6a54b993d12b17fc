"""Sessions over ably-python and the local server: whole conversations over real sockets that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ably import AblyRealtime  # type: ignore[import-untyped]

from ai_transport_codecs import AgentSession, ClientSession
from ai_transport_codecs.channels.ably import AblyProvider, connect_ably, provider_of
from ai_transport_codecs.errors import InvalidArgumentError
from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.session.connection import channel_modes
from ai_transport_codecs.session.run import Run
from tests.channels.ably.engine import KEY, QUICK
from tests.channels.ably.proxy import proxied
from tests.channels.ably.rogue import comes_back, soon
from tests.session.stage import say, words
from tests.session.toy_codec import TOY

CHANNEL = "conversations:42"
WORDS = [f"word{number} " for number in range(40)]
ANSWER = "".join(WORDS) + "."


@pytest.fixture(params=[True, False], ids=["msgpack", "json"])
def binary(request: pytest.FixtureRequest) -> bool:
    chosen: bool = request.param
    return chosen


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(keys=[KEY], faults=True) as server:
        yield server


async def _beat() -> None:
    await asyncio.sleep(0.005)


async def answer(run: Run[str]) -> None:
    await run.pipe(words(*WORDS, pause=_beat))


@asynccontextmanager
async def agent_on(
    client: Any, handler: Callable[[Run[str]], Awaitable[Any]] = answer
) -> AsyncIterator[AgentSession[str]]:
    session: AgentSession[str] = AgentSession(client, CHANNEL, codec=TOY)
    async with session:
        serving = asyncio.create_task(session.serve(handler))
        yield session
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def device_on(client: Any, **options: Any) -> ClientSession[str]:
    return ClientSession(client, CHANNEL, codec=TOY, **options)


@asynccontextmanager
async def ably(server: LocalServer | int, client_id: str, **options: Any) -> AsyncIterator[AblyProvider]:
    port = server if isinstance(server, int) else server.port
    async with connect_ably(KEY, url=f"http://127.0.0.1:{port}", client_id=client_id, **QUICK | options) as provider:
        yield provider


async def test_a_session_takes_an_ably_client_as_it_is(server: LocalServer, *, binary: bool) -> None:
    def client(client_id: str) -> Any:
        return AblyRealtime(
            KEY, endpoint=f"127.0.0.1:{server.port}", tls=False, client_id=client_id, use_binary_protocol=binary
        )

    agents, alices = client("agent"), client("alice")
    async with agent_on(agents), device_on(alices) as alice:
        turn = await alice.view.send(say("hi"))
        assert await turn.wait() == "complete"
        await soon(lambda: alice.view.messages == ["hi", ANSWER])
        asked = provider_of(agents).channel(CHANNEL).params
        assert asked["agent"].startswith("ai-transport-python/"), "the library names itself and the codec"
    for each in (agents, alices):
        await provider_of(each).close()


async def test_what_is_no_client_is_refused_with_what_would_be_one() -> None:
    with pytest.raises(InvalidArgumentError, match=r"a str is none. Give it an AblyRealtime client") as caught:
        device_on("app.key:secret")
    assert "pip install 'ai-transport-codecs[ably]'" in caught.value.message


async def test_extra_modes_come_on_top_of_the_usual_ones(server: LocalServer) -> None:
    asked = ["object_subscribe", "OBJECT_PUBLISH", "publish"]
    async with ably(server, "alice") as provider, device_on(provider, channel_modes=asked):
        usual = {"PUBLISH", "SUBSCRIBE", "PRESENCE", "PRESENCE_SUBSCRIBE", "ANNOTATION_PUBLISH"}
        assert usual <= provider.channel(CHANNEL).modes
    assert channel_modes(["object_subscribe", "ZEBRA", "OBJECT_PUBLISH", "publish", "another"]) == [
        "PUBLISH", "SUBSCRIBE", "PRESENCE", "PRESENCE_SUBSCRIBE",
        "OBJECT_PUBLISH", "OBJECT_SUBSCRIBE", "ANNOTATION_PUBLISH", "ANOTHER", "ZEBRA",
    ]  # fmt: skip
    assert channel_modes([]) is channel_modes(None) is None


@pytest.mark.parametrize("joins_after", [0, 0.05, 0.15])
async def test_a_late_joiner_sees_the_whole_answer_once(server: LocalServer, joins_after: float) -> None:
    async with (
        ably(server, "agent") as one, ably(server, "alice") as two, ably(server, "bob") as three,
        agent_on(one), device_on(two) as alice,
    ):  # fmt: skip
        turn = await alice.view.send(say("hi"))
        await asyncio.sleep(joins_after)
        async with device_on(three) as bob:
            assert await turn.wait() == "complete"
            await soon(lambda: bob.view.messages == alice.view.messages == ["hi", ANSWER])


@pytest.mark.parametrize("who", ["device", "agent", "everybody"])
async def test_cut_sockets_cost_nobody_a_word_and_give_nobody_one_twice(
    server: LocalServer, who: str, *, binary: bool
) -> None:
    async with (
        ably(server, "agent", use_binary_protocol=binary) as one,
        ably(server, "alice", use_binary_protocol=binary) as two,
        agent_on(one), device_on(two) as alice,
    ):  # fmt: skip
        turn = await alice.view.send(say("hi"))
        await turn.started
        for _ in range(3):
            await asyncio.sleep(0.03)
            victim = {"device": two, "agent": one, "everybody": None}[who]
            server.faults.cut(None if victim is None else victim.connection_id)
        assert await turn.wait() == "complete"
        await soon(lambda: alice.view.messages == ["hi", ANSWER])
        async with ably(server, "late") as three, device_on(three) as late:
            await soon(lambda: late.view.messages == ["hi", ANSWER])


async def test_what_was_missed_without_continuity_is_fetched() -> None:
    # The server keeps so little that whoever was away cannot resume.
    async with (
        LocalServer(keys=[KEY], settings=Settings(retained_entries=2, append_rollup_window=0)) as server,
        proxied(server.port) as wire,
        ably(server, "agent") as one, ably(wire.port, "alice") as two, ably(server, "bob") as three,
        agent_on(one), device_on(two) as alice, device_on(three) as bob,
    ):  # fmt: skip
        lost: list[int] = []
        alice.on("error", lambda error: lost.append(error.code))
        turn = await bob.view.send(say("hi"))
        await turn.started
        wire.cut()
        assert await turn.wait() == "complete"
        await comes_back(two, wire.mend)
        await soon(lambda: alice.view.messages == ["hi", ANSWER])
        assert set(lost) == {104006}


async def test_cancel_from_another_device_closes_the_source(server: LocalServer) -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[dict[str, str]]:
        try:
            yield {"type": "text-start", "id": "t"}
            yield {"type": "text-delta", "id": "t", "delta": "so far "}
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def handler(run: Run[str]) -> None:
        await run.pipe(endless())

    async with (
        ably(server, "agent") as one, ably(server, "alice") as two, ably(server, "bob") as three,
        agent_on(one, handler), device_on(two) as alice, device_on(three) as bob,
    ):  # fmt: skip
        turn = await alice.view.send(say("hi"))
        await turn.started
        await soon(lambda: bob.view.messages == ["hi", "so far "])
        await bob.cancel(turn.run_id)
        assert await turn.wait() == "cancelled"
        assert closed.is_set()


async def test_concurrent_runs_over_a_budget_are_all_answered_and_nothing_is_refused() -> None:
    settings = Settings(max_rate=50, append_rollup_window=0)
    async with (
        LocalServer(keys=[KEY], settings=settings) as server,
        ably(server, "agent") as one, ably(server, "alice", messages_per_second=None) as two,
        agent_on(one), device_on(two) as alice,
    ):  # fmt: skip
        refused: list[BaseException] = []
        assert one.budget is not None
        one.budget.refused = lambda: refused.append(RuntimeError())  # type: ignore[method-assign]
        turns = [await alice.view.send(say(f"question {number}")) for number in range(12)]
        assert [await turn.wait() for turn in turns] == ["complete"] * 12
        assert all(turn.messages == [ANSWER] for turn in turns)
        assert refused == []


async def test_a_server_that_is_killed_and_started_again_forgets_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    database = tmp_path / "log.db"
    server = LocalServer(keys=[KEY], db=database)
    await server.start()
    port = server.port
    async with (
        proxied(port) as wire, ably(wire.port, "agent") as one, ably(wire.port, "alice") as two,
        agent_on(one), device_on(two) as alice,
    ):  # fmt: skip
        turn = await alice.view.send(say("hi"))
        await turn.started
        await asyncio.sleep(0.05)
        wire.cut()
        await server.stop()
        server = LocalServer(keys=[KEY], db=database, port=port)
        await server.start()
        wire.mend()
        assert await turn.wait() == "complete"
        await soon(lambda: alice.view.messages == ["hi", ANSWER])
        async with ably(port, "late") as three, device_on(three) as late:
            await soon(lambda: late.view.messages == ["hi", ANSWER])
    await server.stop()
