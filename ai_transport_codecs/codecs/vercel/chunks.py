"""The chunks of an AI SDK 6 UI message stream, as typed dictionaries (codec spec f.1).

These are the types that version 6 has, with all their keys; the docstrings say which keys have no place on the wire.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypeAlias, TypedDict, get_args

ProviderMetadata: TypeAlias = dict[str, dict[str, Any]]
FinishReason: TypeAlias = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]

FINISH_REASONS: Final[tuple[str, ...]] = get_args(FinishReason)


class StartChunk(TypedDict):
    """A message begins."""

    type: Literal["start"]
    messageId: NotRequired[str]
    messageMetadata: NotRequired[Any]


class StartStepChunk(TypedDict):
    """A step (one call of the model) begins."""

    type: Literal["start-step"]


class FinishStepChunk(TypedDict):
    """A step is over: its text and reasoning ids may be used again."""

    type: Literal["finish-step"]


class FinishChunk(TypedDict):
    """The message is complete."""

    type: Literal["finish"]
    finishReason: NotRequired[FinishReason]
    messageMetadata: NotRequired[Any]


class MessageMetadataChunk(TypedDict):
    """The message's metadata, in place of what it had."""

    type: Literal["message-metadata"]
    messageMetadata: Any


class ErrorChunk(TypedDict):
    """Something went wrong."""

    type: Literal["error"]
    errorText: str


class AbortChunk(TypedDict):
    """The source was stopped."""

    type: Literal["abort"]
    reason: NotRequired[str]


class TextStartChunk(TypedDict):
    """A text part begins."""

    type: Literal["text-start"]
    id: str
    providerMetadata: NotRequired[ProviderMetadata]


class TextDeltaChunk(TypedDict):
    """More of a text part; its ``providerMetadata`` is not carried."""

    type: Literal["text-delta"]
    id: str
    delta: str
    providerMetadata: NotRequired[ProviderMetadata]


class TextEndChunk(TypedDict):
    """A text part is complete."""

    type: Literal["text-end"]
    id: str
    providerMetadata: NotRequired[ProviderMetadata]


class ReasoningStartChunk(TypedDict):
    """A reasoning part begins."""

    type: Literal["reasoning-start"]
    id: str
    providerMetadata: NotRequired[ProviderMetadata]


class ReasoningDeltaChunk(TypedDict):
    """More of a reasoning part; its ``providerMetadata`` is not carried."""

    type: Literal["reasoning-delta"]
    id: str
    delta: str
    providerMetadata: NotRequired[ProviderMetadata]


class ReasoningEndChunk(TypedDict):
    """A reasoning part is complete."""

    type: Literal["reasoning-end"]
    id: str
    providerMetadata: NotRequired[ProviderMetadata]


class ToolInputStartChunk(TypedDict):
    """A tool call begins; ``inputEncoding`` and ``toolMetadata`` are not carried."""

    type: Literal["tool-input-start"]
    toolCallId: str
    toolName: str
    dynamic: NotRequired[bool]
    title: NotRequired[str]
    providerExecuted: NotRequired[bool]
    providerMetadata: NotRequired[ProviderMetadata]
    inputEncoding: NotRequired[Literal["json", "text"]]
    toolMetadata: NotRequired[dict[str, Any]]


class ToolInputDeltaChunk(TypedDict):
    """More of a tool call's input, as JSON text."""

    type: Literal["tool-input-delta"]
    toolCallId: str
    inputTextDelta: str


class ToolInputAvailableChunk(TypedDict):
    """A tool call's input is complete. After deltas, the input that readers get is the deltas' text."""

    type: Literal["tool-input-available"]
    toolCallId: str
    toolName: str
    input: Any
    dynamic: NotRequired[bool]
    title: NotRequired[str]
    providerExecuted: NotRequired[bool]
    providerMetadata: NotRequired[ProviderMetadata]
    toolMetadata: NotRequired[dict[str, Any]]


class ToolInputErrorChunk(TypedDict):
    """A tool call's input is wrong; ``toolMetadata`` is not carried."""

    type: Literal["tool-input-error"]
    toolCallId: str
    toolName: str
    input: Any
    errorText: str
    dynamic: NotRequired[bool]
    title: NotRequired[str]
    providerExecuted: NotRequired[bool]
    providerMetadata: NotRequired[ProviderMetadata]
    toolMetadata: NotRequired[dict[str, Any]]


class ToolApprovalRequestChunk(TypedDict):
    """A tool call waits for the user's yes.

    ``approvalDescriptor``, ``inputSchemaInput`` and ``signature`` are not carried.
    """

    type: Literal["tool-approval-request"]
    toolCallId: str
    approvalId: str
    approvalDescriptor: NotRequired[Any]
    inputSchemaInput: NotRequired[Any]
    signature: NotRequired[str]


class ToolOutputAvailableChunk(TypedDict):
    """A tool's result, final or ``preliminary``; ``providerMetadata`` and ``toolMetadata`` are not carried."""

    type: Literal["tool-output-available"]
    toolCallId: str
    output: Any
    dynamic: NotRequired[bool]
    providerExecuted: NotRequired[bool]
    preliminary: NotRequired[bool]
    providerMetadata: NotRequired[ProviderMetadata]
    toolMetadata: NotRequired[dict[str, Any]]


class ToolOutputErrorChunk(TypedDict):
    """A tool failed; ``providerMetadata`` and ``toolMetadata`` are not carried."""

    type: Literal["tool-output-error"]
    toolCallId: str
    errorText: str
    dynamic: NotRequired[bool]
    providerExecuted: NotRequired[bool]
    providerMetadata: NotRequired[ProviderMetadata]
    toolMetadata: NotRequired[dict[str, Any]]


class ToolOutputDeniedChunk(TypedDict):
    """The user said no to a tool call."""

    type: Literal["tool-output-denied"]
    toolCallId: str


class FileChunk(TypedDict):
    """A file that the model made."""

    type: Literal["file"]
    mediaType: str
    url: str
    providerMetadata: NotRequired[ProviderMetadata]


class SourceUrlChunk(TypedDict):
    """A web page that the answer draws on."""

    type: Literal["source-url"]
    sourceId: str
    url: str
    title: NotRequired[str]
    providerMetadata: NotRequired[ProviderMetadata]


class SourceDocumentChunk(TypedDict):
    """A document that the answer draws on."""

    type: Literal["source-document"]
    sourceId: str
    mediaType: str
    title: str
    filename: NotRequired[str]
    providerMetadata: NotRequired[ProviderMetadata]


class DataChunk(TypedDict):
    """An application's own data, of type ``data-NAME``; a ``transient`` one reaches live readers only."""

    type: str
    id: NotRequired[str]
    data: Any
    transient: NotRequired[bool]


UIMessageChunk: TypeAlias = (
    StartChunk
    | StartStepChunk
    | FinishStepChunk
    | FinishChunk
    | MessageMetadataChunk
    | ErrorChunk
    | AbortChunk
    | TextStartChunk
    | TextDeltaChunk
    | TextEndChunk
    | ReasoningStartChunk
    | ReasoningDeltaChunk
    | ReasoningEndChunk
    | ToolInputStartChunk
    | ToolInputDeltaChunk
    | ToolInputAvailableChunk
    | ToolInputErrorChunk
    | ToolApprovalRequestChunk
    | ToolOutputAvailableChunk
    | ToolOutputErrorChunk
    | ToolOutputDeniedChunk
    | FileChunk
    | SourceUrlChunk
    | SourceDocumentChunk
    | DataChunk
)
