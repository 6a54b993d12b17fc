"""A chat completions provider on the loopback interface that replays recordings.

It answers ``POST /v1/chat/completions`` as the real ones do, with the recorded SSE bytes, one HTTP chunk for each
event, and it notices when the client hangs up. Standard library only, for this process only.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from .recording import Recording
from .request import BadRequestError, Request, read_request

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


@dataclass(slots=True)
class Hold:
    """A point that a replay does not pass before :meth:`release`: it waits before the event of that index."""

    before: int
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let the replay go on."""
        self._released.set()

    async def passed(self) -> None:
        """Wait for the release."""
        await self._released.wait()


@dataclass(frozen=True, slots=True)
class Take:
    """How one recording is replayed: ``pauses`` in seconds before each event, and a ``hold``, if any."""

    recording: Recording
    pauses: Sequence[float]
    hold: Hold | None = None


@dataclass(slots=True)
class Exchange:
    """One answered request. ``hung_up``: the client closed the connection before it had everything."""

    request: dict[str, Any]
    events_sent: int = 0
    is_complete: bool = False
    hung_up: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ReplayProvider:
    """The server; used as a context manager, it listens on a free port of 127.0.0.1 and is gone afterwards.

    A request is answered with the recording of the question that its last message asks. With ``api_key``, requests
    need it as their bearer token. ``path`` is where it answers.
    """

    def __init__(self, takes: Sequence[Take], *, api_key: str | None = None, path: str = CHAT) -> None:
        self._takes = {take.recording.question: take for take in takes}
        self._api_key = api_key
        self._path = path
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[Any]] = set()
        self.exchanges: list[Exchange] = []

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        if self._server is None:
            raise RuntimeError("the provider is not running; use it as a context manager")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of the event loop always runs in a task
        self._serving.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away before it asked for anything
        except asyncio.CancelledError:
            pass  # the server is closing; Python 3.11's streams would report a cancelled handler as an error
        finally:
            self._serving.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await read_request(reader)
            take = self._take_for(request)
        except BadRequestError as error:
            await _refuse(writer, error)
            return
        exchange = Exchange(request.body)
        self.exchanges.append(exchange)
        try:
            await _Replay(reader, writer, exchange).run(take)
        finally:
            exchange.ended.set()

    def _take_for(self, request: Request) -> Take:
        if request.path != self._path:
            raise BadRequestError(404, f"there is only {self._path} here, not {request.path}")
        if request.method != "POST":
            raise BadRequestError(405, f"{self._path} takes POST, not {request.method}")
        if self._api_key is not None and request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise BadRequestError(401, "Incorrect API key provided")
        if request.body.get("stream") is not True:
            raise BadRequestError(400, 'only streams are replayed: set "stream": true')
        return self.choose(request.body)

    def choose(self, body: dict[str, Any]) -> Take:
        """What answers the request. Raises BadRequestError when nothing does."""
        question = _question(body)
        take = self._takes.get(question)
        if take is None:
            raise BadRequestError(400, f"no recording answers {question[:200]!r}")
        return take


class _Replay:
    """The replay of one take to one client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, exchange: Exchange) -> None:
        self._reader = reader
        self._writer = writer
        self._exchange = exchange

    async def run(self, take: Take) -> None:
        exchange = self._exchange
        # A client sends nothing more on this connection, so what can be read is only its end.
        hang_up = asyncio.ensure_future(_end_of(self._reader))
        try:
            exchange.is_complete = await self._send(take, hang_up)
        finally:
            hang_up.cancel()
        exchange.hung_up = not exchange.is_complete

    async def _send(self, take: Take, hang_up: asyncio.Future[None]) -> bool:
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            await self._write(_head(200, "text/event-stream; charset=utf-8", {"transfer-encoding": "chunked"}))
            for index, (event, pause) in enumerate(zip(take.recording.events, take.pauses, strict=True)):
                if take.hold is not None and index == take.hold.before:
                    await _either(take.hold.passed(), hang_up)
                    due = max(due, loop.time())
                due += pause
                await _wait_until(due, hang_up)
                if hang_up.done():
                    return False
                await self._write(b"%x\r\n%b\r\n" % (len(event), event))
                self._exchange.events_sent += 1
            await self._write(b"0\r\n\r\n")
        except ConnectionError:
            return False
        return True

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


async def _end_of(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(1024):
            pass


async def _either(work: Any, hang_up: asyncio.Future[None]) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.wait({task, hang_up}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()


async def _wait_until(due: float, hang_up: asyncio.Future[None]) -> None:
    delay = due - asyncio.get_running_loop().time()
    if delay > 0:
        await asyncio.wait({hang_up}, timeout=delay)
    else:
        # Without this, a replay without pauses would be over before anybody else gets a turn.
        await asyncio.sleep(0)


def _question(body: dict[str, Any]) -> str:
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise BadRequestError(400, "the last message asks nothing")
    return content


async def _refuse(writer: asyncio.StreamWriter, error: BadRequestError) -> None:
    kind = "authentication_error" if error.status == 401 else "invalid_request_error"
    body = json.dumps({"error": {"message": str(error), "type": kind, "param": None, "code": None}}).encode()
    writer.write(_head(error.status, "application/json", {"content-length": str(len(body))}) + body)
    await writer.drain()


def _head(status: int, content_type: str, more: dict[str, str]) -> bytes:
    headers = {"content-type": content_type, "cache-control": "no-cache", "connection": "close", **more}
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("ascii")
