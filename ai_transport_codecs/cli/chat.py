"""``ai-transport chat``: a device in a terminal, line by line; also in a pipe."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ai_transport_codecs.errors import AITransportError

from .connecting import add_connection, check_connection, complain, connected, run_until_stopped
from .said import said, speaker
from .text import one_line, shortened

HELP: Final = """\
/cancel        stop the answer that is under way, or that is waited for
/regenerate    another version of the last answer
/edit TEXT     say TEXT instead of your last message
/branch [N]    the versions of the newest message that has several; show version N
/show          the conversation
/quit          leave; the end of the input does so too
anything else is said; a line that begins with // is said with one /"""


def add_chat(commands: Any) -> None:
    """Add the command to the commands of a parser."""
    chat = commands.add_parser(
        "chat",
        help="a device in a terminal: say something, see the answer as it comes, cancel, edit, switch versions",
        description="Take part in the conversation on a channel. Each line is said, and the answer printed as it comes."
        " Works in a pipe, where each line waits for the answer to the one before.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_connection(chat)
    chat.set_defaults(run=run_chat)


def run_chat(options: argparse.Namespace) -> int:
    """Chat until the input ends."""
    try:
        check_connection(options)
    except AITransportError as error:
        return complain("chat", error)
    return run_until_stopped("chat", lambda: _chat(options))


async def _chat(options: argparse.Namespace) -> int:
    from ai_transport_codecs.session.client import ClientSession

    async with (
        connected(options, "chat") as provider,
        ClientSession[Any](provider, options.channel, codec=options.codec) as session,
    ):
        chat = Chat(session)
        chat.show()
        return await chat.run(Lines())


class Lines:
    """Standard input, line by line, read in a thread of its own: a read that waits cannot be cancelled."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="ai-transport-stdin", daemon=True).start()

    async def next(self) -> str | None:
        """The next line, None at the end."""
        return await self._lines.get()

    def _read(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            for line in sys.stdin:
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line.rstrip("\n"))
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)


class Chat:
    """Does what lines say, one after the other; only a cancel takes effect while an answer is under way."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._view = session.view
        self._turn: Any = None
        self._following: asyncio.Task[bool] | None = None
        self._ahead = 0
        """Lines that are being done, or wait for it."""
        self._changed = asyncio.Event()
        self._commands: dict[str, Callable[[str], Awaitable[bool]]] = {
            "/regenerate": self._regenerate,
            "/edit": self._edit,
            "/branch": self._branch,
            "/show": self._show,
            "/cancel": self._nothing_to_cancel,
            "/help": self._help,
        }

    async def run(self, lines: Lines) -> int:
        """Follow the lines to their end. 0: all went well; 1: something of it did not."""
        todo: asyncio.Queue[str | None] = asyncio.Queue()
        reading = asyncio.create_task(self._sort(lines, todo))
        all_well = True
        try:
            while (line := await todo.get()) is not None and line.strip() != "/quit":
                try:
                    all_well &= await self._do(line)
                except AITransportError as error:
                    all_well = False
                    complain("chat", error)
                self._ahead -= 1
                self._changed.set()
        finally:
            reading.cancel()
        return 0 if all_well else 1

    def show(self) -> None:
        """Print the conversation."""
        for entry in self._view.get_messages():
            print(f"{speaker(entry.message)}: {said(entry.message)}", flush=True)

    async def _sort(self, lines: Lines, todo: asyncio.Queue[str | None]) -> None:
        """Keep lines for when their turn comes, but for a cancel that means what is done now."""
        while (line := await lines.next()) is not None:
            if line.strip() == "/cancel" and self._ahead:
                await self._cancel()
            else:
                self._ahead += 1
                todo.put_nowait(line)
        todo.put_nowait(None)

    async def _do(self, line: str) -> bool:
        name, _, rest = line.strip().partition(" ")
        command = self._commands.get(name)
        if command is not None:
            return await command(rest.strip())
        if name.startswith("/") and not name.startswith("//"):
            complain("chat", f"there is no command {name}; /help names those there are, and //... says /...")
            return False
        text = line.removeprefix("/") if line.startswith("//") else line
        return await self._follow(self._view.send(text)) if text.strip() else True

    async def _follow(self, sending: Awaitable[Any]) -> bool:
        """Print the answer as it comes; whether it came to a good end."""
        self._turn = turn = await sending
        self._following = asyncio.create_task(_print_answer(turn))
        self._changed.set()
        try:
            return await self._following
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self._following.cancel()
                raise
            print("[cancelled before an agent took it up]", flush=True)
            return True
        finally:
            self._turn = self._following = None

    async def _cancel(self) -> None:
        while self._turn is None and self._ahead:  # what is to be cancelled is still being sent
            self._changed.clear()
            await self._changed.wait()
        turn, following = self._turn, self._following
        if turn is None or following is None:
            return
        try:
            await turn.cancel()
        except AITransportError as error:
            complain("chat", error)
        if not turn.started.done():
            following.cancel()

    # --- commands

    async def _regenerate(self, _: str) -> bool:
        message_id = self._last(kind="run")
        if message_id is None:
            complain("chat", "there is no answer yet to have another version of")
            return False
        return await self._follow(self._view.regenerate(message_id))

    async def _edit(self, text: str) -> bool:
        message_id = self._last(kind="input")
        if message_id is None or not text:
            complain(
                "chat", "there is no message of yours yet to edit" if text else "say what to say instead: /edit TEXT"
            )
            return False
        return await self._follow(self._view.edit(message_id, text))

    async def _branch(self, number: str) -> bool:
        for entry in reversed(self._view.get_messages()):
            selection = self._view.branch_selection(entry.id)
            if selection.has_siblings:
                return self._choose(selection, number)
        complain("chat", "no message here has other versions; /edit and /regenerate make some")
        return False

    def _choose(self, selection: Any, number: str) -> bool:
        count = len(selection.siblings)
        if not number:
            for index, entry in enumerate(selection.siblings):
                mark = "*" if index == selection.index else " "
                print(f"{mark} {index + 1}  {shortened(one_line(said(entry.message)))}", flush=True)
            return True
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= count):
            complain("chat", f"there is no version {number}; they are 1 to {count}")
            return False
        selection.select(int(number) - 1)
        self.show()
        return True

    async def _show(self, _: str) -> bool:
        self.show()
        return True

    async def _nothing_to_cancel(self, _: str) -> bool:
        complain("chat", "no answer is under way")
        return True

    async def _help(self, _: str) -> bool:
        print(HELP, flush=True)
        return True

    def _last(self, *, kind: str) -> str | None:
        """The newest visible message that a user said (``input``), or an agent (``run``)."""
        for entry in reversed(self._view.get_messages()):
            node = self._session.tree.node_of(entry.id)
            if node is not None and node.kind == kind:
                return str(entry.id)
        return None


async def _print_answer(turn: Any) -> bool:
    """Print what an answer says as it grows, then how it ended unless that is well. Raises nothing of the agent's."""
    shown: dict[str, str] = {}
    error: AITransportError | None = None
    try:
        async for _ in turn.stream():
            _print_growth(turn, shown)
    except AITransportError as failure:
        error = failure
    status = str(turn.status)
    ending = f"[{status}: {one_line(str(error))}]" if error is not None else f"[{status}]"
    print("" if error is None and status == "complete" else f"\n{ending}", flush=True)
    return error is None


def _print_growth(turn: Any, shown: dict[str, str]) -> None:
    for entry in turn.get_messages():
        text, before = said(entry.message), shown.get(entry.id, "")
        if text == before:
            continue
        if not before and any(shown.values()):
            print()
        # What was said so far may be replaced, by a step that is tried again: then it is said anew.
        print(text[len(before) :] if text.startswith(before) else f"\n{text}", end="", flush=True)
        shown[entry.id] = text
