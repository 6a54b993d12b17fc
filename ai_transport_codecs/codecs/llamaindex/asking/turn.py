"""How a workflow's run is suspended while it waits for people, and goes on once they have answered.

A workflow waits when none of its steps runs and it has asked something. Then what it knows is written down, its
``Context``, and the workflow itself is let go. For the answers another one is made of that, in whatever process.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from llama_index.core.agent.workflow import ToolCall, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemory
from llama_index.core.workflow import Context, HumanResponseEvent, InputRequiredEvent, Workflow
from workflows.context.serializers import BaseSerializer
from workflows.events import Event, InternalDispatchEvent, UnhandledEvent, WorkflowIdleEvent
from workflows.handler import WorkflowHandler

from ai_transport_codecs.codec.handler import TurnRun
from ai_transport_codecs.codecs.llamaindex.events import plain_fields
from ai_transport_codecs.codecs.llamaindex.plain import Plainer
from ai_transport_codecs.codecs.llamaindex.questions import Question, replies_of
from ai_transport_codecs.errors import StreamError

from .contexts import ContextStore
from .memory import build_memory, plain_memory
from .suspended import Answers, Plain, Suspended, ask_again, waiters

_MEMORY: Final = "memory"


class MemoryContexts:
    """Keeps contexts as long as the process lives: a question is not answerable any more after a restart."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        """The text, None when there is none."""
        return self._held.get(key)

    async def put(self, key: str, value: str) -> None:
        """Keep a text in place of the one before."""
        self._held[key] = value

    async def delete(self, key: str) -> None:
        """Forget a text, if there is one."""
        self._held.pop(key, None)


async def begin(
    run: TurnRun,
    workflow: Workflow,
    arguments: Mapping[str, Any],
    store: ContextStore,
    serializer: BaseSerializer | None,
) -> None:
    """Run a workflow until it ends or waits."""
    source = AskingSource(workflow, serializer)
    await _pipe(run, source, source.begin(arguments), store, is_kept=False)


async def go_on(
    run: TurnRun,
    workflow: Workflow,
    said: Sequence[ChatMessage],
    store: ContextStore,
    serializer: BaseSerializer | None,
) -> None:
    """Take up a suspended workflow if people have answered all it asked."""
    text = await store.get(run.run_id)
    if text is None:
        raise StreamError(
            f"unable to resume run {run.run_id!r}; the context of its workflow is not in agent_turn's contexts, which"
            " must outlive the agent: pass a store of a database, and ask again in another turn"
        )
    try:
        kept = Suspended.parse(text)
    except StreamError:
        await store.delete(run.run_id)  # nobody can make anything of it, and the run ends
        raise
    answers = Answers.of(kept, replies_of(said), workflow)
    if answers.refusals:
        kept, messages = ask_again(kept, answers.refusals)
        await store.put(run.run_id, kept.dump())
        await run.pipe(messages)
    if answers.is_complete:
        source = AskingSource(workflow, serializer)
        await _pipe(run, source, source.go_on(kept, answers.responses), store, is_kept=True)
    else:
        await run.suspend()


async def _pipe(
    run: TurnRun, source: AskingSource, events: AsyncIterator[Any], store: ContextStore, *, is_kept: bool
) -> None:
    """Write a workflow's events, and suspend the run when it waits. What ``is_kept`` of a run that ends is deleted."""
    try:
        result = await run.pipe(events)
        if result.reason == "complete" and source.suspended is not None:
            await store.put(run.run_id, source.suspended.dump())
            is_kept = False
            await run.suspend()
    finally:
        if is_kept:
            await store.delete(run.run_id)


