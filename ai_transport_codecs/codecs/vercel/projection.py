"""The conversation as UI messages, built when somebody reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, cast

from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.text import TextBuffer

from .messages import DATA, DYNAMIC_TOOL, STATIC_TOOL, UIMessage, is_tool_part
from .plain import copy_json, parse_input

_IDENTITY: Final = ("type", "toolCallId", "toolName", "title", "providerExecuted")
_UNREAD: Final = object()


class PartState(Protocol):
    """One part of a message, able to state itself as a dict that is its reader's own."""

    def build(self) -> dict[str, Any]: ...


class FixedPart:
    """A part that does not grow."""

    __slots__ = ("part",)

    def __init__(self, part: dict[str, Any]) -> None:
        self.part = part

    def build(self) -> dict[str, Any]:
        """A copy of the part."""
        return cast("dict[str, Any]", copy_json(self.part))


class TextState:
    """A text or reasoning part."""

    __slots__ = ("buffer", "type")

    def __init__(self, type_: str) -> None:
        self.type = type_
        self.buffer = TextBuffer()

    def build(self) -> dict[str, Any]:
        """The part with its text so far."""
        return {"type": self.type, "text": str(self.buffer)}


class ToolState:
    """A tool call: its part, and the text of its input while that arrives.

    Every change of state keeps the call's identity and its input and drops all else, whatever the state before (codec
    spec f.4). The input text is parsed when somebody needs the input, once per change of the text.
    """

    __slots__ = ("_input", "_part", "_text", "is_streaming")

    def __init__(self, part: dict[str, Any]) -> None:
        self._part = part
        self._text = TextBuffer()
        self._input: Any = _UNREAD
        self.is_streaming = False

    def append(self, fragment: str) -> None:
        """More input text; the call's input is arriving again, whatever its state was."""
        self._text.append(fragment)
        self._input = _UNREAD
        if not self.is_streaming:
            self.is_streaming = True
            self._part = {**self._identity(), "state": "input-streaming"}

    def provide(self, state: str, input_: Any, **fields: Any) -> None:
        """The new state of a call whose input is stated with it (ABSENT: it has none)."""
        self.is_streaming = False
        self._part = {**self._identity(), "state": state, **present(input=input_), **present(**fields)}

    def advance(self, state: str, **fields: Any) -> None:
        """The new state of a call that keeps the input it has."""
        self.provide(state, self._input_now(), **fields)

    @property
    def approval_id(self) -> str:
        """The id of the approval that the call waits for, or had; ``""`` without one."""
        approval = self._part.get("approval")
        id_ = approval.get("id") if isinstance(approval, Mapping) else None
        return id_ if isinstance(id_, str) else ""

    def build(self) -> dict[str, Any]:
        """The part, with what its input text says by now."""
        part = cast("dict[str, Any]", copy_json(self._part))
        return part | present(input=copy_json(self._input_now())) if self.is_streaming else part

    def _identity(self) -> dict[str, Any]:
        part = self._part
        identity: dict[str, Any] = {key: part[key] for key in _IDENTITY if key in part}
        if part.get("type") != DYNAMIC_TOOL:
            identity.pop("toolName", None)  # a static tool is named by its type
        return identity

    def _input_now(self) -> Any:
        if not self.is_streaming:
            return self._part.get("input", ABSENT)
        if self._input is _UNREAD:
            try:
                self._input = parse_input(str(self._text))
            except ValueError:
                self._input = ABSENT
        return self._input


def new_tool(chunk: Mapping[str, Any]) -> ToolState:
    """A tool call as a chunk introduces it, not yet in any state."""
    name = chunk.get("toolName")
    name = name if isinstance(name, str) else ""
    call_id = chunk.get("toolCallId")
    part: dict[str, Any] = {"toolCallId": call_id if isinstance(call_id, str) else ""}
    if chunk.get("dynamic") is True:
        part |= {"type": DYNAMIC_TOOL, "toolName": name}
    else:
        part["type"] = f"{STATIC_TOOL}{name}"
    return ToolState(part | text_of(chunk, "title") | flag_of(chunk, "providerExecuted"))


