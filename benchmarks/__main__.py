"""``python -m benchmarks``: all figures, as a table or as one JSON object."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final

from ai_transport_codecs.codec.registry import get_codec

from . import sources
from .ably_cost import ably_costs
from .ably_server_cost import server_costs
from .codec_cost import AnyCodec, decode_fold_read, deliveries, delta_costs, encode_all, floors, langchain_sum
from .codec_sources import SOURCES
from .import_cost import import_milliseconds
from .outbox_cost import channel_costs
from .peers import PEERS
from .raw_lane import raw_lane_costs
from .session_scale import session_scale
from .sse_cost import sse_costs
from .timing import best_microseconds

DELTAS = 2_000
SHORT, LONG = 250, 4_000


def _flatness(codec: AnyCodec, make: Callable[[int], Sequence[Any]]) -> dict[str, float]:
    """Cost per delta of a long turn over a short one: 1.0 is flat."""
    long, short = (_whole_turn(codec, make(count), count) for count in (LONG, SHORT))
    return {name: cost / short[name] for name, cost in long.items()}


def _whole_turn(codec: AnyCodec, items: Sequence[Any], count: int) -> dict[str, float]:
    messages = deliveries(encode_all(codec, items))
    return {
        "translate+encode": best_microseconds(lambda: encode_all(codec, items), count),
        "decode+fold+read": best_microseconds(lambda: decode_fold_read(codec, messages), count),
    }


def _codec(name: str, floor: dict[str, float]) -> dict[str, Any]:
    """All figures of one codec."""
    codec, made = get_codec(name), SOURCES[name]
    text = delta_costs(codec, made.text(DELTAS), DELTAS)
    return {
        "text_delta_us": text,
        "argument_delta_us": delta_costs(codec, made.arguments(DELTAS), DELTAS),
        "text_over_floor": {
            f"{part} / {library}": cost / least for library, least in floor.items() for part, cost in text.items()
        },
        f"long_over_short_text_{LONG}_{SHORT}": _flatness(codec, made.text),
        f"long_over_short_arguments_{LONG}_{SHORT}": _flatness(codec, made.arguments),
    }


def measure_sockets() -> dict[str, Any]:
    """The figures of what goes over sockets: ably-python and the local server."""
    return {"over_sockets": asyncio.run(ably_costs()), "local_server": asyncio.run(server_costs())}


def measure() -> dict[str, Any]:
    """All other figures of one run."""
    floor = floors(DELTAS)
    chunks, calls = sources.text_chunks(DELTAS), sources.argument_chunks(SHORT)
    channel = channel_costs(get_codec("langchain"))
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "floor_us": floor,
        **{name: _codec(name, floor) for name in SOURCES},
        "langchain_own_sum_us": {
            "text": best_microseconds(lambda: langchain_sum(chunks), DELTAS, rounds=3),
            f"arguments_{SHORT}": best_microseconds(lambda: langchain_sum(calls), SHORT, rounds=3),
        },
        "raw_lane_us": raw_lane_costs(),
        "server_sent_events_us": sse_costs(),
        "channel_per_1000_tokens": {name: asdict(cost) for name, cost in channel.items()},
        "session_scale": session_scale(),
        "adaptive_messages_over_immediate": channel["adaptive"].messages / channel["immediate"].messages,
        "import_ms": import_milliseconds(),
        "peers_us": PEERS,
    }


PARTS: Final[dict[str, Callable[[], dict[str, Any]]]] = {"local": measure, "ably": measure_sockets}


def _print_rows(value: Any, path: str = "") -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _print_rows(item, f"{path} · {key}" if path else str(key))
    else:
        print(f"{path:<88} {value:>10.2f}" if isinstance(value, float) else f"{path:<88} {value:>10}")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 always, since machines differ: judge the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--only", choices=PARTS, help="leave out the other part; ably is what goes over sockets")
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for name, part in PARTS.items():
        if options.only in {None, name}:
            figures |= part()
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        _print_rows(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
