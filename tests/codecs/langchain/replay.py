"""Recorded provider streams, played to the real chat models through a loopback HTTP server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

FOLDER: Final = Path(
    os.environ.get("AI_TRANSPORT_CODECS_RECORDINGS") or Path(__file__).parents[2] / "recordings"
).expanduser()
"""Any folder of ``.sse`` files; which API each one is of is told from what is in it."""

_SIGNS: Final = {
    "anthropic": b'"type":"message_start"',
    "responses": b'"type":"response.created"',
    "chat.completions": b'"object":"chat.completion.chunk"',
}


def api_of(recording: Path) -> str | None:
    """The API that a recording is of, or None for one that is no chat model's."""
    body = recording.read_bytes().replace(b" ", b"")
    return next((api for api, sign in _SIGNS.items() if sign in body), None)


RECORDINGS: Final = {
    path.relative_to(FOLDER).as_posix(): path for path in sorted(FOLDER.rglob("*.sse")) if api_of(path) is not None
}


@asynccontextmanager
async def replayed(recording: Path, **settings: Any) -> AsyncIterator[BaseChatModel]:
    """The chat model of a recording's provider, answering each request with the recording."""
    body = recording.read_bytes()  # noqa: ASYNC240  # a small file, before anything runs

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.split(b":")[1]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield _model(api_of(recording), server.sockets[0].getsockname()[1], settings)
    finally:
        server.close()


def _model(api: str | None, port: int, settings: dict[str, Any]) -> BaseChatModel:
    if api == "anthropic":
        return ChatAnthropic(
            model_name="claude", api_key=SecretStr("-"), base_url=f"http://127.0.0.1:{port}", max_retries=0, **settings
        )
    return ChatOpenAI(
        model="gpt",
        api_key=SecretStr("-"),
        base_url=f"http://127.0.0.1:{port}/v1",
        max_retries=0,
        use_responses_api=api == "responses",
        stream_usage=True,
        **settings,
    )


async def chunks_of(recording: Path, **settings: Any) -> list[AIMessageChunk]:
    """What the model streams; up to where it raises, if LangChain itself does."""
    chunks: list[Any] = []
    async with replayed(recording, **settings) as model:
        try:
            async for chunk in model.astream("hi"):
                chunks.append(chunk)  # noqa: PERF401  # what came before it raises counts
        except AttributeError:
            # langchain-anthropic cannot read the end of a recording with context management.
            assert chunks
    return chunks


async def events_of(recording: Path, **settings: Any) -> tuple[list[Any], BaseMessage | None]:
    """The v3 events of the model's answer, and the message that LangChain assembles from them."""
    events: list[Any] = []
    async with replayed(recording, **settings) as model:
        stream = await model.astream_events("hi", version="v3")
        try:
            async for event in stream:
                events.append(event)  # noqa: PERF401  # as above
            return events, await stream
        except AttributeError:
            assert events
            return events, None
