"""A workflow that waits for people, as it is kept until they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import HumanResponseEvent, Workflow

from ai_transport_codecs.codecs.llamaindex.questions import Question, RefusedAnswerError, response_of
from ai_transport_codecs.errors import StreamError

Plain: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Suspended:
    """What is kept of a workflow that waits."""

    context: Plain
    questions: list[Question]
    calls: list[str]
    """The tools that run, by the ids of their calls."""
    answered: list[Plain]
    """What was asked and answered before: a step that waited begins again, and may ask it again."""
    memory: Plain | None
    """What an agent remembers, which LlamaIndex leaves out of contexts."""

    @classmethod
    def parse(cls, text: str) -> Suspended:
        """What :meth:`dump` wrote. Raises StreamError for anything else."""
        try:
            kept = json.loads(text)
            questions = [Question(**each) for each in kept["questions"]]
            return cls(kept["context"], questions, kept["calls"], kept["answered"], kept["memory"])
        except (ValueError, TypeError, LookupError) as error:
            raise StreamError(
                "unable to go on; what agent_turn's contexts gave is not what was put there, whole and unchanged:"
                f" {error!r}; ask again in another turn",
                cause=error,
            ) from error

    def dump(self) -> str:
        """It as JSON. Raises TypeError or ValueError when the context is none."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Answers:
    """How the questions of a suspended workflow stand."""

    responses: list[HumanResponseEvent]
    refusals: dict[str, str]
    """Why answers are of no use, by question."""
    is_complete: bool

    @classmethod
    def of(cls, kept: Suspended, replies: Mapping[str, ChatMessage], workflow: Workflow) -> Answers:
        """What people answered, as the events that the workflow waits for."""
        classes = _response_classes(workflow, kept.context)
        responses: list[HumanResponseEvent] = []
        refusals: dict[str, str] = {}
        for question in kept.questions:
            if question.id in replies:
                try:
                    responses.append(response_of(replies[question.id], question, classes))
                except RefusedAnswerError as refusal:
                    refusals[question.id] = str(refusal)
        return cls(responses, refusals, len(responses) == len(kept.questions))


def ask_again(kept: Suspended, refusals: Mapping[str, str]) -> tuple[Suspended, list[ChatMessage]]:
    """Other questions in place of those whose answers are of no use, since a question's first answer counts."""
    again = {id_: Question.new(each.name, each.data) for each in kept.questions if (id_ := each.id) in refusals}
    questions = [again.get(each.id, each) for each in kept.questions]
    said = {id_: f"This answer cannot be used: {why}. Please answer again." for id_, why in refusals.items()}
    return replace(kept, questions=questions), [each.message(said[id_]) for id_, each in again.items()]


def waiters(context: Plain) -> Iterator[Plain]:
    """The waits of a context that nothing has come for."""
    for worker in context["workers"].values():
        yield from (waiter for waiter in worker["collected_waiters"] if waiter.get("resolved_event") is None)


def _response_classes(workflow: Workflow, context: Plain) -> list[type[HumanResponseEvent]]:
    """The classes of answers that a workflow waits for. Never made of a name that anybody sent."""
    awaited = {waiter.get("waiting_for_event") for waiter in waiters(context)}
    known = _subclasses(HumanResponseEvent)
    found = [cls for cls in known if f"{cls.__module__}.{cls.__name__}" in awaited or cls in workflow.events]
    return found or [HumanResponseEvent]


def _subclasses(cls: type[HumanResponseEvent]) -> list[type[HumanResponseEvent]]:
    return [cls, *(each for sub in cls.__subclasses__() for each in _subclasses(sub))]
