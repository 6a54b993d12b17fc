"""A provider that plays one recorded conversation whatever it is asked, for examples, which answer anything."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from .pacing import FIRST_TOKEN
from .provider import CHAT, RESPONSES, ReplayProvider, Take
from .recording import Recording

_ID: Final = re.compile(rb"\b(call|fc|msg|resp|rs)_(?=[0-9A-Za-z]{12})")


class ConversationProvider(ReplayProvider):
    """Answers what a user says with the first of ``rounds``, the results of tools with the next one, and so on.

    The ids in it are new each time, as a provider's are; without that, a second call of a tool would look like the
    first one. ``api`` is the one that the rounds were recorded from.
    """

    def __init__(self, rounds: Sequence[Recording], *, api: Literal["chat", "responses"] = "chat") -> None:
        super().__init__([], path=CHAT if api == "chat" else RESPONSES)
        self._rounds = rounds
        self._numbers = itertools.count(1)

    def choose(self, body: dict[str, Any]) -> Take:
        """The round that is next; the last one when there are no more."""
        said = body.get("messages", body.get("input"))
        recording = self._rounds[min(_rounds_of_tools(said), len(self._rounds) - 1)]
        mark = rb"\g<1>_%d" % next(self._numbers)
        events = tuple(_ID.sub(mark, event) for event in recording.events)
        gap = 1.0 / recording.tokens_per_second
        return Take(replace(recording, events=events), [FIRST_TOKEN, *[gap] * (len(events) - 1)])


def _rounds_of_tools(said: Any) -> int:
    """How often tools answered since the user said something; several that answer at once are one round."""
    rounds, in_results = 0, False
    for message in said if isinstance(said, list) else []:
        if not isinstance(message, dict):
            continue
        is_result = message.get("role") == "tool" or message.get("type") == "function_call_output"
        rounds += is_result and not in_results
        in_results = is_result
        if message.get("role") == "user":
            rounds = 0
    return rounds
