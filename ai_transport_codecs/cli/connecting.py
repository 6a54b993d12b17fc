"""How commands that talk to a channel connect: their options, the variables that stand in for them, their errors."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError, MissingExtraError, UsageError

from .text import one_line

if TYPE_CHECKING:
    from ai_transport_codecs.channels.ably import AblyProvider

KEY: Final = "AI_TRANSPORT_CODECS_KEY"
ENDPOINT: Final = "AI_TRANSPORT_CODECS_ENDPOINT"

FAILED: Final = 1
CANNOT_RUN: Final = 2


def add_connection(command: argparse.ArgumentParser, *, needs_channel: bool = True) -> None:
    """Add the options that name a codec, a channel, and who connects to it."""
    command.add_argument("--codec", required=True, metavar="NAME", help="the codec of the conversation")
    command.add_argument("--channel", required=needs_channel, metavar="C", help="the conversation's channel")
    command.add_argument(
        "--endpoint",
        default=os.environ.get(ENDPOINT) or None,
        metavar="URL",
        help=f"a local server, as `ai-transport serve` prints it (default: ${ENDPOINT}, else Ably)",
    )
    command.add_argument(
        "--key",
        default=os.environ.get(KEY) or None,
        metavar="APP.KEY:SECRET",
        help=f"a key for it (default: ${KEY}, which keeps it out of the list of processes)",
    )
    command.add_argument("--client-id", metavar="ID", help="who connects")


def check_connection(options: argparse.Namespace) -> None:
    """Refuse, before anything is connected, what cannot work. Raises InvalidArgumentError, or why there is no codec."""
    get_codec(options.codec)
    if options.key is None:
        raise InvalidArgumentError(f"there is no key; give one with --key, or in the variable {KEY}")
    if not all(options.key.partition(":")[::2]) or options.key.count(":") > 1:
        raise InvalidArgumentError("the key is none; it has a name and a secret, as in APP.KEY:SECRET")
    if options.channel == "":
        raise InvalidArgumentError("the channel's name is empty")


@contextlib.asynccontextmanager
async def connected(options: argparse.Namespace, client_id: str) -> AsyncIterator[AblyProvider]:
    """A connection as the options say; ``client_id`` when they name none. Raises MissingExtraError, ChannelError."""
    try:
        from ai_transport_codecs.channels.ably import connect_ably  # needs the extra, which --help does not
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ably":
            raise
        raise MissingExtraError("ably is not installed; it needs `pip install 'ai-transport-codecs[ably]'`") from error
    async with connect_ably(options.key, url=options.endpoint, client_id=options.client_id or client_id) as provider:
        yield provider


def run_until_stopped(name: str, work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a command until it is done, or a signal ends it, which is no failure. Its errors become words.

    0: done or stopped; 1: it failed; 2: it cannot run like this.
    """
    for logger in ("ably", "asyncio"):
        # What ably-python has to say reaches us as errors; the tasks that it leaves behind say it to asyncio again.
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    try:
        return asyncio.run(_until_stopped(work))
    except (UsageError, MissingExtraError) as error:
        return complain(name, error, CANNOT_RUN)
    except AITransportError as error:
        return complain(name, error, FAILED)


def complain(name: str, error: AITransportError | str, code: int = CANNOT_RUN) -> int:
    """Say on standard error what is wrong; the exit code."""
    print(f"ai-transport {name}: {one_line(str(error))}", file=sys.stderr, flush=True)
    return code


async def _until_stopped(work: Callable[[], Coroutine[Any, Any, int]]) -> int:
    task = asyncio.create_task(work())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # where signals end a program by themselves
            loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return 0
