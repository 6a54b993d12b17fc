"""A graph as a turn handler: ``await session.serve(graph_turn(graph))``.

Where the graph stops at ``interrupt(value)`` readers get a message whose
``additional_kwargs["interrupt"]`` has the question's ``id`` and ``value``, and the run is suspended. A device
answers with ``codec.create_tool_result(message_id, {"tool_call_id": id, "content": text})``, or ``"artifact":
value`` for what is no text, sent to the run (``run_id=``); a plain message to the run answers an only question.
Once all are answered the graph goes on with ``Command(resume=...)``, in whatever process serves then that shares
the checkpointer. The first answer counts. ``interrupt_before`` asks too, with the nodes as ``value["next"]``.

A question of ``HumanInTheLoopMiddleware`` has ``calls`` besides: each is answered with
``codec.create_tool_approval_response(message_id, {"tool_call_id": call_id, "approved": True})``, or with a tool
result whose artifact is one of the middleware's decisions (``{"type": "edit", ...}``); the question as a whole
takes ``{"decisions": [...]}``. An answer that the middleware does not allow is asked for again, with why as
``"refused"``.

On a page (``bridged(graph_turn(graph), "langchain")`` in a session with ``codec="vercel"``) what tools wait for is
approved with ``addToolApprovalResponse``; any other question is a tool part named ``interrupt``, with what was
asked as its input, and answered with ``addToolOutput``. What nodes write are data parts, ``data-custom`` or by
their own ``type``.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from ai_transport_codecs.codec.handler import TurnHandler, TurnRun
from ai_transport_codecs.codecs.langchain.history import as_history
from ai_transport_codecs.codecs.langchain.messages import INTERRUPT
from ai_transport_codecs.errors import InvalidArgumentError

from .answers import MessageAnswers, PageAnswers
from .questions import (
    Question,
    RefusedAnswerError,
    open_questions,
    rejected_calls,
    state_messages,
    try_resume,
    without_questions,
)
from .streams import ShownItems

Thread: TypeAlias = str | Callable[[TurnRun], str]
InputMapping: TypeAlias = Callable[[list[BaseMessage]], Any | Awaitable[Any]]
Config: TypeAlias = Mapping[str, Any] | Callable[[TurnRun], Mapping[str, Any]]

RUN: Final = "ai_transport_run"
"""The key of a checkpoint's metadata under which it has the run that wrote it."""

MODES: Final = ("messages", "custom", "tools")

_OUR_MODES: Final = frozenset({"messages", "custom", "tools", "updates"})
_MEMORY: Final = ("aget_state", "aget_state_history")


def graph_turn(
    graph: Any,
    *,
    thread: Thread | None = None,
    input: InputMapping | None = None,  # noqa: A002  # the word that LangGraph uses for it
    config: Config | None = None,
    stream_mode: str | Sequence[str] = MODES,
) -> TurnHandler:
    """A handler that answers with ``graph``: a compiled graph, or what streams and remembers like one.

    ::

        def plan(state: MessagesState) -> dict[str, Any]:
            get_stream_writer()({"looking": "flights"})
            city = interrupt("Where to?")
            return {"messages": [AIMessage(f"Off to {city}!")]}

        builder = StateGraph(MessagesState).add_node("plan", plan)
        graph = builder.add_edge(START, "plan").compile(checkpointer=InMemorySaver())
        await session.serve(graph_turn(graph))

    **What readers get.** Every message, subgraphs' too, as it is made and once; the projection says of which ``node``
    and ``namespace`` it is. What nodes write with ``get_stream_writer()`` is a message of its own, whose
    ``additional_kwargs["custom"]`` lists it; with ``"updates"`` in ``stream_mode`` so is what nodes did to the rest of
    the state, under ``"updates"``. ``as_history`` leaves both out.

    **What the graph gets.** With a checkpointer, what the user said last: it remembers the rest, as far as that is on
    the branch that the turn answers. An edit or another answer to the same question goes on from the checkpoint where
    the branch was left (``checkpoint_id``). Where there is none for what the branch shows (it begins anew, or the
    checkpointer lost it), the visible conversation is the input, in the thread ``"{thread}:{run_id}"`` when
    ``thread`` is taken. What a cancelled or failed turn left in the thread is not gone on from. Without a
    checkpointer the graph gets the visible conversation each time. ``input`` maps these messages to the graph's input,
    by default ``{"messages": messages}``.

    **Threads.** ``thread`` is the thread's id or makes it from the run; by default it is the one in ``config``, or the
    name of the channel. ``config`` is the graph's further config, or makes it from the run. A checkpoint's metadata
    names the run that wrote it (``ai_transport_run``).

    **Questions.** Where the graph stops to ask, the run is suspended until a device has answered; how it does is in
    the module :mod:`~ai_transport_codecs.codecs.langchain.graphs.turn`.

    A question that another turn has overtaken can still be answered; LangGraph then runs again what ran beside it.
    When the run is cancelled, so is the graph. A graph that raises ends the run with its error.

    Raises InvalidArgumentError for what is no graph, for a mode that says nothing to readers, and for a thread, config
    or mapping that is none. A graph without a checkpointer that asks something ends its run with an error that says so.
    """
    modes = (stream_mode,) if isinstance(stream_mode, str) else tuple(stream_mode)
    _check(graph, thread, input, config, modes)
    begun: set[str] = set()

    async def answer(run: TurnRun) -> None:
        await run.view.load()
        await _Turn(graph, run, thread, input, config, modes, begun).answer()

    return answer