class MessageState:
    """One message, and the parts of it that later events speak of by id."""

    __slots__ = ("_first_streamed", "_has_step", "data", "fields", "id", "parts", "reasoning", "text", "tools")

    def __init__(self, id_: str, fields: dict[str, Any]) -> None:
        self.id = id_
        self.fields = fields
        self.parts: list[PartState] = []
        self.text: dict[Any, TextState] = {}
        self.reasoning: dict[Any, TextState] = {}
        self.tools: dict[str, ToolState] = {}
        self.data: dict[tuple[str, str], FixedPart] = {}
        """The first data part of each type and id."""
        self._has_step = False
        self._first_streamed: int | None = None
        """Where the streamed parts begin of the step that goes on."""

    def begin_step(self) -> None:
        """The place where a step begins, as its source says."""
        self.parts.append(FixedPart({"type": "step-start"}))
        self._has_step = True

    def imply_step(self) -> None:
        """A step must have begun, of which a reader that joined late has not seen the start.

        If by now it has, there is nothing to add. Else the start belongs where a reader that was there all along has it
        made up: before the first part of the step that was streamed.
        """
        if not self._has_step:
            place = len(self.parts) if self._first_streamed is None else self._first_streamed
            self.parts.insert(place, FixedPart({"type": "step-start"}))
            self._has_step = True

    def end_step(self) -> None:
        """What comes next belongs to another step."""
        self._has_step = False
        self._first_streamed = None

    def stream(self, part: PartState) -> None:
        """A part that is streamed."""
        if self._first_streamed is None:
            self._first_streamed = len(self.parts)
        self.parts.append(part)

    def add(self, part: dict[str, Any]) -> None:
        """A part that does not grow; ``part`` is the message's own from now on."""
        state = FixedPart(part)
        self.parts.append(state)
        type_, id_ = part.get("type"), part.get("id")
        if isinstance(id_, str) and isinstance(type_, str) and type_.startswith(DATA):
            self.data.setdefault((type_, id_), state)

    def add_given(self, parts: Sequence[Any], *, track_tools: bool = False) -> None:
        """Copies of parts that somebody else made; with ``track_tools``, later events may speak of their tool calls."""
        for given in parts:
            part = copy_json(given)
            if track_tools and is_tool_part(part) and isinstance(part["toolCallId"], str):
                tool = self.tools[part["toolCallId"]] = ToolState(part)
                self.parts.append(tool)
            elif isinstance(part, dict):
                self.add(part)

    def build(self) -> UIMessage:
        """The message as it is now, as its reader's own."""
        message = cast("dict[str, Any]", copy_json(self.fields))
        message["parts"] = [part.build() for part in self.parts]
        return cast("UIMessage", message)


class Resolution:
    """What a client said of a tool call that is not here yet."""

    __slots__ = ("call_id", "fields", "message_id", "state")

    def __init__(self, message_id: str, call_id: str, state: str, fields: dict[str, Any]) -> None:
        self.message_id = message_id
        self.call_id = call_id
        self.state = state
        self.fields = fields


class VercelProjection:
    """What a run or an input amounts to, as UI messages.

    Reading builds new dictionaries each time, so that a reader may change what it got. Text is joined and tool input
    parsed when read, once per change.
    """

    __slots__ = ("by_id", "has_new_tools", "pending", "states")

    def __init__(self) -> None:
        self.states: list[MessageState] = []
        """All messages, oldest first."""
        self.by_id: dict[str, MessageState] = {}
        """The first message of each codec-message-id."""
        self.pending: list[Resolution] = []
        self.has_new_tools = False
        """Whether a tool call came since the pending resolutions were last tried."""

    @property
    def messages(self) -> list[UIMessage]:
        """All messages, oldest first."""
        return [state.build() for state in self.states]

    @property
    def entries(self) -> list[CodecMessage[UIMessage]]:
        """All messages with their codec-message-ids, oldest first."""
        return [CodecMessage(state.id, state.build()) for state in self.states]

    def ensure(self, message_id: str) -> MessageState:
        """The message of that id; a new one of the assistant when there is none."""
        state = self.by_id.get(message_id)
        return state or self.add(MessageState(message_id, {"id": message_id, "role": "assistant"}))

    def add(self, state: MessageState) -> MessageState:
        """One more message."""
        self.states.append(state)
        self.by_id.setdefault(state.id, state)
        return state

    def track(self, state: MessageState, call_id: str, tool: ToolState) -> None:
        """A tool call of a message, to be found by its id; one that had the id before stays as it is."""
        state.tools[call_id] = tool
        self.has_new_tools = True


def present(**fields: Any) -> dict[str, Any]:
    """The fields that are there."""
    return {key: value for key, value in fields.items() if value is not ABSENT}


def text_of(source: Mapping[str, Any], *keys: str) -> dict[str, str]:
    """The given keys of ``source`` whose value is text."""
    return {key: value for key in keys if isinstance(value := source.get(key), str)}


def flag_of(source: Mapping[str, Any], key: str) -> dict[str, bool]:
    """The given key of ``source`` when its value is a boolean."""
    return {key: value} if isinstance(value := source.get(key), bool) else {}
