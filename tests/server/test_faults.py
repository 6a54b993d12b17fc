"""What goes wrong on purpose, and clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from ai_transport_codecs.errors import UsageError
from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.server.numbers import Action, Flag
from tests.server.wire import KEY, PATIENCE, Socket

Dial = Callable[..., Awaitable[Socket]]


async def test_cut_sockets_end_without_a_word(server: LocalServer, dial: Dial) -> None:
    alice, bob = await dial(), await dial()
    assert server.faults.cut(alice.frames[0]["connectionId"]) == 1
    assert [frame["action"] for frame in await alice.closed()] == [Action.CONNECTED]
    assert await bob.said("chat:1", {"name": "x"})
    assert server.faults.cut() == 1


async def test_held_acknowledgements_come_later_in_order(server: LocalServer, dial: Dial) -> None:
    alice, bob = await dial(), await dial()
    await bob.attach("chat:1")
    server.faults.hold_acks()
    numbers = [await alice.publish("chat:1", {"name": str(index)}) for index in range(3)]
    await bob.message(name="2")
    await alice.send({"action": 0, "id": "x"})
    await alice.next(Action.HEARTBEAT)
    assert not [frame for frame in alice.frames if frame["action"] == Action.ACK]
    server.faults.release_acks()
    serials = [await alice.acked(number) for number in numbers]
    assert serials == sorted(serials)


async def test_a_dropped_frame_is_lost_and_the_next_is_not(server: LocalServer, dial: Dial) -> None:
    alice, bob = await dial(), await dial()
    await bob.attach("chat:1")
    server.faults.drop(Action.MESSAGE, 2)
    for name in "abc":
        await alice.said("chat:1", {"name": name})
    await bob.message(name="c")
    assert [message["name"] for message in bob.messages] == ["c"]
    server.faults.drop(Action.ACK)
    lost = await alice.publish("chat:1", {"name": "d"})
    later = await alice.publish("chat:1", {"name": "e"})
    await alice.acked(later)
    assert not [frame for frame in alice.frames if frame["action"] == Action.ACK and frame["msgSerial"] == lost]


async def test_faults_are_off_unless_asked_for() -> None:
    server = LocalServer(keys=[KEY])
    async with server, aiohttp.ClientSession() as session:
        with pytest.raises(UsageError, match="faults=True"):
            _ = server.faults
        async with session.post(f"{server.url}/_faults/cut", params={"key": KEY}) as answer:
            assert answer.status == 404


async def test_faults_can_be_asked_for_from_elsewhere_with_the_key(server: LocalServer, dial: Dial) -> None:
    socket = await dial()

    async def ask(fault: str, value: object = None) -> tuple[int, object]:
        async with session.post(f"{server.url}/_faults/{fault}", json=value, params={"key": KEY}) as answer:
            return answer.status, await answer.json()

    async with aiohttp.ClientSession() as session:
        async with session.post(f"{server.url}/_faults/cut") as answer:
            assert answer.status == 401
        assert (await ask("hold-acks", {}))[0] == 200
        assert server.faults.holds_acks
        assert (await ask("release-acks", {}))[0] == 200
        assert (await ask("drop", {"action": 0}))[0] == 200
        assert (await ask("drop", {"action": "all"}))[0] == 400
        assert (await ask("cut", {"connectionId": 5}))[0] == 400
        assert (await ask("cut", []))[0] == 400
        assert await ask("cut", {}) == (200, {"cut": 1})
    await socket.closed()


async def test_a_client_that_does_not_read_is_let_go_with_the_reason_and_the_others_go_on(msgpack: bool) -> None:
    settings = Settings(max_unsent=300_000)
    async with (
        LocalServer(keys=[KEY], settings=settings) as server,
        Socket(server, {"key": KEY}, msgpack=msgpack) as slow,
        Socket(server, {"key": KEY}, msgpack=msgpack) as good,
        Socket(server, {"key": KEY}, msgpack=msgpack) as alice,
    ):
        await slow.attach("chat:1")
        await good.attach("chat:1")
        slow.pause()
        # What the system holds between the two has to be filled first.
        for index in range(200):
            await alice.said("chat:1", {"name": str(index), "data": "x" * 60_000})
            await good.message(name=str(index))
        slow.resume()
        error = (await slow.closed())[-1]
        assert error["action"] == Action.DISCONNECTED
        assert (error["error"]["code"], error["error"]["statusCode"]) == (42920, 429)
        key = slow.frames[0]["connectionDetails"]["connectionKey"]
        position = next(frame["channelSerial"] for frame in reversed(slow.frames) if frame["action"] == Action.MESSAGE)
        async with Socket(server, {"key": KEY, "resume": key}, msgpack=msgpack) as again:
            # What it missed is more than may wait for a client, so it has to read history, and is told so.
            attached = await again.attach("chat:1", channelSerial=position)
            assert attached["error"]["code"] == 90003
            assert not attached["flags"] & Flag.RESUMED
            await alice.said("chat:1", {"name": "now"})
            await again.message(name="now")
            assert len(again.messages) == 1


async def test_a_rewind_brings_as_many_as_may_wait(msgpack: bool) -> None:
    settings = Settings(max_unsent=300_000)
    async with (
        LocalServer(keys=[KEY], settings=settings) as server,
        Socket(server, {"key": KEY}, msgpack=msgpack) as alice,
    ):
        for index in range(5):
            await alice.said("chat:1", {"name": str(index), "data": "x" * 60_000})
        await alice.attach("chat:1", params={"rewind": "5"})
        await alice.message(name="4")
        assert [message["name"] for message in alice.messages] == ["3", "4"]


async def test_one_that_never_reads_again_is_cut_off() -> None:
    settings = Settings(max_unsent=300_000)
    async with (
        LocalServer(keys=[KEY], settings=settings, faults=True) as server,
        Socket(server, {"key": KEY}, msgpack=False) as slow,
        Socket(server, {"key": KEY}, msgpack=False) as alice,
    ):
        await slow.attach("chat:1")
        slow.pause()
        for index in range(200):
            await alice.said("chat:1", {"name": str(index), "data": "x" * 60_000})
        async with asyncio.timeout(PATIENCE):
            while len(server.faults.links) > 1:
                assert await alice.said("chat:2", {"name": "x"})
