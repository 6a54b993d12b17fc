"""The unmodified ably-python, REST and realtime, against the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

pytest.importorskip("ably")

from ably import AblyException, AblyRealtime, AblyRest  # type: ignore[import-untyped]
from ably.realtime.connection import ConnectionState  # type: ignore[import-untyped]
from ably.types.channelmode import ChannelMode  # type: ignore[import-untyped]
from ably.types.channeloptions import ChannelOptions  # type: ignore[import-untyped]
from ably.types.channelstate import ChannelState  # type: ignore[import-untyped]
from ably.types.message import Message  # type: ignore[import-untyped]
from ably.types.operations import MessageOperation  # type: ignore[import-untyped]
from ably.types.tokendetails import TokenDetails  # type: ignore[import-untyped]

from ai_transport_codecs.server import LocalServer
from tests.server.wire import KEY, PATIENCE

Connect = Callable[..., Any]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ably")


@pytest.fixture
async def connect(server: LocalServer, msgpack: bool) -> AsyncIterator[Connect]:
    """Makes realtime clients, which are closed at the end."""
    async with AsyncExitStack() as stack:

        async def client(**options: Any) -> Any:
            credentials = {} if "auth_callback" in options or "token" in options else {"key": KEY}
            made: Any = AblyRealtime(
                **credentials,
                endpoint=f"127.0.0.1:{server.port}",
                tls=False,
                use_binary_protocol=msgpack,
                transport_params={"appendRollupWindow": "0"},
                **options,
            )
            stack.push_async_callback(made.close)
            return made

        yield client


@pytest.fixture
async def rest(server: LocalServer, msgpack: bool) -> AsyncIterator[Any]:
    client: Any = AblyRest(
        key=KEY,
        endpoint="127.0.0.1",
        port=server.port,
        tls=False,
        use_token_auth=True,
        use_binary_protocol=msgpack,
        client_id="alice",
    )
    yield client
    await client.close()


class Heard:
    """The messages that a channel delivered."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._news = asyncio.Event()

    def hear(self, message: Any) -> None:
        self.messages.append(message)
        self._news.set()

    async def count(self, number: int) -> list[Any]:
        async with asyncio.timeout(PATIENCE):
            while len(self.messages) < number:
                self._news.clear()
                await self._news.wait()
        return self.messages


async def listening(channel: Any) -> Heard:
    heard = Heard()
    await channel.subscribe(heard.hear)
    return heard


async def within(work: Awaitable[Any]) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await work


