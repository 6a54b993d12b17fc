"""The in-process engine does what every engine does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import pytest

from ai_transport_codecs.channels.memory import MemoryClient, MemoryHub
from ai_transport_codecs.testing.channel_suite import ChannelSuite, Feature


class MemoryEngine:
    features: Final = frozenset(Feature)
    namespace: Final = "suite"
    immutable_namespace: Final = "fixed"
    rollup_window: Final = 0.005

    def __init__(self, hub: MemoryHub) -> None:
        self.hub = hub
        self._clients: list[MemoryClient] = []

    async def client(
        self,
        client_id: str | None = None,
        *,
        capability: Mapping[str, Sequence[str]] | None = None,
        append_rollup_window: float = 0.0,
    ) -> MemoryClient:
        client = self.hub.client(client_id, capability=capability, append_rollup_window=append_rollup_window)
        self._clients.append(client)
        return client

    async def disconnect(self, client: MemoryClient) -> None:
        await client.disconnect()

    async def reconnect(self, client: MemoryClient, *, resume: bool) -> None:
        await client.reconnect(resume=resume)

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


class TestMemory(ChannelSuite):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[MemoryEngine]:
        engine = MemoryEngine(MemoryHub(immutable_namespaces=["fixed"]))
        yield engine
        await engine.close()
