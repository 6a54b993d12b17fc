"""Several neutral messages as one, for formats that show a whole answer, tools and all, as one message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from .blocks import Losses, Message, Usage


def answers(messages: Sequence[Message]) -> Iterator[list[tuple[int, Message]]]:
    """The messages, each with its index, in groups: an answer with its tools' results and what followed them."""
    group: list[tuple[int, Message]] = []
    for index, message in enumerate(messages):
        if group and not _goes_on(group[-1][1], message):
            yield group
            group = []
        group.append((index, message))
    if group:
        yield group


def _goes_on(before: Message, message: Message) -> bool:
    if message.role == "tool":
        return before.role in {"assistant", "tool"}
    if message.role != "assistant":
        return False
    if before.role == "tool":
        return True
    return before.role == "assistant" and message.part_of is not None and message.part_of == before.part_of


def summed_usage(group: Sequence[tuple[int, Message]], losses: Losses) -> Usage | None:
    """The tokens of the whole answer; what each step took is lost when there were several."""
    used = [message.usage for _, message in group if message.usage is not None]
    if not used:
        return None
    if len(used) > 1 or _final(group).usage is None:
        losses.note("usage of each step", "it is summed")
    return Usage(
        sum(usage.input_tokens for usage in used),
        sum(usage.output_tokens for usage in used),
        sum(usage.total_tokens for usage in used),
    )


def last_of(group: Sequence[tuple[int, Message]], field: str, losses: Losses) -> str | None:
    """The last message's ``model`` or ``finish_reason``; another one of an earlier step is lost."""
    found: list[str] = [value for _, message in group if (value := getattr(message, field)) is not None]
    if any(one != other for one, other in pairwise(found)) or (found and getattr(_final(group), field) is None):
        losses.note(f"{field} of each step", "the last one is kept, as that of the whole answer")
    return found[-1] if found else None


def _final(group: Sequence[tuple[int, Message]]) -> Message:
    """The last message of an answer that is no tool's; what is said of the whole answer is read as said of that."""
    return next((message for _, message in reversed(group) if message.role != "tool"), group[0][1])
