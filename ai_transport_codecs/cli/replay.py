"""``ai-transport replay``: an agent without a model, which answers with recorded streams."""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import AITransportError, InvalidArgumentError

from .connecting import add_connection, check_connection, complain, connected, run_until_stopped
from .demo.recording import split_events
from .text import one_line

if TYPE_CHECKING:
    from ai_transport_codecs.session.run import Run

EVENTS_PER_SECOND: Final = 50.0
"""A usual model's pace. Recordings hold no times."""

_SUSPENDS: Final = frozenset({"tool-calls"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A recorded stream: the file's name, and its events as a provider frames them."""

    name: str
    events: tuple[bytes, ...]


def add_replay(commands: Any) -> None:
    """Add the command to the commands of a parser."""
    replay = commands.add_parser(
        "replay",
        help="an agent that answers with recorded streams, so that a front end can be built without a model",
        description="Answer each input on a channel with the next of the recorded streams, again and again. A"
        " recording is the body of a streamed answer as the provider sends it (lines of 'data: {...}'): of chat"
        " completions for openai-chat, of the Responses API for openai-responses, of UI message chunks for vercel.",
    )
    replay.add_argument("file", nargs="+", type=Path, metavar="FILE", help="recorded streams, in this order")
    add_connection(replay)
    replay.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help=f"times the pace of a usual model, which is {EVENTS_PER_SECOND:.0f} events a second; 0: without pauses",
    )
    replay.set_defaults(run=run_replay)


def run_replay(options: argparse.Namespace) -> int:
    """Answer until a signal ends it."""
    try:
        check_connection(options)
        answers = [read_answer(options.codec, path) for path in options.file]
    except AITransportError as error:
        return complain("replay", error)
    return run_until_stopped("replay", lambda: _replay(options, answers))


def read_answer(codec: str, path: Path) -> Answer:
    """The recording in a file, which that codec can carry. Raises InvalidArgumentError that names the file."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error.strerror or error}") from error
    answer = Answer(path.name, split_events(body))
    translator = get_codec(codec).create_translator()
    try:
        events = [event for piece in answer.events for event in translator.translate(piece)] + [*translator.finish()]
    except AITransportError as error:
        raise InvalidArgumentError(f"{path} is no recording that codec {codec!r} can read: {error}") from error
    if not events:
        raise InvalidArgumentError(f"{path} holds no answer; a recording is the body of a streamed response")
    return answer


async def _replay(options: argparse.Namespace, answers: Sequence[Answer]) -> int:
    from ai_transport_codecs.session.agent import AgentSession

    pause = 0.0 if options.speed == 0 else 1 / (EVENTS_PER_SECOND * options.speed)
    turns: Iterator[Answer] = itertools.cycle(answers)

    async def answer(run: Run[Any]) -> None:
        recording = next(turns)
        await _answer(run, recording, pause, options.codec)

    async with (
        connected(options, "replay") as provider,
        AgentSession[Any](provider, options.channel, codec=options.codec) as session,
    ):
        session.on("error", _report)
        print(f"answering on {options.channel} with {_named(answers)}", flush=True)
        await session.serve(answer)
    return 0


async def _answer(run: Run[Any], recording: Answer, pause: float, codec: str) -> None:
    translator = get_codec(codec).create_translator()
    reasons: set[Any] = set()

    async def events() -> AsyncIterator[bytes]:
        for event in recording.events:
            reasons.update(each.get("finishReason") for each in translator.translate(event))
            yield event
            await asyncio.sleep(pause)

    result = await run.pipe(events())
    if result.reason == "complete" and reasons & _SUSPENDS:
        await run.suspend()  # for the client to run the tools
    print(f"run {run.run_id}: {recording.name}, {_outcome(run, result)}", flush=True)


def _report(error: AITransportError) -> None:
    complain("replay", error)


def _outcome(run: Run[Any], result: Any) -> str:
    if result.error is not None:
        return one_line(f"{result.reason}: {result.error}")
    return "waits for a tool's result" if run.has_ended and result.reason == "complete" else str(result.reason)


def _named(answers: Sequence[Answer]) -> str:
    return answers[0].name if len(answers) == 1 else f"{len(answers)} recordings in turn"


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed < 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed; 2 is twice as fast, 0.5 half as fast, 0 at once")
    return speed
