"""The texts that the API streams, and the events that carry each one (see :mod:`.kinds`).

A lane knows the API's names of one kind of text: the delta that extends it, the end that states it, and what has to
come before the first delta.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from . import kinds
from .json_values import child, path_of
from .state import SUMMARY_TEXT, GrowingText, ItemState

LaneKey = tuple[str, str, int]
"""Item, kind of text, and slot or number of the text in it."""


class Lane(Protocol):
    """One kind of text."""

    @property
    def name(self) -> str:
        """What tells it from the other texts of an item."""
        ...

    @property
    def passes(self) -> bool:
        """Whether the API's own delta is what goes on the wire."""
        ...

    @property
    def index_key(self) -> str | None:
        """Where an event says which of several texts of an item it is about."""
        ...

    @property
    def whole_key(self) -> str:
        """Where the API's end event states the text."""
        ...

    def text(self, item: ItemState, index: int) -> GrowingText | None:
        """The text in an item, if it is there."""
        ...

    def in_item(self, item: Mapping[str, Any], index: int) -> Any:
        """The text in an item as the API states it."""
        ...

    def start(self, item_id: str, index: int, output_index: int) -> dict[str, Any]:
        """The event that opens it."""
        ...

    def delta(self, item_id: str, index: int, output_index: int, fragment: str) -> dict[str, Any]: ...
    def end(self, item_id: str, index: int, output_index: int, whole: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class PartLane:
    """The text of a content part, or of a part of a summary, in the reference's kinds."""

    name: str
    """The part's type."""
    events: str
    index_key: str
    whole_key: str
    owner: str
    """The type of the item."""
    bare: Mapping[str, Any]
    """A part that nothing is known of."""
    passes: bool = True

    @property
    def field(self) -> str:
        """Where the item keeps such parts."""
        return "summary" if self.name == SUMMARY_TEXT else "content"

    def text(self, item: ItemState, index: int) -> GrowingText | None:
        return item.part_text(self.name, index, self.whole_key)

    def in_item(self, item: Mapping[str, Any], index: int) -> Any:
        part = child(item.get(self.field), str(index))
        return part.get(self.whole_key) if isinstance(part, dict) and part.get("type") == self.name else None

    def start(self, item_id: str, index: int, output_index: int) -> dict[str, Any]:
        return self.start_with(item_id, index, output_index, self.bare)

    def start_with(self, item_id: str, index: int, output_index: int, part: Mapping[str, Any]) -> dict[str, Any]:
        """The event that opens it, with all that the part has besides its text."""
        added = kinds.SUMMARY_PART_ADDED if self.name == SUMMARY_TEXT else kinds.PART_ADDED
        return self._event(added, item_id, index, output_index) | {"part": {**part, self.whole_key: ""}}

    def delta(self, item_id: str, index: int, output_index: int, fragment: str) -> dict[str, Any]:
        return {
            "type": f"response.{self.events}.delta",
            "item_id": item_id,
            "output_index": output_index,
            self.index_key: index,
            "delta": fragment,
        }

    def end(self, item_id: str, index: int, output_index: int, whole: str) -> dict[str, Any]:
        return self._event(f"response.{self.events}.done", item_id, index, output_index) | {self.whole_key: whole}

    def _event(self, type_: str, item_id: str, index: int, output_index: int) -> dict[str, Any]:
        return {"type": type_, "item_id": item_id, "output_index": output_index, self.index_key: index}


@dataclass(frozen=True, slots=True)
class ArgumentsLane:
    """The arguments of a function call, in the reference's kind; the call's own event opens it."""

    name: str = "arguments"
    index_key: None = None
    whole_key: str = "arguments"
    passes: bool = True

    def text(self, item: ItemState, index: int) -> GrowingText | None:
        return item.arguments()

    def in_item(self, item: Mapping[str, Any], index: int) -> Any:
        return item.get("arguments")

    def start(self, item_id: str, index: int, output_index: int) -> dict[str, Any]:
        item = {"id": item_id, "type": kinds.FUNCTION_CALL, "call_id": "", "name": "", "arguments": ""}
        return {"type": kinds.ITEM_ADDED, "output_index": output_index, "item": item}

    def delta(self, item_id: str, index: int, output_index: int, fragment: str) -> dict[str, Any]:
        type_ = "response.function_call_arguments.delta"
        return {"type": type_, "item_id": item_id, "output_index": output_index, "delta": fragment}

    def end(self, item_id: str, index: int, output_index: int, whole: str) -> dict[str, Any]:
        type_ = "response.function_call_arguments.done"
        return {"type": type_, "item_id": item_id, "output_index": output_index, "arguments": whole}


@dataclass(frozen=True, slots=True)
class PathLane:
    """A text that the reference does not know, at a pointer in an item; ``{}`` stands for its number."""

    name: str
    """The pointer."""
    whole_key: str
    index_key: str | None = None
    owner: str = ""
    """The type of the items that have it."""
    passes: bool = False

    def pointer(self, index: int) -> str:
        """The place of one such text."""
        return self.name.replace("{}", str(index))

    def text(self, item: ItemState, index: int) -> GrowingText | None:
        return item.texts.get(("", self.pointer(index)))

    def in_item(self, item: Mapping[str, Any], index: int) -> Any:
        found: Any = item
        for step in path_of(self.pointer(index)) or ():
            found = child(found, step)
        return found

    def start(self, item_id: str, index: int, output_index: int) -> dict[str, Any]:
        return {"type": kinds.TEXT_START, "item_id": item_id, "path": self.pointer(index)}

    def delta(self, item_id: str, index: int, output_index: int, fragment: str) -> dict[str, Any]:
        return {"type": kinds.TEXT_DELTA, "item_id": item_id, "path": self.pointer(index), "delta": fragment}

    def end(self, item_id: str, index: int, output_index: int, whole: str) -> dict[str, Any]:
        return {"type": kinds.TEXT_END, "item_id": item_id, "path": self.pointer(index), "text": whole}


_OUTPUT_TEXT: Final = PartLane(
    "output_text",
    "output_text",
    "content_index",
    "text",
    kinds.MESSAGE,
    {"type": "output_text", "annotations": [], "logprobs": []},
)
_REFUSAL: Final = PartLane("refusal", "refusal", "content_index", "refusal", kinds.MESSAGE, {"type": "refusal"})
_REASONING: Final = PartLane(
    "reasoning_text", "reasoning_text", "content_index", "text", kinds.REASONING, {"type": "reasoning_text"}
)
_SUMMARY: Final = PartLane(
    SUMMARY_TEXT, "reasoning_summary_text", "summary_index", "text", kinds.REASONING, {"type": SUMMARY_TEXT}
)

PART_LANES: Final[Mapping[str, PartLane]] = {lane.name: lane for lane in (_OUTPUT_TEXT, _REFUSAL, _REASONING, _SUMMARY)}

ARGUMENTS: Final = ArgumentsLane()
AUDIO: Final = PathLane("/data", "")
TRANSCRIPT: Final = PathLane("/transcript", "")

_STEMS: Final[Mapping[str, Lane]] = {
    **{f"response.{lane.events}": lane for lane in PART_LANES.values()},
    "response.function_call_arguments": ARGUMENTS,
    "response.mcp_call_arguments": PathLane("/arguments", "arguments", owner="mcp_call"),
    "response.custom_tool_call_input": PathLane("/input", "input", owner="custom_tool_call"),
    "response.code_interpreter_call_code": PathLane("/code", "code", owner="code_interpreter_call"),
    "response.apply_patch_call_operation_diff": PathLane("/operation/diff", "diff", owner="apply_patch_call"),
    "response.shell_call_command": PathLane("/action/commands/{}", "command", "command_index", "shell_call"),
}

DELTAS: Final[Mapping[str, Lane]] = {f"{stem}.delta": lane for stem, lane in _STEMS.items()}
ENDS: Final[Mapping[str, Lane]] = {f"{stem}.done": lane for stem, lane in _STEMS.items()}

SHELL_OUTPUT: Final[Mapping[str, PathLane]] = {
    key: PathLane(f"/output/{{}}/{key}", key, "command_index", "shell_call_output") for key in ("stdout", "stderr")
}


def lane_of(part: Any) -> PartLane | None:
    """The lane of a part's text; None for what is no part, or has no text."""
    type_ = part.get("type") if isinstance(part, Mapping) else None
    return PART_LANES.get(type_) if isinstance(type_, str) else None
