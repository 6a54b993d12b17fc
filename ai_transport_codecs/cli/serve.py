"""``ai-transport serve``: a server on this machine that speaks Ably's protocol."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.errors import UsageError

if TYPE_CHECKING:
    from ai_transport_codecs.server import LocalServer

_NEEDS: Final = frozenset({"aiohttp", "msgpack", "jwt"})
_FAILED: Final = 1
_MISSING: Final = 2

PURPOSE: Final = "for development, tests and single-machine use; in production, use Ably"


def add_serve(commands: Any) -> None:
    """Add the command to the commands of a parser."""
    serve = commands.add_parser(
        "serve",
        help=f"a local server that speaks Ably's protocol, {PURPOSE}",
        description="Serve Ably's protocol on one port, WebSocket and REST, so that Ably's own clients, Python and"
        f" JavaScript, work without Ably. It is {PURPOSE}.",
    )
    serve.add_argument("--port", type=port, default=8080, metavar="N", help="0 picks one (default: 8080)")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)"
    )
    serve.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="APP.KEY:SECRET",
        help="a key that clients may use; can be repeated; without any, one is made up and printed",
    )
    serve.add_argument("--db", metavar="FILE", help="keep messages in this SQLite file; without it, they end with it")
    serve.add_argument(
        "--immutable",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="refuse appends, updates and deletes on channels NAMESPACE:..., as Ably does unless they are enabled;"
        " '*' for all; can be repeated",
    )
    serve.add_argument(
        "--rollup", type=int, choices=(0, 20, 40, 100, 500), default=40, metavar="MS",
        help="merge appends within so many ms, for connections that do not say (0, 20, 40, 100 or 500; default: 40)",
    )  # fmt: skip
    serve.add_argument(
        "--rate-limit", type=_natural, default=0, metavar="N",
        help="messages per second that a connection may publish (default: 0, no limit; Ably: 50)",
    )  # fmt: skip
    serve.add_argument(
        "--faults", action="store_true", help="for tests only: POST /_faults/... breaks things on purpose"
    )
    serve.add_argument(
        "--log", choices=("debug", "info", "warning", "error"), default="warning", help="what to log (default: warning)"
    )
    serve.set_defaults(run=run_serve)


def run_serve(options: argparse.Namespace) -> int:
    """Serve until a signal ends it. 0: it was asked to stop; 1: its database failed; 2: it cannot run like this."""
    logging.basicConfig(level=options.log.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        from ai_transport_codecs.server import LocalServer, Settings  # needs the extra, which --help does not
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDS:
            raise
        return _complain(f"{error.name} is not installed; the server needs `pip install 'ai-transport-codecs[server]'`")
    settings = Settings(
        immutable_namespaces=frozenset(options.immutable),
        append_rollup_window=options.rollup,
        max_rate=options.rate_limit,
    )
    try:
        server = LocalServer(
            keys=options.key,
            port=options.port,
            host=options.host,
            db=options.db,
            faults=options.faults,
            settings=settings,
        )
        return asyncio.run(_serve(server, is_own_key=bool(options.key), host=options.host, db=options.db))
    except UsageError as error:
        return _complain(error.message)


async def _serve(server: LocalServer, *, is_own_key: bool, host: str, db: str | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # where signals end a program by themselves
            loop.add_signal_handler(number, stop.set)
    async with server:
        print(f"listening on {server.url}", flush=True)
        print(PURPOSE, flush=True)
        if not is_own_key:
            print(f"key {server.keys[0]}  (made up; give your own with --key)", flush=True)
        if db is not None:
            print(f"messages are kept in {db}", flush=True)
        if not _is_loopback(host):
            print(
                f"ai-transport serve: {host} can be reached from other machines, without encryption: whoever listens in"
                " can read the key",
                file=sys.stderr,
                flush=True,
            )
        stopped, failed = asyncio.create_task(stop.wait()), asyncio.create_task(server.failed())
        await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        has_failed = failed.done()
        for task in (stopped, failed):
            task.cancel()
        await asyncio.gather(stopped, failed, return_exceptions=True)
    if has_failed:
        print(f"ai-transport serve: the database {db} cannot be written any more", file=sys.stderr)
        return _FAILED
    return 0


def _complain(message: str) -> int:
    print(f"ai-transport serve: {message}", file=sys.stderr)
    return _MISSING


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def port(text: str) -> int:
    """A port as an argument of a command. Raises ArgumentTypeError for what is none."""
    number = _natural(text)
    if number > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; these are 0 to 65535")
    return number


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return int(text)
