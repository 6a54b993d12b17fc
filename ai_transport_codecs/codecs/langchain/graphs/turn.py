"""A graph that asks people, as a turn handler: ``await session.serve(graph_turn(graph, thread="chat"))``."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codecs.langchain.history import as_history
from ai_transport_codecs.codecs.langchain.messages import INTERRUPT
from ai_transport_codecs.errors import InvalidArgumentError

Thread: TypeAlias = str | Callable[[TurnRun], str]
InputMapping: TypeAlias = Callable[[list[BaseMessage]], Any | Awaitable[Any]]

_NEEDED: Final = ("aget_state", "astream")


def graph_turn(
    graph: Any,
    *,
    thread: Thread,
    input: InputMapping | None = None,  # noqa: A002  # the word that LangGraph uses for it
    config: Mapping[str, Any] | None = None,
) -> TurnHandler:
    """A handler that answers with ``graph``, a compiled graph with a checkpointer, and asks what it asks.

    ``thread`` is the graph's thread id, or makes it from the run. A run does not know its session, so let the id come
    from the session's name: each turn of a conversation has to get the same one. ``input`` maps the conversation to
    what the graph takes; without it that is ``{"messages": [what the user said last]}``, since the graph remembers the
    rest. ``config`` is the graph's further config.

    Where the graph stops at ``interrupt(value)``, readers get a message whose ``additional_kwargs["interrupt"]`` has
    the question's ``id`` and ``value``, and the run is suspended. A device answers with
    ``codec.create_tool_result(message_id, {"tool_call_id": id, "content": text})``, or ``"artifact": value`` for
    what is no text, sent to the run. Once all questions are answered the graph goes on with ``Command(resume=...)``,
    in whatever process serves then that shares the checkpointer. The first answer counts. Who begins
    another turn instead takes the question away, as in LangGraph itself.

    Raises InvalidArgumentError for what is no compiled graph, or has no checkpointer.
    """
    if not all(callable(getattr(graph, name, None)) for name in _NEEDED):
        raise InvalidArgumentError(f"graph_turn takes a compiled graph, not a {type(graph).__name__}")
    if not getattr(graph, "checkpointer", None):
        raise InvalidArgumentError("graph_turn needs a graph with a checkpointer; compile it with checkpointer=...")

    async def answer(run: TurnRun) -> None:
        await run.view.load()
        messages: list[BaseMessage] = [entry.message for entry in run.view.get_messages()]
        thread_id = thread(run) if callable(thread) else thread
        given = dict(config or {})
        settings = given | {"configurable": {**given.get("configurable", {}), "thread_id": thread_id}}
        asked = _questions(_since_user(messages))
        if asked:
            pending = [str(each.id) for each in await _interrupts(graph, settings)]
            pending = [each for each in pending if any(_belongs(question["id"], each) for question in asked)]
            resume = _answers(messages, pending)
            if len(resume) < len(pending):
                await run.suspend()
            if not resume or len(resume) < len(pending):
                return  # without any pending, another turn went on from there
            value: Any = _resumed(resume)
        else:
            value = _last(messages) if input is None else input(as_history(messages))
            value = await value if inspect.isawaitable(value) else value
        result = await run.pipe(_items(graph, value, settings, messages))
        if result.reason == "complete" and await _interrupts(graph, settings):
            await run.suspend()

    return answer


async def _interrupts(graph: Any, settings: Mapping[str, Any]) -> list[Any]:
    state = await graph.aget_state(settings)
    return [each for task in state.tasks for each in task.interrupts]


async def _items(
    graph: Any, value: Any, settings: Mapping[str, Any], messages: Sequence[BaseMessage]
) -> AsyncIterator[Any]:
    """What the graph says, and then the questions at which it stopped."""
    async with contextlib.aclosing(graph.astream(value, settings, stream_mode="messages")) as stream:
        async for item in stream:
            yield item
    for each in await _interrupts(graph, settings):
        # A node that asks again does so under the same id, so a question is told from the one before by its number.
        number = sum(_belongs(question["id"], str(each.id)) for question in _questions(messages))
        yield AIMessage("", additional_kwargs={INTERRUPT: {"id": f"{each.id}:{number}", "value": each.value}})


def _answers(messages: Sequence[BaseMessage], interrupts: Sequence[str]) -> dict[str, Any]:
    """What people answered to the last question of each interrupt, by the interrupt's id."""
    results = {message.tool_call_id: message for message in messages if isinstance(message, ToolMessage)}
    answers: dict[str, Any] = {}
    for interrupt_id in interrupts:
        asked = [question["id"] for question in _questions(messages) if _belongs(question["id"], interrupt_id)]
        result = results.get(asked[-1]) if asked else None
        if result is not None:
            answers[interrupt_id] = result.content if result.artifact is None else result.artifact
    return answers


def _since_user(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    said = (position for position in range(len(messages), 0, -1) if isinstance(messages[position - 1], HumanMessage))
    return messages[next(said, 0) :]


def _questions(messages: Sequence[BaseMessage]) -> list[Mapping[str, Any]]:
    found = (message.additional_kwargs.get(INTERRUPT) for message in messages)
    return [each for each in found if isinstance(each, Mapping) and isinstance(each.get("id"), str)]


def _belongs(question_id: str, interrupt_id: str) -> bool:
    return question_id.rpartition(":")[0] == interrupt_id


def _resumed(answers: Mapping[str, Any]) -> Any:
    from langgraph.types import Command  # noqa: PLC0415  # LangGraph may not be installed; who passes a graph has it

    return Command(resume=dict(answers))


def _last(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    return {"messages": list(messages[-1:])}
