"""What the evidence says: each promise of the demo, kept or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from ai_transport_codecs.cli.text import shortened
from ai_transport_codecs.session.events import RunStatus

from .evidence import Evidence, Sighting
from .witness import Produced

_EXPECTED = [RunStatus.COMPLETE, RunStatus.CANCELLED]


class Check(NamedTuple):
    """One promise: its name, whether it was kept, and what was seen instead."""

    name: str
    is_kept: bool
    seen: str = ""


def judge(evidence: Evidence) -> list[Check]:
    """All promises, in the order of the story."""
    return [*_arrivals(evidence), *_outcomes(evidence), *_answers(evidence), *_readers(evidence)]


def _arrivals(evidence: Evidence) -> Iterator[Check]:
    for name, device in (("phone_joined_mid_answer", evidence.phone), ("laptop_resumed_mid_answer", evidence.laptop)):
        arrival = device.arrival
        if arrival is None:
            yield Check(name, is_kept=False, seen=f"the {device.name} never came")
            continue
        sees_all = bool(arrival.had_at_once) and arrival.had_at_once.startswith(arrival.shown_elsewhere)
        yield Check(
            name,
            sees_all and arrival.in_the_middle,
            f"had {_quoted(arrival.had_at_once)} when the other device showed {_quoted(arrival.shown_elsewhere)}",
        )
    away = evidence.laptop.tokens_while_away
    yield Check("laptop_missed_tokens_while_away", away > 0, f"{away} tokens were produced meanwhile")


def _outcomes(evidence: Evidence) -> Iterator[Check]:
    for device in evidence.devices:
        seen = ", ".join(device.statuses)
        yield Check(f"{device.name}_saw_one_complete_one_cancelled", device.statuses == _EXPECTED, seen)
        yield Check(f"{device.name}_never_lost_or_doubled_text", not device.faults, "; ".join(device.faults[:2]))
        yield Check(f"{device.name}_had_no_errors", not device.errors, "; ".join(device.errors[:2]))
    yield Check("provider_stream_closed_by_cancel", evidence.cancel.provider_closed is not False, "it went on")


def _answers(evidence: Evidence) -> Iterator[Check]:
    """Each device's answers against what LangChain itself made of the chain's chunks."""
    for device in evidence.devices:
        answers = _answers_of(device)
        complete = answers[0] if answers else None
        produced = evidence.produced[0].whole() if evidence.produced else None
        yield Check(
            f"{device.name}_turn_1_equals_the_chain",
            complete is not None and complete == produced,
            f"{_quoted(_text(complete))}, the chain produced {_quoted(_text(produced))}",
        )
        cut_off = answers[1] if len(answers) > 1 else None
        yield Check(
            f"{device.name}_turn_2_is_what_was_said_before_the_cancel",
            cut_off is not None and len(evidence.produced) > 1 and _is_prefix(cut_off, evidence.produced[1], evidence),
            f"{_quoted(_text(cut_off))}, the chain produced {_quoted(evidence.produced[-1].text)}",
        )


def _readers(evidence: Evidence) -> Iterator[Check]:
    laptop = evidence.laptop.messages
    for reader in (evidence.phone, evidence.history):
        yield Check(
            f"{reader.name}_equals_laptop",
            reader.messages == laptop and len(laptop) == 4,
            f"{_described(reader)} against {_described(evidence.laptop)}",
        )


def _is_prefix(message: BaseMessage, produced: Produced, evidence: Evidence) -> bool:
    """Whether the message is what some number of the chain's chunks say, and at least what was shown at the cancel."""
    prefix = produced.prefix(_text(message))
    return (
        prefix is not None
        and prefix.content == message.content
        and prefix.id == message.id
        and _text(message).startswith(evidence.cancel.shown)
    )


def _answers_of(device: Sighting) -> list[BaseMessage]:
    return [entry.message for entry in device.messages if entry.message.type == "ai" or "AI" in entry.message.type]


def _text(message: BaseMessage | None) -> str:
    return "" if message is None else str(message.text)


def _quoted(text: str) -> str:
    return repr(shortened(text))


def _described(reader: Sighting) -> str:
    return f"{reader.name}: " + ", ".join(
        f"{entry.message.type} {_quoted(_text(entry.message))}" for entry in reader.messages
    )
