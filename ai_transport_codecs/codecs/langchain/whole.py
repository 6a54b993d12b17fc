"""Messages that arrive whole: tool results, answers of models that do not stream, what a graph's node returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage

from .draft import Draft, Event
from .plain import Plainer

_DEFAULTS: Final[Mapping[str, Any]] = {"status": "success"}
_SKIPPED: Final = frozenset({"content", "type"})


def whole_events(draft: Draft, values: Mapping[str, Any]) -> list[Event]:
    """The events that state a message to its end: one, or more when it has long texts (:data:`.draft.LONG_TEXT`)."""
    for path, value in values.items():
        draft.replace(path, value)
    events = draft.events() if draft.is_new else []
    if len(events) == 1:
        events[0]["complete"] = True
        draft.ended = True
        return events
    return events + draft.end()


def message_values(plainer: Plainer, message: BaseMessage) -> dict[str, Any]:
    """What there is to say about a message, by pointer, without what is empty or usual."""
    values: dict[str, Any] = content_values(plainer, message.content)
    for name in type(message).model_fields.keys() - _SKIPPED:
        value = plainer.try_plain(name, getattr(message, name))
        if value not in (None, [], {}) and value != _DEFAULTS.get(name):
            values[name] = value
    if message.__pydantic_extra__:
        values["extra"] = plainer.plain_object("extra", message.__pydantic_extra__)
    return values


def content_values(plainer: Plainer, content: str | list[Any]) -> dict[str, Any]:
    """Content, by pointer."""
    if isinstance(content, str):
        return {"content/#0": str.__str__(content)} if content else {}
    return {"content_form": "list", "content": plainer.plain_list("content", content)}
