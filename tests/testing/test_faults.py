"""The fault channel fails as planned, the same way each time, and leaves the rest alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from ai_transport_codecs.channels.memory import MemoryClient, MemoryHub
from ai_transport_codecs.channels.protocol import ChannelProvider
from ai_transport_codecs.errors import ChannelError, InvalidArgumentError
from ai_transport_codecs.testing.channel_suite import ChannelSuite, Feature
from ai_transport_codecs.testing.channel_suite.reader import Reader, everything, transcript_of
from ai_transport_codecs.testing.faults import (
    Cut,
    FaultPlan,
    FaultyChannel,
    FaultyProvider,
    Hold,
    Lag,
    LoseAck,
    Rates,
    Refuse,
    Repeat,
)
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation


def note(data: Any, id: str | None = None) -> OutboundMessage:
    return OutboundMessage("note", data, {}, id)


def faulty(hub: MemoryHub, plan: FaultPlan, name: str = "room") -> tuple[FaultyProvider, FaultyChannel]:
    provider = FaultyProvider(hub.client("agent"), plan)
    return provider, provider.channel(name)


async def texts(hub: MemoryHub) -> list[Any]:
    return [item.data for item in await everything(hub.client().channel("room"))][::-1]


async def test_a_refused_write_was_not_done() -> None:
    hub = MemoryHub()
    provider, channel = faulty(hub, FaultPlan().on("publish", 2, Refuse(code=42911, status_code=429)))
    await channel.publish(note("one"))
    with pytest.raises(ChannelError, match="simulated failure of publish; nothing was done") as caught:
        await channel.publish(note("two"))
    await channel.publish(note("three"))
    assert (caught.value.code, caught.value.status_code) == (42911, 429)
    assert await texts(hub) == ["one", "three"]
    assert [(fired.operation, fired.number) for fired in provider.fired] == [("publish", 2)]


@pytest.mark.parametrize("operation", ["append", "update", "delete"])
async def test_a_change_can_be_refused(operation: str) -> None:
    hub = MemoryHub()
    _, channel = faulty(hub, FaultPlan().on(operation, 1, Refuse()))
    [serial] = await channel.publish(note("a"))
    mutation = OutboundMutation(str(serial), "b", {})

    async def change() -> str | None:
        return await (channel.delete(str(serial)) if operation == "delete" else getattr(channel, operation)(mutation))

    with pytest.raises(ChannelError, match=f"simulated failure of {operation}"):
        await change()
    assert [item.action for item in await everything(channel)] == [names.CREATE]
    assert await change()


async def test_a_write_whose_acknowledgement_is_lost_was_done() -> None:
    hub = MemoryHub()
    _, channel = faulty(hub, FaultPlan().on("append", 1, LoseAck()))
    [serial] = await channel.publish(note("a"))
    with pytest.raises(ChannelError, match="it was done, but its acknowledgement was lost") as caught:
        await channel.append(OutboundMutation(str(serial), "b", {}))
    assert caught.value.code == 80003
    assert await texts(hub) == ["ab"]


async def test_a_publish_tried_again_after_a_lost_acknowledgement_is_there_once() -> None:
    hub = MemoryHub()
    _, channel = faulty(hub, FaultPlan().on("publish", 1, LoseAck()))
    with pytest.raises(ChannelError):
        await channel.publish(note("once", id="m:0"))
    [serial] = await channel.publish(note("once", id="m:0"))
    [kept] = await everything(channel)
    assert (kept.data, kept.serial) == ("once", serial)


async def test_writes_can_be_counted_together() -> None:
    hub = MemoryHub()
    provider, channel = faulty(hub, FaultPlan().on("write", 3, Refuse()))
    [serial] = await channel.publish(note("a"))
    await channel.append(OutboundMutation(str(serial), "b", {}))
    with pytest.raises(ChannelError, match="append"):
        await channel.append(OutboundMutation(str(serial), "c", {}))
    assert await texts(hub) == ["ab"]
    assert provider.fired[0].operation == "append"


async def test_reading_and_attaching_can_fail_too() -> None:
    hub = MemoryHub()
    _, channel = faulty(hub, FaultPlan().on("history", 1, Refuse()).on("attach", 1, Refuse()))
    with pytest.raises(ChannelError, match="history"):
        await channel.history()
    with pytest.raises(ChannelError, match="attach"):
        await channel.attach()
    await channel.attach()
    assert (await channel.history()).items == []


async def test_an_acknowledgement_comes_when_it_is_let_go() -> None:
    hub = MemoryHub()
    gate = asyncio.Event()
    _, channel = faulty(hub, FaultPlan().on("publish", 1, Hold(turns=0, until=gate)))
    reader = Reader(channel)
    await channel.attach()
    publishing = asyncio.ensure_future(channel.publish(note("early echo")))
    await reader.count(1)
    assert not publishing.done()
    gate.set()
    assert await publishing == [reader.messages[0].serial]


async def test_an_echo_can_come_after_the_acknowledgement() -> None:
    hub = MemoryHub()
    gate = asyncio.Event()
    _, channel = faulty(hub, FaultPlan().on("delivery", 1, Hold(until=gate)))
    reader = Reader(channel)
    await channel.attach()
    await channel.publish(note("late echo"))
    await channel.publish(note("behind it"))
    assert reader.messages == []
    gate.set()
    await reader.count(2)
    assert reader.data == ["late echo", "behind it"]


async def test_a_publisher_can_lag_and_others_overtake_it_but_it_never_overtakes_itself() -> None:
    hub = MemoryHub()
    _, channel = faulty(hub, FaultPlan().on("delivery", 1, Lag(20)).on("delivery", 3, Lag()))
    reader = Reader(channel)
    await channel.attach()
    slow, quick = hub.client("slow").channel("room"), hub.client("quick").channel("room")
    for publisher, text in ((slow, "s1"), (quick, "q1"), (slow, "s2"), (quick, "q2")):
        await publisher.publish(note(text))
    await reader.count(4)
    assert reader.data == ["q1", "q2", "s1", "s2"]
    by_serial = sorted(reader.messages, key=lambda heard: str(heard.serial))
    assert [heard.data for heard in by_serial] == ["s1", "q1", "s2", "q2"]


async def test_what_lags_comes_before_a_new_attachment_is_told() -> None:
    hub = MemoryHub()
    provider, channel = faulty(hub, FaultPlan().on("delivery", 1, Lag(1_000)).on("delivery", 2, Cut(resume=False)))
    told: list[Any] = []
    channel.subscribe(lambda heard: told.append(heard.data))
    channel.on_state_change(lambda change: told.append(change.current.value))
    await channel.attach()
    told.clear()
    await hub.client("slow").channel("room").publish(note("late"))
    await hub.client("quick").channel("room").publish(note("cut"))
    await asyncio.sleep(0)
    await provider.settled()
    assert told[:2] == ["cut", "late"]
    assert told[-1] == "attached"


async def test_a_delivery_can_come_twice_and_its_listeners_cannot_spoil_it() -> None:
    hub = MemoryHub()
    _, channel = faulty(hub, FaultPlan().on("delivery", 2, Repeat(2)))
    reader = Reader(channel)
    channel.subscribe(lambda heard: heard.data.clear())
    await channel.attach()
    for data in (["a"], ["b"], ["c"]):
        await channel.publish(note(data))
    assert [heard.serial for heard in reader.messages] == sorted(str(heard.serial) for heard in reader.messages)
    first: list[Any] = []
    channel.subscribe(lambda heard: heard.data.append("x"))
    channel.subscribe(lambda heard: first.append(heard.data))
    await channel.publish(note(["d"]))
    assert first == [["d"]]
    assert len(reader.messages) == 6
    assert reader.messages[1].version == reader.messages[2].version == reader.messages[3].version


@pytest.mark.parametrize("resume", [True, False])
async def test_the_connection_can_be_cut_after_a_delivery(resume: bool) -> None:
    hub = MemoryHub()
    provider, channel = faulty(hub, FaultPlan().on("delivery", 1, Cut(resume=resume, turns=20)))
    reader = Reader(channel)
    await channel.attach()
    seen: list[tuple[str, bool]] = []
    channel.on_state_change(lambda change: seen.append((str(change.current), change.resumed)))
    other = hub.client().channel("room")
    await other.publish(note("one"))
    await reader.count(1)
    while getattr(provider.connection, "is_connected", False):  # noqa: ASYNC110 - the cut happens a few turns later
        await asyncio.sleep(0)
    with pytest.raises(ChannelError, match="disconnected"):
        await channel.publish(note("lost"))
    await other.publish(note("meanwhile"))
    await provider.settled()
    assert seen == [("attached", resume)]
    await other.publish(note("after"))
    await reader.until(lambda reader: "after" in reader.data)
    assert reader.data == (["one", "meanwhile", "after"] if resume else ["one", "after"])
    assert [item.data for item in await everything(channel, until_attach=True)] == (
        [] if resume else ["meanwhile", "one"]
    )


async def test_the_connection_can_be_cut_while_a_write_waits() -> None:
    hub = MemoryHub()
    provider, channel = faulty(hub, FaultPlan().on("append", 1, Cut()))
    [serial] = await channel.publish(note("a"))
    with pytest.raises(ChannelError, match="may or may not have been applied") as caught:
        await channel.append(OutboundMutation(str(serial), "b", {}))
    assert caught.value.code == 80003
    await provider.settled()
    assert await channel.append(OutboundMutation(str(serial), "c", {}))
    assert await texts(hub) == ["abc"]


async def test_a_client_closed_while_it_is_cut_stays_closed() -> None:
    hub = MemoryHub()
    client = hub.client()
    provider = FaultyProvider(client, FaultPlan().on("publish", 1, Cut()))
    with pytest.raises(ChannelError):
        await provider.channel("room").publish(note("a"))
    await client.close()
    await provider.settled()
    assert not client.is_connected


async def test_held_deliveries_are_dropped_with_their_attachment() -> None:
    hub = MemoryHub()
    gate = asyncio.Event()
    _, channel = faulty(hub, FaultPlan().on("delivery", 1, Hold(until=gate)))
    reader = Reader(channel)
    await channel.attach()
    await channel.publish([note("a"), note("b")])
    await channel.detach()
    gate.set()
    await channel.attach()
    [serial] = await channel.publish(note("c"))
    await reader.hears(serial)
    assert reader.data == ["c"]


async def run(seed: int) -> tuple[list[Any], list[Any], list[Any]]:
    """A session of random faults: what fired, what was heard, and what is there in the end."""
    hub = MemoryHub(clock=lambda: 1_700_000_000.0)
    rates = Rates(refuse=0.1, lose_ack=0.1, hold_ack=0.2, hold=0.2, repeat=0.2, cut=0.1)
    provider, channel = faulty(hub, FaultPlan(seed, rates=rates))
    reader = Reader(channel)
    await channel.attach()
    [serial] = await hub.client().channel("room").publish(note(""))
    for number in range(40):
        try:
            await channel.append(OutboundMutation(str(serial), f"{number} ", {}))
        except ChannelError:
            await provider.settled()
    await provider.settled()
    [end] = await hub.client().channel("room").publish(note("end"))
    await reader.hears(end)
    fired = [(each.operation, each.number, type(each.fault).__name__) for each in provider.fired]
    return fired, [(heard.version, heard.data) for heard in reader.messages], await texts(hub)


async def test_the_same_seed_fails_in_the_same_way() -> None:
    first, again, other = await run(1), await run(1), await run(2)
    assert first == again
    assert first[0] != other[0]
    assert {kind for _, _, kind in first[0]} == {"Refuse", "LoseAck", "Hold", "Repeat", "Cut"}


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_fails_a_reader_that_goes_by_versions_has_what_history_has(seed: int) -> None:
    hub = MemoryHub()
    rates = Rates(refuse=0.1, lose_ack=0.1, hold_ack=0.2, hold=0.2, repeat=0.2, cut=0.1)
    provider, channel = faulty(hub, FaultPlan(seed, rates=rates))
    reader = Reader(channel)
    await channel.attach()
    steady = hub.client().channel("room")
    [serial] = await steady.publish(note(""))
    for number in range(40):
        await steady.append(OutboundMutation(str(serial), f"{number} ", {}))
        with contextlib.suppress(ChannelError):  # what becomes of it is the plan's business; it is either there or not
            await channel.append(OutboundMutation(str(serial), f"mine {number} ", {}))
    await provider.settled()
    [end] = await steady.publish(note("end"))
    await reader.hears(end)
    assert reader.transcript.messages == transcript_of(await everything(steady)).messages
    assert provider.fired


async def test_a_plan_without_faults_changes_nothing() -> None:
    hub = MemoryHub()
    provider, channel = faulty(hub, FaultPlan())
    assert provider.channel("room") is channel
    assert (channel.name, channel.client_id, channel.max_message_size) == ("room", "agent", 65_536)
    reader = Reader(channel)
    await channel.attach()
    await channel.publish(note("a"))
    reader.stop()
    await channel.publish(note("b"))
    assert reader.data == ["a"]
    assert provider.fired == []


@pytest.mark.parametrize(
    ("operation", "fault", "words"),
    [
        ("delivery", Refuse(), "Refuse cannot happen to 'delivery'"),
        ("publish", Repeat(), "it can to delivery"),
        ("history", Cut(), "Cut cannot happen to 'history'"),
        ("nothing", Hold(), "cannot happen to 'nothing'"),
        ("write", Repeat(), "cannot happen to 'write'"),
    ],
)
def test_a_fault_has_its_place(operation: str, fault: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        FaultPlan().on(operation, 1, fault)


def test_chance_needs_a_seed() -> None:
    with pytest.raises(InvalidArgumentError, match="a plan with rates needs a seed"):
        FaultPlan(rates=Rates(refuse=0.5))


@pytest.mark.parametrize("rates", [Rates(refuse=-0.1), Rates(refuse=0.6, lose_ack=0.6), Rates(hold=1.1)])
def test_chances_have_bounds(rates: Rates) -> None:
    with pytest.raises(InvalidArgumentError, match="rates are from 0 to 1"):
        FaultPlan(1, rates=rates)


class Fixed:
    """A provider whose connection nobody can cut."""

    def __init__(self, client: ChannelProvider) -> None:
        self.channel = client.channel


async def test_cutting_needs_a_connection_that_can_be_cut() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"a Fixed cannot: it needs the methods disconnect\(\) and reconnect"
    ):
        FaultyProvider(Fixed(MemoryHub().client()), FaultPlan(1, rates=Rates(cut=0.1)))
    FaultyProvider(Fixed(MemoryHub().client()), FaultPlan(1, rates=Rates(hold=0.1)))


class DelayingEngine:
    """The in-process engine, with deliveries that are late by chance."""

    features = frozenset(Feature)
    namespace = "suite"
    immutable_namespace = "fixed"
    rollup_window = 0.005

    def __init__(self) -> None:
        self._hub = MemoryHub(immutable_namespaces=["fixed"])
        self._clients: dict[FaultyProvider, MemoryClient] = {}

    async def client(
        self,
        client_id: str | None = None,
        *,
        capability: Mapping[str, Sequence[str]] | None = None,
        append_rollup_window: float = 0.0,
    ) -> FaultyProvider:
        client = self._hub.client(client_id, capability=capability, append_rollup_window=append_rollup_window)
        provider = FaultyProvider(client, FaultPlan(len(self._clients), rates=Rates(hold=0.5, most_turns=8)))
        self._clients[provider] = client
        return provider

    async def disconnect(self, client: FaultyProvider) -> None:
        await self._clients[client].disconnect()

    async def reconnect(self, client: FaultyProvider, *, resume: bool) -> None:
        await self._clients[client].reconnect(resume=resume)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


class TestMemoryWithLateDeliveries(ChannelSuite):
    """Late deliveries are within what a channel promises, so the whole suite holds for them."""

    @pytest.fixture
    async def engine(self) -> AsyncIterator[DelayingEngine]:
        engine = DelayingEngine()
        yield engine
        await engine.close()
