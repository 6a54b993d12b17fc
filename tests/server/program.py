"""The server as a program of its own, which can be killed."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.server.wire import KEY, PATIENCE


class Program:
    """``ai-transport serve`` in another process; its standard output and error are kept."""

    def __init__(self, *arguments: str, largest_file: int | None = None) -> None:
        self._arguments = arguments
        self._largest_file = largest_file
        self._process: asyncio.subprocess.Process | None = None
        self.first_line = ""

    @classmethod
    def serving(cls, *arguments: str, db: Path | None = None, largest_file: int | None = None) -> Self:
        """One that picks a port."""
        kept = () if db is None else ("--db", str(db))
        return cls("--port", "0", "--key", KEY, *kept, *arguments, largest_file=largest_file)

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        """Where it says that it listens."""
        match = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", self.first_line)
        assert match, self.first_line
        return match[1]

    async def start(self) -> Self:
        # The shell can limit what it becomes; a thread of this process could not without forking it.
        limit = (
            ()
            if self._largest_file is None
            else ("sh", "-c", f'ulimit -f {self._largest_file // 512}; exec "$@"', "sh")
        )
        self._process = await asyncio.create_subprocess_exec(
            *limit,
            sys.executable,
            "-m",
            "ai_transport_codecs.cli.main",
            "serve",
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(6 * PATIENCE):  # to start Python takes its time where much else goes on
            self.first_line = (await self._process.stdout.readline()).decode()
        return self

    async def ends(self) -> tuple[int, str, str]:
        """Wait until it ends: its exit code, output and errors."""
        async with asyncio.timeout(PATIENCE):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, self.first_line + out.decode(), err.decode()

    async def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        await self.ends()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end."""
        self.process.send_signal(number)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            await self.kill()
