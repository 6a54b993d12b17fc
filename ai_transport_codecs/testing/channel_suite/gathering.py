"""Presence: who is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ai_transport_codecs.channels.protocol import Channel, PresenceEvent

from .base import Base, channel_of, publish, refusal
from .engine import Engine, Feature, requires
from .reader import PATIENCE


class Gate:
    """Notes who comes and goes."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.events: list[PresenceEvent] = []
        self._news = asyncio.Event()
        channel.presence.subscribe(self._note)

    def _note(self, event: PresenceEvent) -> None:
        self.events.append(event)
        self._news.set()

    @property
    def seen(self) -> list[tuple[str, str, Any]]:
        """What was noted: action, who, and the data."""
        return [(event.action, event.member.client_id, event.member.data) for event in self.events]

    async def until(self, condition: Callable[[list[tuple[str, str, Any]]], bool]) -> None:
        """Wait until it is so. Raises AssertionError, with what was noted, when it does not become so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(self.seen):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"waited in vain; noted {self.seen}") from None


async def _gate(engine: Engine, name: str) -> Gate:
    gate = Gate(await channel_of(engine, name))
    await gate.channel.attach()
    return gate


class Gathering(Base):
    """Entering and leaving."""

    async def test_others_see_who_enters_changes_and_leaves(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        gate = await _gate(engine, name)
        alice = await channel_of(engine, name, "alice")
        await alice.presence.enter({"mood": "fine"})
        await alice.presence.update({"mood": "tired"})
        await alice.presence.leave({"mood": "asleep"})
        await gate.until(lambda seen: len(seen) == 3)
        assert gate.seen == [
            ("enter", "alice", {"mood": "fine"}),
            ("update", "alice", {"mood": "tired"}),
            ("leave", "alice", {"mood": "asleep"}),
        ]
        assert await gate.channel.presence.get() == []

    async def test_members_can_be_listed(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        alice, bob = await channel_of(engine, name, "alice"), await channel_of(engine, name, "bob")
        await alice.presence.enter("one")
        await bob.presence.enter()
        gate = await _gate(engine, name)
        members = {member.client_id: member for member in await gate.channel.presence.get()}
        assert set(members) == {"alice", "bob"}
        assert members["alice"].data == "one"
        assert members["alice"].connection_id != members["bob"].connection_id

    async def test_who_comes_later_is_told_who_is_there(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        alice = await channel_of(engine, name, "alice")
        await alice.presence.enter("here")
        gate = await _gate(engine, name)
        await gate.until(lambda seen: seen == [("present", "alice", "here")])

    async def test_a_member_sees_itself(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        alice = Gate(await channel_of(engine, name, "alice"))
        await alice.channel.presence.enter("me")
        await alice.until(lambda seen: ("alice", "me") in [each[1:] for each in seen])
        assert [member.client_id for member in await alice.channel.presence.get()] == ["alice"]

    async def test_presence_needs_a_name(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        channel = await channel_of(engine, name)
        for work in (channel.presence.enter(), channel.presence.update(), channel.presence.leave()):
            error = await refusal(work)
            assert (error.code, error.status_code) == (91000, 400)
            assert "client id" in error.message

    async def test_detaching_is_leaving(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        gate = await _gate(engine, name)
        alice = await channel_of(engine, name, "alice")
        await alice.presence.enter()
        await alice.detach()
        await gate.until(lambda seen: [each[:2] for each in seen] == [("enter", "alice"), ("leave", "alice")])

    async def test_a_member_that_is_cut_off_leaves_and_comes_back(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE, Feature.RESUME)
        gate = await _gate(engine, name)
        client = await engine.client("alice")
        await client.channel(name).presence.enter("me")
        await engine.disconnect(client)
        await gate.until(lambda seen: [each[:2] for each in seen] == [("enter", "alice"), ("leave", "alice")])
        assert await gate.channel.presence.get() == []
        await engine.reconnect(client, resume=True)
        await gate.until(lambda seen: len(seen) == 3)
        assert gate.seen[2] == ("enter", "alice", "me")

    async def test_who_was_cut_off_learns_what_changed(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE, Feature.RESUME)
        client = await engine.client()
        gate = Gate(client.channel(name))
        await gate.channel.attach()
        alice, bob = await channel_of(engine, name, "alice"), await channel_of(engine, name, "bob")
        await alice.presence.enter()
        await gate.until(lambda seen: len(seen) == 1)
        await engine.disconnect(client)
        await alice.presence.leave()
        await bob.presence.enter()
        await engine.reconnect(client, resume=True)
        await gate.until(lambda seen: len(seen) == 3)
        assert {each[:2] for each in gate.seen[1:]} == {("leave", "alice"), ("present", "bob")}

    async def test_presence_is_no_message(self, engine: Engine, name: str) -> None:
        requires(engine, Feature.PRESENCE)
        alice = await channel_of(engine, name, "alice")
        await alice.presence.enter()
        await publish(alice, "hello")
        assert [item.data for item in (await alice.history()).items] == ["hello"]
