"""A command of ours in a process of its own, which says on its first line where it can be reached."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

PATIENCE: Final = 60.0
"""Seconds after which it is stuck; importing a framework takes most of them on a slow machine."""


_ACCOUNTS: Final = ("ABLY_", "OPENAI_", "AI_TRANSPORT_CODECS_")


class Program:
    """``ai-transport`` with those arguments; what it says on standard output and error is kept.

    Of the variables that name accounts it has those of ``accounts`` only.
    """

    def __init__(self, *arguments: str, accounts: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._accounts = dict(accounts or {})
        self._process: asyncio.subprocess.Process | None = None
        self._reading: list[asyncio.Task[None]] = []
        self.lines: list[str] = []
        self.url = ""

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _read(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        while line := await stream.readline():
            self.lines.append(line.decode(errors="replace"))

    async def __aenter__(self) -> Self:
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ai_transport_codecs.cli.main",
            *self._arguments,
            env={name: value for name, value in os.environ.items() if not name.startswith(_ACCOUNTS)} | self._accounts,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading.append(asyncio.create_task(self._read(process.stderr)))
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            first = (await process.stdout.readline()).decode()
        self.lines.append(first)
        self._reading.append(asyncio.create_task(self._read(process.stdout)))
        match = re.search(r"http://127\.0\.0\.1:\d+/?", first)
        if match is None:
            await self._end()
        assert match is not None, f"its first line names no URL: {self.said()}"
        self.url = match[0].rstrip("/")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    def said(self) -> str:
        """Everything that it said so far."""
        return "".join(self.lines)

    async def _end(self) -> None:
        """Ask it to end, as Ctrl-C does; one that does not is killed, and the story fails."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(PATIENCE):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise
        finally:
            await asyncio.gather(*self._reading)
