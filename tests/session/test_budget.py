"""Many streams on one connection that may publish so much and no more: nothing is refused, and nobody starves."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_transport_codecs.channels.budget import MessageBudget
from ai_transport_codecs.channels.memory import MemoryHub
from ai_transport_codecs.channels.protocol import Budget, Channel
from ai_transport_codecs.codec.contract import EncoderOptions
from ai_transport_codecs.codec.operations import Operation
from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.session.coalesce import ADAPTIVE, IMMEDIATE, CoalescePolicy, fixed_window
from ai_transport_codecs.session.outbox import Outbox
from ai_transport_codecs.session.publishing import publish_headers
from ai_transport_codecs.session.retry import RetryPolicy
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from tests.session.toy_codec import TOY
from tests.session.virtual_time import run_virtually


class Write(NamedTuple):
    at: float
    kind: str
    cost: int


class MeteredChannel:
    """A channel of a connection that notes when what is written, and refuses what is over ``real_limit``."""

    def __init__(
        self, channel: Channel, budget: Budget | None, writes: list[Write], real_limit: int | None = None
    ) -> None:
        self.budget = budget
        self._channel = channel
        self._writes = writes
        self._real_limit = real_limit
        self.refusals = 0

    @property
    def max_message_size(self) -> int:
        return self._channel.max_message_size

    async def publish(self, messages: OutboundMessage | Sequence[OutboundMessage]) -> list[str | None]:
        self._note("publish", 1 if isinstance(messages, OutboundMessage) else len(messages))
        return await self._channel.publish(messages)

    async def append(self, mutation: OutboundMutation) -> str | None:
        self._note("append", 1)
        await asyncio.sleep(0.01)  # the way to Ably and back
        return await self._channel.append(mutation)

    async def update(self, mutation: OutboundMutation) -> str | None:
        self._note("update", 1)
        return await self._channel.update(mutation)

    def _note(self, kind: str, cost: int) -> None:
        now = asyncio.get_running_loop().time()
        if self._real_limit is not None and busiest_second(self._writes, now) + cost > self._real_limit:
            self.refusals += 1
            raise ChannelError("rate limit exceeded; too many messages per second", code=42911, status_code=429)
        self._writes.append(Write(now, kind, cost))


def busiest_second(writes: Sequence[Write], now: float | None = None) -> int:
    """The most messages in any second; with ``now`` in the one that ends then."""
    ends = [write.at for write in writes] if now is None else [now]
    return max((sum(write.cost for write in writes if end - 1.0 + 1e-6 < write.at <= end) for end in ends), default=0)


def _stream(words: Sequence[str]) -> list[list[Operation]]:
    encoder = TOY.create_encoder(EncoderOptions())
    events: list[dict[str, Any]] = [{"type": "text-start", "id": "t"}]
    events += [{"type": "text-delta", "id": "t", "delta": word} for word in words]
    events.append({"type": "text-end", "id": "t"})
    return [list(encoder.encode_output(event)) for event in events]


async def _texts(hub: MemoryHub, name: str = "c") -> list[str]:
    page = await hub.client("reader").channel(name).history(limit=1_000)
    assert not page.has_next
    return sorted(message.data for message in page.items)


def test_a_hundred_streams_share_one_connection_and_all_finish() -> None:
    async def story() -> None:
        hub, writes = MemoryHub(), list[Write]()
        client, budget = hub.client("agent"), MessageBudget(50)
        words = [f"word{number} " for number in range(200)]
        first_words: list[float] = []

        async def answer(number: int) -> float:
            channel = MeteredChannel(client.channel(f"c{number % 7}"), budget, writes)
            outbox = Outbox(channel)
            for index, operations in enumerate(_stream(words)):
                await outbox.send(operations)
                await asyncio.sleep(0.05)
                if index == 1:
                    first_words.append(asyncio.get_running_loop().time())
            await outbox.flush()
            return asyncio.get_running_loop().time()

        ended = await asyncio.gather(*(answer(number) for number in range(100)))
        assert busiest_second(writes) <= 50
        for number in range(7):
            assert set(await _texts(hub, f"c{number}")) == {"".join(words)}
        # Ten seconds of talk, and two messages more for each stream at the end: what 50 per second need, and not more.
        assert max(ended) < 10.0 + 100 / 50 * 2 + 2
        assert sum(write.cost for write in writes) > 40 * 9, "what is allowed is used"

    run_virtually(story())


def test_streams_get_equal_shares_whichever_channel_they_are_on() -> None:
    async def story() -> None:
        hub, budget = MemoryHub(), MessageBudget(50)
        client = hub.client("agent")
        per_stream: list[list[Write]] = [[] for _ in range(20)]

        async def talk(number: int, pause: float) -> None:
            # All streams of even number share one channel; the others have one each.
            name = "shared" if number % 2 == 0 else f"own{number}"
            outbox = Outbox(MeteredChannel(client.channel(name), budget, per_stream[number]))
            for operations in _stream(["x"] * int(20 / pause)):
                await outbox.send(operations)
                await asyncio.sleep(pause)
            await outbox.flush()

        await asyncio.gather(*(talk(number, 0.01 if number < 10 else 0.05) for number in range(20)))
        appends = Counter(
            {number: sum(w.kind == "append" and w.at < 20 for w in writes) for number, writes in enumerate(per_stream)}
        )
        assert min(appends.values()) >= 0.8 * max(appends.values()), appends

    run_virtually(story())


def test_the_first_words_of_a_stream_do_not_wait_behind_streams_that_are_under_way() -> None:
    async def story() -> None:
        hub, budget = MemoryHub(), MessageBudget(50)
        client, busy = hub.client("agent"), list[Write]()

        async def talk() -> None:
            outbox = Outbox(MeteredChannel(client.channel("busy"), budget, busy))
            for operations in _stream(["x"] * 500):
                await outbox.send(operations)
                await asyncio.sleep(0.01)
            await outbox.flush()

        others = [asyncio.create_task(talk()) for _ in range(40)]
        await asyncio.sleep(3)
        loop = asyncio.get_running_loop()
        for _ in range(5):
            mine: list[Write] = []
            outbox = Outbox(MeteredChannel(client.channel("mine"), budget, mine))
            asked = loop.time()
            for operations in _stream(["hello"])[:2]:
                outbox.post(operations)
            while len(mine) < 2:  # noqa: ASYNC110  # the clock is virtual
                await asyncio.sleep(0.001)
            assert loop.time() - asked < 0.15, "40 streams wait for 40 turns a second, so their turn is a second away"
            await asyncio.sleep(0.5)
        await asyncio.gather(*others)

    run_virtually(story())


def test_a_quiet_stream_has_no_delay() -> None:
    async def story() -> None:
        writes: list[Write] = []
        channel = MeteredChannel(MemoryHub().client("agent").channel("c"), MessageBudget(50), writes)
        outbox, said = Outbox(channel), list[float]()
        for operations in _stream(["a", "b", "c", "d"]):
            said.append(asyncio.get_running_loop().time())
            outbox.post(operations)
            await asyncio.sleep(0.3)
        await outbox.flush()
        assert [write.at for write in writes] == pytest.approx(said, abs=1e-3)

    run_virtually(story())


@pytest.mark.parametrize("policy", [ADAPTIVE, IMMEDIATE, fixed_window(0.05)], ids=["adaptive", "immediate", "window"])
def test_every_policy_keeps_to_the_budget(policy: CoalescePolicy) -> None:
    async def story() -> None:
        hub, writes = MemoryHub(), list[Write]()
        channel = MeteredChannel(hub.client("agent").channel("c"), MessageBudget(20), writes)
        words = [f"{number} " for number in range(100)]
        outbox = Outbox(channel, policy=policy)
        for operations in _stream(words):
            await outbox.send(operations)
        await outbox.flush()
        assert await _texts(hub) == ["".join(words)]
        assert busiest_second(writes) <= 20
        if policy is IMMEDIATE:
            assert sum(write.kind == "append" for write in writes) == 101, "one append per delta, and the close"

    run_virtually(story())


def test_text_larger_than_an_append_takes_a_turn_for_each_piece() -> None:
    async def story() -> None:
        hub, writes = MemoryHub(max_message_size=2_000), list[Write]()
        channel = MeteredChannel(hub.client("agent").channel("c"), MessageBudget(5), writes)
        outbox, text = Outbox(channel), "é日😀x" * 2_000
        start, delta, end = _stream([text])
        outbox.post(start)
        await outbox.flush()
        outbox.post(delta)
        await outbox.flush()
        outbox.post(end)
        await outbox.flush()
        assert await _texts(hub) == [text]
        assert len(writes) > 10
        assert busiest_second(writes) <= 5

    run_virtually(story())


def test_when_others_use_up_the_limit_too_streams_widen_until_it_fits() -> None:
    async def story() -> None:
        hub, writes = MemoryHub(), list[Write]()
        client, budget = hub.client("agent"), MessageBudget(50)
        channels: list[MeteredChannel] = []
        words = [f"{number} " for number in range(200)]

        async def answer() -> None:
            # Ably gives half of what was said: somebody else publishes through the connection too.
            channel = MeteredChannel(client.channel("c"), budget, writes, real_limit=25)
            channels.append(channel)
            outbox = Outbox(channel, retry=RetryPolicy(attempts=30))
            for operations in _stream(words):
                await outbox.send(operations)
                await asyncio.sleep(0.1)
            await outbox.flush()

        await asyncio.gather(*(answer() for _ in range(10)))
        assert await _texts(hub) == ["".join(words)] * 10
        refusals = sum(channel.refusals for channel in channels)
        assert 0 < refusals < len(writes) / 3, f"{refusals} refusals, {len(writes)} writes"

    run_virtually(story())


def test_a_channel_without_a_budget_that_is_too_fast_widens_by_itself() -> None:
    async def story() -> None:
        hub, writes = MemoryHub(), list[Write]()
        channel = MeteredChannel(hub.client("agent").channel("c"), None, writes, real_limit=5)
        outbox, words = Outbox(channel), [f"{number} " for number in range(300)]
        for operations in _stream(words):
            await outbox.send(operations)
            await asyncio.sleep(0.05)
        await outbox.flush()
        assert await _texts(hub) == ["".join(words)]
        assert channel.refusals < 40

    run_virtually(story())


def test_lifecycle_messages_are_in_the_budget() -> None:
    async def story() -> None:
        writes: list[Write] = []
        channel = MeteredChannel(MemoryHub().client("agent").channel("c"), MessageBudget(10), writes)
        await asyncio.gather(*(publish_headers(channel, "ai-run-start", {}, RetryPolicy()) for _ in range(35)))
        assert len(writes) == 35
        assert busiest_second(writes) == 10

    run_virtually(story())


# --- the budget itself

_ASKS = st.lists(
    st.tuples(st.floats(0, 0.4), st.integers(1, 12), st.booleans(), st.booleans()), min_size=1, max_size=120
)


@given(asks=_ASKS, limit=st.integers(1, 30))
def test_no_second_has_more_than_the_limit_and_everybody_is_served(
    asks: list[tuple[float, int, bool, bool]], limit: int
) -> None:
    async def story() -> None:
        budget, granted = MessageBudget(limit), list[Write]()
        order: dict[bool, list[int]] = {True: [], False: []}
        waiting: list[asyncio.Task[None]] = []

        async def ask(index: int, cost: int, *, is_urgent: bool) -> None:
            await budget.take(cost, is_urgent=is_urgent)
            granted.append(Write(asyncio.get_running_loop().time(), "urgent" if is_urgent else "patient", cost))
            order[is_urgent].append(index)

        for index, (pause, cost, is_urgent, changes_its_mind) in enumerate(asks):
            task = asyncio.create_task(ask(index, min(cost, limit), is_urgent=is_urgent))
            await asyncio.sleep(pause)
            if changes_its_mind:
                task.cancel()
            waiting.append(task)
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert busiest_second(granted) <= limit
        for served in order.values():
            assert served == sorted(served), "those of one kind are served in the order in which they asked"

    run_virtually(story())


@pytest.mark.parametrize("limit", [1, 2, 5, 50])
def test_who_can_wait_does_not_wait_for_ever(limit: int) -> None:
    async def story() -> None:
        budget = MessageBudget(limit)
        loop = asyncio.get_running_loop()

        async def hurry() -> None:
            for _ in itertools.count():
                await budget.take(is_urgent=True)

        hurrying = [asyncio.create_task(hurry()) for _ in range(3)]
        waits = []
        for _ in range(10):
            asked = loop.time()
            await budget.take()
            waits.append(loop.time() - asked)
        assert max(waits) < 1 + 5 / limit + 1
        for task in hurrying:
            task.cancel()
        await asyncio.gather(*hurrying, return_exceptions=True)

    run_virtually(story())


def test_what_is_larger_than_the_limit_has_a_second_for_itself() -> None:
    async def story() -> None:
        budget, loop = MessageBudget(10), asyncio.get_running_loop()
        await budget.take()
        await asyncio.sleep(0.5)
        await budget.take(25, is_urgent=True)
        assert loop.time() == pytest.approx(1.0)
        await budget.take(is_urgent=True)
        assert loop.time() == pytest.approx(2.0)

    run_virtually(story())


def test_after_a_refusal_less_is_published_and_then_as_much_as_before() -> None:
    async def story() -> None:
        budget, loop = MessageBudget(40), asyncio.get_running_loop()

        async def per_second() -> int:
            ends, count = loop.time() + 3.0, 0
            while loop.time() < ends:
                await budget.take()
                count += 1
            return round(count / 3)

        before = await per_second()
        budget.refused()
        after = await per_second()
        await asyncio.sleep(10)
        assert after < 0.75 * before
        assert await per_second() == before
        for _ in range(100):
            budget.refused()
            await asyncio.sleep(1)
        assert await per_second() >= before / 10, "it never stops altogether"

    run_virtually(story())


def test_a_limit_is_a_number_of_messages() -> None:
    with pytest.raises(ValueError, match="at least 1 message per second"):
        MessageBudget(0)
