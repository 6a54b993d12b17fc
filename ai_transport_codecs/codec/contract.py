"""The contract between a codec and a session (codec spec a).

A codec turns a framework's chat stream into wire operations and back, and folds what came back into a *projection*,
from which a session reads messages. It has two tiers; a program may use the first alone:

* **wire**: :class:`Encoder` (events to :mod:`.operations`) and :class:`Decoder` (channel messages to events);
* **projection**: ``init``, ``fold_input``, ``fold_output``, ``get_messages``.

Two more members fit it to its framework: ``to_input`` accepts what users send, and ``create_translator`` what the
framework streams. A codec never waits and does no I/O.

Events are mappings: an input names itself by ``kind``, an output by ``type``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from ai_transport_codecs.wire.messages import InboundMessage, OutboundMessage, OutboundMutation

from .operations import Operation

API_VERSION: Final = 1
"""The version of this contract that codecs declare; a session refuses a codec of another one."""

Event: TypeAlias = Mapping[str, Any]
MessageHook: TypeAlias = Callable[[OutboundMessage | OutboundMutation], None]

InputT = TypeVar("InputT", bound=Event)
OutputT = TypeVar("OutputT", bound=Event)
InputT_contra = TypeVar("InputT_contra", bound=Event, contravariant=True)
OutputT_contra = TypeVar("OutputT_contra", bound=Event, contravariant=True)
ProjectionT = TypeVar("ProjectionT")
MessageT = TypeVar("MessageT")

ToolInputFactory: TypeAlias = Callable[[str, Mapping[str, Any]], InputT]


class FoldMeta(NamedTuple):
    """Where an event came from: the channel ``serial`` ('' for an optimistic local fold) and its message's id."""

    serial: str = ""
    message_id: str | None = None


class Decoded(NamedTuple):
    """The events of one channel message; one of the two lists is empty, since a message has one direction.

    ``replaced`` says that the message's text so far was replaced by something it is no prefix of: no event can say so,
    so a session asks the decoder for :meth:`Decoder.restate`.
    """

    inputs: Sequence[Any] = ()
    outputs: Sequence[Any] = ()
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class CodecMessage(Generic[MessageT]):
    """A message of the conversation, with the ``codec-message-id`` that names it on the wire."""

    id: str
    message: MessageT


@dataclass(slots=True)
class EncoderOptions:
    """Settings of one encoder.

    ``headers``: default transport headers. ``hook``: called with each outgoing message just before it is written; may
    change its ``extras["ai"]`` in place; what it raises is logged and ignored. ``message_id``: a fallback *domain* id
    for output events that may carry one; it is not a wire header (codec spec a).
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    hook: MessageHook | None = None
    message_id: str | None = None


@dataclass(slots=True)
class WriteOptions:
    """Per-write settings: transport headers over the encoder's defaults, and the ``codec-message-id`` to stamp."""

    headers: Mapping[str, str] = field(default_factory=dict)
    message_id: str | None = None


class Encoder(Protocol):
    """Events to wire operations. Stateful, one per message written; never waits.

    Raises InvalidArgumentError for an event that the codec cannot carry and SessionClosedError after ``close``.
    """

    def encode_input(self, event: Any, options: WriteOptions | None = None) -> Sequence[Operation]: ...
    def encode_output(self, event: Any, options: WriteOptions | None = None) -> Sequence[Operation]: ...
    def cancel_streams(self) -> Sequence[Operation]:
        """Mark every open stream cancelled. Idempotent."""
        ...

    def close(self) -> None:
        """End the encoder: later calls raise SessionClosedError. Open streams get no terminal (codec spec b.3.11)."""
        ...


class Decoder(Protocol):
    """Channel messages to events. Stateful: one decoder serves live deliveries and history of one session.

    Never raises for what is on the wire: a message that is malformed or not the codec's decodes to nothing.
    """

    def decode(self, message: InboundMessage) -> Decoded: ...
    def restate(self, serial: str) -> Decoded:
        """The events that state an open or replaced stream from its start, with all its text so far."""
        ...


class Translator(Protocol):
    """What a framework streams, to output events. Stateful, one per source; never waits.

    ``message_key`` names, within one source, the message that an output belongs to: a session gives each key its own
    ``codec-message-id``. Raises UnsupportedEventError for an item that the codec cannot carry.
    """

    def translate(self, item: Any) -> Iterable[Any]: ...
    def finish(self) -> Iterable[Any]:
        """The events still owed when the source is exhausted, such as the ends of open streams."""
        ...

    def message_key(self, event: Any) -> str: ...


class Codec(Protocol[InputT, OutputT_contra, ProjectionT, MessageT]):
    """A codec: stateless, so one object serves any number of sessions."""

    @property
    def name(self) -> str:
        """The public id, equal to the entry-point name: lower-case, kebab-case."""
        ...

    @property
    def api_version(self) -> int: ...
    @property
    def adapter_tag(self) -> str | None:
        """What names this codec among the channel's ``agent`` parameters, or None."""
        ...

    def init(self) -> ProjectionT:
        """A new, empty projection."""
        ...

    def fold_input(self, projection: ProjectionT, event: InputT, meta: FoldMeta) -> ProjectionT:
        """Fold one input; may change the projection in place, and returns it. Must not dedupe or skip by serial."""
        ...

    def fold_output(self, projection: ProjectionT, event: OutputT_contra, meta: FoldMeta) -> ProjectionT:
        """Fold one output; as :meth:`fold_input`."""
        ...

    def get_messages(self, projection: ProjectionT) -> Sequence[CodecMessage[MessageT]]:
        """The conversation's messages in this projection, oldest first. Valid at every point of a stream."""
        ...

    def create_encoder(self, options: EncoderOptions | None = None) -> Encoder: ...
    def create_decoder(self) -> Decoder: ...
    def create_translator(self) -> Translator: ...

    def to_input(self, value: Any) -> InputT:
        """What a user sends (a framework message, a string, or an input event) as an input event.

        Raises InvalidArgumentError when the codec cannot carry it.
        """
        ...

    def create_user_message(self, message: MessageT) -> InputT: ...
    def create_regenerate(self, target: str, parent: str) -> InputT: ...

    # The well-known tool inputs, for the codecs that support them: (codec-message-id, payload) to input.
    @property
    def create_tool_result(self) -> ToolInputFactory[InputT] | None: ...
    @property
    def create_tool_result_error(self) -> ToolInputFactory[InputT] | None: ...
    @property
    def create_tool_approval_response(self) -> ToolInputFactory[InputT] | None: ...
