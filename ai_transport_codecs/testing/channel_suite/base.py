"""What all parts of the suite share: an engine, clients on it, and a channel that no other test knows."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable
from typing import Any

import pytest

from ai_transport_codecs.channels.protocol import Channel
from ai_transport_codecs.errors import ChannelError
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation

from .engine import Engine
from .reader import Reader


class Base:
    """Override :meth:`engine`; the rest follows."""

    @pytest.fixture
    async def engine(self) -> Engine:
        """The engine under test; a subclass overrides this fixture."""
        raise NotImplementedError("override the fixture 'engine' with one that gives your engine")

    @pytest.fixture
    def name(self, engine: Engine) -> str:
        """A channel of which no other test knows."""
        return new_name(engine)


def new_name(engine: Engine) -> str:
    """The name of a channel that nobody used before, with mutable messages."""
    return f"{engine.namespace}:{uuid.uuid4().hex}"


def message(data: Any = "hello", *, name: str = "note", id: str | None = None, **extras: Any) -> OutboundMessage:
    """A message to publish."""
    return OutboundMessage(name, data, {"headers": {"color": "blue"}} | extras, id=id)


def change(serial: str | None, data: Any = ABSENT, **extras: Any) -> OutboundMutation:
    """An append or update of a message."""
    assert serial is not None
    return OutboundMutation(serial, data, extras or {"headers": {"color": "red"}})


async def channel_of(engine: Engine, name: str, client_id: str | None = None, **options: Any) -> Channel:
    """The channel on a client of its own."""
    client = await engine.client(client_id)
    return client.channel(name, **options)


async def listening(engine: Engine, name: str, client_id: str | None = None, **options: Any) -> Reader:
    """A reader on a client of its own, attached."""
    reader = Reader(await channel_of(engine, name, client_id, **options))
    await reader.channel.attach()
    return reader


async def publish(channel: Channel, *data: Any) -> list[str]:
    """Publish these, one after the other; their serials."""
    serials = [(await channel.publish(message(item)))[0] for item in data]
    assert all(serials)
    return [serial for serial in serials if serial]


async def refusal(work: Awaitable[Any]) -> ChannelError:
    """The error with which the channel refuses."""
    with pytest.raises(ChannelError) as caught:
        await work
    return caught.value


async def turns(number: int = 20) -> None:
    """Let everything else run."""
    for _ in range(number):
        await asyncio.sleep(0)
