"""Attaching, losing the connection, and getting it back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ai_transport_codecs.channels.protocol import Channel, ChannelStateChange
from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.wire import names

from .base import Base, change, channel_of, listening, message, publish, refusal
from .engine import Engine, Feature, requires
from .reader import Reader, everything


def states(reader_or_channel: Any) -> list[tuple[str, bool]]:
    """A list that fills with each state the channel comes to, and whether it was resumed."""
    seen: list[tuple[str, bool]] = []

    def note(change: ChannelStateChange) -> None:
        seen.append((str(change.current), change.resumed))

    reader_or_channel.on_state_change(note)
    return seen


def may_pass(error: ChannelError) -> bool:
    """Whether the error invites to try again."""
    return error.status_code >= 500 or error.code in range(80000, 80100)


class Attaching(Base):
    """The states of a channel."""

    async def test_a_client_has_one_channel_of_a_name(self, engine: Engine, name: str) -> None:
        client = await engine.client("alice")
        channel = client.channel(name)
        assert client.channel(name) is channel
        assert client.channel(f"{name}-other") is not channel
        assert (channel.name, channel.client_id) == (name, "alice")

    async def test_states_are_told_in_order(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        seen = states(channel)
        assert channel.state == "initialized"
        await channel.attach()
        assert channel.state == "attached"
        await channel.detach()
        assert channel.state == "detached"
        assert seen == [("attaching", False), ("attached", False), ("detaching", False), ("detached", False)]

    async def test_attaching_is_done_once_however_often_asked(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        seen = states(channel)
        await asyncio.gather(channel.attach(), channel.attach(), channel.attach())
        await channel.attach()
        assert seen == [("attaching", False), ("attached", False)]

    async def test_detaching_is_done_once_however_often_asked(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        await channel.detach()
        assert channel.state == "initialized"
        await channel.attach()
        seen = states(channel)
        await asyncio.gather(channel.detach(), channel.detach())
        await channel.detach()
        assert seen == [("detaching", False), ("detached", False)]

    async def test_a_cancelled_attach_does_not_cancel_the_others(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)
        impatient, patient = (asyncio.ensure_future(channel.attach()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        assert channel.state == "attached"

    async def test_deliveries_begin_with_the_attachment(self, engine: Engine, name: str) -> None:
        alice = await channel_of(engine, name)
        bob = Reader(await channel_of(engine, name))
        await publish(alice, "before")
        await bob.channel.attach()
        [serial] = await publish(alice, "after")
        await bob.hears(serial)
        assert bob.data == ["after"]

    async def test_deliveries_end_with_the_attachment(self, engine: Engine, name: str) -> None:
        bob, alice = await listening(engine, name), await channel_of(engine, name)
        [serial] = await publish(alice, "one")
        await bob.hears(serial)
        await bob.channel.detach()
        await publish(alice, "two")
        await bob.channel.attach()
        [last] = await publish(alice, "three")
        await bob.hears(last)
        assert bob.data == ["one", "three"]

    async def test_channels_do_not_hear_each_other(self, engine: Engine, name: str) -> None:
        bob, other = await listening(engine, name), await listening(engine, f"{name}-other")
        await publish(other.channel, "elsewhere")
        [serial] = await publish(bob.channel, "here")
        await bob.hears(serial)
        assert bob.data == ["here"]

    async def test_a_listener_of_states_that_raises_hurts_nobody(self, engine: Engine, name: str) -> None:
        channel = await channel_of(engine, name)

        def broken(change: ChannelStateChange) -> None:
            raise RuntimeError("broken state listener")

        channel.on_state_change(broken)
        seen = states(channel)
        await channel.attach()
        assert [state for state, _ in seen] == ["attaching", "attached"]

    async def test_without_echo_a_publisher_hears_only_others(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.ECHO_PARAM)
        alice = await listening(engine, name, params={"echo": "false"})
        bob = await channel_of(engine, name)
        [mine] = await publish(alice.channel, "mine")
        [his] = await publish(bob, "his")
        await alice.knows(await bob.append(change(mine, "!")))
        assert [(heard.action, heard.data) for heard in alice.messages] == [
            (names.CREATE, "his"), (names.UPDATE, "mine!")
        ]  # fmt: skip
        await alice.channel.append(change(mine, "?"))
        await alice.knows(await bob.append(change(his, ".")))
        assert alice.data == ["his", "mine!", "."]

    async def test_modes_limit_an_attachment(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.MODES)
        mute = Reader(await channel_of(engine, name, modes=["SUBSCRIBE"]))
        deaf = Reader(await channel_of(engine, name, modes=["PUBLISH"]))
        await mute.channel.attach()
        await deaf.channel.attach()
        error = await refusal(mute.channel.publish(message("no")))
        assert (error.code, error.status_code) == (40160, 401)
        await publish(deaf.channel, "yes")
        await mute.count(1)
        assert (mute.data, deaf.data) == (["yes"], [])


class Reconnecting(Base):
    """A connection that goes, and comes back."""

    async def _pair(self, engine: Engine, name: str) -> tuple[Any, Reader, Any]:
        client = await engine.client("bob")
        reader = Reader(client.channel(name))
        await reader.channel.attach()
        return client, reader, await channel_of(engine, name, "alice")

    async def test_without_a_connection_writes_fail_for_now(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.RESUME)
        client, bob, _ = await self._pair(engine, name)
        [serial] = await publish(bob.channel, "before")
        await engine.disconnect(client)
        assert bob.channel.state == "attached"
        for work in (
            bob.channel.publish(message("lost")),
            bob.channel.append(change(serial, "lost")),
            bob.channel.update(change(serial, "lost")),
            bob.channel.delete(serial),
        ):
            assert may_pass(await refusal(work))
        await engine.reconnect(client, resume=True)
        await publish(bob.channel, "after")
        assert [item.data for item in await everything(bob.channel)] == ["after", "before"]

    async def test_a_resumed_connection_missed_nothing(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.RESUME)
        client, bob, alice = await self._pair(engine, name)
        [serial] = await publish(alice, "1")
        await bob.hears(serial)
        await engine.disconnect(client)
        missed = await publish(alice, "2", "3")
        await alice.append(change(serial, "!"))
        assert bob.data == ["1"]
        seen = states(bob.channel)
        await engine.reconnect(client, resume=True)
        [last] = await publish(alice, "4")
        await bob.hears(last)
        assert seen[-1] == ("attached", True)
        assert bob.transcript.texts == ["1!", "2", "3", "4"]
        assert [heard.serial for heard in bob.messages if heard.action == names.CREATE] == [serial, *missed, last]

    async def test_a_resumed_connection_was_told_so_before_what_it_missed(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.RESUME)
        client, bob, alice = await self._pair(engine, name)
        await engine.disconnect(client)
        [serial] = await publish(alice, "missed")
        order: list[str] = []
        bob.channel.on_state_change(lambda change: order.append(str(change.current)))
        bob.channel.subscribe(lambda heard: order.append(heard.data))
        await engine.reconnect(client, resume=True)
        await bob.hears(serial)
        assert order[-2:] == ["attached", "missed"]

    async def test_a_message_that_grew_meanwhile_is_whole_afterwards(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.RESUME)
        client, bob, alice = await self._pair(engine, name)
        [serial] = await publish(alice, "")
        await alice.append(change(serial, "a"))
        await engine.disconnect(client)
        for letter in "bcd":
            await alice.append(change(serial, letter))
        await engine.reconnect(client, resume=True)
        await bob.knows(await alice.append(change(serial, "e")))
        assert bob.transcript.texts == ["abcde"]

    async def test_lost_continuity_is_told_and_history_fills_the_gap(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.LOSS)
        client, bob, alice = await self._pair(engine, name)
        [first] = await publish(alice, "1")
        await bob.hears(first)
        await engine.disconnect(client)
        await publish(alice, "2", "3")
        seen = states(bob.channel)
        await engine.reconnect(client, resume=False)
        assert seen[-1] == ("attached", False)
        [last] = await publish(alice, "4")
        await bob.hears(last)
        assert bob.data == ["1", "4"]
        past = await everything(bob.channel, until_attach=True)
        assert [item.data for item in past] == ["3", "2", "1"]

    async def test_after_lost_continuity_messages_come_whole_again(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.LOSS)
        client, bob, alice = await self._pair(engine, name)
        [serial] = await publish(alice, "a")
        await bob.hears(serial)
        await engine.disconnect(client)
        await alice.append(change(serial, "b"))
        await engine.reconnect(client, resume=False)
        await bob.knows(await alice.append(change(serial, "c")))
        assert [(heard.action, heard.data) for heard in bob.messages] == [(names.CREATE, "a"), (names.UPDATE, "abc")]

    async def test_others_notice_nothing(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.RESUME)
        client, _, alice = await self._pair(engine, name)
        seen = states(alice)
        carol = await listening(engine, name)
        await engine.disconnect(client)
        await publish(alice, "1")
        await engine.reconnect(client, resume=True)
        await publish(alice, "2")
        await carol.count(2)
        assert (carol.data, seen) == (["1", "2"], [])


async def _use(channel: Channel, operation: str) -> None:
    """Do what the operation of a capability is needed for."""
    if operation == "publish":
        await channel.publish(message("x"))
    elif operation == "subscribe":
        await Reader(channel).channel.attach()
    elif operation == "history":
        await channel.history()
    else:
        await channel.presence.enter("x")


class Allowing(Base):
    """Clients that may not do everything."""

    @pytest.mark.parametrize("lacking", ["publish", "subscribe", "history", "presence"])
    async def test_what_is_not_allowed_is_refused(self, engine: Engine, name: str, lacking: str) -> None:
        requires(engine, Feature.CAPABILITIES)
        operations = [each for each in ("publish", "subscribe", "history", "presence") if each != lacking]
        client = await engine.client("eve", capability={name: operations})
        error = await refusal(_use(client.channel(name), lacking))
        assert (error.code, error.status_code) == (40160, 401)
        assert lacking in error.message
        for allowed in operations:
            another = await engine.client("eve", capability={name: operations})
            await _use(another.channel(name), allowed)

    async def test_a_capability_is_for_its_channels(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.CAPABILITIES)
        client = await engine.client("eve", capability={f"{engine.namespace}:mine:*": ["*"]})
        await publish(client.channel(f"{engine.namespace}:mine:{name}"), "yes")
        assert (await refusal(client.channel(name).publish(message("no")))).code == 40160
        assert (await refusal(client.channel(name).attach())).code == 40160

    async def test_changing_messages_has_operations_of_its_own(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.CAPABILITIES)
        [hers] = await publish(await channel_of(engine, name, "alice"), "hers")
        plain = await engine.client("eve", capability={name: ["publish"]})
        own = await engine.client("eve", capability={name: ["publish", "message-update-own"]})
        anybodys = await engine.client("eve", capability={name: ["message-update-any"]})
        [mine] = await publish(own.channel(name), "mine")
        assert (await refusal(plain.channel(name).append(change(mine, "!")))).code == 40160
        assert (await refusal(own.channel(name).append(change(hers, "!")))).code == 40160
        assert (await refusal(own.channel(name).delete(mine))).code == 40160
        assert await own.channel(name).append(change(mine, "!"))
        assert await anybodys.channel(name).update(change(hers, "!"))
