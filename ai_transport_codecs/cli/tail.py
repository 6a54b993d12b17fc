"""``ai-transport tail``: what happens on a channel, decoded, as it happens or from a file."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ai_transport_codecs.channels.protocol import Channel, ChannelState, ChannelStateChange, HistoryPage
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import InboundMessage

from .connecting import add_connection, check_connection, complain, connected, run_until_stopped
from .said import said, speaker
from .text import one_line, shortened

_LONGEST: Final = 100
_FIELDS: Final = InboundMessage._fields


def add_tail(commands: Any) -> None:
    """Add the command to the commands of a parser."""
    tail = commands.add_parser(
        "tail",
        help="what happens on a channel, decoded: messages, runs and steps",
        description="Show what is on a channel and what happens there: inputs, outputs, runs and steps, and each"
        " finished answer as a message. With --raw, the channel's messages as JSON, one a line; a file of these can be"
        " shown later with --file.",
    )
    add_connection(tail, needs_channel=False)
    tail.add_argument("--raw", action="store_true", help="the channel's own messages, one JSON object a line")
    tail.add_argument("--file", type=Path, metavar="FILE", help="show what `tail --raw` saved, instead of a channel")
    tail.set_defaults(run=run_tail)


def run_tail(options: argparse.Namespace) -> int:
    """Show until a signal ends it, or to the end of the file."""
    try:
        if options.file is None and options.channel is None:
            raise InvalidArgumentError("there is nothing to show; give a channel with --channel, or a file with --file")
        show = _print_raw if options.raw else Narrator(options.codec, print_line).take
        if options.file is not None:
            for message in read_messages(options.file):
                show(message)
            return 0
        check_connection(options)
    except AITransportError as error:
        return complain("tail", error)
    return run_until_stopped("tail", lambda: _follow(options, show))


def print_line(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


class Narrator:
    """Says what each message of a channel means, a line for each thing; give it them in the channel's order."""

    def __init__(self, codec: str, say: Callable[[str], None]) -> None:
        from ai_transport_codecs.session.tree import Tree

        self._tree: Tree[Any] = Tree(get_codec(codec))
        self._say = say

    def take(self, message: InboundMessage) -> None:
        """Say what a message adds; nothing for one that was seen before, or is none of AI Transport's."""
        applied = self._tree.apply(message)
        if applied.run is not None:
            run = applied.run
            status = "" if run.status is None else f" {run.status}"
            why = "" if run.error is None else f": {run.error.message}"
            self._tell("run", run.run_id, f"{run.type}{status}{why}")
            if run.type in {"end", "suspend"}:
                self._tell_messages(run.run_id)
        elif applied.step is not None:
            step = applied.step
            told = step.type if step.type == "start" else f"end {step.status}"
            self._tell("step", step.run_id, f"{step.step_id} {told}")
        elif applied.output is not None:
            for event in (*applied.output.inputs, *applied.output.outputs):
                self._tell_event(applied.output.message_id or "", event, message.client_id)

    def _tell_event(self, message_id: str, event: Mapping[str, Any], client_id: str | None) -> None:
        kind = event.get("kind")
        rest = {key: value for key, value in event.items() if key not in {"kind", "type"}}
        if kind is not None:
            who = f" from {client_id}" if client_id else ""
            said_ = said(event["message"]) if isinstance(event.get("message"), Mapping) else ""
            self._tell("input", message_id, f"{kind}{who} {json.dumps(said_) if said_ else _compact(rest)}")
        else:
            self._tell("output", message_id, f"{event.get('type')} {_compact(rest)}")

    def _tell_messages(self, run_id: str) -> None:
        node = self._tree.run(run_id)
        for entry in () if node is None else self._tree.messages(node):
            self._tell("message", entry.id, f"{speaker(entry.message)}: {json.dumps(said(entry.message))}")

    def _tell(self, what: str, id_: str, text: str) -> None:
        # Ids are uuids as a rule; their beginning tells them apart for the eye.
        self._say(f"{what:<8}{one_line(id_)[:8]:<10}{one_line(text)}")


def read_messages(path: Path) -> Iterator[InboundMessage]:
    """The messages that ``tail --raw`` saved. Raises InvalidArgumentError that names file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _message(line, f"{path}:{number}")


def _message(line: str, place: str) -> InboundMessage:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not isinstance(fields.get("action"), str):
        raise InvalidArgumentError(f"{place} is no message of a channel; `ai-transport tail --raw` writes such files")
    for name in ("serial", "version", "name"):
        if not isinstance(fields.get(name, ""), str):
            raise InvalidArgumentError(f"{place} has a {name} that is no text")
    return InboundMessage(**{name: value for name, value in fields.items() if name in _FIELDS})


def _print_raw(message: InboundMessage) -> None:
    told = message._asdict()
    kept = {name: value for name, value in told.items() if value is not None and value is not ABSENT}
    print_line(json.dumps(kept, default=repr))


async def _follow(options: argparse.Namespace, show: Callable[[InboundMessage], None]) -> int:
    """First what is there, oldest first, then what happens: what comes meanwhile waits its turn."""
    waiting: asyncio.Queue[InboundMessage] = asyncio.Queue()
    async with connected(options, "tail") as provider:
        channel: Channel = provider.channel(options.channel)
        channel.subscribe(waiting.put_nowait)
        await channel.attach()
        unsubscribe = channel.on_state_change(_warn)
        try:
            for message in await _history(channel):
                show(message)
            print(f"ai-transport tail: live on {options.channel}", file=sys.stderr, flush=True)
            while True:
                show(await waiting.get())
        finally:
            unsubscribe()


async def _history(channel: Channel) -> list[InboundMessage]:
    page: HistoryPage | None = await channel.history(until_attach=True)
    found: list[InboundMessage] = []
    while page is not None:
        found += page.items
        page = await page.next()
    return found[::-1]


def _warn(change: ChannelStateChange) -> None:
    if change.current is ChannelState.ATTACHED and not change.resumed:
        complain("tail", f"the channel was attached anew{_reason(change)}; what happened meanwhile is not shown")
    elif change.current in {ChannelState.SUSPENDED, ChannelState.FAILED, ChannelState.DETACHED}:
        complain("tail", f"the channel is {change.current}{_reason(change)}")


def _reason(change: ChannelStateChange) -> str:
    return "" if change.reason is None else f" ({change.reason})"


def _compact(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str), _LONGEST)
