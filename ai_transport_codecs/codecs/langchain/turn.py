"""An existing chain as a turn handler: ``await session.serve(chain_turn(chain))``."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from langchain_core.messages import BaseMessage
from langchain_core.prompts import BasePromptTemplate
from langchain_core.prompts.chat import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence

from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.errors import InvalidArgumentError

from .history import as_history

InputMapping: TypeAlias = Callable[[list[BaseMessage]], Any | Awaitable[Any]]
ConfigMapping: TypeAlias = Callable[[TurnRun], Mapping[str, Any]]

_ADVICE: Final = (
    "pass chain_turn(..., input=...): a function from the conversation's messages to what the chain takes,"
    ' for example input=lambda messages: {"question": messages[-1].text}'
)


def chain_turn(
    runnable: Runnable[Any, Any],
    *,
    input: InputMapping | None = None,  # noqa: A002  # the word that LangChain uses for it
    config: Mapping[str, Any] | ConfigMapping | None = None,
    stream: Callable[[Any, Any], Any] | None = None,
) -> TurnHandler:
    """A handler that answers with ``runnable``, which stays as it is: a chat model, a chain, an agent, a graph.

    ``input`` maps the conversation, oldest message first and ending with what the user said, to what the runnable
    takes; it may be asynchronous. Without it, a prompt template gets its variables (the messages in its one
    placeholder, the user's last text in its one other variable), a graph gets ``{"messages": [...]}``, and anything
    else the list of messages. ``config`` is the runnable's config, or makes it from the run. ``stream(value, config)``
    is what is piped: by default ``runnable.astream``, for a graph with ``stream_mode="messages"``; pass for instance
    ``lambda value, config: agent.astream_events(value, config, version="v2")``.

    Raises InvalidArgumentError, here rather than at the first turn, when the prompt's variables leave it open what goes
    where.
    """
    map_input = input or _default_input(runnable)
    open_stream = stream or _default_stream(runnable)

    async def answer(run: TurnRun) -> None:
        await run.view.load()
        messages: list[BaseMessage] = as_history(entry.message for entry in run.view.get_messages())
        value = map_input(messages)
        if inspect.isawaitable(value):
            value = await value
        await run.pipe(open_stream(value, dict(config(run) if callable(config) else config or {})))

    return answer


def _default_stream(runnable: Runnable[Any, Any]) -> Callable[[Any, Any], Any]:
    if _is_graph(runnable):
        return lambda value, config: runnable.astream(value, config, stream_mode="messages")
    return runnable.astream


def _default_input(runnable: Runnable[Any, Any]) -> InputMapping:
    if _is_graph(runnable):
        return lambda messages: {"messages": messages}
    first = _first(runnable)
    return _prompt_input(first) if isinstance(first, BasePromptTemplate) else lambda messages: messages


def _prompt_input(prompt: BasePromptTemplate[Any]) -> InputMapping:
    placeholders = _placeholders(prompt)
    texts = [name for name in prompt.input_variables if name not in placeholders]
    if len(placeholders) > 1 or len(texts) > 1 or not (placeholders or texts):
        names = ", ".join([*placeholders, *texts]) or "none"
        raise InvalidArgumentError(f"the chain's prompt has the variables {names}, which is ambiguous; {_ADVICE}")

    def variables(messages: list[BaseMessage]) -> dict[str, Any]:
        earlier, last = (messages[:-1], messages[-1:]) if texts else (messages, [])
        values: dict[str, Any] = {name: message.text for name, message in zip(texts, last, strict=False)}
        return values | dict.fromkeys(placeholders, earlier)

    return variables


def _placeholders(prompt: BasePromptTemplate[Any]) -> Sequence[str]:
    parts = prompt.messages if isinstance(prompt, ChatPromptTemplate) else []
    named = [part.variable_name for part in parts if isinstance(part, MessagesPlaceholder)]
    return [name for name in dict.fromkeys(named) if name not in prompt.partial_variables]


def _first(runnable: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """What gets the chain's input: the first step, under any bindings."""
    while True:
        if isinstance(runnable, RunnableSequence):
            runnable = runnable.first
        elif isinstance(runnable, RunnableBinding):
            runnable = runnable.bound
        else:
            return runnable


def _is_graph(runnable: Runnable[Any, Any]) -> bool:
    """Whether it is a compiled LangGraph graph; asked by its methods, since LangGraph may not be installed."""
    bound = _first(runnable)
    return all(callable(getattr(bound, name, None)) for name in ("aget_state", "aupdate_state", "get_graph"))