class TestRealtime:
    async def test_messages_of_every_kind_arrive(self, connect: Connect) -> None:
        alice, bob = await connect(client_id="alice"), await connect()
        heard = await listening(bob.channels.get("chat:1"))
        channel = alice.channels.get("chat:1")
        for data in ("text", {"a": [1, None]}, [1, 2], b"\x00\xff", None):
            result = await channel.publish("n", data)
            assert len(result.serials) == 1
        result = await channel.publish([Message("a", "1"), Message("b", "2", extras={"headers": {"x": "y"}})])
        assert len(result.serials) == 2
        messages = await heard.count(7)
        assert [message.data for message in messages] == ["text", {"a": [1, None]}, [1, 2], b"\x00\xff", None, "1", "2"]
        assert {message.client_id for message in messages} == {"alice"}
        assert messages[-1].serial == result.serials[1]
        assert messages[-1].extras == {"headers": {"x": "y"}}

    async def test_changes_arrive_and_are_acknowledged(self, connect: Connect) -> None:
        client = await connect(client_id="alice")
        channel = client.channels.get("chat:1")
        heard = await listening(channel)
        [serial] = (await channel.publish("s", "a")).serials
        changes = [
            await channel.append_message(Message(serial=serial, data="b")),
            await channel.update_message(Message(serial=serial, data="c"), MessageOperation(description="why")),
            await channel.delete_message(Message(serial=serial)),
        ]
        versions = [change.version_serial for change in changes]
        messages = await heard.count(4)
        assert versions == sorted(versions)
        assert [message.version.serial for message in messages] == [serial, *versions]
        assert [message.action.value for message in messages] == [0, 5, 1, 2]
        assert [message.data for message in messages] == ["a", "b", "c", "c"]

    async def test_many_appends_at_once_keep_their_order_and_results(self, connect: Connect) -> None:
        client = await connect()
        channel = client.channels.get("chat:1")
        [serial] = (await channel.publish("s", "")).serials
        calls = [channel.append_message(Message(serial=serial, data=f"{index}.")) for index in range(200)]
        versions = [result.version_serial for result in await asyncio.gather(*calls)]
        assert versions == sorted(set(versions))
        other = await connect()
        heard = await listening(other.channels.get("chat:1", ChannelOptions(params={"rewind": "1"})))
        [message] = await heard.count(1)
        assert message.data == "".join(f"{index}." for index in range(200))

    async def test_refusals_come_to_who_asked(self, connect: Connect) -> None:
        client = await connect()
        channel = client.channels.get("chat:1")
        with pytest.raises(AblyException) as caught:
            await channel.append_message(Message(serial="nowhere", data="x"))
        assert (caught.value.code, caught.value.status_code) == (40400, 404)

    async def test_modes_and_pings(self, connect: Connect) -> None:
        client = await connect()
        channel = client.channels.get("chat:1", ChannelOptions(modes=[ChannelMode.SUBSCRIBE]))
        await channel.attach()
        assert channel.modes == [ChannelMode.SUBSCRIBE]
        assert await client.connection.ping() < 5_000
        await channel.detach()
        assert channel.state == ChannelState.DETACHED

    async def test_presence(self, connect: Connect) -> None:
        alice, bob = await connect(client_id="alice"), await connect(client_id="bob")
        mine, his = alice.channels.get("chat:1"), bob.channels.get("chat:1")
        await mine.presence.enter({"at": "home"})
        [there] = await within(his.presence.get())
        assert (there.client_id, there.data) == ("alice", {"at": "home"})
        told = Heard()
        await his.presence.subscribe(told.hear)
        await mine.presence.update("away")
        await mine.presence.leave()
        changed, left = await told.count(2)
        assert (changed.data, left.client_id) == ("away", "alice")

    async def test_a_lost_socket_is_resumed_with_what_was_missed(self, connect: Connect, server: LocalServer) -> None:
        alice, bob = await connect(), await connect()
        heard = await listening(bob.channels.get("chat:1"))
        channel = alice.channels.get("chat:1")
        [serial] = (await channel.publish("s", "a")).serials
        await heard.count(1)
        identity = bob.connection.connection_manager.connection_id
        lost, again = asyncio.Event(), asyncio.Event()
        bob.connection.on(ConnectionState.DISCONNECTED, lambda _: lost.set())
        bob.connection.on(ConnectionState.CONNECTED, lambda _: again.set())
        server.faults.cut(identity)
        await within(lost.wait())
        await channel.append_message(Message(serial=serial, data="b"))
        await channel.publish("later", "c")
        await within(again.wait())
        messages = await heard.count(3)
        assert bob.connection.connection_manager.connection_id == identity
        assert [message.data for message in messages] == ["a", "ab", "c"]

    async def test_a_token_is_asked_for_and_limits(self, connect: Connect, rest: Any) -> None:
        async def token(params: Any) -> TokenDetails:
            request = {"client_id": "dave", "capability": {"chat:*": ["subscribe", "publish"]}}
            details: TokenDetails = await rest.auth.request_token(request)
            return details

        client = await connect(auth_callback=token)
        await within(client.connection.once_async(ConnectionState.CONNECTED))
        assert client.auth.client_id == "dave"
        await client.channels.get("chat:1").attach()
        with pytest.raises(AblyException) as caught:
            await client.channels.get("other").attach()
        assert (caught.value.code, caught.value.status_code) == (40160, 401)
        await within(client.auth.authorize())
        assert (await client.channels.get("chat:1").publish("x", "y")).serials

    async def test_a_wrong_key_is_told(self, server: LocalServer) -> None:
        client: Any = AblyRealtime(key="app.key:wrong", endpoint=f"127.0.0.1:{server.port}", tls=False)
        change = await within(client.connection.once_async(ConnectionState.FAILED))
        assert change.reason.code == 40101
        await client.close()


class TestRest:
    async def test_time_and_tokens(self, rest: Any) -> None:
        assert await rest.time() > 1_700_000_000_000
        details = await rest.auth.request_token({"ttl": 60_000, "capability": {"a": ["publish"]}})
        assert (details.client_id, details.expires - details.issued) == ("alice", 60_000)

    async def test_publishing_and_history(self, rest: Any) -> None:
        channel = rest.channels.get("a b/c%d")
        for index in range(5):
            await channel.publish(str(index), {"number": index})
        page = await channel.history(limit=2)
        seen = [message.data["number"] for message in page.items]
        while page.has_next():
            page = await page.next()
            seen += [message.data["number"] for message in page.items]
        assert seen == [4, 3, 2, 1, 0]

    async def test_a_position_bounds_history_as_in_javascript(self, rest: Any) -> None:
        channel = rest.channels.get("chat:1")
        [first] = (await channel.publish("1", "a")).serials
        await channel.publish("2", "b")
        page = await rest.request("GET", "/channels/chat:1/messages", "5", params={"from_serial": first})
        assert [message["data"] for message in page.items] == ["a"]

    async def test_changes_and_versions(self, rest: Any) -> None:
        channel = rest.channels.get("chat:1")
        [serial] = (await channel.publish("s", "a")).serials
        await channel.append_message(Message(serial=serial, data="b"))
        updated = await channel.update_message(
            Message(serial=serial, data="c"), MessageOperation(description="why", metadata={"k": "v"})
        )
        message = await channel.get_message(serial)
        assert (message.data, message.version.serial) == ("c", updated.version_serial)
        assert (message.version.description, message.version.client_id) == ("why", "alice")
        assert [each.data for each in (await channel.get_message_versions(serial)).items] == ["a", "c"]
        with pytest.raises(AblyException) as caught:
            await channel.get_message("nowhere")
        assert (caught.value.code, caught.value.status_code) == (40400, 404)

    async def test_presence_and_details(self, rest: Any, connect: Connect) -> None:
        client = await connect(client_id="bob")
        await client.channels.get("chat:1").presence.enter("here")
        channel = rest.channels.get("chat:1")
        [member] = (await channel.presence.get()).items
        assert (member.client_id, member.data) == ("bob", "here")
        assert [each.action for each in (await channel.presence.history()).items] == [2]
        assert (await channel.status()).status.occupancy.metrics.presence_members == 1