class AskingSource:
    """The events of a workflow, and what it asks as messages. Ends when it waits: then ``suspended`` is set."""

    def __init__(self, workflow: Workflow, serializer: BaseSerializer | None) -> None:
        self._workflow = workflow
        self._serializer = serializer
        self._calls: dict[str, None] = {}
        self._asked: list[Question] = []
        self._answered: list[Plain] = []
        self._repeated: list[Plain] = []
        self._unsent: list[HumanResponseEvent] = []
        self._names: frozenset[str] = frozenset()
        self.suspended: Suspended | None = None
        """What to keep until the questions are answered."""

    def begin(self, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Run the workflow."""
        return self._events(lambda: self._begun(arguments))

    def go_on(self, kept: Suspended, responses: Iterable[HumanResponseEvent]) -> AsyncIterator[Any]:
        """Run it from where it waited."""
        self._unsent = list(responses)
        self._names = frozenset(f"{type(each).__module__}.{type(each).__name__}" for each in self._unsent)
        self._calls = dict.fromkeys(kept.calls)
        self._answered = [*kept.answered, *({"name": each.name, "data": each.data} for each in kept.questions)]
        return self._events(lambda: self._restored(kept))

    async def _events(self, start: Callable[[], Awaitable[WorkflowHandler]]) -> AsyncIterator[Any]:
        handler = await start()
        try:
            async with contextlib.aclosing(handler.stream_events(expose_internal=True)) as events:
                async for event in events:
                    if isinstance(event, WorkflowIdleEvent):
                        for message in await self._idle(handler):
                            yield message
                        if self.suspended is not None:
                            return
                    elif isinstance(event, InternalDispatchEvent):
                        self._check_taken(event)
                    elif isinstance(event, InputRequiredEvent):
                        if (question := self._try_ask(event)) is not None:
                            yield question
                    elif not self._is_repeated_call(event):
                        yield event
            await handler  # a run that failed, or timed out, says so here only
        finally:
            if not handler.is_done():
                await handler.cancel_run()

    async def _begun(self, arguments: Mapping[str, Any]) -> WorkflowHandler:
        return self._workflow.run(**arguments)

    async def _restored(self, kept: Suspended) -> WorkflowHandler:
        try:
            context: Context[Any] = Context.from_dict(self._workflow, kept.context, serializer=self._serializer)
            handler: WorkflowHandler = self._workflow.run(ctx=context)
            if kept.memory is not None:  # before the first step gets a chance
                await handler.ctx.store.set(_MEMORY, build_memory(kept.memory))
        except Exception as error:  # of the user's classes, and of LlamaIndex about what was stored
            raise StreamError(
                f"unable to go on; the context that was stored does not fit the workflow: {error}; its steps, and the"
                " classes of its events and state, have to stay as they were until its questions are answered",
                cause=error,
            ) from error
        # A wait with requirements has to be set up again before its answer comes: without them it would take any.
        if not any(waiter.get("has_requirements") for waiter in waiters(kept.context)):
            self._send(handler)
        return handler

    def _send(self, handler: WorkflowHandler) -> None:
        for response in self._unsent:
            handler.ctx.send_event(response)
        self._unsent = []

    def _try_ask(self, event: InputRequiredEvent) -> ChatMessage | None:
        plain = {"name": type(event).__name__, "data": plain_fields(Plainer(), event)}
        if plain not in self._answered:
            return self._new(plain)
        if plain not in self._repeated:
            self._repeated.append(plain)
        return None

    def _new(self, asked: Plain) -> ChatMessage:
        question = Question.new(**asked)
        self._asked.append(question)
        return question.message()

    async def _idle(self, handler: WorkflowHandler) -> list[ChatMessage]:
        if self._unsent:
            self._send(handler)
            return []
        # It waits for what it was answered before: it does ask again.
        messages = [] if self._asked else [self._new(each) for each in self._repeated]
        if self._asked:
            memory = await _try_take_memory(handler.ctx)
            context = self._context(handler)
            self.suspended = Suspended(context, self._asked, list(self._calls), self._answered, memory)
        return messages

    def _context(self, handler: WorkflowHandler) -> Plain:
        try:
            context = handler.ctx.to_dict(serializer=self._serializer)
            json.dumps(context)
        except Exception as error:  # of the user's classes, and of LlamaIndex about them
            raise StreamError(
                f"unable to wait for an answer; the workflow's context cannot be stored: {error}; keep plain values and"
                " pydantic models in ctx.store and in events, or pass agent_turn a serializer that can do more",
                cause=error,
            ) from error
        free = Counter(waiter.get("waiting_for_event") for waiter in waiters(context))
        for waiter in waiters(context):
            name = waiter.get("waiting_for_event")
            if len(self._asked) > 1 and free[name] > 1 and not waiter.get("has_requirements"):
                raise StreamError(
                    f"unable to ask {len(self._asked)} questions at once; several steps wait for {name}, and one answer"
                    " would be taken for that of each: pass requirements= to each ctx.wait_for_event, for example"
                    ' requirements={"user_name": ...}, and the same field to its waiter_event'
                )
        return context

    def _check_taken(self, event: InternalDispatchEvent) -> None:
        if isinstance(event, UnhandledEvent) and event.qualified_name in self._names:
            raise StreamError(
                f"unable to go on; no step of the workflow took the answer, a {event.event_type}: it waits for another"
                " class, or its requirements= name a field that neither the answer nor the InputRequiredEvent has"
            )

    def _is_repeated_call(self, event: Event) -> bool:
        """Whether a tool is said to run that was said to before: its step waited, and begins again."""
        if isinstance(event, ToolCallResult):
            self._calls.pop(event.tool_id, None)
        elif isinstance(event, ToolCall):
            if event.tool_id in self._calls:
                return True
            self._calls[event.tool_id] = None
        return False


async def _try_take_memory(context: Context[Any]) -> Plain | None:
    """What an agent remembers, which leaves the context; None when that is nothing, as with other workflows."""
    memory = await context.store.get(_MEMORY, default=None)
    if not isinstance(memory, BaseMemory):
        return None
    await context.store.set(_MEMORY, None)  # LlamaIndex would only warn of it
    return plain_memory(await memory.aget_all(), getattr(memory, "token_limit", None))
