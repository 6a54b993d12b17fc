"""The questions at which a graph stops, and what people's answers make it go on with.

A question whether tools may run is known by its value: that of ``HumanInTheLoopMiddleware``, in both of its modes. It
is answered call by call, and each answer becomes one of the middleware's decisions. Any other takes any value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage

from ai_transport_codecs.codecs.langchain.messages import INTERRUPT

from .answers import Answers

Form: TypeAlias = Literal["value", "decision", "decisions", "breakpoint"]

_UNNAMED: Final = ("approve", "reject")
"""What a question allows that does not say."""


@dataclass(frozen=True, slots=True)
class ReviewedCall:
    """A tool call that somebody has to decide about."""

    id: str
    name: str
    args: Any
    allowed: tuple[str, ...]

    def wire(self) -> dict[str, Any]:
        """As readers get it."""
        return {"tool_call_id": self.id, "name": self.name, "args": self.args, "allowed": list(self.allowed)}


@dataclass(frozen=True, slots=True)
class Question:
    """One stop of a graph. ``id`` tells it from earlier ones of the same node, which have the same ``interrupt_id``.

    Of one that was asked already, ``id`` is the one under which it would be asked again.
    """

    interrupt_id: str
    id: str
    value: Any
    form: Form
    calls: tuple[ReviewedCall, ...] = ()

    def wire(self, refusal: str | None = None) -> dict[str, Any]:
        """As readers get it; with ``refusal``, why the last answer was none."""
        found = {"id": self.id, "value": self.value}
        found |= {"calls": [call.wire() for call in self.calls]} if self.calls else {}
        return found | ({"refused": refusal} if refusal else {})


class RefusedAnswerError(Exception):
    """An answer that the graph could not go on with; its text says why, for who answered."""


def open_questions(state: Any, answers: Answers) -> list[Question]:
    """What the graph waits for in a state, oldest first; ``answers`` knows what was asked before."""
    found: list[Question] = []
    for task in state.tasks:
        if task.result is None:  # else it is done, and what it asked was answered
            found += [_question(each, state, answers) for each in task.interrupts]
    if not found and state.next and not any(task.error for task in state.tasks):
        # Stopped by interrupt_before or interrupt_after, which ask nothing.
        id_ = str(state.config["configurable"].get("checkpoint_id"))
        found.append(Question(id_, f"{id_}:{answers.count(id_)}", {"next": list(state.next)}, "breakpoint"))
    return found


def try_resume(question: Question, answers: Answers, said: str | None) -> tuple[Any] | None:
    """What the graph goes on with, in a tuple; None while the question is open.

    ``said`` is what a person said instead of answering: a question of the graph's own takes it as the answer, and calls
    of tools are rejected with it. Raises RefusedAnswerError.
    """
    whole = answers.try_value(question.id, question.interrupt_id)
    if question.form in ("value", "breakpoint"):
        if whole is None and said is not None and question.form == "value":
            return (said,)
        return whole
    if whole is not None:
        return (_checked_whole(question, whole[0]),)
    decisions = [_try_decision(call, question, answers, said) for call in question.calls]
    if None in decisions:
        return None
    return (decisions[0],) if question.form == "decision" else ({"decisions": decisions},)


def _question(interrupt: Any, state: Any, answers: Answers) -> Question:
    interrupt_id, value = str(interrupt.id), interrupt.value
    id_ = f"{interrupt_id}:{answers.count(interrupt_id)}"
    form, calls = _review(interrupt, state)
    return Question(interrupt_id, id_, value, form, tuple(calls))


def _review(interrupt: Any, state: Any) -> tuple[Form, list[ReviewedCall]]:
    """Which calls a question is about; of one that is not, or in words that are not known, none."""
    value = interrupt.value
    if not isinstance(value, Mapping):
        return "value", []
    if value.get("type") == "tool_approval" and isinstance(value.get("tool_call_id"), str):
        allowed = tuple(dict.fromkeys(_constants(getattr(interrupt, "response_schema", None)))) or _UNNAMED
        return "decision", [ReviewedCall(value["tool_call_id"], str(value.get("name")), value.get("args"), allowed)]
    requests, configs = value.get("action_requests"), value.get("review_configs")
    if not isinstance(requests, list) or not isinstance(configs, list) or len(requests) != len(configs):
        return "value", []
    called = _calls(state)
    found: list[ReviewedCall] = []
    for request, config in zip(requests, configs, strict=True):
        call = next((each for each in called if _is_of(request, each)), None)
        if call is None:
            return "value", []
        called.remove(call)
        allowed = tuple(map(str, config.get("allowed_decisions") or _UNNAMED))
        found.append(ReviewedCall(str(call["id"]), call["name"], call["args"], allowed))
    return ("decisions", found) if found else ("value", [])


def _is_of(request: Any, call: Mapping[str, Any]) -> bool:
    return bool(call.get("id")) and request.get("name") == call["name"] and request.get("args") == call["args"]


def _calls(state: Any) -> list[Any]:
    """The calls that the graph and its subgraphs made last."""
    found: list[Any] = []
    for messages in state_messages(state):
        last = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
        found += [] if last is None else last.tool_calls
    return found


def state_messages(state: Any) -> Iterator[list[BaseMessage]]:
    """The lists of messages in a state, and in those of the subgraphs that it waits in."""
    values = state.values.values() if isinstance(state.values, Mapping) else ()
    for value in values:
        if isinstance(value, list) and value and all(isinstance(each, BaseMessage) for each in value):
            yield value
    for task in state.tasks:
        if hasattr(task.state, "values"):
            yield from state_messages(task.state)


def _constants(schema: Any) -> Iterator[str]:
    """The types of decisions that a JSON schema allows."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        kind = properties.get("type") if isinstance(properties, Mapping) else None
        if isinstance(kind, Mapping):
            yield from filter(None, (kind.get("const"), *(kind.get("enum") or ())))
        for each in schema.values():
            yield from _constants(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _constants(each)


def _checked_whole(question: Question, value: Any) -> Any:
    """An answer for all calls together, in the middleware's own form."""
    if question.form == "decision":
        return _checked(value, question.calls[0])
    decisions = value.get("decisions") if isinstance(value, Mapping) else value
    if not isinstance(decisions, list) or len(decisions) != len(question.calls):
        raise RefusedAnswerError(f"it has to be {{'decisions': [...]}}, one for each of {len(question.calls)} calls")
    return {"decisions": [_checked(each, call) for each, call in zip(decisions, question.calls, strict=True)]}


def _try_decision(call: ReviewedCall, question: Question, answers: Answers, said: str | None) -> Any:
    found = answers.try_value(call.id, question.interrupt_id)
    if found is None:
        return None if said is None else _checked({"type": "reject", "message": said}, call)
    value = found[0]
    if isinstance(value, Mapping) and isinstance(value.get("approved"), bool):
        if value["approved"]:
            return _checked({"type": "approve"}, call)
        reason = value.get("reason")
        return _checked({"type": "reject"} | ({"message": reason} if reason else {}), call)
    if isinstance(value, Mapping) and "type" in value:
        return _checked(value, call)
    return _checked({"type": "respond", "message": value if isinstance(value, str) else str(value)}, call)


def _checked(decision: Any, call: ReviewedCall) -> dict[str, Any]:
    """A decision that the middleware takes for that call. Raises RefusedAnswerError."""
    given: Mapping[str, Any] = decision if isinstance(decision, Mapping) else {}
    kind = given.get("type")
    if kind not in call.allowed:
        raise RefusedAnswerError(f"a decision about {call.name!r} is one of {', '.join(call.allowed)}, not {kind!r}")
    if kind == "edit":
        action = given.get("edited_action")
        named = action if isinstance(action, Mapping) else {}
        if not isinstance(named.get("name"), str) or not isinstance(named.get("args"), Mapping):
            raise RefusedAnswerError("an edit needs 'edited_action' with a 'name' and 'args'")
    if kind == "respond" and not isinstance(given.get("message"), str):
        raise RefusedAnswerError("a response needs its 'message'")
    return dict(given)


def without_questions(messages: Iterable[BaseMessage]) -> list[BaseMessage]:
    """Messages for a model: without the calls as which UI messages show a graph's questions, and without their data."""
    return [_without(message) if isinstance(message, AIMessage) else message for message in messages]


def _without(message: AIMessage) -> BaseMessage:
    calls = [call for call in message.tool_calls if call["name"] != INTERRUPT]
    content: Any = message.content
    if isinstance(content, list):
        content = [block for block in content if not _is_aside(block)]
    if content == message.content and len(calls) == len(message.tool_calls):
        return message
    return message.model_copy(update={"content": content, "tool_calls": calls})


def _is_aside(block: Any) -> bool:
    if not isinstance(block, Mapping):
        return False
    if block.get("type") == "tool_call":
        return block.get("name") == INTERRUPT
    value = block.get("value")
    return block.get("type") == "non_standard" and isinstance(value, Mapping) and set(value) == {"type", "value"}


def rejected_calls(questions: Sequence[Question], values: Mapping[str, Any]) -> set[str]:
    """The calls that people rejected, by what the graph goes on with."""
    found: set[str] = set()
    for question in questions:
        value = values.get(question.interrupt_id)
        decisions = value.get("decisions", [value]) if question.calls and isinstance(value, Mapping) else []
        pairs = zip(question.calls, decisions, strict=False)
        found |= {call.id for call, decision in pairs if decision.get("type") == "reject"}
    return found
