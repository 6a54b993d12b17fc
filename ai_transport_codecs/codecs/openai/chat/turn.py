"""A chat completion as a turn handler: ``await session.serve(chat_turn(client, model="gpt-5"))``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codecs.openai.functions import ToolFunction, tool_param
from ai_transport_codecs.errors import InvalidArgumentError

from .completion import ChatMessage
from .function_calls import arguments_of_call, tool_message
from .history import as_history
from .projection import ChatProjection
from .reducer import ChatReducer
from .translator import ChatTranslator

_log = logging.getLogger("ai_transport_codecs.codecs.openai")

MAX_ROUNDS: Final = 16
"""How often a turn asks the model again with the results of tools."""

_OURS: Final = frozenset({"messages", "stream"})


class ChatClient(Protocol):
    """What a turn needs of ``openai.AsyncOpenAI``, or of a client like it."""

    @property
    def chat(self) -> Any: ...


def chat_turn(
    client: ChatClient,
    *,
    model: str,
    instructions: str | None = None,
    tools: Mapping[str, ToolFunction] | Sequence[Mapping[str, Any]] = (),
    extras: Collection[str] = (),
    max_rounds: int = MAX_ROUNDS,
    **params: Any,
) -> TurnHandler:
    """A handler that answers with the chat completions of ``client``, given the conversation so far.

    ``tools`` as a mapping from name to asynchronous function: the model is told their docstrings and parameters, what
    it calls is run, the calls of one completion at the same time, and it is asked again with the results, up to
    ``max_rounds`` times. Tools as the API's own list of dictionaries are described to the model only: their calls are
    left to the clients. ``instructions`` begin every request, as its system message; ``extras`` are fields that a
    provider wants back (:func:`.history.as_history`); ``params`` are the request's other parameters.

    When the run is cancelled, the response is closed and the tools that still run are cancelled. Raises
    InvalidArgumentError for parameters that are the handler's own, and for functions that cannot be tools.
    """
    wrong = sorted(_OURS & params.keys())
    if wrong:
        raise InvalidArgumentError(
            f"chat_turn sets {' and '.join(map(repr, wrong))} of each request itself; leave it out,"
            " and pass instructions=... for what every conversation begins with"
        )
    functions: dict[str, ToolFunction] = {}
    described: list[Mapping[str, Any]]
    if isinstance(tools, Mapping):
        functions = dict(tools)
        described = [tool_param(name, function) for name, function in functions.items()]
    else:
        described = list(tools)
    if described:
        params["tools"] = described

    async def answer(run: TurnRun) -> None:
        await run.view.load()
        messages = as_history((entry.message for entry in run.view.get_messages()), extras=extras)
        if instructions is not None:
            messages.insert(0, {"role": "system", "content": instructions})
        for _ in range(max_rounds):
            heard = _Heard()
            request = client.chat.completions.create(model=model, messages=messages, stream=True, **params)
            result = await run.pipe(heard.listen(request))
            calls = heard.calls
            known = [call for call in calls if _function_name(call) in functions]
            if result.reason != "complete" or not known:
                return
            results: list[ChatMessage] = []
            result = await run.pipe(_results(functions, known, results))
            if result.reason != "complete" or len(known) < len(calls):
                return  # the other calls are for clients, whose results begin another run
            messages += as_history([*heard.projection.messages, *results], extras=extras)

    return answer


class _Heard:
    """What a stream says while it goes by."""

    def __init__(self) -> None:
        self.projection = ChatProjection()
        self._translator = ChatTranslator()
        self._reducer = ChatReducer()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls of the completion."""
        messages = self.projection.messages
        return [call for message in messages for call in message.get("tool_calls", ())]

    async def listen(self, request: Any) -> AsyncIterator[Any]:
        """The chunks of a request's stream, which is closed in the end."""
        stream = await request
        try:
            async for chunk in stream:
                self._fold(self._translator.translate(chunk))
                yield chunk
            self._fold(self._translator.finish())
        finally:
            await stream.close()

    def _fold(self, events: Any) -> None:
        for event in events:
            self._reducer.fold_output(self.projection, event, FoldMeta("", event["key"]))


async def _results(
    functions: Mapping[str, ToolFunction], calls: Sequence[Mapping[str, Any]], results: list[ChatMessage]
) -> AsyncIterator[ChatMessage]:
    """The message of each call, as soon as it is there; the calls that still run are cancelled with this."""
    running = [asyncio.create_task(_called(functions[_function_name(call)], call)) for call in calls]
    try:
        for done in asyncio.as_completed(running):
            message = await done
            results.append(message)
            yield message
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _called(function: ToolFunction, call: Mapping[str, Any]) -> ChatMessage:
    """The message with what a function answers to a call. What it raises is told to the model, and logged."""
    arguments = arguments_of_call(call)
    if isinstance(arguments, str):
        return tool_message(call, arguments)
    try:
        return tool_message(call, await function(**arguments))
    except Exception as error:  # a tool may raise anything; the model can often do better the next time
        _log.warning("tool %r raised", _function_name(call), exc_info=True)
        return tool_message(call, f"Error: {type(error).__name__}: {error}")


def _function_name(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    return str(function.get("name")) if isinstance(function, Mapping) else ""
