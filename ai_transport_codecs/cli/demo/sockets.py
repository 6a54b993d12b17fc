"""The demo's channel over real sockets: a local server, and a wire to it for each party, which can be cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from ai_transport_codecs.channels.protocol import Channel, ChannelState, ChannelStateChange
from ai_transport_codecs.server import LocalServer

PARTIES: Final = ("alice", "alice", "meter", "agent", "alice")
"""Who connects in a story: two devices, who counts, who answers, and who reads the history in the end."""

_CHUNK: Final = 65_536


class Wire:
    """What leads to a port of this machine, until it is cut. Use :func:`open_wire`."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Break all connections, and every new one, without a word."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        """Lead on again."""
        self._is_cut = False

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody came to where it begins."""
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        ends = {writer, back}
        self._writers |= ends
        try:
            await asyncio.gather(_carry(reader, back), _carry(there, writer))
        finally:
            self._writers -= ends


@asynccontextmanager
async def open_wire(port: int) -> AsyncIterator[tuple[Wire, int]]:
    """A wire to that port, and the port where it begins."""
    wire = Wire(port)
    async with await asyncio.start_server(wire.connect, "127.0.0.1", 0) as server:
        yield wire, int(server.sockets[0].getsockname()[1])
        wire.cut()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # that is what a wire that is cut does
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


class SocketClient:
    """A connection to the server over a wire of its own."""

    def __init__(self, provider: AblyProvider, wire: Wire) -> None:
        self._provider = provider
        self._wire = wire
        self._channels: list[Channel] = []
        self._attached = asyncio.Event()

    def channel(
        self, name: str, *, params: Mapping[str, str] | None = None, modes: Sequence[str] | None = None
    ) -> Channel:
        """The channel of that name."""
        channel = self._provider.channel(name, params=params, modes=modes)
        if channel not in self._channels:
            channel.on_state_change(self._note)
            self._channels.append(channel)
        return channel

    async def disconnect(self) -> None:
        """Lose the network; return once the client has noticed."""
        self._attached.clear()
        noticed = asyncio.ensure_future(self._provider.client.connection.once_async())
        self._wire.cut()
        await noticed

    async def reconnect(self) -> None:
        """Have the network again; return once everything that was missed is here."""
        self._attached.clear()
        self._wire.mend()
        await self._attached.wait()
        await self._provider.client.connection.ping()  # its answer comes after what was missed

    def _note(self, change: ChannelStateChange) -> None:
        if change.current is ChannelState.ATTACHED:
            self._attached.set()


class SocketHub:
    """Gives out the connections that were made before the story began."""

    def __init__(self, clients: Sequence[tuple[str, SocketClient]]) -> None:
        self._clients = list(clients)

    def client(self, client_id: str | None = None, /) -> SocketClient:
        """One of that name's connections."""
        index = next(index for index, (name, _) in enumerate(self._clients) if name == client_id)
        return self._clients.pop(index)[1]


@asynccontextmanager
async def open_sockets() -> AsyncIterator[SocketHub]:
    """A local server, and a connection to it for each party."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(LocalServer())
        key = str(server.keys[0])
        clients: list[tuple[str, SocketClient]] = []
        for name in PARTIES:
            wire, port = await stack.enter_async_context(open_wire(server.port))
            connection = connect_ably(key, url=f"http://127.0.0.1:{port}", client_id=name, messages_per_second=None)
            clients.append((name, SocketClient(await stack.enter_async_context(connection), wire)))
        yield SocketHub(clients)
