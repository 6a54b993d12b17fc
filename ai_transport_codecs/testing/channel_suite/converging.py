"""Whatever happens on a channel, everybody ends up with the same messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_transport_codecs.channels.protocol import Channel
from ai_transport_codecs.wire.absent import ABSENT

from .base import Base, change, channel_of, listening, message, new_name, publish
from .engine import Engine, Feature, requires
from .reader import Reader, Transcript, everything, transcript_of

_words = st.text(max_size=5)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.just(0), _words),
        st.tuples(st.just("batch"), st.just(0), _words),
        st.tuples(st.just("append"), st.integers(0, 5), _words),
        st.tuples(st.just("silent"), st.integers(0, 5), _words),
        st.tuples(st.just("update"), st.integers(0, 5), _words),
        st.tuples(st.just("delete"), st.integers(0, 5), _words),
        st.tuples(st.just("join"), st.just(0), _words),
        st.tuples(st.just("read"), st.integers(0, 5), _words),
        st.tuples(st.just("cut"), st.just(0), _words),
        st.tuples(st.just("mend"), st.just(0), _words),
    ),
    min_size=12,  # shorter ones hardly ever hold enough to go wrong
    max_size=40,
)

# Each example has a channel of its own, and what is a story for one engine is one for every engine.
_SETTINGS = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[
        HealthCheck.differing_executors, HealthCheck.function_scoped_fixture, HealthCheck.too_slow
    ],
)  # fmt: skip


class _Joiner(NamedTuple):
    """Somebody who came late: hears from then on, and reads the past some time later."""

    reader: Reader
    past: list[Transcript]


class _Writer:
    """Does the steps that change the channel, by turns on two connections."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self._turn = 0
        self._serials: list[str | None] = []
        self.last: str | None = None

    async def do(self, kind: str, index: int, text: str) -> None:
        """One step; those that change a message do nothing while there is none."""
        self._turn += 1
        channel = self._channels[self._turn % len(self._channels)]
        if kind in {"publish", "batch"}:
            batch = [message(text) for _ in range(1 if kind == "publish" else 3)]
            self._serials += await channel.publish(batch)
            self.last = self._serials[-1]
        elif self._serials:
            serial = self._serials[index % len(self._serials)]
            self.last = await self._change(channel, kind, str(serial), text)

    async def _change(self, channel: Channel, kind: str, serial: str, text: str) -> str | None:
        if kind == "append":
            return await channel.append(change(serial, text, said=text))
        if kind == "silent":
            return await channel.append(change(serial, ABSENT, silent=text))
        if kind == "update":
            return await channel.update(change(serial, text))
        return await channel.delete(serial)


class Converging(Base):
    """The law of all readers."""

    @given(steps=_steps)
    @_SETTINGS
    async def test_live_late_and_history_readers_end_with_the_same_messages(
        self, engine: Engine, steps: list[tuple[str, int, str]]
    ) -> None:
        name = new_name(engine)
        first = await listening(engine, name)
        writer = _Writer([await channel_of(engine, name) for _ in range(2)])
        joiners: list[_Joiner] = []
        for kind, index, text in steps:
            if kind == "join":
                joiners.append(_Joiner(await listening(engine, name), []))
            elif kind == "read" and joiners:
                await _read_past(joiners[index % len(joiners)])
            elif kind not in {"read", "cut", "mend"}:
                await writer.do(kind, index, text)
        [end] = await publish(first.channel, "end")
        truth = transcript_of(await everything(first.channel, limit=4)).messages
        await first.hears(end)
        assert first.transcript.messages == truth
        for joiner in joiners:
            if not joiner.past:
                await _read_past(joiner)
            await joiner.reader.hears(end)
            assert _together(joiner) == truth

    @given(steps=_steps)
    @_SETTINGS
    async def test_a_reader_whose_connection_comes_and_goes_misses_nothing(
        self, engine: Engine, steps: list[tuple[str, int, str]]
    ) -> None:
        requires(engine, Feature.RESUME)
        name = new_name(engine)
        client = await engine.client()
        reader = Reader(client.channel(name))
        writer = _Writer([await channel_of(engine, name) for _ in range(2)])
        await writer.do("publish", 0, "from before")
        await reader.channel.attach()
        for kind, index, text in steps:
            if kind in {"cut", "join"}:
                await engine.disconnect(client)
            elif kind in {"mend", "read"}:
                await engine.reconnect(client, resume=True)
            else:
                await writer.do(kind, index, text)
        await engine.reconnect(client, resume=True)
        writer_channel = await channel_of(engine, name)
        [end] = await publish(writer_channel, "end")
        await reader.hears(end)
        past = await everything(reader.channel, until_attach=True)
        truth = transcript_of(await everything(writer_channel)).messages
        assert transcript_of([*past, *reader.messages]).messages == truth
        heard = [(item.version, item.serial) for item in reader.messages]
        assert heard == sorted(set(heard)), "nothing twice, and everything in order"


async def _read_past(joiner: _Joiner) -> None:
    joiner.past.append(transcript_of(await everything(joiner.reader.channel, limit=2, until_attach=True)))


def _together(joiner: _Joiner) -> dict[str, Any]:
    """What the past that was read first and the deliveries amount to."""
    transcript = Transcript()
    transcript.messages.update(joiner.past[0].messages)
    for heard in joiner.reader.messages:
        transcript.add(heard)
    return transcript.messages
