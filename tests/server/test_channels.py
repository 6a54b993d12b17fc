"""Attaching, publishing and changing messages, frame by frame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.server.numbers import Action, Flag, mode_flags
from tests.server.wire import KEY, Frame, Socket, append, update

Dial = Callable[..., Awaitable[Socket]]

DEFAULT_MODES = mode_flags(["PUBLISH", "SUBSCRIBE", "PRESENCE", "PRESENCE_SUBSCRIBE", "ANNOTATION_PUBLISH"])


class TestAttaching:
    async def test_the_answer_has_position_and_modes_even_on_an_empty_channel(self, dial: Dial) -> None:
        socket = await dial()
        attached = await socket.attach("chat:1", params=None)
        assert attached["channelSerial"]
        assert attached["flags"] == DEFAULT_MODES
        assert attached.keys() == {"action", "channel", "channelSerial", "flags"}

    async def test_requested_modes_are_what_is_granted(self, dial: Dial) -> None:
        socket = await dial()
        attached = await socket.attach("chat:1", flags=int(Flag.SUBSCRIBE))
        assert attached["flags"] == Flag.SUBSCRIBE
        number = await socket.publish("chat:1", {"name": "x"})
        assert (await socket.refused(number))["code"] == 40160

    async def test_modes_may_be_a_parameter(self, dial: Dial) -> None:
        socket = await dial()
        attached = await socket.attach("chat:1", params={"modes": "publish,subscribe"})
        assert attached["flags"] == Flag.SUBSCRIBE | Flag.PUBLISH

    async def test_attaching_again_is_answered_again(self, dial: Dial) -> None:
        socket = await dial()
        first = await socket.attach("chat:1")
        await socket.said("chat:1", {"name": "x"})
        second = await socket.attach("chat:1", channelSerial=first["channelSerial"])
        assert second["flags"] & Flag.RESUMED

    @pytest.mark.parametrize(
        ("channel", "fields", "code"),
        [
            ("[?rewind=1]x", {}, 40010),
            (":x", {}, 40010),
            ("x" * 3_000, {}, 40010),
            ("chat:1", {"params": {"rewind": "soon"}}, 40003),
            ("chat:1", {"params": ["rewind"]}, 40003),
            ("chat:1", {"params": {"rewind": {"deep": 1}}}, 40003),
            ("chat:1", {"params": {"modes": "swim"}}, 40003),
            ("chat:1", {"flags": "many"}, 40003),
            ("chat:1", {"channelSerial": 5}, 40003),
        ],
    )
    async def test_what_cannot_be_attached_is_refused(
        self, dial: Dial, channel: str, fields: dict[str, Any], code: int
    ) -> None:
        socket = await dial()
        await socket.send({"action": 10, "channel": channel, **fields})
        error = await socket.next(Action.ERROR)
        assert error["error"]["code"] == code
        if code == 40003:  # the channel's fault; the connection goes on
            assert error["channel"] == channel
            assert await socket.attach("chat:2")

    async def test_there_is_a_bound_to_channels(self) -> None:
        async with (
            LocalServer(keys=[KEY], settings=Settings(max_channels=2)) as server,
            Socket(server, {"key": KEY}, msgpack=False) as socket,
        ):
            for name in ("a", "b", "a"):
                assert (await socket.attach(name))["action"] == Action.ATTACHED
            assert (await socket.attach("c"))["error"]["code"] == 90021
            await socket.send({"action": 12, "channel": "a"})
            await socket.next(Action.DETACHED)
            assert (await socket.attach("c"))["action"] == Action.ATTACHED

    async def test_after_detaching_nothing_is_delivered(self, dial: Dial) -> None:
        socket, other = await dial(), await dial()
        await socket.attach("chat:1")
        await socket.send({"action": 12, "channel": "chat:1"})
        assert await socket.next(Action.DETACHED) == {"action": 13, "channel": "chat:1"}
        await other.said("chat:1", {"name": "x"})
        await socket.send({"action": 0, "id": "after"})
        await socket.next(Action.HEARTBEAT)
        assert socket.messages == []

    async def test_rewind_brings_latest_versions_oldest_first_before_what_is_live(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        [first] = await alice.said("chat:1", {"name": "a", "data": "1"})
        await alice.said("chat:1", append(first, "!"))
        await alice.said("chat:1", {"name": "b", "data": "2"})
        attached = await bob.attach("chat:1", params={"rewind": "2"})
        assert attached["flags"] & Flag.HAS_BACKLOG
        assert attached["params"] == {"rewind": "2"}
        await alice.said("chat:1", append(first, "?"))
        await bob.message(action=5)
        assert [(message["action"], message["data"]) for message in bob.messages] == [(1, "1!"), (0, "2"), (5, "?")]

    async def test_a_long_backlog_comes_in_frames_that_clients_can_take(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        for index in range(30):
            await alice.said("chat:1", {"name": str(index), "data": "x" * 60_000})
        await bob.attach("chat:1", params={"rewind": "30"})
        await bob.message(name="29")
        assert [message["name"] for message in bob.messages] == [str(index) for index in range(30)]
        batches = [frame["messages"] for frame in bob.frames if frame["action"] == Action.MESSAGE]
        assert max(sum(len(message["data"]) for message in batch) for batch in batches) < 1_000_000

    async def test_no_echo_by_parameter_of_the_channel_or_of_the_connection(self, dial: Dial) -> None:
        on_channel, on_connection, other = await dial(), await dial(echo="false"), await dial()
        await on_channel.attach("chat:1", params={"echo": "false"})
        await on_connection.attach("chat:1")
        await on_channel.said("chat:1", {"name": "by channel"})
        await on_connection.said("chat:1", {"name": "by connection"})
        await other.said("chat:1", {"name": "last"})
        for socket in (on_channel, on_connection):
            await socket.message(name="last")
        assert [message["name"] for message in on_channel.messages] == ["by connection", "last"]
        assert [message["name"] for message in on_connection.messages] == ["by channel", "last"]

    async def test_full_messages_for_who_asks_for_them(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        await bob.attach("chat:1", params={"appendMode": "full"})
        [serial] = await alice.said("chat:1", {"name": "a", "data": "1"})
        await alice.said("chat:1", append(serial, "2"))
        assert (await bob.message(action=1))["data"] == "12"


class TestPublishing:
    async def test_a_message_arrives_with_what_the_server_adds_and_nothing_else(self, dial: Dial) -> None:
        alice, bob = await dial(clientId="alice"), await dial()
        await bob.attach("chat:1")
        [serial] = await alice.said(
            "chat:1",
            {"name": "n", "data": "d", "extras": {"h": 1}, "size": 2, "encoding": None, "clientId": None, "odd": 1},
        )
        frame = await bob.next(Action.MESSAGE)
        [message] = frame["messages"]
        connection_id = alice.frames[0]["connectionId"]
        assert message == {
            "id": f"{connection_id}:0:0",
            "name": "n",
            "data": "d",
            "extras": {"h": 1},
            "clientId": "alice",
            "connectionId": connection_id,
            "timestamp": message["timestamp"],
            "action": 0,
            "serial": serial,
            "version": {"serial": serial, "timestamp": message["timestamp"], "clientId": "alice"},
        }
        assert frame["channelSerial"] == serial

    async def test_messages_published_together_are_one_frame_with_one_acknowledgement(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        await bob.attach("chat:1")
        serials = await alice.said("chat:1", {"name": "a"}, {"name": "b"}, {"name": "c"})
        frame = await bob.next(Action.MESSAGE)
        assert [message["serial"] for message in frame["messages"]] == serials == sorted(serials)
        assert frame["channelSerial"] == serials[-1]

    async def test_acknowledgements_come_in_order_each_with_its_result(self, dial: Dial) -> None:
        socket = await dial()
        numbers = [await socket.publish("chat:1", {"name": str(index)}) for index in range(100)]
        serials = [(await socket.acked(number))[0] for number in numbers]
        assert serials == sorted(set(serials))
        acks = [frame for frame in socket.frames if frame["action"] == Action.ACK]
        assert [ack["msgSerial"] for ack in acks] == sorted(ack["msgSerial"] for ack in acks)
        assert sum(ack["count"] for ack in acks) == 100
        assert all(len(ack["res"]) == ack["count"] for ack in acks)

    async def test_an_id_used_again_is_answered_and_not_published_again(self, dial: Dial) -> None:
        socket = await dial()
        first = await socket.said("chat:1", {"id": "x:0", "name": "a"}, {"id": "x:1", "name": "b"})
        assert await socket.said("chat:1", {"id": "x:0", "name": "a"}, {"id": "x:1", "name": "b"}) == first

    async def test_an_ephemeral_message_is_for_those_who_are_there(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        await bob.attach("chat:1")
        await alice.said("chat:1", {"name": "gone", "extras": {"ephemeral": True}})
        await bob.message(name="gone")
        carol = await dial()
        attached = await carol.attach("chat:1", params={"rewind": "10"})
        assert not attached["flags"] & Flag.HAS_BACKLOG

    @pytest.mark.parametrize(
        ("messages", "code"),
        [
            ([], 40003),
            (["text"], 40003),
            ([{"name": 5}], 40003),
            ([{"action": 3}], 40003),
            ([{"action": "create"}], 40003),
            ([{"data": 5}], 40013),
            ([{"data": True}], 40013),
            ([{"data": "{", "encoding": "json"}], 40013),
            ([{"data": "***", "encoding": "base64"}], 40013),
            ([{"data": "x", "encoding": 7}], 40003),
            ([{"data": "x", "encoding": "/".join(["a"] * 99)}], 40003),
            ([{"extras": "text"}], 40003),
            ([{"data": "x" * 70_000}], 40009),
            ([{"data": "x" * 40_000}, {"data": "x" * 40_000}], 40009),
            ([{"id": "a:0"}, {"id": "b:1"}], 40031),
            ([{"name": "x"}] * 1_001, 40034),
            ([{"name": "x", "clientId": "bob"}], 40012),
            ([{"action": 5, "serial": "nowhere", "data": "x"}], 40400),
            ([{"action": 5, "data": "x"}], 40003),
            ([{"action": 5, "serial": ["x"], "data": "x"}], 40003),
            ([{"action": 1, "serial": "x"}, {"action": 1, "serial": "y"}], 40003),
            ([{"name": "x"}, {"action": 1, "serial": "y"}], 40003),
            ([{"action": 1, "serial": "x", "version": 5}], 40003),
            ([{"action": 1, "serial": "x", "version": {"metadata": {"a": 1}}}], 40003),
            ([{"action": 1, "serial": "x", "version": {"description": "x" * 20_000}}], 40003),
        ],
    )
    async def test_what_cannot_be_published_is_refused_and_the_rest_goes_on(
        self, dial: Dial, messages: list[Any], code: int
    ) -> None:
        socket = await dial(clientId="alice")
        error = await socket.refused(await socket.publish("chat:1", *messages))
        assert (error["code"], bool(error["message"])) == (code, True)
        assert await socket.said("chat:1", {"name": "after"})

    async def test_who_has_only_a_key_may_speak_for_anybody(self, dial: Dial) -> None:
        socket = await dial()
        await socket.attach("chat:1")
        await socket.said("chat:1", {"name": "x", "clientId": "alice"})
        assert (await socket.message(name="x"))["clientId"] == "alice"

    async def test_annotations_are_refused_with_the_reason(self, dial: Dial) -> None:
        socket = await dial()
        await socket.send({"action": 21, "channel": "chat:1", "msgSerial": 0, "annotations": [{}]})
        error = await socket.refused(0)
        assert error["code"] == 40020
        assert "Ably" in error["message"]


class TestData:
    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ({"data": "text"}, {"data": "text"}),
            ({"data": ""}, {"data": ""}),
            ({"data": '{"a":[1,null]}', "encoding": "json"}, {"data": '{"a":[1,null]}', "encoding": "json"}),
            ({"data": {"a": [1]}}, {"data": '{"a":[1]}', "encoding": "json"}),
            ({"data": "5", "encoding": "json"}, {"data": "5", "encoding": "json"}),
            ({"data": None}, {}),
            ({"data": "aGV5", "encoding": "utf-8/base64"}, {"data": "hey"}),
            ({"data": "eyJhIjoxfQ==", "encoding": "json/utf-8/base64"}, {"data": '{"a":1}', "encoding": "json"}),
        ],
    )
    async def test_data_arrives_as_it_was_sent(self, dial: Dial, sent: Frame, stored: Frame) -> None:
        socket = await dial()
        await socket.attach("chat:1")
        await socket.said("chat:1", {"name": "x", **sent})
        message = await socket.message(name="x")
        assert {key: message[key] for key in ("data", "encoding") if key in message} == stored

    async def test_bytes_are_base64_in_json_and_bytes_in_msgpack(self, server: LocalServer, dial: Dial) -> None:
        socket = await dial()
        for binary in (False, True):
            async with Socket(server, {"key": KEY}, msgpack=binary) as other:
                await other.attach("chat:1")
                data: Any = b"\x00\xff" if socket.is_binary else "AP8="
                encoding = {} if socket.is_binary else {"encoding": "base64"}
                await socket.said("chat:1", {"name": "x", "data": data, **encoding})
                message = await other.message(name="x")
                assert message["data"] == (b"\x00\xff" if binary else "AP8=")
                assert message.get("encoding") == (None if binary else "base64")

    async def test_what_the_server_cannot_undo_is_carried_along(self, server: LocalServer, dial: Dial) -> None:
        socket = await dial()
        await socket.attach("chat:1")
        await socket.said("chat:1", {"name": "x", "data": "AP8=", "encoding": "utf-8/cipher+aes-256-cbc/base64"})
        message = await socket.message(name="x")
        cipher = "utf-8/cipher+aes-256-cbc"
        assert message["encoding"] == (cipher if socket.is_binary else f"{cipher}/base64")

    async def test_text_may_end_within_a_character(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        await bob.attach("chat:1")
        [serial] = await alice.said("chat:1", {"name": "s", "data": ""})
        await alice.said("chat:1", append(serial, "\ud83d"))
        await alice.said("chat:1", append(serial, "\ude00"))
        assert [message["data"] for message in [await bob.message(action=5), await bob.message(action=5)]] == [
            "\ud83d", "\ude00"
        ]  # fmt: skip
        carol = await dial()
        await carol.attach("chat:1", params={"rewind": "1"})
        assert (await carol.message(name="s"))["data"] == "\N{GRINNING FACE}"

    async def test_numbers_too_large_for_msgpack_become_floats_there(self, server: LocalServer, msgpack: bool) -> None:
        async with (
            Socket(server, {"key": KEY}, msgpack=False) as alice,
            Socket(server, {"key": KEY}, msgpack=msgpack) as bob,
        ):
            await bob.attach("chat:1")
            await alice.said("chat:1", {"name": "x", "extras": {"deep": [2**70]}})
            assert (await bob.message(name="x"))["extras"] == {"deep": [float(2**70) if msgpack else 2**70]}


class TestChanging:
    async def test_each_append_is_acknowledged_with_its_version_and_delivered_as_it_was_sent(self, dial: Dial) -> None:
        alice, bob = await dial(clientId="alice"), await dial()
        await bob.attach("chat:1")
        [serial] = await alice.said("chat:1", {"name": "s", "data": "a"})
        [version] = await alice.said("chat:1", append(serial, "b", extras={"h": 2}))
        message = await bob.message(action=5)
        assert version > serial
        assert message["version"]["serial"] == version
        assert (message["serial"], message["data"], message["extras"]) == (serial, "b", {"h": 2})
        assert "name" not in message

    async def test_the_first_that_is_seen_of_a_message_is_all_of_it(self, dial: Dial) -> None:
        alice, bob = await dial(), await dial()
        [serial] = await alice.said("chat:1", {"name": "s", "data": "a"})
        await alice.said("chat:1", append(serial, "b"))
        await bob.attach("chat:1")
        await alice.said("chat:1", append(serial, "c"))
        await alice.said("chat:1", append(serial, "d"))
        await bob.message(action=5)
        assert [(message["action"], message["data"]) for message in bob.messages] == [(1, "abc"), (5, "d")]
        await bob.attach("chat:1")
        await alice.said("chat:1", append(serial, "e"))
        assert (await bob.message(data="abcde"))["action"] == 1

    async def test_an_update_says_who_and_why_and_keeps_the_creation(self, dial: Dial) -> None:
        alice, bob = await dial(clientId="alice"), await dial(clientId="bob")
        await alice.attach("chat:1")
        [serial] = await alice.said("chat:1", {"name": "s", "data": "a", "extras": {"h": 1}})
        created = await alice.message(serial=serial)
        [version] = await bob.said(
            "chat:1", update(serial, "b", version={"description": "typo", "metadata": {"by": "hand"}})
        )
        message = await alice.message(action=1)
        assert message["version"] == {
            "serial": version,
            "timestamp": message["version"]["timestamp"],
            "clientId": "bob",
            "description": "typo",
            "metadata": {"by": "hand"},
        }
        kept = ("serial", "timestamp", "clientId", "name", "extras", "id")
        assert [message[field] for field in kept] == [created[field] for field in kept]

    async def test_appends_within_the_window_become_one_and_only_the_newest_has_a_version(self, dial: Dial) -> None:
        alice, bob = await dial(appendRollupWindow="500"), await dial()
        await bob.attach("chat:1")
        [serial] = await alice.said("chat:1", {"name": "s", "data": ""})
        numbers = [await alice.publish("chat:1", append(serial, letter)) for letter in "abcd"]
        # Anything else of this connection on the channel lets out what is held, so that nothing overtakes it.
        await alice.publish("chat:1", {"name": "next"})
        results = [(await alice.acked(number))[0] for number in numbers]
        assert [bool(result) for result in results] == [True, False, False, True]
        await bob.message(name="next")
        assert [message.get("data") for message in bob.messages] == ["", "a", "bcd", None]
        assert bob.messages[2]["version"]["serial"] == results[-1]

    async def test_a_window_ends_by_itself(self, dial: Dial) -> None:
        alice = await dial(appendRollupWindow="20")
        [serial] = await alice.said("chat:1", {"name": "s", "data": ""})
        numbers = [await alice.publish("chat:1", append(serial, letter)) for letter in "ab"]
        assert await alice.acked(numbers[1]) != [None]

    async def test_without_mutable_messages_only_changes_are_refused(self, msgpack: bool) -> None:
        settings = Settings(immutable_namespaces=frozenset({"fixed"}))
        async with (
            LocalServer(keys=[KEY], settings=settings) as server,
            Socket(server, {"key": KEY}, msgpack=msgpack) as socket,
        ):
            [serial] = await socket.said("fixed:1", {"name": "s", "data": "a"})
            error = await socket.refused(await socket.publish("fixed:1", append(serial, "b")))
            assert (error["code"], error["statusCode"]) == (93002, 400)
            assert "mutable messages" in error["message"]

    async def test_a_message_cannot_grow_beyond_what_clients_take(self, msgpack: bool) -> None:
        async with (
            LocalServer(keys=[KEY], settings=Settings(max_grown_size=10)) as server,
            Socket(server, {"key": KEY, "appendRollupWindow": "0"}, msgpack=msgpack) as socket,
        ):
            [serial] = await socket.said("chat:1", {"name": "s", "data": "12345"})
            assert await socket.said("chat:1", append(serial, "1234"))
            error = await socket.refused(await socket.publish("chat:1", append(serial, "\N{EURO SIGN}")))
            assert error["code"] == 40009
            assert "another message" in error["message"]
            assert await socket.said("chat:1", update(serial, "12"))
            assert await socket.said("chat:1", append(serial, "\N{EURO SIGN}"))

    async def test_appending_another_kind_of_data_is_refused(self, dial: Dial) -> None:
        socket = await dial()
        [serial] = await socket.said("chat:1", {"name": "s", "data": "text"})
        error = await socket.refused(await socket.publish("chat:1", append(serial, "[1]", encoding="json")))
        assert error["code"] == 40013


class TestRates:
    async def test_too_fast_a_connection_is_refused_and_stays(self, msgpack: bool) -> None:
        async with (
            LocalServer(keys=[KEY], settings=Settings(max_rate=5)) as server,
            Socket(server, {"key": KEY}, msgpack=msgpack) as socket,
        ):
            numbers = [await socket.publish("chat:1", {"name": "x"}) for _ in range(30)]
            assert await socket.acked(numbers[0])
            error = (await socket.next(Action.NACK))["error"]
            assert (error["code"], error["statusCode"]) == (42911, 429)
            await socket.send({"action": 0, "id": "still here"})
            await socket.next(Action.HEARTBEAT)

    async def test_so_is_too_fast_a_channel(self) -> None:
        async with (
            LocalServer(keys=[KEY], settings=Settings(max_channel_rate=1)) as server,
            Socket(server, {"key": KEY}, msgpack=False) as socket,
        ):
            await socket.publish("chat:1", {"name": "x"}, {"name": "y"})
            assert (await socket.refused(0))["code"] == 42913
