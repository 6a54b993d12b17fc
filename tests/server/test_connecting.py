"""Connecting, staying connected, and coming back, frame by frame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.server.numbers import Action, Flag
from tests.server.wire import KEY, Socket, append

Dial = Callable[..., Awaitable[Socket]]


async def test_a_client_is_told_what_it_needs_to_stay_and_to_come_back(dial: Dial) -> None:
    socket = await dial(clientId="alice", unknown="parameters are ignored")
    [connected] = socket.frames
    details = connected["connectionDetails"]
    assert details["clientId"] == "alice"
    assert details["connectionKey"]
    assert (details["maxIdleInterval"], details["connectionStateTtl"], details["maxMessageSize"]) == (
        15_000, 120_000, 65_536
    )  # fmt: skip
    assert "error" not in connected


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 40101),
        ({"key": "app.key:wrong"}, 40101),
        ({"key": "other.key:secret"}, 40101),
        ({"access_token": "nonsense"}, 40143),
        ({"accessToken": "a.b.c"}, 40144),
        ({"key": KEY, "clientId": "*"}, 40012),
        ({"key": KEY, "format": "xml"}, 40003),
        ({"key": KEY, "appendRollupWindow": "7"}, 40003),
        ({"key": KEY, "heartbeatInterval": "1"}, 40003),
    ],
)
async def test_who_cannot_connect_is_told_why_and_hung_up_on(
    server: LocalServer, query: dict[str, str], code: int
) -> None:
    async with Socket(server, query, msgpack=False) as socket:
        [error] = await socket.closed()
    assert (error["action"], error["error"]["code"]) == (Action.ERROR, code)
    assert "channel" not in error
    assert error["error"]["message"]
    assert str(code) in error["error"]["href"]


async def test_a_ping_comes_back(dial: Dial) -> None:
    socket = await dial()
    await socket.send({"action": 0, "id": "ping-1"})
    assert await socket.next(Action.HEARTBEAT) == {"action": 0, "id": "ping-1"}


async def test_a_client_that_closes_is_let_go_and_its_members_leave(dial: Dial) -> None:
    alice, bob = await dial(clientId="alice"), await dial(clientId="bob")
    await bob.attach("chat:1")
    await alice.attach("chat:1")
    await alice.acked(await alice.present("chat:1", {"action": 2}))
    await alice.send({"action": 7})
    assert (await alice.closed())[-1] == {"action": Action.CLOSED}
    left = await bob.until(lambda frame: frame["action"] == Action.PRESENCE and frame["presence"][0]["action"] == 3)
    assert left["presence"][0]["clientId"] == "alice"


async def test_what_is_not_a_frame_ends_the_connection_and_no_other(dial: Dial) -> None:
    good, bad = await dial(), await dial()
    if bad.is_binary:
        await bad.socket.send_bytes(b"\xc1\x00")
    else:
        await bad.socket.send_str("{")
    error = (await bad.closed())[-1]
    assert (error["action"], error["error"]["code"]) == (Action.ERROR, 40000)
    assert await good.said("chat:1", {"name": "still", "data": "here"})


async def test_frames_of_later_versions_are_ignored(dial: Dial) -> None:
    socket = await dial()
    await socket.send({"action": 99, "something": "new"})
    await socket.send({"action": 5})
    await socket.send({"action": 0, "id": "x"})
    assert (await socket.next(Action.HEARTBEAT))["id"] == "x"


async def test_a_number_is_needed_for_what_is_acknowledged(dial: Dial) -> None:
    socket = await dial()
    await socket.send({"action": 15, "channel": "chat:1", "messages": [{"name": "x"}]})
    error = (await socket.closed())[-1]
    assert (error["action"], error["error"]["code"]) == (Action.ERROR, 40003)


class TestComingBack:
    async def _key(self, socket: Socket) -> str:
        key: str = socket.frames[0]["connectionDetails"]["connectionKey"]
        return key

    async def test_a_connection_is_resumed_with_its_key(self, dial: Dial) -> None:
        first = await dial(clientId="alice")
        await first.leave()
        again = await dial(clientId="alice", resume=await self._key(first))
        assert again.frames[0]["connectionId"] == first.frames[0]["connectionId"]
        assert await self._key(again) != await self._key(first)
        assert "error" not in again.frames[0]

    async def test_recovering_is_the_same(self, dial: Dial) -> None:
        first = await dial()
        await first.leave()
        again = await dial(recover=await self._key(first))
        assert again.frames[0]["connectionId"] == first.frames[0]["connectionId"]

    @pytest.mark.parametrize("key", ["", "nobody!x-1", "{id}!guessed-1", "{id}", "é!ü"])
    async def test_an_unknown_key_gives_a_new_connection_and_says_so(self, dial: Dial, key: str) -> None:
        first = await dial()
        key = key.format(id=first.frames[0]["connectionId"])
        again = await dial(resume=key)
        assert again.frames[0]["connectionId"] != first.frames[0]["connectionId"]
        assert again.frames[0].get("error", {}).get("code") == (80018 if key else None)

    async def test_nobody_resumes_as_somebody_else(self, dial: Dial) -> None:
        first = await dial(clientId="alice")
        again = await dial(clientId="eve", resume=await self._key(first))
        assert again.frames[0]["error"]["code"] == 80018

    async def test_the_socket_before_is_not_read_any_more(self, dial: Dial) -> None:
        first = await dial()
        again = await dial(resume=await self._key(first))
        await first.closed()
        assert await again.said("chat:1", {"name": "x"})

    async def test_what_was_missed_follows_in_order_after_the_attach(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        [serial] = await alice.said("chat:1", {"name": "a", "data": "1"})
        position = (await bob.attach("chat:1"))["channelSerial"]
        await bob.leave()
        await alice.said("chat:1", {"name": "b", "data": "2"})
        for data in "xy":
            await alice.said("chat:1", append(serial, data))
        back = await dial(resume=await self._key(bob))
        attached = await back.attach("chat:1", channelSerial=position, flags=int(Flag.ATTACH_RESUME))
        assert attached["flags"] & Flag.RESUMED
        assert attached["flags"] & Flag.HAS_BACKLOG
        await alice.said("chat:1", {"name": "c", "data": "3"})
        await back.message(name="c")
        assert [(message["action"], message.get("data")) for message in back.messages] == [
            (0, "2"), (1, "1x"), (5, "y"), (0, "3")
        ]  # fmt: skip
        positions = [frame["channelSerial"] for frame in back.frames if frame["action"] == Action.MESSAGE]
        assert positions == sorted(positions)

    async def test_the_answer_names_what_the_client_has_so_that_it_may_be_cut_again(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        position = (await bob.attach("chat:1"))["channelSerial"]
        await alice.said("chat:1", {"name": "missed"})
        attached = await bob.attach("chat:1", channelSerial=position)
        assert attached["channelSerial"] == position

    @pytest.mark.parametrize("serial", ["not-a-serial", "99999999999999-000@local:000"])
    async def test_lost_continuity_is_told(self, dial: Dial, serial: str) -> None:
        socket = await dial()
        attached = await socket.attach("chat:1", channelSerial=serial)
        assert not attached["flags"] & Flag.RESUMED
        assert (attached["error"]["code"], attached["error"]["statusCode"]) == (90003, 404)

    async def test_what_is_sent_again_is_done_once_and_answered_again(self, dial: Dial) -> None:
        first = await dial()
        number = await first.publish("chat:1", {"name": "once"})
        serials = await first.acked(number)
        refused = await first.publish("chat:1", append("nowhere", "x"))
        assert (await first.refused(refused))["code"] == 40400
        await first.leave()
        again = await dial(resume=await self._key(first))
        await again.publish("chat:1", {"name": "once"}, serial=number)
        await again.publish("chat:1", append("nowhere", "x"), serial=refused)
        assert await again.acked(number) == serials
        assert (await again.refused(refused))["code"] == 40400
        reader = await dial()
        await reader.attach("chat:1", params={"rewind": "10"})
        await reader.message(name="once")
        assert len(reader.messages) == 1

    async def test_one_number_for_two_messages_is_two_messages(self, dial: Dial) -> None:
        socket = await dial()
        [first] = await socket.acked(await socket.publish("chat:1", {"name": "one"}, serial=57))
        await socket.publish("chat:1", {"name": "other"}, serial=57)
        await socket.until(lambda frame: frame["action"] == Action.ACK and frame["res"][0]["serials"] != [first])

    async def test_a_held_append_that_is_sent_again_is_not_applied_twice(self, dial: Dial) -> None:
        first = await dial(appendRollupWindow="500")
        [serial] = await first.said("chat:1", {"name": "s", "data": ""})
        await first.acked(await first.publish("chat:1", append(serial, "a")))
        held = await first.publish("chat:1", append(serial, "b"))
        await first.send({"action": 0, "id": "read"})
        await first.next(Action.HEARTBEAT)
        await first.leave()
        again = await dial(resume=await self._key(first), appendRollupWindow="500")
        await again.publish("chat:1", append(serial, "b"), serial=held)
        assert await again.acked(held) != [None]
        reader = await dial()
        await reader.attach("chat:1", params={"rewind": "1"})
        assert (await reader.message(serial=serial))["data"] == "ab"
