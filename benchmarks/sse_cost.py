"""Server-sent events: one event beside the JSON in it, and a long line in many pieces beside few."""

from __future__ import annotations

import json

from ai_transport_codecs.codec.sse import EventReader

from .timing import best_microseconds

COUNT = 500


def sse_costs() -> dict[str, float]:
    """Microseconds for one event, over ``json.loads`` of it; cost per piece of a line in 8,000 over one in 500."""
    event = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": "hi"}}] * 3}
    text = json.dumps(event)
    line = f"data: {text}\n\n".encode()

    def feed() -> None:
        reader = EventReader("a stream", "try again")
        for _ in range(COUNT):
            list(reader.feed(line))

    def parse() -> None:
        for _ in range(COUNT):
            json.loads(text)

    one, alone = best_microseconds(feed, COUNT), best_microseconds(parse, COUNT)
    return {"event": one, "event / json.loads": one / alone, "long_line_8000_500": _pieces(8_000) / _pieces(COUNT)}


def _pieces(count: int) -> float:
    pieces = [b": begin\n\n", b'data: {"a": "', *[b"x} "] * count, b'"}\n\n']

    def feed() -> None:
        reader = EventReader("a stream", "try again")
        for piece in pieces:
            list(reader.feed(piece))

    return best_microseconds(feed, count, rounds=3)
