"""What tokens cost on their way from an agent over ably-python and the local server to a client's projection.

Every row has an agent, a server and a reader of its own, each in its own process, over loopback sockets.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final

from ai_transport_codecs.channels.ably.provider import MESSAGES_PER_SECOND

_PATIENCE: Final = 150.0
_BUDGETS: Final = {"adaptive": MESSAGES_PER_SECOND, "immediate": None}
"""Adaptive keeps to Ably's default limit. One append for each token could not; here it may have what it wants."""


class Party:
    """A process of :mod:`benchmarks.ably_party`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def told(self) -> dict[str, Any]:
        """The next thing that it tells."""
        assert self._process.stdout is not None  # noqa: S101 - it was made so
        async with asyncio.timeout(_PATIENCE):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"a process of the benchmark ended with {await self._process.wait()}; see its error above"
            )
        facts: dict[str, Any] = json.loads(line)
        return facts

    async def ask(self) -> dict[str, Any]:
        """Let it tell what it knows now."""
        assert self._process.stdin is not None  # noqa: S101 - it was made so
        self._process.stdin.write(b"\n")
        return await self.told()


@asynccontextmanager
async def party(role: str, **settings: Any) -> AsyncIterator[Party]:
    """One more process; ended at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.ably_party", role, json.dumps(settings),
        stdin=PIPE, stdout=PIPE, limit=2**26,
    )  # fmt: skip
    try:
        yield Party(process)
    finally:
        if process.returncode is None and role == "server":
            process.terminate()
        async with asyncio.timeout(_PATIENCE):
            await process.wait()


@dataclass(frozen=True, slots=True)
class Row:
    """What one way of streaming cost. Processor times are of one token; latency is from the source to what is shown.

    ``source_cpu_us``: what the agent's would be if it did nothing with the tokens, but wait for each.
    """

    tokens_per_second: float
    messages_per_token: float
    source_cpu_us: float
    agent_cpu_us: float
    server_cpu_us: float
    reader_cpu_us: float
    total_cpu_us: float
    latency_p50_ms: float
    latency_p99_ms: float


async def measure_row(policy: str, *, streams: int, tokens: int, rate: float = 0) -> Row:
    """Stream ``tokens`` in each of ``streams`` conversations, ``rate`` each second; 0 is as fast as it goes."""
    async with party("server", rollup=0) as server:
        port = (await server.told())["port"]
        config = {
            "port": port, "name": policy, "policy": policy, "budget": _BUDGETS[policy],
            "streams": streams, "tokens": tokens, "rate": rate,
        }  # fmt: skip
        async with party("reader", **config) as reader:
            await reader.told()
            before = (await server.ask())["cpu"]
            async with party("agent", **config) as agent:
                sent, shown = await asyncio.gather(agent.told(), reader.told())
            served = (await server.ask())["cpu"] - before
    return _row(sent, shown, served, streams * tokens)


async def _throughput(streams: int, adaptive: int, immediate: int) -> dict[str, float]:
    rows = {
        "adaptive": await measure_row("adaptive", streams=streams, tokens=adaptive),
        "immediate": await measure_row("immediate", streams=streams, tokens=immediate),
    }
    rates = {policy: row.tokens_per_second for policy, row in rows.items()}
    return {
        **{f"{policy}_tokens_per_second": rate for policy, rate in rates.items()},
        "adaptive_over_immediate": rates["adaptive"] / rates["immediate"],
    }


async def _paced(rate: int, tokens: int) -> dict[str, Any]:
    adaptive, immediate = [await measure_row(each, streams=1, tokens=tokens, rate=rate) for each in _BUDGETS]
    return {
        "adaptive": asdict(adaptive),
        "immediate": asdict(immediate),
        "times_fewer_messages": immediate.messages_per_token / adaptive.messages_per_token,
        "times_less_agent_cpu": immediate.agent_cpu_us / adaptive.agent_cpu_us,
        "times_less_total_cpu": immediate.total_cpu_us / adaptive.total_cpu_us,
        "added_latency_p50_ms": adaptive.latency_p50_ms - immediate.latency_p50_ms,
    }


async def ably_costs() -> dict[str, Any]:
    """Adaptive coalescing beside one append for each token; takes about a minute."""
    return {
        "1_stream": await _throughput(1, 20_000, 2_000),
        "20_streams": await _throughput(20, 1_000, 100),
        "at_400_tokens_per_second": await _paced(400, 1_200),
        "at_100_tokens_per_second": await _paced(100, 400),
    }


def _row(sent: dict[str, Any], shown: dict[str, Any], served: float, tokens: int) -> Row:
    delays = [
        moment - since
        for moments, sources in zip(shown["moments"], sent["moments"], strict=True)
        for moment, since in _pairs(moments, sources)
    ]
    begin = min(sources[0] for sources in sent["moments"])
    end = max(moments[-1][0] for moments in shown["moments"])
    micro = 1e6 / tokens
    percentiles = statistics.quantiles(delays, n=100)
    return Row(
        tokens_per_second=tokens / (end - begin),
        messages_per_token=sent["messages"] / tokens,
        source_cpu_us=sent["floor"] * 1e6,
        agent_cpu_us=sent["cpu"] * micro,
        server_cpu_us=served * micro,
        reader_cpu_us=shown["cpu"] * micro,
        total_cpu_us=(sent["cpu"] + served + shown["cpu"]) * micro,
        latency_p50_ms=percentiles[49] * 1e3,
        latency_p99_ms=percentiles[98] * 1e3,
    )


def _pairs(moments: Sequence[Sequence[float]], sources: Sequence[float]) -> list[tuple[float, float]]:
    """For each token, when it was shown and when its source gave it."""
    counts = [count for _, count in moments]
    return [(moments[bisect_left(counts, number + 1)][0], since) for number, since in enumerate(sources)]
