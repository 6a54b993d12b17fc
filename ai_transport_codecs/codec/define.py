"""``define_codec``: two tables and a reducer make a codec."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol

from ai_transport_codecs.errors import InvalidArgumentError

from . import inputs as well_known
from .contract import (
    API_VERSION,
    CodecMessage,
    EncoderOptions,
    FoldMeta,
    InputT,
    InputT_contra,
    MessageT,
    OutputT,
    OutputT_contra,
    ProjectionT,
    ToolInputFactory,
    Translator,
)
from .descriptors import InputRow, OutputRow
from .lifecycle import LifecyclePolicy
from .table_decoder import TableDecoder
from .table_encoder import TableEncoder
from .tables import InputTable, OutputTable


class Reducer(Protocol[InputT_contra, OutputT_contra, ProjectionT, MessageT]):
    """The projection tier of a codec; see :class:`~.contract.Codec` for what each method owes."""

    def init(self) -> ProjectionT: ...
    def fold_input(self, projection: ProjectionT, event: InputT_contra, meta: FoldMeta) -> ProjectionT: ...
    def fold_output(self, projection: ProjectionT, event: OutputT_contra, meta: FoldMeta) -> ProjectionT: ...
    def get_messages(self, projection: ProjectionT) -> Sequence[CodecMessage[MessageT]]: ...


class EventTranslator:
    """For sources that stream the codec's own output events: each item is one event, all of one message."""

    def translate(self, item: Any) -> Iterable[Any]:
        """The item itself."""
        return (item,)

    def finish(self) -> Iterable[Any]:
        """Nothing: such a source ends its own streams."""
        return ()

    def message_key(self, event: Any) -> str:
        """One message per source."""
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class TableCodec(Generic[InputT, OutputT, ProjectionT, MessageT]):
    """A codec made by :func:`define_codec`; satisfies :class:`~.contract.Codec`."""

    name: str
    outputs: OutputTable
    inputs: InputTable
    reducer: Reducer[InputT, OutputT, ProjectionT, MessageT]
    translator: Callable[[], Translator]
    lifecycle: Callable[[], LifecyclePolicy] | None
    adapter_tag: str | None
    parse_input: Callable[[Any], InputT] | None
    user_message: Callable[[MessageT], InputT]
    create_tool_result: ToolInputFactory[InputT] | None
    create_tool_result_error: ToolInputFactory[InputT] | None
    create_tool_approval_response: ToolInputFactory[InputT] | None
    api_version: int = API_VERSION

    def init(self) -> ProjectionT:
        """A new, empty projection."""
        return self.reducer.init()

    def fold_input(self, projection: ProjectionT, event: InputT, meta: FoldMeta) -> ProjectionT:
        """Fold one input into the projection. A reducer sees no event without a kind."""
        # What an output's stream gains under an input's name is filed as an input (codec spec c.7).
        if isinstance(event, Mapping) and not isinstance(event.get("kind"), str):
            return projection
        return self.reducer.fold_input(projection, event, meta)

    def fold_output(self, projection: ProjectionT, event: OutputT, meta: FoldMeta) -> ProjectionT:
        """Fold one output into the projection."""
        return self.reducer.fold_output(projection, event, meta)

    def get_messages(self, projection: ProjectionT) -> Sequence[CodecMessage[MessageT]]:
        """The projection's messages, oldest first."""
        return self.reducer.get_messages(projection)

    def create_encoder(self, options: EncoderOptions | None = None) -> TableEncoder:
        """A new encoder."""
        return TableEncoder(self.name, self.outputs, self.inputs, options)

    def create_decoder(self) -> TableDecoder:
        """A new decoder."""
        return TableDecoder(self.outputs, self.inputs, self.lifecycle() if self.lifecycle else None)

    def create_translator(self) -> Translator:
        """A new translator for one source."""
        return self.translator()

    def to_input(self, value: Any) -> InputT:
        """``value`` as an input event; an input event stays as it is.

        Raises InvalidArgumentError for what the codec cannot send.
        """
        if isinstance(value, Mapping) and isinstance(value.get("kind"), str):
            return value  # type: ignore[return-value]  # an input event by its own declaration; encoding checks it
        if self.parse_input is not None:
            return self.parse_input(value)
        raise InvalidArgumentError(
            f"codec {self.name!r} cannot send a {type(value).__name__}; pass an input event, for example"
            " codec.create_user_message(...)"
        )

    def create_user_message(self, message: MessageT) -> InputT:
        """The input that says ``message``."""
        return self.user_message(message)

    def create_regenerate(self, target: str, parent: str) -> InputT:
        """The input that asks for another answer in place of ``target``, to the prompt ``parent``."""
        return well_known.regenerate(target, parent)  # type: ignore[return-value]


def define_codec(
    *,
    name: str,
    outputs: Sequence[OutputRow],
    inputs: Sequence[InputRow],
    reducer: Reducer[InputT, OutputT, ProjectionT, MessageT],
    translator: Callable[[], Translator] = EventTranslator,
    lifecycle: Callable[[], LifecyclePolicy] | None = None,
    adapter_tag: str | None = None,
    to_input: Callable[[Any], InputT] | None = None,
    user_message: Callable[[MessageT], InputT] | None = None,
    tool_inputs: bool = False,
) -> TableCodec[InputT, OutputT, ProjectionT, MessageT]:
    """A codec from its two tables and its reducer.

    ``translator`` makes what turns a framework's stream into output events, ``to_input`` what a user sends into an
    input event, ``lifecycle`` the policy of one decoder; ``tool_inputs`` exposes the three tool input factories.
    Raises CodecDefinitionError (40003) when the tables contradict themselves (codec spec d.4).
    """
    make: Any = user_message or well_known.user_message
    tool_factories: Any = (
        (well_known.tool_result, well_known.tool_result_error, well_known.tool_approval_response)
        if tool_inputs
        else (None, None, None)
    )
    return TableCodec(
        name,
        OutputTable(outputs),
        InputTable(inputs),
        reducer,
        translator,
        lifecycle,
        adapter_tag,
        to_input,
        make,
        *tool_factories,
    )
