"""Existing LLMs, chat engines and agents as turn handlers: ``await session.serve(agent_turn(agent))``."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine.types import BaseChatEngine, StreamingAgentChatResponse
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.workflow import HumanResponseEvent, InputRequiredEvent, Workflow
from workflows.context.serializers import BaseSerializer

from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.errors import InvalidArgumentError

from .asking.contexts import ContextStore
from .asking.turn import MemoryContexts, begin, go_on
from .events import SOURCE_NODES
from .history import as_history
from .questions import asked_since_user, asks

Messages: TypeAlias = list[ChatMessage]
MessagesMapping: TypeAlias = Callable[[Messages], Sequence[ChatMessage] | Awaitable[Sequence[ChatMessage]]]
QuestionMapping: TypeAlias = Callable[[Messages], tuple[str, Messages] | Awaitable[tuple[str, Messages]]]
ArgumentsMapping: TypeAlias = Callable[[Messages], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
Human: TypeAlias = Callable[[TurnRun, InputRequiredEvent], Awaitable[HumanResponseEvent]]


def llm_turn(
    llm: LLM,
    *,
    input: MessagesMapping | None = None,  # noqa: A002  # the same word as in the other codecs' handlers
    tools: Sequence[Any] = (),
    **kwargs: Any,
) -> TurnHandler:
    """A handler that answers with ``llm`` alone.

    ``input`` maps the conversation, oldest message first and ending with what the user said, to the messages that the
    model gets, for example to put a system prompt before them; it may be asynchronous. With ``tools`` the model may ask
    for calls of them, which nobody runs here: for that there is :func:`agent_turn`. ``kwargs`` go to the model.

    Raises InvalidArgumentError for tools with a model that calls none.
    """
    if not isinstance(llm, LLM):
        raise InvalidArgumentError(f"llm_turn takes a LlamaIndex LLM, not a {type(llm).__name__}")
    if tools and not isinstance(llm, FunctionCallingLLM):
        raise InvalidArgumentError(
            f"llm_turn cannot give tools to a {type(llm).__name__}, which calls no functions; use"
            " agent_turn(ReActAgent(tools=..., llm=...))"
        )

    async def answer(run: TurnRun) -> None:
        messages = await _conversation(run)
        given = list(await _mapped(input(messages))) if input else messages
        if tools and isinstance(llm, FunctionCallingLLM):
            await run.pipe(llm.astream_chat_with_tools(list(tools), chat_history=given, **kwargs))
        else:
            await run.pipe(llm.astream_chat(given, **kwargs))

    return answer


def chat_engine_turn(
    engine: BaseChatEngine | Callable[[], BaseChatEngine | Awaitable[BaseChatEngine]],
    *,
    input: QuestionMapping | None = None,  # noqa: A002  # as above
) -> TurnHandler:
    """A handler that answers with a chat engine, and says its sources.

    ``engine`` may make one for each turn, as ``index.as_chat_engine`` does; one engine serves one turn at a time, since
    it holds a memory, which is set to the conversation before each. ``input`` maps the conversation to the question and
    the history before it; without it, the question is the text of what the user said last.
    """
    alone = asyncio.Lock()

    async def answer(run: TurnRun) -> None:
        messages = await _conversation(run)
        question, history = await _mapped(input(messages)) if input else _question(messages)
        if isinstance(engine, BaseChatEngine):
            async with alone:
                await run.pipe(_engine_items(engine, question, history))
        else:
            await run.pipe(_engine_items(await _mapped(engine()), question, history))

    return answer


def agent_turn(
    workflow: Workflow | Callable[[], Workflow | Awaitable[Workflow]],
    *,
    input: ArgumentsMapping | None = None,  # noqa: A002  # as above
    human: Human | None = None,
    contexts: ContextStore | None = None,
    serializer: BaseSerializer | None = None,
) -> TurnHandler:
    """A handler that answers with an agent, an ``AgentWorkflow``, or any workflow.

    ``workflow`` may make one for each turn. ``input`` maps the conversation to the arguments of ``workflow.run``; it
    may be asynchronous. Without it these are ``user_msg``, what the user said last, and ``chat_history``, all before.
    When the turn is cancelled, so is the workflow's run; when the run fails, the turn ends with its error.

    Where the workflow waits for people, since it said an ``InputRequiredEvent`` (returned by a step, or as the
    ``waiter_event`` of ``ctx.wait_for_event``), readers get a message that asks, the run is suspended, and its context
    is put into ``contexts``, by default into memory. The answer of any device resumes it, in whatever process serves
    then with the same ``contexts``: ``request.answer("Lisbon")`` of :func:`open_requests`, or a tool result with the
    question's ``tool_call_id``. It has to be of the ``HumanResponseEvent`` class that the workflow waits for: another
    one is refused, and the question asked again with the reason. Once all questions are answered the workflow goes on.
    The first answer counts. Who says something else to the run instead takes the questions away; who begins another
    turn leaves them open. A suspended workflow's time does not run; a step that waited begins again from its start.
    ``serializer`` is what LlamaIndex writes contexts with, by default its ``JsonSerializer``.

    With ``human(run, event)`` that answers each ``InputRequiredEvent``, after readers got it; nothing is suspended.

    Raises InvalidArgumentError for what is no workflow, store or function.
    """
    _check(workflow, input, human, contexts)
    store = MemoryContexts() if contexts is None else contexts

    async def answer(run: TurnRun) -> None:
        said = await _said(run)
        made = workflow if isinstance(workflow, Workflow) else await _mapped(workflow())
        if human is None and asked_since_user(said):
            await go_on(run, made, said, store, serializer)
            return
        if human is None and any(asks(message) for message in said):
            await store.delete(run.run_id)  # the user said something else to the run
        messages = as_history(said)
        arguments = await _mapped(input(messages)) if input else _arguments(messages)
        if human is not None:
            await run.pipe(_workflow_events(made, arguments, human, run))
        else:
            await begin(run, made, arguments, store, serializer)

    return answer


def _check(workflow: Any, map_input: Any, human: Any, contexts: Any) -> None:
    if not (isinstance(workflow, Workflow) or callable(workflow)):
        raise InvalidArgumentError(
            f"agent_turn takes a LlamaIndex workflow, or a function that makes one, not a {type(workflow).__name__}"
        )
    for name, value in (("input", map_input), ("human", human)):
        if not (value is None or callable(value)):
            raise InvalidArgumentError(f"agent_turn's {name} is a function, not a {type(value).__name__}")
    lacks = [name for name in ("get", "put", "delete") if not callable(getattr(contexts, name, None))]
    if contexts is not None and lacks:
        raise InvalidArgumentError(
            f"agent_turn's contexts is a ContextStore, and a {type(contexts).__name__} has no {' and no '.join(lacks)}"
        )


async def _said(run: TurnRun) -> Messages:
    await run.view.load()
    return [entry.message for entry in run.view.get_messages()]


async def _conversation(run: TurnRun) -> Messages:
    return as_history(await _said(run))


async def _mapped(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _question(messages: Messages) -> tuple[str, Messages]:
    return (messages[-1].content or "", messages[:-1]) if messages else ("", [])


def _arguments(messages: Messages) -> Mapping[str, Any]:
    if messages and messages[-1].role == MessageRole.USER:
        return {"user_msg": messages[-1], "chat_history": messages[:-1]}
    return {"chat_history": messages}


async def _workflow_events(
    workflow: Workflow, arguments: Mapping[str, Any], human: Human | None, run: TurnRun
) -> AsyncIterator[Any]:
    handler = workflow.run(**arguments)
    try:
        async for event in handler.stream_events():
            yield event
            if human is not None and isinstance(event, InputRequiredEvent):
                handler.ctx.send_event(await human(run, event))
        await handler  # a run that failed, or timed out, says so here only
    finally:
        if not handler.is_done():
            await handler.cancel_run()


async def _engine_items(engine: BaseChatEngine, question: str, history: Messages) -> AsyncIterator[Any]:
    response = await engine.astream_chat(question, chat_history=history)
    if isinstance(response, StreamingAgentChatResponse):
        if response.source_nodes and SOURCE_NODES is not None:
            yield SOURCE_NODES(nodes=response.source_nodes)
        async with contextlib.aclosing(_engine_text(response)) as pieces:
            async for piece in pieces:
                yield piece
    yield response


async def _engine_text(response: StreamingAgentChatResponse) -> AsyncGenerator[str, None]:
    """The text of a response, as it comes.

    LlamaIndex's own generator looks every 0.1 seconds whether there is more, swallows a cancellation that comes while
    it looks, and leaves the model streaming when it is closed.
    """
    task = response.awrite_response_to_history_task
    if task is None:
        async for text in response.async_response_gen():
            yield text
        return
    try:
        await asyncio.sleep(0)  # the task makes the queue when it begins
        queue = response.aqueue
        while queue is not None and not (queue.empty() and task.done()):
            piece: str | None = await _try_next(queue, task) if queue.empty() else queue.get_nowait()
            if piece:
                yield piece
        await task
    finally:
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _try_next(queue: asyncio.Queue[Any], task: asyncio.Task[Any]) -> str | None:
    """What comes next, or None when the task ends first."""
    getting = asyncio.ensure_future(queue.get())
    try:
        await asyncio.wait({getting, task}, return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()
