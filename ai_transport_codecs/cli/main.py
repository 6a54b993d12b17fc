"""The command line's entrance: arguments in, exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

import ai_transport_codecs

from .chat import add_chat
from .replay import add_replay
from .serve import add_serve, port
from .tail import add_tail

_DEMO_NEEDS: Final = frozenset({"langchain_core", "langchain_openai", "pydantic"})
_SERVER_NEEDS: Final = ("ably", "aiohttp", "msgpack", "jwt")
_WEB_NEEDS: Final = ("langchain_core", "langchain_openai", "pydantic", *_SERVER_NEEDS, "starlette", "uvicorn")
_WEB_PORT: Final = 8000
_MISSING: Final = 2
_INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0: all went well; 1: it did not; 2: it cannot run like this; 130: interrupted."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; what is left in the buffer has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ai-transport", description="AI chats that survive their HTTP response.")
    parser.add_argument("--version", action="version", version=f"ai-transport-codecs {ai_transport_codecs.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo",
        help="an unmodified LangChain chain answers two devices, one late, one dropped, one turn cancelled",
        description="Stream an unmodified LangChain chain to two devices and check that both hold what it produced."
        " A loopback provider replays a recording; with OPENAI_API_KEY set (and, if you like, OPENAI_BASE_URL and"
        " OPENAI_MODEL) a real one answers. With --web, serve a chat page instead, on two devices, and break things.",
    )
    demo.add_argument("--json", action="store_true", help="print the summary as one JSON object, and nothing else")
    demo.add_argument("--fast", action="store_true", help="without the pauses of a provider")
    demo.add_argument(
        "--server", action="store_true", help="over real sockets, through a local server that speaks Ably's protocol"
    )
    demo.add_argument("--web", action="store_true", help="serve a chat page, with an agent to break things for")
    demo.add_argument("--port", type=port, metavar="N", help="for --web: 0 picks one (default: 8000)")
    demo.add_argument("--page", metavar="DIR", help="for --web: a built page to serve instead of the package's own")
    demo.add_argument("--seed", type=int, default=7, metavar="N", help="for the recording's pauses (default: 7)")
    demo.set_defaults(run=_demo)

    codecs = commands.add_parser("codecs", help="list the installed codecs, and whether each one loads")
    codecs.set_defaults(run=_codecs)

    check = commands.add_parser(
        "check",
        help="hold a codec to the laws that every codec keeps",
        description="Hold a codec to the laws of the conformance kit and print what came of each. Streams to try it on"
        " are made from the codec's tables; give your own with --samples. Imports and runs the code that TARGET names.",
    )
    check.add_argument("target", metavar="TARGET", help="an installed codec's name, or package.module:CODEC")
    check.add_argument(
        "--samples",
        metavar="package.module:NAME",
        help="streams of the framework: a mapping of names to lists of items, or a CodecConformance class",
    )
    check.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    check.set_defaults(run=_check)

    for add in (add_serve, add_replay, add_tail, add_chat):
        add(commands)
    return parser


def _demo(options: argparse.Namespace) -> int:
    if options.web:
        return _web_demo(options)
    if options.port is not None or options.page is not None:
        return _refuse_demo("--port and --page are for --web")
    try:
        from .demo.command import run_demo  # needs the extra, which --help does not
        from .demo.options import DemoOptions, real_provider
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _DEMO_NEEDS:
            raise
        return _refuse_demo(f"{error.name} is not installed; the demo needs `pip install 'ai-transport-codecs[demo]'`")
    absent = _absent(_SERVER_NEEDS) if options.server else None
    if absent is not None:
        return _refuse_demo(
            f"{absent} is not installed; --server needs `pip install 'ai-transport-codecs[demo,ably,server]'`"
        )
    demo = DemoOptions(fast=options.fast, seed=options.seed, real=real_provider(os.environ), server=options.server)
    return run_demo(demo, wants_json=options.json)


def _web_demo(options: argparse.Namespace) -> int:
    if options.json or options.server:
        return _refuse_demo("--web has a server and no summary; leave out --server and --json")
    absent = _absent(_WEB_NEEDS)
    if absent is not None:
        return _refuse_demo(f"{absent} is not installed; --web needs `pip install 'ai-transport-codecs[web]'`")
    from .demo.options import real_provider
    from .web.command import WebOptions, run_web

    port = _WEB_PORT if options.port is None else options.port
    return run_web(WebOptions(port, page=options.page, fast=options.fast, real=real_provider(os.environ)))


def _absent(modules: Sequence[str]) -> str | None:
    return next((name for name in modules if not _is_there(name)), None)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # it was imported, or hidden, without saying from where
        return sys.modules.get(module) is not None


def _refuse_demo(message: str) -> int:
    print(f"ai-transport demo: {message}", file=sys.stderr)
    return _MISSING


def _check(options: argparse.Namespace) -> int:
    from .check import run_check  # the kit

    return run_check(options.target, samples=options.samples, wants_json=options.json)


def _codecs(_: argparse.Namespace) -> int:
    from .codecs import codec_table  # scans the installed packages

    lines, all_load = codec_table()
    print("\n".join(lines))
    return 0 if all_load else 1


if __name__ == "__main__":
    sys.exit(main())
