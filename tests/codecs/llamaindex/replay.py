"""Recorded provider streams, played to LlamaIndex's own OpenAI LLMs through a loopback HTTP server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

PROMISED: Final = os.environ.get("AI_TRANSPORT_CODECS_TESTS") == "llamaindex-openai"
"""Whether this environment is the one for LlamaIndex's OpenAI package, which cannot share one with a newer openai."""

HAS_OPENAI: Final = PROMISED or find_spec("llama_index.llms") is not None

FOLDER: Final = Path(
    os.environ.get("AI_TRANSPORT_CODECS_RECORDINGS") or Path(__file__).parents[2] / "recordings"
).expanduser()
"""Any folder of ``.sse`` files; which API each one is of is told from what is in it."""

_SIGNS: Final = {"responses": b'"type":"response.created"', "chat.completions": b'"object":"chat.completion.chunk"'}


def api_of(recording: Path) -> str | None:
    """The API that a recording is of, or None for one that LlamaIndex's OpenAI LLMs do not speak."""
    body = recording.read_bytes().replace(b" ", b"")
    return next((api for api, sign in _SIGNS.items() if sign in body), None)


RECORDINGS: Final = {
    path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.sse")) if api_of(path) is not None
}


@asynccontextmanager
async def replayed(recording: Path) -> AsyncIterator[Any]:
    """The LLM of a recording's API, answering each request with the recording."""
    body = recording.read_bytes()  # noqa: ASYNC240  # a small file, before anything runs

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    llms = import_module("llama_index.llms.openai")
    kind = llms.OpenAIResponses if api_of(recording) == "responses" else llms.OpenAI
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield kind(model="gpt-4o", api_key="-", api_base=f"http://127.0.0.1:{port}/v1", max_retries=0)
    finally:
        server.close()
