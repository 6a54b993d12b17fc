"""A chat completion as a turn handler: ``await session.serve(chat_turn(client, model="gpt-5"))``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codecs.openai.functions import ToolFunction, tool_param
from ai_transport_codecs.errors import InvalidArgumentError

from .completion import APPROVAL, APPROVED, PENDING, ChatMessage
from .function_calls import arguments_of_call, tool_message
from .history import as_history
from .projection import ChatProjection
from .reducer import ChatReducer
from .streams import APPROVAL_REQUEST
from .translator import ChatTranslator

_log = logging.getLogger("ai_transport_codecs.codecs.openai")

Approval: TypeAlias = Collection[str] | Callable[[dict[str, Any]], bool]

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
    approve: Approval = (),
    max_rounds: int = MAX_ROUNDS,
    **params: Any,
) -> TurnHandler:
    """A handler that answers with the chat completions of ``client``, given the conversation so far.

    ``tools`` as a mapping from name to asynchronous function: the model is told their docstrings and parameters, what
    it calls is run, the calls of one completion at the same time, and it is asked again with the results, up to
    ``max_rounds`` times. Tools as the API's own list of dictionaries are described to the model only: their calls are
    left to the clients. ``instructions`` begin every request, as its system message; ``extras`` are fields that a
    provider wants back (:func:`.history.as_history`); ``params`` are the request's other parameters.

    Of the calls whose function ``approve`` names, or for which it says so, none runs before a person agreed: readers
    get a request for approval of each, the run is suspended, and the answers of any device resume it, in whatever
    process serves then. What was approved is run; the model is told of what was denied. The first answer counts. Who
    says something else to the run instead takes the question away.

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
        said = [entry.message for entry in run.view.get_messages()]
        results: list[ChatMessage] = []
        if not await _go_on(run, functions, said, results):
            return
        messages = as_history([*said, *results], extras=extras)
        if instructions is not None:
            messages.insert(0, {"role": "system", "content": instructions})
        for _ in range(max_rounds):
            heard = _Heard(functions, approve)
            results = []
            request = client.chat.completions.create(model=model, messages=messages, stream=True, **params)
            if not await heard.answer(run, request, results):
                return
            messages += as_history([*heard.projection.messages, *results], extras=extras)

    return answer


async def _go_on(
    run: TurnRun, functions: Mapping[str, ToolFunction], said: Sequence[ChatMessage], results: list[ChatMessage]
) -> bool:
    """Run the calls that were approved since; whether the model is to be asked, and no call still waits for anybody."""
    asked = _unanswered_questions(said)
    approved = [call for call in asked if call.get(APPROVAL) == APPROVED and _function_name(call) in functions]
    if approved and (await run.pipe(_results(functions, approved, results))).reason != "complete":
        return False
    if any(call.get(APPROVAL) == PENDING for call in asked):
        await run.suspend()
        return False
    return len(approved) == len(asked)  # the other calls are for clients, whose results begin another run


def _unanswered_questions(said: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """The calls without a result beside which a person was asked something, as long as the user said nothing since."""
    answered: set[Any] = set()
    for message in reversed(said):
        role = message.get("role")
        if role == "user":
            break
        if role == "tool":
            answered.add(message.get("tool_call_id"))
        elif calls := message.get("tool_calls"):
            is_asked = any(APPROVAL in call for call in calls)
            return [call for call in calls if call["id"] not in answered] if is_asked else []
    return []


class _Heard:
    """What a stream says while it goes by."""

    def __init__(self, functions: Mapping[str, ToolFunction], approve: Approval) -> None:
        self._functions = functions
        self._approve = approve
        self.projection = ChatProjection()
        self._translator = ChatTranslator()
        self._reducer = ChatReducer()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls of the completion."""
        messages = self.projection.messages
        return [call for message in messages for call in message.get("tool_calls", ())]

    async def answer(self, run: TurnRun, request: Any, results: list[ChatMessage]) -> bool:
        """Stream one completion and run its calls; whether the model has to be asked again."""
        result = await run.pipe(self._listen(request))
        calls = self.calls
        known = [call for call in calls if _function_name(call) in self._functions]
        if result.reason != "complete" or not known:
            return False
        asked = [call for call in known if self._needs_approval(call)]
        free = [call for call in known if call not in asked]
        if free and (await run.pipe(_results(self._functions, free, results))).reason != "complete":
            return False
        if asked:
            await run.suspend()
            return False
        return len(known) == len(calls)  # the other calls are for clients, whose results begin another run

    def _needs_approval(self, call: dict[str, Any]) -> bool:
        name = _function_name(call)
        if name not in self._functions:
            return False
        return bool(self._approve(call)) if callable(self._approve) else name in self._approve

    async def _listen(self, request: Any) -> AsyncIterator[Any]:
        """The chunks of a request's stream, which is closed in the end."""
        stream = await request
        try:
            async for chunk in stream:
                self._fold(self._translator.translate(chunk))
                yield chunk
            self._fold(self._translator.finish())
            for call in self.calls:
                if self._needs_approval(call):
                    yield _approval_request(call)
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


def _approval_request(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    said = {"name": function["name"], "arguments": function["arguments"]}
    return {"type": APPROVAL_REQUEST, "tool_call_id": call["id"], **said}


def _function_name(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    return str(function.get("name")) if isinstance(function, Mapping) else ""
