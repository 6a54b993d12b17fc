"""A response as a turn handler: ``await session.serve(responses_turn(client, model="gpt-5"))``."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codecs.openai.functions import ToolFunction, tool_param
from ai_transport_codecs.errors import InvalidArgumentError, StreamError

from .kinds import APPROVAL_REQUEST, FUNCTION_CALL, OUTPUT
from .messages import Item, ResponsesMessage
from .model_input import approved_unexecuted_calls, model_input, resolved_call_ids, unanswered_calls
from .projection import ResponsesProjection
from .reducer import ResponsesReducer
from .translator import ResponsesTranslator

_log = logging.getLogger("ai_transport_codecs.codecs.openai.responses")

InputMapping: TypeAlias = Callable[[list[ResponsesMessage]], Any | Awaitable[Any]]

Approval: TypeAlias = Collection[str] | Callable[[Item], bool]

MAX_ROUNDS: Final = 16
"""How often a turn asks the model again with the results of tools."""

_ASKED: Final = ("call_id", "name", "arguments")

_OURS: Final = frozenset({"stream", "background"})


class ResponsesClient(Protocol):
    """What a turn needs of ``openai.AsyncOpenAI``, or of a client like it."""

    @property
    def responses(self) -> Any: ...


def responses_turn(
    client: ResponsesClient,
    *,
    model: str,
    tools: Mapping[str, ToolFunction] | Sequence[Mapping[str, Any]] = (),
    input: InputMapping | None = None,  # noqa: A002  # the word that the API uses for it
    approve: Approval = (),
    max_rounds: int = MAX_ROUNDS,
    **params: Any,
) -> TurnHandler:
    """A handler that answers with the responses of ``client``, given the conversation so far.

    ``tools`` as a mapping from name to asynchronous function: the model is told their docstrings and parameters, what
    it calls is run, the calls of one response at the same time, and it is asked again with the outputs, up to
    ``max_rounds`` times. Tools as the API's own list of dictionaries are described to the model only: calls of them are
    left to the clients. ``input`` maps the messages, oldest first, to the request's input; it may be asynchronous, and
    is by default :func:`.model_input.model_input`. ``params`` are the request's other parameters.

    Of the calls whose function ``approve`` names, or for which it says so, none runs before a person agreed: readers
    get a request for approval of each, the run is suspended, and the answers of any device resume it, in whatever
    process serves then. What was approved is run; the model is told of what was denied. The first answer counts.

    When the run is cancelled, the response is closed and the tools that still run are cancelled. A response that failed
    ends the run with its error. Raises InvalidArgumentError for parameters that are the handler's own, and for
    functions that cannot be tools.
    """
    wrong = sorted(_OURS & params.keys())
    if wrong:
        raise InvalidArgumentError(
            f"responses_turn sets {' and '.join(map(repr, wrong))} of each request itself; leave it out"
        )
    functions: dict[str, ToolFunction] = dict(tools) if isinstance(tools, Mapping) else {}
    described = [_described(name, function) for name, function in functions.items()] if functions else list(tools)
    if described:
        params["tools"] = described

    async def answer(run: TurnRun) -> None:
        await run.view.load()
        messages = [entry.message for entry in run.view.get_messages()]
        turn = _Turn(run, functions, approve)
        if not await turn.call(approved_unexecuted_calls(messages)):
            return
        if _is_waiting(messages):
            await run.suspend()
            return
        mapped = (input or model_input)(messages)
        asked = list(await mapped if inspect.isawaitable(mapped) else mapped) + turn.outputs
        for _ in range(max_rounds):
            turn = _Turn(run, functions, approve)
            again = await turn.ask(client.responses.create(model=model, input=asked, stream=True, **params))
            if not again:
                return
            asked = [*asked, *model_input(turn.messages), *turn.outputs]
        _log.warning("a turn ended after %d rounds of tool calls; raise max_rounds if it needs more", max_rounds)

    return answer


def _described(name: str, function: ToolFunction) -> dict[str, Any]:
    return {"type": "function", **tool_param(name, function)["function"], "strict": False}


class _Turn:
    """One response and the outputs of its calls."""

    def __init__(self, run: TurnRun, functions: Mapping[str, ToolFunction], approve: Approval) -> None:
        self._run = run
        self._approve = approve
        self._functions = functions
        self._projection = ResponsesProjection()
        self.outputs: list[Item] = []

    @property
    def messages(self) -> list[ResponsesMessage]:
        """What the response said."""
        return self._projection.messages

    async def ask(self, request: Awaitable[Any]) -> bool:
        """Stream one response and run its calls; whether the model has to be asked again."""
        result = await self._run.pipe(self._listen(request))
        if result.reason != "complete":
            return False
        for message in self.messages:
            _raise_if_failed(message)
        calls = self._whole_calls()
        asked = [call for call in calls if self._needs_approval(call)]
        if not calls or not await self.call([call for call in calls if call not in asked]):
            return False
        if asked:
            await self._run.suspend()
        return not self._open(calls)

    def _whole_calls(self) -> list[Item]:
        """The calls to answer; a call whose response broke off may look complete and not be, and is none of them."""
        is_whole = all(message.get("response", {}).get("status") == "completed" for message in self.messages)
        return unanswered_calls(self.messages) if is_whole else []

    def _needs_approval(self, call: Item) -> bool:
        if call["type"] != FUNCTION_CALL or call.get("name") not in self._functions:
            return False
        return bool(self._approve(call)) if callable(self._approve) else call["name"] in self._approve

    async def call(self, calls: Sequence[Item]) -> bool:
        """Run the calls of known functions and publish their outputs; whether all that was published is complete."""
        known = [call for call in calls if call["type"] == FUNCTION_CALL and call.get("name") in self._functions]
        if not known:
            return True
        result = await self._run.pipe(self._results(known))
        return bool(result.reason == "complete")

    def _open(self, calls: Iterable[Item]) -> bool:
        """Whether calls are left to the clients, whose results begin another run."""
        answered = {output["call_id"] for output in self.outputs} | set(resolved_call_ids(self.messages))
        return any(call["call_id"] not in answered for call in calls)

    async def _listen(self, request: Awaitable[Any]) -> AsyncIterator[Any]:
        """The events of a request's stream, which is closed in the end."""
        translator, reducer = ResponsesTranslator(), ResponsesReducer()
        stream = await request
        try:
            async for event in stream:
                for output in translator.translate(event):
                    reducer.fold_output(self._projection, output, FoldMeta("", translator.message_key(output)))
                yield event
            for call in self._whole_calls():
                if self._needs_approval(call):
                    yield {"type": APPROVAL_REQUEST} | {key: call.get(key, "") for key in _ASKED}
        finally:
            await stream.close()

    async def _results(self, calls: Sequence[Item]) -> AsyncIterator[Item]:
        """The output of each call, as soon as it is there; the calls that still run are cancelled with this."""
        running = [asyncio.create_task(_called(self._functions[call["name"]], call)) for call in calls]
        try:
            for done in asyncio.as_completed(running):
                output = await done
                self.outputs.append(output)
                yield output
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def _is_waiting(messages: Iterable[ResponsesMessage]) -> bool:
    """Whether somebody was asked, and has not answered."""
    states = (state for message in messages for state in message.get("toolCallStates", {}).values())
    return any(state.get("approval") == "pending" for state in states)


