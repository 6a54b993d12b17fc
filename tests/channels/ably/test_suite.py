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


# Each of the two long properties makes hundreds of clients; one format is enough for each.


class TestJson(_OverSockets):
    test_live_late_and_history_readers_end_with_the_same_messages = None  # type: ignore[assignment]


class TestMsgpack(_OverSockets):
    binary = True
    test_a_reader_whose_connection_comes_and_goes_misses_nothing = None  # type: ignore[assignment]
