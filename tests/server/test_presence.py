"""Who is on a channel, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.server.numbers import Action, Flag
from tests.server.wire import KEY, Frame, Socket

Dial = Callable[..., Awaitable[Socket]]


def is_presence(action: int) -> Callable[[Frame], bool]:
    return lambda frame: frame["action"] == Action.PRESENCE and frame["presence"][0]["action"] == action


async def test_everybody_hears_of_who_enters_changes_and_leaves_and_so_do_they_themselves(dial: Dial) -> None:
    alice, bob = await dial(clientId="alice"), await dial(clientId="bob")
    await alice.attach("chat:1")
    await bob.attach("chat:1")
    connection_id = alice.frames[0]["connectionId"]
    for number, action in enumerate((2, 4, 3)):
        # ably-python names the client, ably-js leaves it out.
        named: Frame = {"clientId": "alice"} if number else {}
        await alice.acked(await alice.present("chat:1", {"action": action, "data": str(number), **named}))
        for socket in (alice, bob):
            [message] = (await socket.until(is_presence(action)))["presence"]
            assert message == {
                "id": f"{connection_id}:{number}:0",
                "action": action,
                "clientId": "alice",
                "connectionId": connection_id,
                "timestamp": message["timestamp"],
                "data": str(number),
            }


async def test_who_attaches_later_is_told_who_is_there(dial: Dial) -> None:
    alice, bob = await dial(clientId="alice"), await dial(clientId="bob")
    await alice.attach("chat:1")
    await alice.acked(await alice.present("chat:1", {"action": 2, "data": '{"a":1}', "encoding": "json"}))
    attached = await bob.attach("chat:1")
    assert attached["flags"] & Flag.HAS_PRESENCE
    sync = await bob.next(Action.SYNC)
    [member] = sync["presence"]
    assert (member["action"], member["clientId"], member["data"], member["encoding"]) == (1, "alice", '{"a":1}', "json")
    assert re.fullmatch(r"[\w-]+:", sync["channelSerial"])
    await bob.send({"action": 16, "channel": "chat:1"})
    assert (await bob.next(Action.SYNC))["presence"] == [member]


async def test_many_members_come_in_several_frames_the_last_of_which_says_so(dial: Dial) -> None:
    alice, bob = await dial(), await dial()
    await alice.attach("chat:1")
    for start in (0, 100, 200):
        items = [{"action": 2, "clientId": f"c{start + index}"} for index in range(100 if start < 200 else 5)]
        await alice.acked(await alice.present("chat:1", *items))
    await bob.attach("chat:1")
    frames = [await bob.next(Action.SYNC) for _ in range(3)]
    assert [frame["channelSerial"].split(":", 1)[1] for frame in frames] == ["100", "200", ""]
    names = [member["clientId"] for frame in frames for member in frame["presence"]]
    assert names == [f"c{index}" for index in range(205)]


async def test_entering_again_as_clients_do_after_an_attach_changes_nothing(dial: Dial) -> None:
    alice, bob = await dial(clientId="alice"), await dial()
    await alice.attach("chat:1")
    await alice.acked(await alice.present("chat:1", {"action": 2, "data": "x"}))
    [mine] = (await alice.until(is_presence(2)))["presence"]
    await bob.attach("chat:1")
    await alice.acked(await alice.present("chat:1", {"action": 2, "data": "x", "id": mine["id"]}))
    await alice.acked(await alice.present("chat:1", {"action": 4, "data": "y"}))
    await bob.until(is_presence(4))
    assert [frame["presence"][0]["data"] for frame in bob.frames if frame["action"] == Action.PRESENCE] == ["y"]


async def test_detaching_leaves_in_the_servers_words(dial: Dial) -> None:
    alice, bob = await dial(clientId="alice"), await dial()
    await alice.attach("chat:1")
    await bob.attach("chat:1")
    await alice.acked(await alice.present("chat:1", {"action": 2, "data": "x"}))
    await alice.send({"action": 12, "channel": "chat:1"})
    [left] = (await bob.until(is_presence(3)))["presence"]
    # Clients compare an id that does not begin with the connection's by time, not by number.
    assert not left["id"].startswith(left["connectionId"])
    assert (left["clientId"], left["data"]) == ("alice", "x")


@pytest.mark.parametrize(
    ("query", "presence", "code"),
    [
        ({}, [{"action": 2}], 91000),
        ({"clientId": "alice"}, [{"action": 2, "clientId": "bob"}], 40012),
        ({"clientId": "alice"}, [{"action": 9}], 40003),
        ({"clientId": "alice"}, [{"action": "enter"}], 40003),
        ({"clientId": "alice"}, ["enter"], 40003),
        ({"clientId": "alice"}, [], 40003),
        ({"clientId": "alice"}, [{"action": 2}] * 201, 40003),
        ({"clientId": "alice"}, [{"action": 2, "data": 5}], 40013),
        ({"clientId": "alice"}, [{"action": 2, "data": "x" * 70_000}], 40009),
        ({}, [{"action": 2, "clientId": "alice"}, {"action": 2}], 91000),
    ],
)
async def test_who_cannot_be_present_is_told_why(
    dial: Dial, query: dict[str, str], presence: list[Any], code: int
) -> None:
    socket = await dial(**query)
    await socket.attach("chat:1")
    assert (await socket.refused(await socket.present("chat:1", *presence)))["code"] == code
    late = await dial()
    assert not (await late.attach("chat:1"))["flags"] & Flag.HAS_PRESENCE


async def test_presence_needs_an_attachment_with_its_mode(dial: Dial) -> None:
    socket = await dial(clientId="alice")
    assert (await socket.refused(await socket.present("chat:1", {"action": 2})))["code"] == 90001
    await socket.attach("chat:1", flags=int(Flag.SUBSCRIBE))
    assert (await socket.refused(await socket.present("chat:1", {"action": 2})))["code"] == 40160


async def test_a_lost_socket_leaves_after_a_while_and_one_that_comes_back_never_left(msgpack: bool) -> None:
    settings = Settings(remain_present_for=100)
    async with (
        LocalServer(keys=[KEY], settings=settings) as server,
        Socket(server, {"key": KEY, "clientId": "bob"}, msgpack=msgpack) as bob,
        Socket(server, {"key": KEY, "clientId": "alice"}, msgpack=msgpack) as alice,
        Socket(server, {"key": KEY, "clientId": "carol", "remainPresentFor": "60000"}, msgpack=msgpack) as carol,
    ):
        await bob.attach("chat:1")
        for socket in (alice, carol):
            await socket.attach("chat:1")
            await socket.acked(await socket.present("chat:1", {"action": 2}))
        await carol.leave()
        await alice.leave()
        [left] = (await bob.until(is_presence(3)))["presence"]
        assert left["clientId"] == "alice"
        key = carol.frames[0]["connectionDetails"]["connectionKey"]
        async with Socket(server, {"key": KEY, "clientId": "carol", "resume": key}, msgpack=msgpack) as again:
            await again.attach("chat:1")
            [there] = (await again.next(Action.SYNC))["presence"]
            assert there["clientId"] == "carol"
