"""What wakes an agent: the input it shall answer, and the session that holds it (session spec 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai_transport_codecs.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Invocation:
    """``input_event_id`` names the input, ``session_name`` the channel. An empty event id means a run without input."""

    input_event_id: str
    session_name: str = ""

    def to_json(self) -> dict[str, str]:
        """The body to post to an agent: ``{"inputEventId": ..., "sessionName": ...}``."""
        return {"inputEventId": self.input_event_id, "sessionName": self.session_name}

    @classmethod
    def parse(cls, body: Any) -> Invocation:
        """The invocation in an untrusted request body. Raises InvalidArgumentError naming what is wrong with it."""
        if not isinstance(body, Mapping):
            raise InvalidArgumentError(f"an invocation is a JSON object, not {type(body).__name__}")
        event_id, session_name = body.get("inputEventId"), body.get("sessionName")
        if not isinstance(event_id, str) or not isinstance(session_name, str) or not session_name:
            raise InvalidArgumentError(
                'an invocation needs a string "inputEventId" and a non-empty string "sessionName";'
                f" this one has {sorted(map(str, body))}"
            )
        return cls(event_id, session_name)
