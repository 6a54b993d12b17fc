"""A command as somebody at a terminal has it, over the local server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from types import TracebackType
from typing import Self

PATIENCE = 12.0


class Command:
    """``ai-transport ...`` in a process of its own. Use it with ``async with``."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._arguments = arguments
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ai_transport_codecs.cli.main", *self._arguments,
            stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **self._environment},
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()

    async def line(self) -> str:
        """The next line that it prints."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode().rstrip("\n")

    async def until(self, text: str) -> str:
        """What it prints, to where it has printed that text."""
        assert self.process.stdout is not None
        said = ""
        async with asyncio.timeout(PATIENCE):
            while text not in said:
                piece = await self.process.stdout.read(1)
                assert piece, f"it ended after {said!r}"
                said += piece.decode()
        return said

    async def warned(self, text: str) -> None:
        """Wait until it says something like that on standard error."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self.process.stderr.readline():
                if text in line.decode():
                    return
        raise AssertionError(f"it ended without {text!r}")

    async def type(self, line: str) -> None:
        """What somebody types."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def stop(self) -> tuple[int, str, str]:
        """Interrupt it: its exit code, and the rest of what it says."""
        self.process.send_signal(signal.SIGINT)
        return await self.ends()

    async def ends(self) -> tuple[int, str, str]:
        """Close its input, and wait for its end: its exit code, and the rest of what it says."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            out, errors = await self.process.communicate()
        return self.process.returncode or 0, out.decode(), errors.decode()