def _check(graph: Any, thread: Any, map_input: Any, config: Any, modes: Sequence[str]) -> None:
    if not callable(getattr(graph, "astream", None)):
        raise InvalidArgumentError(f"graph_turn takes a compiled graph, not a {type(graph).__name__}")
    wrong = sorted({*modes} - _OUR_MODES)
    if wrong:
        raise InvalidArgumentError(
            f"stream mode {wrong[0]!r} says nothing to readers that others do not; graph_turn takes"
            f" {', '.join(map(repr, sorted(_OUR_MODES)))}"
        )
    for name, value, kind, what in (
        ("thread", thread, str, "a thread's id, or a function that makes one of the run"),
        ("config", config, Mapping, "a config of LangGraph, or a function that makes one of the run"),
        ("input", map_input, (), "a function that maps messages to the graph's input"),
    ):
        if not (value is None or callable(value) or isinstance(value, kind)):
            raise InvalidArgumentError(f"graph_turn's {name} is {what}, not a {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a graph's memory a turn goes on."""

    thread_id: str
    state: Any = None
    """What the graph knows there; None when nothing."""
    is_head: bool = True
    """Whether that is the thread's newest state, so that it need not be addressed by its checkpoint."""


class _Turn:
    """One call of the handler."""

    def __init__(
        self,
        graph: Any,
        run: TurnRun,
        thread: Thread | None,
        map_input: InputMapping | None,
        config: Config | None,
        modes: Sequence[str],
        begun: set[str],
    ) -> None:
        self._graph = graph
        self._run = run
        self._map_input = map_input
        self._modes = frozenset(modes)
        self._begun = begun
        """The threads in which a turn begins that have nothing yet; another turn at the same time may not join it."""
        self._config = dict(config(run) if callable(config) else config or {})
        self._remembers = _remembers(graph)
        self._thread_id = _thread_id(run, thread, self._config)
        entries = run.view.get_messages()
        self._messages: list[BaseMessage] = [entry.message for entry in entries]
        writer_of = getattr(run.view, "run_id_of", lambda _: None)
        writers = [writer_of(each.id) or writer_of(each.id.rpartition("/")[0]) for each in entries]
        self._runs = list(dict.fromkeys(each for each in reversed(writers) if each))
        said = [isinstance(message, HumanMessage) for message in self._messages]
        self._new = self._messages[len(said) - said[::-1].index(False) :] if False in said else self._messages
        """What was said since the last message that is no user's."""
        self._before = [each for each in writers[: len(writers) - len(self._new)] if each]
        shown: Any = getattr(run.view, "messages", ())
        is_page = bool(shown) and isinstance(shown[0], Mapping)
        self._is_page = is_page
        self._answers = PageAnswers(shown) if is_page else MessageAnswers(self._messages)
        self._asked: list[Question] = []

    async def answer(self) -> None:
        """Go on with what people answered, or with what they said."""
        place = await self._try_place(self._run.run_id) if self._run.run_id in self._before else None
        if place is not None:
            questions = open_questions(place.state, self._answers)
            if questions and await self._resume(place, questions):
                return
            new = [*_results(place.state, self._messages), *self._new]
            if new:
                await self._pipe(await self._input(new), place)
            return
        base = await self._base()
        messages = self._new if base.state is not None else as_history(without_questions(self._messages))
        try:
            await self._pipe(await self._input(messages), base)
        finally:
            if base.state is None:
                self._begun.discard(base.thread_id)

    async def _resume(self, place: _Place, questions: Sequence[Question]) -> bool:
        """Whether it is settled what becomes of the questions; else what the user said takes them away."""
        said = "\n".join(message.text for message in self._new) or None
        heard = [_heard(each, self._answers, None) for each in questions]
        unanswered = [each for each, value in zip(questions, heard, strict=True) if value is None]
        if said is not None and unanswered:
            if len(unanswered) > 1 or unanswered[0].form == "breakpoint":
                return False
            heard = [_heard(each, self._answers, said) for each in questions]
        refused = [(each, value) for each, value in zip(questions, heard, strict=True) if isinstance(value, str)]
        if refused:
            await self._run.pipe([_asking(each, why) for each, why in refused])
        if refused or None in heard:
            await self._run.suspend()
            return True
        values = {
            each.interrupt_id: value[0]
            for each, value in zip(questions, heard, strict=True)
            if isinstance(value, tuple)
        }
        if questions[0].form == "breakpoint":
            answered = values[questions[0].interrupt_id]
            if not (isinstance(answered, Mapping) and answered.get("approved") is False):
                await self._pipe(None, place)
            return True
        known = {message.id for messages in state_messages(place.state) for message in messages if message.id}
        rejected = rejected_calls(questions, values) if self._is_page else set[str]()
        await self._pipe(_resumed(values), place, known, rejected)
        return True

    async def _pipe(
        self, value: Any, place: _Place, known: Collection[str] = (), rejected: Collection[str] = ()
    ) -> None:
        shown = ShownItems(self._modes, known, rejected)
        result = await self._run.pipe(self._items(value, place, shown))
        if result.reason == "complete" and self._asked:
            await self._run.suspend()

    async def _items(self, value: Any, place: _Place, shown: ShownItems) -> AsyncIterator[Any]:
        """What the graph says, and then the questions at which it stopped."""
        modes = [*dict.fromkeys((*self._modes, "updates"))]
        stream = self._graph.astream(value, self._settings(place), stream_mode=modes, subgraphs=True)
        async with contextlib.aclosing(stream):
            async for item in stream:
                found = shown.try_item(item)
                if found is not None:
                    yield found
        if not self._remembers:
            if shown.has_asked:
                raise InvalidArgumentError(
                    "the graph asked something, but has no checkpointer to wait with: compile it with checkpointer=..."
                )
            return
        state = await self._state(place.thread_id)
        if state is not None and state.metadata.get(RUN) != self._run.run_id:  # another turn went on meanwhile
            found = await self._try_written(place.thread_id, self._run.run_id)
            state = None if found is None else found
        if state is not None:
            self._asked = open_questions(state, self._answers)
        for question in self._asked:
            yield _asking(question)

    # --- the graph's memory

    async def _base(self) -> _Place:
        """Where the branch that this turn answers was left; where there is nothing, room for all of it."""
        thread_id = self._thread_id
        if not self._remembers:
            return _Place(thread_id)
        if self._before and self._new:
            place = await self._try_place(self._before[-1])
            if place is not None:
                # By its checkpoint also where it is the newest: another turn may begin meanwhile.
                return _Place(place.thread_id, place.state, is_head=False)
        head = await self._state(thread_id)
        if head is None and thread_id not in self._begun:
            self._begun.add(thread_id)
            return _Place(thread_id)
        if head is not None and RUN not in head.metadata and len(self._new) == len(self._messages):
            return _Place(thread_id, head)  # remembers from elsewhere
        return _Place(f"{thread_id}:{self._run.run_id}")

    async def _try_place(self, run_id: str) -> _Place | None:
        """Where that run left the graph, in whichever thread."""
        if not self._remembers:
            return None
        for thread_id in (self._thread_id, *(f"{self._thread_id}:{each}" for each in self._runs)):
            head = await self._state(thread_id)
            if head is None:
                continue
            if head.metadata.get(RUN) == run_id:
                return _Place(thread_id, head)
            state = await self._try_written(thread_id, run_id)
            if state is not None:
                is_amended = RUN not in head.metadata and _checkpoint(head.parent_config) == _checkpoint(state.config)
                return _Place(thread_id, head if is_amended else state, is_amended)
        return None

    async def _state(self, thread_id: str, checkpoint_id: str | None = None) -> Any:
        """A thread's newest state, or the one of a checkpoint; None for a thread that has none."""
        settings = self._settings(_Place(thread_id), checkpoint_id)
        state = await self._graph.aget_state(settings, subgraphs=True)
        return state if state.metadata is not None else None

    async def _try_written(self, thread_id: str, run_id: str) -> Any:
        """The newest state that a run wrote to a thread."""
        history = self._graph.aget_state_history(self._settings(_Place(thread_id)), filter={RUN: run_id}, limit=1)
        async for state in history:
            return await self._state(thread_id, _checkpoint(state.config))
        return None

    def _settings(self, place: _Place, checkpoint_id: str | None = None) -> dict[str, Any]:
        if not place.is_head:
            checkpoint_id = _checkpoint(place.state.config)
        configurable = {**self._config.get("configurable", {}), "thread_id": place.thread_id}
        if checkpoint_id is not None:
            configurable["checkpoint_id"] = checkpoint_id
        metadata = {**self._config.get("metadata", {}), RUN: self._run.run_id}
        return {**self._config, "configurable": configurable, "metadata": metadata}

    async def _input(self, messages: list[BaseMessage]) -> Any:
        if self._map_input is None:
            return {"messages": messages}
        value = self._map_input(messages)
        return await value if inspect.isawaitable(value) else value


def _remembers(graph: Any) -> bool:
    """Whether it has a memory: a compiled graph with a checkpointer, or one on a server, which has its own."""
    return all(callable(getattr(graph, name, None)) for name in _MEMORY) and bool(getattr(graph, "checkpointer", True))


def _thread_id(run: TurnRun, thread: Thread | None, config: Mapping[str, Any]) -> str:
    found = thread(run) if callable(thread) else thread
    if found is None:
        found = config.get("configurable", {}).get("thread_id") or getattr(run, "channel_name", None)
    if not isinstance(found, str) or not found:
        raise InvalidArgumentError("graph_turn needs a thread: pass thread=..., the id of the graph's thread, as text")
    return found


def _checkpoint(config: Any) -> str | None:
    configurable = config.get("configurable") if isinstance(config, Mapping) else None
    return configurable.get("checkpoint_id") if isinstance(configurable, Mapping) else None


def _asking(question: Question, refusal: str | None = None) -> AIMessage:
    return AIMessage("", additional_kwargs={INTERRUPT: question.wire(refusal)})


def _heard(question: Question, answers: Any, said: str | None) -> tuple[Any] | str | None:
    """As :func:`.questions.try_resume`; what was refused as the reason why."""
    try:
        return try_resume(question, answers, said)
    except RefusedAnswerError as refusal:
        return str(refusal)


def _results(state: Any, messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """What clients' tools said to calls that the graph has no result of."""
    held = [message for each in state_messages(state) for message in each]
    answered = {message.tool_call_id for message in held if isinstance(message, ToolMessage)}
    called = {call["id"] for message in held if isinstance(message, AIMessage) for call in message.tool_calls}
    results = {message.tool_call_id: message for message in messages if isinstance(message, ToolMessage)}
    return [message for call_id, message in results.items() if call_id in called - answered]


def _resumed(values: Mapping[str, Any]) -> Any:
    from langgraph.types import Command  # noqa: PLC0415  # LangGraph may not be installed; who passes a graph has it

    return Command(resume=dict(values))
