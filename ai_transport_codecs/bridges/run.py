"""A framework's turn handler, in a session whose clients read UI messages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal, Self

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.codec.handler import Conversation, TurnHandler, TurnRun
from ai_transport_codecs.errors import StreamError
from ai_transport_codecs.session.source import Source, discard, iterate

from .frameworks import check_framework, create_teller
from .history import LossLog, history_entries
from .teller import Answer
from .writer import Chunk


def bridged(handler: TurnHandler, framework: str, *, dynamic: bool = False, reasoning: bool = False) -> TurnHandler:
    """``handler``, which was written for ``framework``, as a handler of a session with ``codec="vercel"``.

    ::

        session = AgentSession(client, "conversations:42", codec="vercel")
        await session.serve(bridged(chain_turn(prompt | model), "langchain"))

    The handler stays as it is. Its ``run.view.get_messages()`` gives the conversation as the framework's messages (see
    :func:`.history.ui_history`, also for ``reasoning``), and what it pipes becomes UI message chunks; all else about
    the run is the run itself. So it serves any handler of ours: ``chain_turn``, ``llm_turn``, ``agent_turn``,
    ``chat_engine_turn``, ``chat_turn``, ``responses_turn``.

    What a handler pipes one after the other, an answer, the results of its tools, the next answer, becomes the steps of
    one UI message. Another one begins when ``has_input()`` has taken up what the user said meanwhile, and after a pipe
    that failed. ``pipe`` returns when its source is exhausted; the message ends with the handler.

    When it ends with calls of tools that nobody ran, the run is suspended: a client's ``addToolOutput`` resumes it, and
    the handler is called again with the output in its history.

    ``dynamic`` is as for :class:`.translator.UiTranslator`.

    ``run.create_step()`` gives a step of the session itself: pipe ``ui_chunks(source, framework)`` into that.

    Raises InvalidArgumentError, here rather than at the first turn, for a framework without a bridge.
    """
    check_framework(framework)
    losses = LossLog(framework)

    async def handle(run: TurnRun) -> Any:
        view = _BridgedView(run.view, framework, losses, reasoning=reasoning)
        bridge = BridgedRun(run, view, framework, dynamic=dynamic)
        try:
            returned = await handler(bridge)
        except BaseException as error:
            await bridge.break_off(error)
            raise
        await bridge.close()
        if bridge.failure is not None:
            raise StreamError(f"the source said that it failed: {bridge.failure}")
        if returned is None and bridge.waits_for_tools:
            await run.suspend()
        return returned

    return handle


@dataclass(frozen=True, slots=True)
class PipedResult:
    """How a source ended that was piped into a message which goes on; its ``error`` is that of the whole message."""

    reason: Literal["complete", "cancelled", "error"]
    error: BaseException | None = None


class _BridgedView:
    """The conversation up to the input that a run answers, as the framework's messages."""

    def __init__(self, view: Conversation, framework: str, losses: LossLog, *, reasoning: bool) -> None:
        self._view = view
        self._framework = framework
        self._losses = losses
        self._reasoning = reasoning

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def load(self) -> Awaitable[None]:
        """Fetch what is not here yet, from history."""
        return self._view.load()

    def get_messages(self) -> Sequence[CodecMessage[Any]]:
        """The messages, oldest first."""
        messages = self._view.get_messages()
        return history_entries(messages, self._framework, reasoning=self._reasoning, on_loss=self._losses.note)

    def open_calls(self) -> list[str]:
        """The calls that earlier messages have and no tool has answered, as after an approval."""
        parts = (part for entry in self._view.get_messages() for part in entry.message.get("parts", ()))
        calls = (part for part in parts if isinstance(part.get("toolCallId"), str))
        return [call["toolCallId"] for call in calls if not str(call.get("state")).startswith("output-")]


class BridgedRun:
    """The run that a bridged handler sees; whatever is not here is the run's own."""

    def __init__(self, run: TurnRun, view: _BridgedView, framework: str, *, dynamic: bool) -> None:
        self._run = run
        self._open_calls = view.open_calls
        self._framework = framework
        self._dynamic = dynamic
        self._message: _Message | None = None
        self._is_over = False
        self._waits_for_tools = False
        self._is_busy = False
        self._task = asyncio.current_task()
        self.failure: str | None = None
        """What the last message's source said of its failure, when it did not raise."""
        self.view: Conversation = view
        """The conversation up to the input that the run answers, as the framework's messages."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._run.run_id

    @property
    def cancel_token(self) -> Any:
        """Whether the run was cancelled."""
        return self._run.cancel_token

    @property
    def waits_for_tools(self) -> bool:
        """Whether the run goes on, its last message is complete, and asked for tools that nobody ran."""
        return self._waits_for_tools and not self._is_over

    async def pipe(self, source: Source) -> Any:
        """Write what ``source`` streams, as more of the message.

        Returns how it ended, as the run's own ``pipe`` does. Raises as that.
        """
        message = self._message
        if message is None or not message.is_open:
            await self.close()
            message = self._message = _Message(self._run, self._framework, self._open_calls(), dynamic=self._dynamic)
            message.on_end(self._stop_waiting)
        self._is_busy = True
        try:
            return await message.pipe(source)
        finally:
            self._is_busy = False

    def has_input(self) -> bool:
        """Whether there is something to answer; then the next pipe begins another message."""
        has_input = self._run.has_input()
        if has_input and self._message is not None:
            self._message.is_open = False
        return has_input

    async def suspend(self) -> None:
        """Wait for somebody's answer. The message ends."""
        await self.close()
        self._is_over = True
        await self._run.suspend()

    async def end(self, *args: Any, **kwargs: Any) -> None:
        """End the run. The message ends."""
        await self.close()
        self._is_over = True
        end: Any = getattr(self._run, "end")  # noqa: B009  # a session's run has it, a handler's need not
        await end(*args, **kwargs)

    async def close(self) -> None:
        """The message ends, if there is one."""
        message, self._message = self._message, None
        if message is not None:
            self._is_busy = True
            self._waits_for_tools = await message.close()
            self.failure = message.failure
            self._is_busy = False

    async def break_off(self, error: BaseException) -> None:
        """The handler raised: so does the message."""
        message, self._message = self._message, None
        if message is not None:
            await message.break_off(error)

    def _stop_waiting(self) -> None:
        """The run was cancelled while its handler waits for something else, between two pipes."""
        if self._run.cancel_token.is_cancelled and not self._is_busy and self._message is not None and self._task:
            self._task.cancel()


