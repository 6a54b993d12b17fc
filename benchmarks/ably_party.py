"""One process of the benchmarks over sockets: ``python -m benchmarks.ably_party server|agent|reader [settings]``.

Each is told what to do, and tells what it saw, in lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

from ai_transport_codecs import AgentSession, ClientSession
from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.session.coalesce import ADAPTIVE, IMMEDIATE
from ai_transport_codecs.session.invocation import Invocation
from ai_transport_codecs.wire import headers, names
from ai_transport_codecs.wire.headers import transport_headers
from ai_transport_codecs.wire.messages import InboundMessage

KEY: Final = "bench.key:secret"
TOKEN: Final = "w{:05d} "  # noqa: S105 - a word of a model, not a secret
"""Each token says its number, and all are equally long: what is shown says how many there are."""
LENGTH: Final = len(TOKEN.format(0))
PATIENCE: Final = 120.0

Config = Mapping[str, Any]


def say(**facts: Any) -> None:
    """Tell the parent."""
    print(json.dumps(facts), flush=True)


async def heard() -> bool:
    """Wait for a line of the parent; False when it is gone."""
    return bool(await asyncio.to_thread(sys.stdin.readline))


def channels(config: Config) -> list[str]:
    """The conversations: one for each stream."""
    return [f"bench:{config['name']}:{index}" for index in range(config["streams"])]


def resident_bytes() -> int:
    """The memory that this process has, or the most that it ever had where that is all that can be known."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def server(config: Config) -> None:
    """The local server; tells its processor time and its memory when asked."""
    settings = Settings(append_rollup_window=config["rollup"], max_idle_interval=120_000)
    async with LocalServer(keys=[KEY], settings=settings) as running:
        say(port=running.port)
        while await heard():
            say(cpu=time.process_time(), memory=resident_bytes())


class Shown:
    """How many tokens of one conversation a reader has, and since when."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.moments: list[tuple[float, int]] = []
        self.is_all = asyncio.Event()
        self._length = 0

    def take(self, message: InboundMessage) -> None:
        """Take in a message that was folded."""
        data = message.data
        if not isinstance(data, str) or transport_headers(message.extras).get(headers.STREAM) != "true":
            return
        # In characters: what is too long for one message is cut anywhere.
        self._length = len(data) if message.action == names.UPDATE else self._length + len(data)
        self.moments.append((time.monotonic(), self._length // LENGTH))
        if self._length >= self.total * LENGTH:
            self.is_all.set()


async def reader(config: Config) -> None:
    """A client that folds every conversation."""
    wanted = "".join(TOKEN.format(number) for number in range(config["tokens"]))
    async with _connected(config, "reader", limit=None) as provider:
        sessions: list[ClientSession[Any]] = [
            ClientSession(provider, name, codec="vercel") for name in channels(config)
        ]
        shown = [Shown(config["tokens"]) for _ in sessions]
        await asyncio.gather(*(session.connect() for session in sessions))
        for session, each in zip(sessions, shown, strict=True):
            session.view.on("message", each.take)
        begin = time.process_time()
        say(ready=True)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(each.is_all.wait() for each in shown))
        cpu = time.process_time() - begin
        for session in sessions:
            if (text := _text(session.view.messages)) != wanted:
                raise RuntimeError(f"the reader has {len(text)} characters, of {len(wanted)}")
        say(cpu=cpu, moments=[each.moments for each in shown])
        await asyncio.gather(*(session.close() for session in sessions))


def _text(messages: list[Any]) -> str:
    return "".join(part.get("text", "") for message in messages for part in message["parts"])


class Source:
    """The tokens of one conversation, at a rate or as fast as they are taken."""

    def __init__(self, config: Config) -> None:
        self._count: int = config["tokens"]
        self._rate: float = config["rate"]
        self.moments: list[float] = []

    async def stream(self) -> AsyncIterator[dict[str, Any]]:
        """The chunks of a UI message stream."""
        yield {"type": "start"}
        yield {"type": "text-start", "id": "t"}
        begin = time.monotonic()
        for number in range(self._count):
            if self._rate:
                await asyncio.sleep(max(0.0, begin + number / self._rate - time.monotonic()))
            self.moments.append(time.monotonic())
            yield {"type": "text-delta", "id": "t", "delta": TOKEN.format(number)}
        yield {"type": "text-end", "id": "t"}
        yield {"type": "finish"}


async def agent(config: Config) -> None:
    """An agent that streams in every conversation at the same time."""
    policy = {"adaptive": ADAPTIVE, "immediate": IMMEDIATE}[config["policy"]]
    async with _connected(config, "agent", limit=config["budget"]) as provider:
        sessions: list[AgentSession[Any]] = [
            AgentSession(provider, name, codec="vercel", policy=policy) for name in channels(config)
        ]
        await asyncio.gather(*(session.connect() for session in sessions))
        runs = [session.create_run(Invocation("")) for session in sessions]
        await asyncio.gather(*(run.start() for run in runs))
        floor = await _floor(config)
        sources = [Source(config) for _ in sessions]
        written = _written(provider)
        cpu = time.process_time()
        results = await asyncio.gather(*(run.pipe(source.stream()) for run, source in zip(runs, sources, strict=True)))
        cpu = time.process_time() - cpu
        if {result.reason for result in results} != {"complete"}:
            raise RuntimeError(f"not every stream was complete: {results}")
        say(cpu=cpu, floor=floor, messages=_written(provider) - written, moments=[source.moments for source in sources])
        await asyncio.gather(*(run.end() for run in runs))
        await asyncio.gather(*(session.end() for session in sessions))


async def _floor(config: Config) -> float:
    """Processor time of a token that is given at that rate to somebody who does nothing with it."""
    source = Source({**config, "tokens": config["tokens"] // 4})
    begin = time.process_time()
    async for _ in source.stream():
        pass
    return (time.process_time() - begin) / len(source.moments)


def _written(provider: AblyProvider) -> int:
    """How many frames were written: ably-python counts them for their acknowledgements."""
    return int(provider.client.connection.connection_manager.msg_serial)


def _connected(config: Config, client_id: str, *, limit: int | None) -> Any:
    return connect_ably(KEY, url=f"http://127.0.0.1:{config['port']}", client_id=client_id, messages_per_second=limit)


if __name__ == "__main__":
    parties = {"server": server, "agent": agent, "reader": reader}
    asyncio.run(parties[sys.argv[1]](json.loads(sys.argv[2])))
