"""What of a graph's stream is shown to people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage, BaseMessageChunk, ToolMessage

from ai_transport_codecs.codecs.langchain.messages import CLASSES

_INTERRUPT: Final = "__interrupt__"
_CHUNK: Final = "MessageChunk"


class ShownItems:
    """Chooses among the items ``(namespace, mode, data)`` of one stream; others pass as they are."""

    def __init__(self, modes: Collection[str], known: Collection[str], rejected: Collection[str]) -> None:
        self._modes = modes
        self._known = known
        self._rejected = rejected
        self.has_asked = False
        """Whether the graph stopped at a question."""

    def try_item(self, item: Any) -> Any:
        """The item to show, or None.

        Not shown is a message that readers have had before the graph was resumed: a subgraph's node gives all of its
        messages once more. Nor is what a tool's message tells of a call that somebody rejected: a page has that itself.
        """
        match item:
            case (tuple() as namespace, "messages", (message, Mapping() as metadata)):
                found = _local(message) if isinstance(message, Mapping) else message
                return None if self._is_known(found) else (namespace, "messages", (found, metadata))
            case (tuple(), "updates", data):
                self.has_asked |= isinstance(data, Mapping) and _INTERRUPT in data
        is_wanted = not isinstance(item, tuple) or len(item) != 3 or item[1] in self._modes
        return item if is_wanted else None

    def _is_known(self, message: Any) -> bool:
        if isinstance(message, ToolMessage) and message.tool_call_id in self._rejected:
            return True
        is_whole = isinstance(message, BaseMessage) and not isinstance(message, BaseMessageChunk)
        return is_whole and message.id in self._known


def _local(message: Mapping[str, Any]) -> Any:
    """The message that a graph on a server gives as data; what is none passes, for the codec to refuse by name."""
    kind = str(message.get("type"))
    is_chunk = kind.endswith(_CHUNK)
    classes = CLASSES.get(kind.removesuffix(_CHUNK).lower() if is_chunk else kind)
    if classes is None:
        return message
    return classes[is_chunk](**{key: value for key, value in message.items() if key != "type"})
