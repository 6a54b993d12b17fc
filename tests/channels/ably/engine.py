"""Clients of ably-python against the local server, each through a wire of its own that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.testing.channel_suite import Feature
from tests.channels.ably.proxy import Proxy, proxied

KEY: Final = "app.key:secret"
QUICK: Final[dict[str, Any]] = {"disconnected_retry_timeout": 30}
SETTINGS: Final = Settings(immutable_namespaces=frozenset({"fixed"}), remain_present_for=50)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until it is so; there is no event for what ably-python does inside."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class AblyEngine:
    """An engine for the channel suite; ``binary`` says in which format its clients speak."""

    features: Final = frozenset(Feature)
    namespace: Final = "suite"
    immutable_namespace: Final = "fixed"
    rollup_window: Final = 0.02

    def __init__(self, server: LocalServer, *, binary: bool) -> None:
        self.server = server
        self._binary = binary
        self._stack = AsyncExitStack()
        self._wires: dict[int, Proxy] = {}
        self._keys: dict[str, str] = {}

    async def client(
        self,
        client_id: str | None = None,
        *,
        capability: Mapping[str, Sequence[str]] | None = None,
        append_rollup_window: float = 0.0,
    ) -> AblyProvider:
        wire = await self._stack.enter_async_context(proxied(self.server.port))
        options: dict[str, Any] = {"key": KEY}
        if capability is not None:
            options = {"token_callback": await self._tokens(client_id, capability)}
        provider = await self._stack.enter_async_context(
            connect_ably(
                url=f"http://127.0.0.1:{wire.port}",
                client_id=client_id,
                messages_per_second=None,
                use_binary_protocol=self._binary,
                transport_params={"appendRollupWindow": str(round(append_rollup_window * 1000))},
                **options,
                **QUICK,
            )
        )
        self._wires[id(provider)] = wire
        return provider

    async def _tokens(
        self, client_id: str | None, capability: Mapping[str, Sequence[str]]
    ) -> Callable[..., Awaitable[Any]]:
        from ably import AblyRest  # type: ignore[import-untyped]

        async def token(params: Mapping[str, Any]) -> Any:
            rest = AblyRest(KEY)
            request = await rest.auth.create_token_request(
                {"client_id": client_id, "capability": {name: list(ops) for name, ops in capability.items()}}
            )
            await rest.close()
            return request.to_dict()

        return token

    async def disconnect(self, client: AblyProvider) -> None:
        self._wires[id(client)].cut()
        await until(lambda: not client.is_connected)

    async def reconnect(self, client: AblyProvider, *, resume: bool) -> None:
        wire = self._wires[id(client)]
        if not wire.is_cut:
            return
        attached = [channel for channel in client.client.channels if channel.state.value == "attached"]
        if not resume:
            for channel in attached:
                channel._RealtimeChannel__channel_serial = "long forgotten"  # noqa: SLF001
        wire.mend()
        await until(lambda: client.is_connected and all(each.state.value == "attached" for each in attached))

    async def close(self) -> None:
        await self._stack.aclose()
