"""Random runs: readers hold the same whenever they joined, and nothing on the wire makes them fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.agent.workflow import AgentInput, AgentOutput, AgentStream, ToolCall, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import ToolOutput
from llama_index.core.workflow import Event

from ai_transport_codecs.codec.contract import FoldMeta
from ai_transport_codecs.codecs.llamaindex import CODEC, LlamaIndexProjection, as_history
from ai_transport_codecs.codecs.llamaindex.reducer import ITEM_KINDS, STREAM_KINDS
from ai_transport_codecs.wire import names
from ai_transport_codecs.wire.headers import MESSAGE_ID
from ai_transport_codecs.wire.messages import InboundMessage
from tests.codecs.llamaindex.models import Manner, Piece, dynamic, responses
from tests.codecs.llamaindex.wire import Reader, joined, late, live, write_all

TEXT = st.text(alphabet='ab {}"[]:1é😀\n$', max_size=4)
CALL_IDS = st.sampled_from(["f-1", "f-2", "g-3"])
PIECES = st.lists(
    st.one_of(
        st.builds(Piece, TEXT),
        st.builds(Piece, TEXT, TEXT),
        st.builds(Piece, call=CALL_IDS, args=TEXT),
        st.builds(Piece, TEXT, call=CALL_IDS, args=TEXT),
    ),
    min_size=1,
    max_size=10,
)
MANNERS: st.SearchStrategy[Manner] = st.sampled_from(["cumulative", "cumulative without delta"])


def run_of(agent: str, pieces: Sequence[Piece]) -> list[Any]:
    """The events of one answer of an agent, and of the tools it calls."""
    said = responses(pieces)
    stream = [
        AgentStream(
            delta=response.delta or "",
            response=response.message.content or "",
            current_agent_name=agent,
            thinking_delta=response.additional_kwargs.get("thinking_delta"),
            tool_calls=selections(response.message),
        )
        for response in said
    ]
    message = said[-1].message
    output = AgentOutput(response=message, current_agent_name=agent, tool_calls=selections(message))
    events: list[Any] = [AgentInput(input=[], current_agent_name=agent), *stream, output]
    for call in selections(message):
        fields: dict[str, Any] = {"tool_name": call.tool_name, "tool_kwargs": {}, "tool_id": call.tool_id}
        result = ToolOutput(tool_name=call.tool_name, content=f"{call.tool_id} done", raw_input={}, raw_output=None)
        events += [ToolCall(**fields), ToolCallResult(**fields, tool_output=result, return_direct=False)]
    return [*events, dynamic(Event, n=len(events))]


def selections(message: ChatMessage) -> list[ToolSelection]:
    blocks: list[Any] = list(message.blocks)
    return [
        ToolSelection(tool_id=block.tool_call_id, tool_name=block.tool_name, tool_kwargs={})
        for block in blocks
        if block.block_type == "tool_call"
    ]


def everything(projection: LlamaIndexProjection) -> Any:
    """All that a reader can see."""
    return (
        projection.entries,
        projection.events,
        projection.tool_calls,
        [(projection.is_complete(entry.id), projection.agent(entry.id)) for entry in projection.entries],
    )


@given(PIECES, MANNERS, st.data())
def test_readers_hold_the_last_message_whenever_they_join(
    pieces: list[Piece], manner: Manner, data: st.DataObject
) -> None:
    items = responses(pieces, manner)
    deliveries = write_all(items).deliveries
    assert live(deliveries).messages == ([items[-1].message] if deliveries else [])
    position = data.draw(st.integers(0, len(deliveries)))
    assert everything(joined(deliveries, position)) == everything(live(deliveries))


@given(st.lists(PIECES, min_size=1, max_size=3), st.data())
def test_a_run_of_agents_and_tools_reads_the_same_whenever_one_joins(
    answers: list[list[Piece]], data: st.DataObject
) -> None:
    items = [item for number, pieces in enumerate(answers) for item in run_of(f"agent {number % 2}", pieces)]
    deliveries = write_all(items).deliveries
    held = live(deliveries)
    outputs = [item.response for item in items if isinstance(item, AgentOutput)]
    assert [message for message in held.messages if message.role == "assistant"] == outputs
    for position in data.draw(st.lists(st.integers(0, len(deliveries)), max_size=4)):
        assert everything(joined(deliveries, position)) == everything(held)


@given(PIECES, st.data())
def test_how_text_is_cut_rolled_up_or_repeated_on_the_way_does_not_matter(
    pieces: list[Piece], data: st.DataObject
) -> None:
    deliveries = write_all(run_of("a", pieces)).deliveries
    changed = rearranged(deliveries, data)
    assert everything(Reader().read(changed).projection) == everything(live(deliveries))


def rearranged(deliveries: list[InboundMessage], data: st.DataObject) -> list[InboundMessage]:
    """The same deliveries; appends are cut in two or joined to the one before them, and any may come twice."""
    found: list[InboundMessage] = []
    for delivery in deliveries:
        how = data.draw(st.sampled_from(["as it is", "cut", "roll up"]))
        before = found[-1] if found else None
        if delivery.action != names.APPEND or how == "as it is":
            found.append(delivery)
        elif how == "cut":
            at = data.draw(st.integers(0, len(delivery.data)))
            transport = {**delivery.extras["ai"]["transport"], "status": names.STREAMING}
            streaming = {"ai": {**delivery.extras["ai"], "transport": transport}}
            version = delivery.version or ""
            found.append(delivery._replace(version=f"{version}a", data=delivery.data[:at], extras=streaming))
            found.append(delivery._replace(version=f"{version}b", data=delivery.data[at:]))
        elif before is not None and before.action == names.APPEND and before.serial == delivery.serial:
            found[-1] = delivery._replace(data=before.data + delivery.data)
        else:
            found.append(delivery)
    return [
        each for delivery in found for each in [delivery] * (1 + (is_append(delivery) and data.draw(st.booleans())))
    ]


def is_append(delivery: InboundMessage) -> bool:
    return delivery.action == names.APPEND


@given(PIECES, st.data())
def test_at_each_point_there_are_messages_that_only_grow_and_make_a_history(
    pieces: list[Piece], data: st.DataObject
) -> None:
    deliveries = write_all(run_of("a", pieces)).deliveries
    text = ""
    for position in range(len(deliveries) + 1):
        messages = live(deliveries[:position]).messages
        said = "".join(block.text for message in messages[:1] for block in message.blocks if block.block_type == "text")
        assert said.startswith(text)
        text = said
        as_history(messages)
        # Without the history there is less to see, but nothing to stumble over.
        as_history(Reader().read(late(deliveries, position)).projection.messages)


KEYS = ["block_type", "blocks", "content", "id", "images", "kwargs", "metadata", "path", "role", "score", "text"]
KEYS += ["tool_calls", "tool_call_id", "tool_kwargs", "url", "$text", "$json", "$strip", "$bytes", "$$text"]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), TEXT, st.sampled_from(["1", "2"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=10,
)
BLOCK_TYPES = [
    "text",
    "image",
    "audio",
    "video",
    "document",
    "cache",
    "citable",
    "citation",
    "thinking",
    "tool_call",
    "x",
]
BLOCKS = st.lists(
    st.builds(
        lambda kind, more: more | {"block_type": kind},
        st.sampled_from(BLOCK_TYPES),
        st.dictionaries(TEXT, JSON, max_size=2),
    ),
    max_size=3,
)
DATA = st.one_of(JSON, TEXT, st.fixed_dictionaries({"blocks": BLOCKS}, optional={"kwargs": JSON, "metadata": JSON}))
HEADERS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["message", "message-end", "call", "nothing", *STREAM_KINDS, *ITEM_KINDS])},
    optional={
        "block": st.sampled_from(["1", "2", ""]),
        "role": st.sampled_from(["user", "tool", "wizard"]),
        "name": TEXT,
        "tool_call_id": TEXT,
        "complete": TEXT,
        "is_error": st.sampled_from(["true", "x"]),
    },
)


@st.composite
def crafted(draw: st.DrawFn) -> InboundMessage:
    """Any delivery that a stranger may make."""
    codec = draw(st.one_of(HEADERS, HEADERS, HEADERS, JSON))
    stream, status = (
        draw(st.sampled_from(["true", "false"])),
        draw(st.sampled_from(["streaming", "complete", "cancelled"])),
    )
    transport: Any = {MESSAGE_ID: draw(st.sampled_from(["M", "N"])), "stream": stream, "status": status}
    serial = draw(st.sampled_from(["01", "02", "03"]))
    return InboundMessage(
        draw(st.sampled_from([names.CREATE, names.APPEND, names.UPDATE, names.DELETE])),
        serial,
        serial + draw(st.sampled_from(["", "a", "b"])),
        0,
        draw(st.sampled_from([names.OUTPUT, names.OUTPUT, names.INPUT, None])),
        draw(DATA),
        draw(st.sampled_from([{"ai": {"transport": transport, "codec": codec}}, {"ai": codec}, None])),
    )


@given(st.lists(crafted(), max_size=12))
def test_nothing_on_the_wire_can_make_a_reader_fail(deliveries: list[InboundMessage]) -> None:
    decoder, projection = CODEC.create_decoder(), CODEC.init()
    for delivery in deliveries:
        decoded = decoder.decode(delivery)
        for event in decoded.outputs:
            projection = CODEC.fold_output(projection, event, FoldMeta(delivery.serial or "", "M"))
        for event in decoded.inputs:
            projection = CODEC.fold_input(projection, event, FoldMeta(delivery.serial or "", "M"))
        everything(projection)
        assert isinstance(projection.sources(), list)
        assert isinstance(projection.metadata("M"), dict)
        assert projection.structured_output != "never"
        as_history(projection.messages)


def test_a_short_message_cannot_stand_for_a_value_without_bounds() -> None:
    def told(kind: str, data: Any, serial: str, **headers: str) -> InboundMessage:
        stream = "true" if headers else "false"
        transport = {MESSAGE_ID: "M", "stream": stream, "status": "streaming"}
        extras = {"ai": {"transport": transport, "codec": {"kind": kind, **headers}}}
        return InboundMessage(names.UPDATE if headers else names.CREATE, serial, serial, 0, names.OUTPUT, data, extras)

    itself = told("value", '[{"$json": "1"}, {"$json": "1"}]', "01", block="1")
    long = told("value", "x" * 100_000, "02", block="2")
    blocks = [{"block_type": "text", "text": {"$text": ["2", "1"] * n}} for n in range(1, 2000)]
    projection = live(
        [itself, long, told("structured", {"$json": "1"}, "03"), told("message", {"blocks": blocks}, "04")]
    )
    assert projection.structured_output == [None, None]
    assert sum(len(message.content or "") for message in projection.messages) < 60_000_000