class _Message(AsyncIterator[Chunk]):
    """One UI message: a single pipe of the run, into which a handler's sources go one after the other."""

    def __init__(self, run: TurnRun, framework: str, open_calls: Sequence[str], *, dynamic: bool) -> None:
        self._framework = framework
        self._ui = Answer(dynamic=dynamic)
        for call_id in open_calls:
            self._ui.writer.know_call(call_id)
        self._sources: deque[tuple[Source, asyncio.Future[PipedResult]]] = deque()
        self._wake = asyncio.Event()
        self._is_closing = False
        self._error: BaseException | None = None
        self._chunks = self._told()
        self._pipe: asyncio.Future[Any] = asyncio.ensure_future(run.pipe(self))
        self.is_open = True
        """Whether more may be piped into it."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        return await anext(self._chunks)

    @property
    def failure(self) -> str | None:
        """What its source said of its failure, when it did not raise."""
        return self._ui.writer.failure if self._error is None else None

    def on_end(self, act: Callable[[], None]) -> None:
        """Do that when the message has ended."""
        self._pipe.add_done_callback(lambda _: act())

    async def aclose(self) -> None:
        """Called by the run's pipe: the source that is being read is closed, and those that wait."""
        self.is_open = False
        await self._chunks.aclose()
        while self._sources:
            source, done = self._sources.popleft()
            await discard(source)
            done.cancel()

    async def pipe(self, source: Source) -> Any:
        """Add a source, and wait until it is exhausted or the whole message has ended."""
        if self._pipe.done():
            await discard(source)
            return await self._pipe
        done: asyncio.Future[PipedResult] = asyncio.get_running_loop().create_future()
        self._sources.append((source, done))
        self._wake.set()
        try:
            await asyncio.wait({done, self._pipe}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        if done.done() and not done.cancelled():
            return done.result()
        return await self._pipe

    async def close(self) -> bool:
        """End the message; whether it is complete and asked for tools that nobody ran."""
        self.is_open = False
        self._is_closing = True
        self._wake.set()
        try:
            result = await asyncio.shield(self._pipe)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        return bool(result.reason == "complete" and self._ui.waits_for_tools)

    async def break_off(self, error: BaseException) -> None:
        """End the message as ``error`` ends the handler."""
        if not isinstance(error, Exception):
            await self._cancel()
        elif not self._pipe.done():
            self._error = error
            self._wake.set()
            await asyncio.wait({self._pipe})

    async def _cancel(self) -> None:
        self.is_open = False
        self._pipe.cancel()
        await asyncio.gather(self._pipe, return_exceptions=True)

    async def _told(self) -> AsyncGenerator[Chunk, None]:
        writer = self._ui.writer
        try:
            while await self._has_more():
                source, done = self._sources.popleft()
                async for chunk in self._one(source):
                    yield chunk
                if writer.is_over:  # the source said that it failed; what comes next is another message
                    self.is_open = False
                if not done.done():
                    done.set_result(PipedResult("complete"))
            self._ui.finish()
        except Exception as error:
            self.is_open = False
            self._error = error
            writer.fail(str(error) or type(error).__name__)
            for chunk in writer.take():
                yield chunk
            raise
        for chunk in writer.take():
            yield chunk

    async def _has_more(self) -> bool:
        """Wait for another source; False once there will be none."""
        while not self._sources:
            if self._error is not None:
                raise self._error
            if self._is_closing or self._ui.writer.is_over:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _one(self, source: Source) -> AsyncGenerator[Chunk, None]:
        async with aclosing(iterate(source)) as items:
            teller = create_teller(self._framework, self._ui)
            async for item in items:
                teller.tell(item)
                for chunk in self._ui.writer.take():
                    yield chunk
            teller.finish()
            for chunk in self._ui.writer.take():
                yield chunk
