"""The channels of Ably do what every engine's do, over real sockets, in both formats."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.testing.channel_suite import ChannelSuite
from tests.channels.ably.engine import KEY, SETTINGS, AblyEngine


class _OverSockets(ChannelSuite):
    binary = False

    @pytest.fixture
    async def engine(self) -> AsyncIterator[AblyEngine]:
        async with LocalServer(keys=[KEY], settings=SETTINGS) as server:
            engine = AblyEngine(server, binary=self.binary)
            yield engine
            await engine.close()


class TestJson(_OverSockets):
    pass


class TestMsgpack(_OverSockets):
    binary = True
