"""One story for each defect of ably-python 3.1.4 (P1 to P18), and what it is like without."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import jwt
import pytest
from ably import AblyException, AblyRealtime  # type: ignore[import-untyped]
from ably.types.connectionstate import ConnectionState  # type: ignore[import-untyped]

from ai_transport_codecs.channels.ably import AblyProvider, connect_ably, provider_of
from ai_transport_codecs.channels.ably.channel import AblyChannel
from ai_transport_codecs.channels.ably.pending import PendingWrites
from ai_transport_codecs.channels.protocol import ChannelStateChange
from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation
from tests.channels.ably.engine import KEY, SETTINGS
from tests.channels.ably.rogue import Rogue, ack, against, comes_back, nothing, rogue_server, soon

PASSING = range(80000, 80100)


@pytest.fixture
async def rogue() -> AsyncIterator[Rogue]:
    async with rogue_server() as rogue:
        yield rogue


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(keys=[KEY], settings=SETTINGS, faults=True) as server:
        yield server


def note(data: Any = "hello") -> OutboundMessage:
    return OutboundMessage("note", data, {})


async def refusal(work: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        async with asyncio.timeout(5):
            await work
    return caught.value


async def sending(channel: AblyChannel, rogue: Rogue, *data: str) -> list[asyncio.Task[list[str | None]]]:
    """Publishes that the server has, and has not acknowledged."""
    before = len(rogue.messages())
    tasks = [asyncio.create_task(channel.publish(note(each))) for each in data]
    await soon(lambda: len(rogue.messages()) == before + len(data))
    return tasks


def pended(provider: AblyProvider) -> PendingWrites:
    pending = provider.client.connection.connection_manager.pending_message_queue
    assert isinstance(pending, PendingWrites)
    return pending


# --- P1, P2, P7: acknowledgements


async def test_p1_each_acknowledgement_settles_what_it_names_in_whatever_order(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    async with against(rogue) as provider:
        tasks = await sending(provider.channel("c"), rogue, "a", "b", "c")
        await rogue.send(ack(2, "C"), ack(0, "A"), ack(7, "nobody's"), ack(1, "B"))
        assert [await task for task in tasks] == [["A"], ["B"], ["C"]]


async def test_p1_a_reconnect_leaves_nothing_behind_that_takes_the_results_of_others(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    async with against(rogue) as provider:
        channel = provider.channel("c")
        lost = await sending(channel, rogue, "a", "b", "c")
        rogue.cut()
        for task in lost:
            assert (await refusal(task)).code in PASSING
        del rogue.answers[15]
        await soon(lambda: provider.is_connected)
        results = await asyncio.gather(*(channel.publish(note(str(number))) for number in range(50)))
        assert results == [[f"serial{number:04d}"] for number in range(1, 51)]
        assert rogue.messages() == ["a", "b", "c", *map(str, range(50))], "nothing is sent again by itself"
        assert pended(provider).count() == 0


async def test_p2_after_a_failed_resume_every_write_is_settled(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    rogue.resumes = False
    async with against(rogue) as provider:
        channel = provider.channel("c")
        lost = await sending(channel, rogue, *map(str, range(20)))
        rogue.cut()
        await asyncio.gather(*lost, return_exceptions=True)
        del rogue.answers[15]
        await soon(lambda: provider.is_connected)
        async with asyncio.timeout(5):
            results = await asyncio.gather(*(channel.publish(note()) for _ in range(200)))
        assert len({serial for [serial] in results}) == 200
        numbers = [frame["msgSerial"] for frame in rogue.got if frame["action"] == 15]
        assert numbers == [*range(20), *range(200)]


async def test_p7_how_much_is_under_way_costs_nothing() -> None:
    class Message:
        compared = 0

        def __init__(self, serial: int) -> None:
            self.message = {"msgSerial": serial}
            self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def __eq__(self, other: object) -> bool:
            Message.compared += 1
            return self is other

        __hash__ = None  # type: ignore[assignment]

    pending, messages = PendingWrites(), [Message(serial) for serial in range(5_000)]
    for message in messages:
        assert message not in pending.messages
        pending.push(message)
        assert message in pending.messages
    for serial in range(5_000):
        pending.complete_messages(serial, 1, [serial])
    assert [message.future.result() for message in messages] == [*range(5_000)]
    assert Message.compared == 0


async def test_an_acknowledgement_of_a_run_settles_all_of_it_and_a_huge_one_takes_no_time(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    async with against(rogue) as provider:
        tasks = await sending(provider.channel("c"), rogue, "a", "b", "c")
        res = [{"serials": ["A"]}, {"serials": ["B"]}]
        await rogue.send({"action": 1, "msgSerial": 0, "count": 10**15, "res": res})
        assert [await task for task in tasks] == [["A"], ["B"], [None]]


# --- P3, P4: connections that are gone


@pytest.mark.parametrize(
    "error",
    [None, {"code": 50003, "statusCode": 504, "message": "timeout"}, {"code": 80003}, {"message": "odd"}, "text"],
    ids=str,
)
async def test_p3_whatever_a_disconnect_says_nothing_succeeds_falsely_and_the_client_comes_back(
    rogue: Rogue, error: Any
) -> None:
    rogue.answers[15] = nothing
    async with against(rogue) as provider:
        channel = provider.channel("c")
        tasks = await sending(channel, rogue, "lost 1", "lost 2")
        await rogue.send({"action": 6} | ({} if error is None else {"error": error}))
        for task in tasks:
            failure = await refusal(task)
            assert failure.code != 0
        del rogue.answers[15]
        await soon(lambda: len(rogue.queries) == 2 and provider.is_connected)
        assert await channel.publish(note("after")) == ["serial0001"]


async def test_p3_a_client_without_a_socket_that_believes_to_be_connected_is_brought_back(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        manager = provider.client.connection.connection_manager
        await manager.transport.dispose()  # what 3.1.4 does, and then forgets to say so
        assert manager.state.value == "connected"
        await soon(lambda: len(rogue.queries) == 2 and provider.is_connected)
        assert await provider.channel("c").publish(note()) == ["serial0001"]


async def test_a_server_that_acknowledges_nothing_is_given_up(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    async with against(rogue, realtime_request_timeout=300) as provider:
        [task] = await sending(provider.channel("c"), rogue, "a")
        assert (await refusal(task)).code in PASSING
        await soon(lambda: len(rogue.queries) == 2)


async def test_a_server_that_is_behind_is_not_given_up_as_long_as_it_goes_on(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    async with against(rogue) as provider:
        *tasks, last = await sending(provider.channel("c"), rogue, *"abcd")
        first = rogue.got[-4]["msgSerial"]
        for index, task in enumerate(tasks):
            now = asyncio.get_running_loop().time()
            await rogue.send(ack(first + index, f"s{index}"))
            assert await task == [f"s{index}"]
            # What the watchdog goes by: what was sent long ago has its turn only now.
            since = pended(provider).waiting_since()
            assert since is not None
            assert since >= now
        await rogue.send(ack(first + 3, "s3"))
        assert await last == ["s3"]
        assert pended(provider).waiting_since() is None


async def test_a_server_that_leaves_one_acknowledgement_out_is_given_up(rogue: Rogue) -> None:
    async with against(rogue, realtime_request_timeout=300) as provider:
        channel = provider.channel("c")
        rogue.answers[15] = nothing
        [lost] = await sending(channel, rogue, "lost")
        del rogue.answers[15]
        while not lost.done():
            await asyncio.gather(channel.publish(note("later")), return_exceptions=True)
            await asyncio.sleep(0.02)
        assert (await refusal(lost)).code in PASSING


async def test_a_server_that_does_not_take_its_leave_is_left_all_the_same(rogue: Rogue) -> None:
    stuck = asyncio.Event()
    async with against(rogue, realtime_request_timeout=200) as provider:
        rogue.waits = stuck  # it reads nothing any more, and so does not close its side either
        await rogue.send({"action": 0})
        async with asyncio.timeout(5):
            await provider.close()
        assert provider.client.connection.state.value == "closed"
        stuck.set()


@pytest.mark.parametrize("is_known", [True, False], ids=["closed", "aborted"])
async def test_p4_a_write_whose_socket_dies_fails_once_and_is_not_delivered_behind_our_back(
    rogue: Rogue, is_known: bool
) -> None:
    async with against(rogue) as provider:
        channel = provider.channel("c")
        await channel.publish(note("before"))
        socket = provider.client.connection.connection_manager.transport.websocket
        if is_known:
            await socket.close()
        else:
            socket.transport.abort()  # ably-python raises out of its send, and sends again when it is back
        error = await refusal(channel.publish(note("into the void")))
        assert (error.code, error.status_code) == (80003, 503)
        await soon(lambda: len(rogue.queries) == 2 and provider.is_connected)
        await channel.publish(note("after"))
        assert rogue.messages() == ["before", "after"]
        assert provider.client.connection.connection_manager.pending_message_queue.count() == 0


async def test_p5_p6_what_is_written_offline_fails_at_once_and_is_never_sent_late_or_twice(rogue: Rogue) -> None:
    greeting = {"action": 6, "error": {"code": 80003, "statusCode": 400, "message": "go away"}}
    async with against(rogue) as provider:
        channel = provider.channel("c")
        await channel.publish(note("before"))
        rogue.greeting = greeting
        rogue.cut()
        await soon(lambda: not provider.is_connected)
        for data in ("offline 1", "offline 2"):
            assert (await refusal(channel.publish(note(data)))).code == 80003
        with pytest.raises(AblyException):  # of what the application writes itself, too
            await asyncio.wait_for(provider.client.channels.get("c").publish("note", "offline 3"), 2)
        await soon(lambda: len(rogue.queries) >= 4)  # it failed to come back, twice and more
        rogue.greeting = None
        await soon(lambda: provider.is_connected)
        await channel.publish(note("after"))
        assert rogue.messages() == ["before", "after"]


async def test_late_frames_of_an_old_socket_change_nothing(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        channel, heard = provider.channel("c"), list[Any]()
        channel.subscribe(lambda message: heard.append(message.data))
        await channel.attach()
        old = provider.client.connection.connection_manager.transport
        rogue.cut()
        await soon(lambda: len(rogue.queries) == 2 and channel.state == "attached" and provider.is_connected)
        late = {"action": 15, "channel": "c", "channelSerial": "s1", "messages": [{"serial": "x", "data": "late"}]}
        await old.on_protocol_message(late)
        await rogue.send(late | {"messages": [{"serial": "x", "data": "in time"}]})
        await soon(lambda: heard)
        assert heard == ["in time"]


# --- P8, P9, P10, P11: tokens and REST


def _token(client_id: str | None, seconds: int = 60) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {"iat": now, "exp": now + seconds, "x-ably-capability": json.dumps({"*": ["*"]})}
    if client_id is not None:
        claims["x-ably-clientId"] = client_id
    return jwt.encode(claims, "secret" * 1, algorithm="HS256", headers={"kid": "app.key"})


@pytest.mark.filterwarnings("ignore:The HMAC key is")
async def test_p8_a_token_that_is_text_can_be_renewed(server: LocalServer) -> None:
    asked: list[Any] = []

    async def token(params: Any) -> str:
        asked.append(params)
        return _token("alice")

    async with connect_ably(token_callback=token, url=server.url, client_id="alice") as provider:
        await provider.client.auth.authorize()
        await provider.client.auth.authorize()
        channel = provider.channel("c")
        assert await channel.publish(note())
        assert channel.client_id == "alice"
        assert len((await channel.history()).items) == 1
        assert len(asked) >= 3


@pytest.mark.filterwarnings("ignore:The HMAC key is")
async def test_p9_reading_history_with_a_token_touches_no_channel(server: LocalServer) -> None:
    async with connect_ably(token_callback=lambda _: _token("alice"), url=server.url, client_id="alice") as provider:
        channel, changes = provider.channel("c"), list[ChannelStateChange]()
        await channel.attach()
        channel.on_state_change(changes.append)
        for _ in range(3):
            await channel.history(until_attach=True)
        assert changes == []


@pytest.mark.parametrize("name", ["a b", "a+b", "a/b", "ä:🎉", "a%2Fb", "a?b#c"])
async def test_p10_history_of_a_client_with_a_port_and_a_key_and_of_any_name(server: LocalServer, name: str) -> None:
    client = AblyRealtime(KEY, endpoint=f"127.0.0.1:{server.port}", tls=False)
    provider = provider_of(client)
    channel = provider.channel(name)
    await channel.publish(note(name))
    assert [message.data for message in (await channel.history()).items] == [name]
    await provider.close()


async def test_p11_history_ends_where_deliveries_began_however_often_the_connection_was_resumed(
    server: LocalServer,
) -> None:
    async with connect_ably(KEY, url=server.url) as provider:
        channel, heard = provider.channel("c"), list[Any]()
        channel.subscribe(lambda message: heard.append(message.data))
        await channel.publish(note("before"))
        await channel.attach()
        for data in "abc":
            await channel.publish(note(data))
            await soon(partial(heard.__contains__, data))
            await comes_back(provider, server.faults.cut)
        assert [message.data for message in (await channel.history(until_attach=True)).items] == ["before"]
        assert heard == ["a", "b", "c"]


# --- P12, P13: connecting


async def test_p12_a_server_that_is_not_there_is_noticed_at_once(unused_tcp_port: int) -> None:
    client = AblyRealtime(KEY, endpoint=f"127.0.0.1:{unused_tcp_port}", tls=False, auto_connect=False)
    provider, began = provider_of(client), time.monotonic()
    client.connect()
    await soon(lambda: client.connection.state.value == "disconnected")
    assert time.monotonic() - began < 5, "without, it takes as long as a request may: 10 s"
    assert (await refusal(provider.channel("c").publish(note()))).code == 80003
    await provider.close()


async def test_p12_who_cannot_connect_is_told_where_to(unused_tcp_port: int) -> None:
    with pytest.raises(ChannelError, match=rf"unable to connect.*127\.0\.0\.1:{unused_tcp_port}") as caught:
        async with connect_ably(KEY, url=f"http://127.0.0.1:{unused_tcp_port}", realtime_request_timeout=200):
            pytest.fail("there is nobody to connect to")
    assert caught.value.code == 80003


async def test_p13_a_refused_connection_is_the_end(rogue: Rogue) -> None:
    rogue.greeting = {"action": 9, "error": {"code": 40101, "statusCode": 401, "message": "no such key"}}
    client = AblyRealtime(
        KEY, endpoint=f"127.0.0.1:{rogue.port}", tls=False, use_binary_protocol=False,
        realtime_request_timeout=200, disconnected_retry_timeout=30,
    )  # fmt: skip
    provider = provider_of(client)
    channel = provider.channel("c")
    error = await refusal(channel.attach())
    assert (error.code, error.status_code) == (40101, 401)
    assert "copy it from the dashboard" in error.message
    await asyncio.sleep(0.5)  # the timer that used to revive it is over
    assert client.connection.state.value == "failed"
    assert len(rogue.queries) == 1
    assert (await refusal(channel.publish(note()))).code == 40101
    await provider.close()


async def test_p13_an_error_ends_what_is_under_way_too(rogue: Rogue) -> None:
    rogue.answers[15] = nothing
    async with against(rogue) as provider:
        channel = provider.channel("c")
        await channel.attach()
        [task] = await sending(channel, rogue, "a")
        await rogue.send({"action": 9, "error": {"code": 80002, "statusCode": 400, "message": "over"}})
        assert (await refusal(task)).code == 80002
        await soon(lambda: channel.state == "failed")


# --- P14, P15: attaching


async def test_p14_other_parameters_wait_for_the_next_attachment(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        channel = provider.channel("c", params={"agent": "one"})
        await channel.attach()
        assert provider.channel("c", params={"rewind": "5"}) is channel
        await channel.detach()
        await channel.attach()
        asked = [frame["params"] for frame in rogue.got if frame["action"] == 10]
        assert asked == [{"agent": "one"}, {"agent": "one", "rewind": "5"}]


@pytest.mark.parametrize("error", [{"code": 40160, "statusCode": 401, "message": "not allowed"}, None], ids=str)
async def test_p15_an_attach_that_is_refused_by_a_detach_says_why(rogue: Rogue, error: Any) -> None:
    rogue.answers[10] = lambda frame: [{"action": 13, "channel": "c"} | ({"error": error} if error else {})]
    async with against(rogue) as provider:
        refused = await refusal(provider.channel("c").attach())
        if error is None:
            assert refused.status_code in {400, 504}
        else:
            assert (refused.code, refused.status_code) == (40160, 401)
            assert "add 'subscribe' for this channel to its capabilities" in refused.message


async def test_p15_lost_continuity_is_told_with_its_reason(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        channel, changes = provider.channel("c"), list[ChannelStateChange]()
        await channel.attach()
        channel.on_state_change(changes.append)
        error = {"code": 90003, "statusCode": 404, "message": "messages expired"}
        rogue.answers[10] = lambda frame: [
            {"action": 11, "channel": "c", "channelSerial": "s9", "flags": 0b101111 << 16, "error": error}
        ]
        rogue.cut()
        await soon(lambda: changes and changes[-1].current == "attached")
        assert not changes[-1].resumed
        assert changes[-1].reason is not None
        assert changes[-1].reason.code == 90003


async def test_p18_presence_that_cannot_be_entered_anew_is_no_loss_of_continuity(
    rogue: Rogue, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"code": 42911, "statusCode": 429, "message": "too fast"}
    rogue.answers[14] = lambda frame: [ack(frame["msgSerial"])]
    async with against(rogue) as provider:
        channel = provider.channel("c")
        changes: list[ChannelStateChange] = []
        await channel.attach()
        await channel.presence.enter()
        member = {"action": 2, "clientId": "alice", "connectionId": "connection1", "id": "connection1:0:0"}
        await rogue.send({"action": 14, "channel": "c", "timestamp": 1, "presence": [member]})
        await rogue.send({"action": 15, "channel": "c", "channelSerial": "s1", "messages": []})
        rogue.answers[14] = lambda frame: [{"action": 2, "msgSerial": frame["msgSerial"], "count": 1, "error": refused}]
        channel.on_state_change(changes.append)
        entered = sum(frame["action"] == 14 for frame in rogue.got)
        await comes_back(provider, rogue.cut)
        await soon(lambda: sum(frame["action"] == 14 for frame in rogue.got) > entered)
        await channel.publish(note())  # acknowledged after the refusal
        assert [(change.current.value, change.resumed) for change in changes] == [
            ("attaching", False),
            ("attached", True),
        ]
    assert "the client could not be entered anew on channel 'c': 42911 429 too fast" in caplog.messages


async def test_p18_a_connection_that_is_cut_as_presence_is_entered_anew_is_nothing_to_warn_of(
    rogue: Rogue, caplog: pytest.LogCaptureFixture
) -> None:
    """It is entered once the connection is back."""
    rogue.answers[14] = lambda frame: [ack(frame["msgSerial"])]
    async with against(rogue) as provider:
        channel = provider.channel("c")
        await channel.attach()
        await channel.presence.enter()
        member = {"action": 2, "clientId": "alice", "connectionId": "connection1", "id": "connection1:0:0"}
        await rogue.send({"action": 14, "channel": "c", "timestamp": 1, "presence": [member]})
        await rogue.send({"action": 15, "channel": "c", "channelSerial": "s1", "messages": []})
        entered = sum(frame["action"] == 14 for frame in rogue.got)

        def lose_it_again(change: Any) -> None:
            inner.off("attached", lose_it_again)
            manager.notify_state(ConnectionState.DISCONNECTED, retry_immediately=True)

        inner, manager = provider.client.channels.get("c"), provider.client.connection.connection_manager
        inner.on("attached", lose_it_again)
        rogue.cut()
        await soon(lambda: sum(frame["action"] == 14 for frame in rogue.got) > entered)
        await channel.publish(note())
    told = [each for each in caplog.records if each.name.startswith("ai_transport_codecs")]
    assert [each.getMessage() for each in told if each.levelno >= logging.WARNING] == []


async def test_the_place_in_the_channel_survives_a_frame_that_does_not_say_it(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        channel, heard = provider.channel("c"), list[Any]()
        channel.subscribe(lambda message: heard.append(message.data))
        await channel.attach()
        await rogue.send(
            {"action": 15, "channel": "c", "channelSerial": "s5", "messages": [{"serial": "a", "data": 1}]},
            {"action": 15, "channel": "c", "messages": [{"serial": "b", "data": 2}]},
        )
        await soon(lambda: len(heard) == 2)
        rogue.cut()
        await soon(lambda: [frame for frame in rogue.got if frame["action"] == 10][1:])
        assert [frame.get("channelSerial") for frame in rogue.got if frame["action"] == 10] == [None, "s5"]


# --- P16, P17: listeners


async def test_p16_a_message_of_any_name_arrives_and_one_that_cannot_be_read_costs_no_other(
    rogue: Rogue, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["first", "error", "new_listener", "", "all", "ünïcode 🎉", "last"]
    async with against(rogue) as provider:
        channel, heard = provider.channel("c"), list[InboundMessage]()
        theirs: list[Any] = []
        channel.subscribe(heard.append)
        await channel.attach()
        await provider.client.channels.get("c").subscribe(lambda message: theirs.append(message.name))
        items: list[Any] = [{"serial": f"s{index}", "name": name, "data": "x"} for index, name in enumerate(names)]
        items[3:3] = [
            "no object", None, 7, {"serial": "e", "data": "%%%", "encoding": "base64"},
            {"serial": "f", "data": "{", "encoding": "json"}, {"serial": "g", "action": 99},
            {"serial": "h", "data": "x", "encoding": "cipher+aes-256-cbc/base64"},
            {"serial": "i", "data": 1, "encoding": "json"},
        ]  # fmt: skip
        # ably-python reads every message of a frame before it tells of one: its own listeners get a frame of their own.
        await rogue.send({"action": 15, "channel": "c", "channelSerial": "s1", "messages": items})
        await soon(lambda: len(heard) == len(names))
        assert [message.name for message in heard] == names
        await rogue.send(
            {"action": 15, "channel": "c", "channelSerial": "s2", "messages": [
                {"serial": "y", "name": "error", "data": "y"}, {"serial": "z", "name": "after", "data": "z"}]}
        )  # fmt: skip
        await soon(lambda: theirs)
        assert theirs[-1] == "after", "the application's own listeners lose no frame to it either"
        assert sum("cannot be read, and is skipped" in record.message for record in caplog.records) == 8


async def test_p17_listeners_come_and_go_without_a_trace(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        channel, heard = provider.channel("c"), list[Any]()
        ably = provider.client.channels.get("c")

        class Callable:
            def __call__(self, message: InboundMessage) -> None:
                heard.append(message.data)

        def listener(message: InboundMessage) -> None:
            heard.append(message.data)

        await channel.attach()
        before = _registered(ably)
        for _ in range(200):
            stops = [channel.subscribe(each) for each in (listener, listener, partial(listener), Callable())]
            stops += [channel.on_state_change(lambda change: None), channel.presence.subscribe(lambda event: None)]
            for stop in stops:
                stop()
        assert _registered(ably) == before
        twice = channel.subscribe(listener), channel.subscribe(listener)
        twice[0]()
        await rogue.send(
            {"action": 15, "channel": "c", "channelSerial": "s1", "messages": [{"serial": "x", "data": 1}]}
        )
        await soon(lambda: heard)
        assert heard == [1]


def _registered(channel: Any) -> list[int]:
    emitters = [channel, channel._RealtimeChannel__message_emitter, channel.presence._subscriptions]  # noqa: SLF001
    return [len(emitter._EventEmitter__wrapped_listeners) for emitter in emitters]  # noqa: SLF001


async def test_listeners_are_told_in_order_one_after_the_other(rogue: Rogue) -> None:
    async with against(rogue) as provider:
        channel, heard = provider.channel("c"), list[Any]()
        channel.subscribe(lambda message: heard.append(message.data))
        await channel.attach()
        for number in range(100):
            await rogue.send(
                {
                    "action": 15,
                    "channel": "c",
                    "channelSerial": f"s{number}",
                    "messages": [{"serial": "x", "data": number}],
                }
            )
        await soon(lambda: len(heard) == 100)
        assert heard == [*range(100)]


# --- what else a server may say


@pytest.mark.parametrize(
    "frame",
    [
        [], "text", 7, None, {}, {"action": "15"}, {"action": 999}, {"action": 15}, {"action": 15, "channel": 7},
        {"action": 15, "channel": "c", "messages": "none"}, {"action": 15, "channel": "never seen", "messages": []},
        {"action": 11, "channel": "c", "flags": "many"}, {"action": 11, "channel": "c"}, {"action": 2, "msgSerial": 5},
        {"action": 2, "msgSerial": 5, "count": 1, "error": "because"}, {"action": 1, "msgSerial": 99, "res": [None]},
        {"action": 14, "channel": "c", "presence": [{"action": 2}]}, {"action": 4, "connectionId": "connection1"},
    ],
    ids=str,
)  # fmt: skip
async def test_whatever_a_server_says_the_client_goes_on(rogue: Rogue, frame: Any) -> None:
    async with against(rogue) as provider:
        channel, heard = provider.channel("c"), list[Any]()
        channel.subscribe(lambda message: heard.append(message.data))
        await channel.attach()
        await rogue.say(frame)
        await channel.publish(note())
        await soon(lambda: channel.state == "attached")  # one of these makes it attach again
        await rogue.send(
            {"action": 15, "channel": "c", "channelSerial": "s1", "messages": [{"serial": "x", "data": "on"}]}
        )
        await soon(lambda: heard == ["on"])
        assert await channel.publish(note())


async def test_the_limit_is_the_accounts(rogue: Rogue) -> None:
    rogue.details["maxMessageSize"] = 300_000
    async with against(rogue) as provider:
        channel = provider.channel("c")
        assert channel.max_message_size == 300_000
        assert await channel.publish(note("x" * 200_000))
        error = await refusal(channel.append(OutboundMutation("serial0001", "x" * 300_001, {})))
        assert error.code == 40009


async def test_half_a_character_is_no_reason_to_hang(server: LocalServer) -> None:
    async with connect_ably(KEY, url=server.url) as provider:
        channel = provider.channel("c")
        await channel.publish(note("half \ud83d"))
        await channel.publish(note("whole 🎉"))
        assert [message.data for message in (await channel.history()).items] == ["whole 🎉", "half \ufffd"]
        assert pended(provider).count() == 0


async def test_closing_leaves_no_task_and_no_timer(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    before = asyncio.all_tasks()
    for _ in range(3):
        async with connect_ably(KEY, url=server.url, client_id="alice") as provider:
            channel = provider.channel("c")
            channel.subscribe(lambda message: None)
            await channel.attach()
            await channel.presence.enter()
            await channel.publish(note())
            await channel.history()
            await comes_back(provider, server.faults.cut)
            await channel.detach()
    await soon(lambda: not [task for task in asyncio.all_tasks() - before if "ably" in repr(task)])
    caplog.clear()
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(("given", "asked"), [({}, "0"), ({"transport_params": {"appendRollupWindow": "100"}}, "100")])
async def test_appends_are_merged_once_by_sessions_and_not_again_by_ably(
    rogue: Rogue, given: dict[str, Any], asked: str
) -> None:
    async with against(rogue, **given):
        assert rogue.queries[-1]["appendRollupWindow"] == asked
