"""Recorded streams of the Responses API, as bytes, as events, and through the real SDK and a loopback HTTP server."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from openai import AsyncOpenAI

FOLDER: Final = Path(
    os.environ.get("AI_TRANSPORT_CODECS_RECORDINGS") or Path(__file__).parents[3] / "recordings"
).expanduser()
"""Any folder of ``.sse`` files; those of other APIs are left out."""


def _is_of_this_api(recording: Path) -> bool:
    return b'"type":"response.created"' in recording.read_bytes().replace(b" ", b"")


RECORDINGS: Final = {
    path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.sse")) if _is_of_this_api(path)
}


def events_in(recording: Path) -> list[dict[str, Any]]:
    """The events of a recording as plain data."""
    lines = recording.read_text(encoding="utf-8").splitlines()
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def final_response(events: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What the API says of the response in the end; None for a stream that broke off."""
    terminal = {"response.completed", "response.incomplete", "response.failed"}
    return next((event["response"] for event in reversed(events) if event["type"] in terminal), None)


class Provider:
    """A provider that answers one request after the other with the given bodies."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = list(bodies)
        self.requests: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        """Set when a client hung up while it was being answered."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; a body of ``b"..."`` at the end stays open until the client hangs up."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        self.requests.append(json.loads(await reader.readexactly(int(length.split(b":")[1]))))
        body = self._bodies.pop(0)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        writer.write(body.removesuffix(b"..."))
        await writer.drain()
        if body.endswith(b"..."):
            await reader.read()
            self.closed.set()
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def provider(*bodies: bytes) -> AsyncIterator[tuple[AsyncOpenAI, Provider]]:
    """The SDK's client, and the provider that it talks to."""
    running = Provider(bodies)
    server = await asyncio.start_server(running.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with AsyncOpenAI(api_key="-", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0) as client:
            yield client, running
    finally:
        server.close()


def sse(*events: dict[str, Any]) -> bytes:
    """Events as a provider sends them."""
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
