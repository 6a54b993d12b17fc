"""UI messages of AI SDK 6 and their parts, as typed dictionaries (codec spec f, f.4)."""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict

from .chunks import ProviderMetadata

DYNAMIC_TOOL: Final = "dynamic-tool"
STATIC_TOOL: Final = "tool-"
DATA: Final = "data-"

Role: TypeAlias = Literal["system", "user", "assistant"]
ToolState: TypeAlias = Literal[
    "input-streaming",
    "input-available",
    "approval-requested",
    "approval-responded",
    "output-available",
    "output-error",
    "output-denied",
]


class TextPart(TypedDict):
    """Text; parts that were streamed have neither ``state`` nor ``providerMetadata`` (codec spec f.4)."""

    type: Literal["text"]
    text: str
    state: NotRequired[Literal["streaming", "done"]]
    providerMetadata: NotRequired[ProviderMetadata]


class ReasoningPart(TypedDict):
    """What the model thought; as :class:`TextPart`."""

    type: Literal["reasoning"]
    text: str
    state: NotRequired[Literal["streaming", "done"]]
    providerMetadata: NotRequired[ProviderMetadata]


class StepStartPart(TypedDict):
    """The place where a step began."""

    type: Literal["step-start"]


class FilePart(TypedDict):
    """A file, by URL or data URL."""

    type: Literal["file"]
    mediaType: str
    url: str
    filename: NotRequired[str]
    providerMetadata: NotRequired[ProviderMetadata]


class SourceUrlPart(TypedDict):
    """A web page that the answer draws on."""

    type: Literal["source-url"]
    sourceId: str
    url: str
    title: NotRequired[str]
    providerMetadata: NotRequired[ProviderMetadata]


class SourceDocumentPart(TypedDict):
    """A document that the answer draws on."""

    type: Literal["source-document"]
    sourceId: str
    mediaType: str
    title: str
    filename: NotRequired[str]
    providerMetadata: NotRequired[ProviderMetadata]


class DataPart(TypedDict):
    """An application's own data, of type ``data-NAME``."""

    type: str
    id: NotRequired[str]
    data: NotRequired[Any]


class ToolApproval(TypedDict):
    """The question whether a tool may run, and the user's answer once there is one."""

    id: str
    approved: NotRequired[bool]
    reason: NotRequired[str]


class ToolPart(TypedDict):
    """A tool call and what came of it; ``rawInput`` and the metadata do not travel with a stream.

    ``type`` is ``tool-NAME``, or ``dynamic-tool`` with ``toolName``. While the state is ``input-streaming``, ``input``
    is there only when the text so far is JSON.
    """

    type: str
    toolCallId: str
    state: ToolState
    toolName: NotRequired[str]
    title: NotRequired[str]
    providerExecuted: NotRequired[bool]
    input: NotRequired[Any]
    output: NotRequired[Any]
    errorText: NotRequired[str]
    preliminary: NotRequired[bool]
    approval: NotRequired[ToolApproval]
    rawInput: NotRequired[Any]
    callProviderMetadata: NotRequired[ProviderMetadata]
    resultProviderMetadata: NotRequired[ProviderMetadata]


Part: TypeAlias = (
    TextPart | ReasoningPart | StepStartPart | FilePart | SourceUrlPart | SourceDocumentPart | ToolPart | DataPart
)


class UIMessage(TypedDict):
    """One message. Its ``id`` is content; what names it on the wire is the ``codec-message-id`` (codec spec a)."""

    id: str
    role: Role
    parts: list[Part]
    metadata: NotRequired[Any]


def is_tool_part(part: Any) -> bool:
    """Whether an untrusted part is a tool call with an id and a state."""
    return isinstance(part, dict) and "toolCallId" in part and "state" in part and _is_tool_type(part.get("type"))


def tool_name(part: ToolPart) -> str:
    """The name of the tool that a part calls; dashes in it are kept."""
    if part["type"] == DYNAMIC_TOOL:
        return part.get("toolName", "")
    return part["type"].removeprefix(STATIC_TOOL)


def _is_tool_type(type_: Any) -> bool:
    return isinstance(type_, str) and (type_ == DYNAMIC_TOOL or type_.startswith(STATIC_TOOL))