async def _called(function: ToolFunction, call: Item) -> Item:
    """The item with what a function answers to a call. What it raises is told to the model, and logged."""
    name, text = call["name"], call.get("arguments") or ""
    try:
        arguments = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        return _output(call, f"Error: the arguments are not JSON ({error}); call {name} again with valid JSON.")
    if not isinstance(arguments, dict):
        return _output(call, f"Error: the arguments are no JSON object; call {name} again with an object.")
    try:
        return _output(call, await function(**arguments))
    except Exception as error:  # a tool may raise anything; the model can often do better the next time
        _log.warning("tool %r raised", name, exc_info=True)
        return _output(call, f"Error: {type(error).__name__}: {error}")


def _output(call: Item, value: Any) -> Item:
    return {"type": OUTPUT, "call_id": call["call_id"], "output": value if _is_output(value) else _as_text(value)}


def _is_output(value: Any) -> bool:
    """Whether the API takes it as it is: text, or content parts."""
    if isinstance(value, str):
        return True
    return isinstance(value, list) and all(
        isinstance(part, dict) and str(part.get("type", "")).startswith("input_") for part in value
    )


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _raise_if_failed(message: ResponsesMessage) -> None:
    response = message.get("response", {})
    if response.get("status") == "failed":
        error = response.get("error") or {}
        raise StreamError(f"the response failed: {error.get('message') or 'no reason given'} ({error.get('code')})")
