"""Everything else that a chain may stream: strings, parsers' values, a graph's tuples, and what cannot be carried."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.messages.base import TextAccessor
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser, StrOutputParser
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.runnables.utils import AddableDict
from langgraph.types import Command
from pydantic import BaseModel

from ai_transport_codecs.codecs.langchain import CODEC, as_history
from ai_transport_codecs.errors import UnsupportedEventError
from tests.codecs.langchain.wire import live, write_all


class Answer(BaseModel):
    city: str
    days: int


def model(*answers: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(answer) for answer in answers]))


def messages(items: Any) -> list[BaseMessage]:
    return live(write_all(list(items)).deliveries).messages


async def streamed(chain: Any, value: Any = "hi", **options: Any) -> list[Any]:
    return [item async for item in chain.astream(value, **options)]


async def test_a_chain_that_ends_in_a_string_parser_streams_one_message_of_text() -> None:
    chain = ChatPromptTemplate.from_template("{x}") | model("Plan a trip") | StrOutputParser()
    items = await streamed(chain, {"x": "?"})
    assert {type(item) for item in items} == {TextAccessor}
    log = write_all(items)
    assert live(log.deliveries).messages == [AIMessage("Plan a trip")]
    assert all(type(delivery.data) in {str, dict} for delivery in log.deliveries)


def test_text_before_and_after_another_message_is_two_messages() -> None:
    assert [m.text for m in messages(["a", "b", ToolMessage("t", tool_call_id="c"), "d"])] == ["ab", "t", "d"]


def test_empty_text_is_a_message_too() -> None:
    assert messages(["", ""]) == [AIMessage("")]


async def test_a_json_parsers_values_are_sent_once_as_the_last_one() -> None:
    items = await streamed(model('{"city": "Lisbon", "days": 3}') | JsonOutputParser())
    assert len(items) > 1
    log = write_all(items)
    assert live(log.deliveries).messages == [AIMessage('{"city": "Lisbon", "days": 3}')]
    assert len(log.deliveries) == 1


async def test_a_pydantic_parsers_values_too() -> None:
    items = await streamed(model('{"city": "Lisbon", "days": 3}') | PydanticOutputParser(pydantic_object=Answer))
    assert messages(items) == [AIMessage('{"city": "Lisbon", "days": 3}')]


def test_a_list_that_a_parser_yields_is_a_value() -> None:
    assert messages([[], [{"a": 1}], [{"a": 1}, {"a": 2}]]) == [AIMessage('[{"a": 1}, {"a": 2}]')]


WHOLE = [
    AIMessage(
        "a",
        id="1",
        name="bot",
        response_metadata={"x": 1},
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    AIMessage([{"type": "text", "text": "a"}, "b", {"type": "image", "url": "u"}]),
    AIMessage("", tool_calls=[{"name": "f", "args": {"a": [1]}, "id": "c"}]),
    AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{", "id": "c", "error": "e"}]),
    AIMessage("a", own=1),
    ToolMessage("a", tool_call_id="c", name="f", status="error", artifact={"rows": [1, None, 2.5]}),
    ToolMessage(["a", {"type": "text", "text": "b"}], tool_call_id="c"),
    HumanMessage("a", id="h"),
    SystemMessage([{"type": "text", "text": "a"}]),
    ChatMessage(content="a", role="critic"),
    FunctionMessage(content="a", name="f"),
]


@pytest.mark.parametrize("message", WHOLE, ids=lambda message: type(message).__name__)
def test_whole_messages_arrive_as_they_are_in_one_wire_message(message: BaseMessage) -> None:
    log = write_all([message])
    assert live(log.deliveries).messages == [message]
    assert len(log.deliveries) == 1
    assert messages([(message, {"langgraph_node": "n"})]) == [message]


def test_long_texts_of_a_whole_message_are_streams_that_can_be_cut_to_size() -> None:
    message = ToolMessage(
        [{"type": "text", "text": "x" * 100_000}, "y" * 20_000, {"type": "image", "base64": "z" * 500_000}],
        tool_call_id="c",
        artifact={"rows": ["w" * 20_000, "short"]},
    )
    log = write_all([message])
    assert live(log.deliveries).messages == [message]
    assert all(len(str(delivery.data)) < 20_000 for delivery in log.deliveries if delivery.name is not None)


async def test_a_model_that_does_not_stream_gives_one_whole_message() -> None:
    quiet = GenericFakeChatModel(messages=iter([AIMessage("whole")]), disable_streaming=True)
    [item] = await streamed(quiet)
    assert type(item) is AIMessage
    assert messages([item]) == [item]


def test_generations_are_unwrapped() -> None:
    assert messages(
        [
            ChatGenerationChunk(message=AIMessageChunk(content="a")),
            ChatGenerationChunk(message=AIMessageChunk(content="b")),
        ]
    ) == [AIMessage("ab")]
    assert messages([GenerationChunk(text="a"), GenerationChunk(text="b")]) == [AIMessage("ab")]


CHUNK = (AIMessageChunk(content="a"), {"langgraph_node": "n", "langgraph_checkpoint_ns": "n:1"})


@pytest.mark.parametrize(
    "item",
    [
        CHUNK,
        ("messages", CHUNK),
        ((), CHUNK),
        (("outer:1",), CHUNK),
        (("outer:1",), "messages", CHUNK),
        {"type": "messages", "ns": (), "data": CHUNK},
    ],
    ids=["messages", "modes", "subgraphs", "in a subgraph", "modes and subgraphs", "parts"],
)
def test_a_graphs_messages_come_in_many_wrappings(item: Any) -> None:
    projection = live(write_all([item]).deliveries)
    assert projection.messages == [AIMessage("a")]
    assert projection.node("id-m1") == "n"


@pytest.mark.parametrize("mode", ["values", "updates", "tasks", "checkpoints", "debug", "tools"])
def test_other_modes_repeat_what_messages_say(mode: str) -> None:
    assert messages([CHUNK, (mode, {"messages": [AIMessage("a")]})]) == [AIMessage("a")]


def test_what_nodes_write_is_one_message_for_each_graph_which_grows_by_appends() -> None:
    inner = ("search:1",)
    items: list[Any] = [("custom", {"looking": n}) for n in range(4)]
    items += [CHUNK, (inner, "custom", "found"), ("custom", {"looking": 4})]
    log = write_all(items)
    reader = live(log.deliveries)
    outer, answer, nested = reader.messages
    assert outer.additional_kwargs == {"custom": [{"looking": n} for n in range(5)]}
    assert answer == AIMessage("a")
    assert nested.additional_kwargs == {"custom": ["found"]}
    assert [reader.namespace(f"id-m{n}") for n in (1, 2, 3)] == [None, None, "search:1"]
    assert len([delivery for delivery in log.deliveries if delivery.name is not None]) < 10
    assert as_history(reader.messages) == [AIMessage("a")]


def test_updates_are_said_without_the_messages_and_without_what_is_the_graphs_own() -> None:
    command: Any = Command(update={"stage": "done", "messages": [AIMessage("a")]})
    said = messages(
        [
            CHUNK,
            ("updates", {"plan": {"steps": ["look", "pack"], "messages": [AIMessage("a")], "documents": None}}),
            ("updates", {"quiet": None, "__interrupt__": ("?",), "ends": [command]}),
        ]
    )
    assert said[0] == AIMessage("a")
    updates = [{"node": "plan", "update": {"steps": ["look", "pack"]}}, {"node": "ends", "update": {"stage": "done"}}]
    assert [message.additional_kwargs for message in said[1:]] == [{"updates": updates}]


def test_a_tools_words_and_then_its_result_are_one_message() -> None:
    result = ToolMessage("half and half", tool_call_id="c", name="f", id="t")
    items: list[Any] = [
        ("tools", {"event": "tool-started", "tool_call_id": "c", "tool_name": "f"}),
        ("tools", {"event": "tool-output-delta", "tool_call_id": "c", "delta": "half "}),
        ("tools", {"event": "tool-output-delta", "tool_call_id": "c", "delta": {"no": "text"}}),
        ("messages", (result, {"langgraph_node": "tools"})),
        ("tools", {"event": "tool-finished", "tool_call_id": "c", "output": result}),
    ]
    assert messages(items[:3]) == [ToolMessage("half ", tool_call_id="c")]
    assert messages(items) == [result]


def test_two_subgraphs_that_speak_at_once_do_not_mix() -> None:
    def piece(task: str, text: str) -> Any:
        metadata = {"langgraph_node": "model", "langgraph_checkpoint_ns": f"{task}|model:1"}
        return ((task,), "messages", (AIMessageChunk(content=text), metadata))

    log = write_all([piece("a:1", "a"), piece("b:1", "b"), piece("a:1", "A"), piece("b:1", "B")])
    reader = live(log.deliveries)
    assert [message.text for message in reader.messages] == ["aA", "bB"]
    assert [reader.namespace(f"id-m{n}") for n in (1, 2)] == ["a:1", "b:1"]
    assert [reader.node(f"id-m{n}") for n in (1, 2)] == ["model", "model"]


def test_edits_of_a_graphs_state_are_nothing_that_anybody_said() -> None:
    assert messages([(RemoveMessage(id="x"), {"langgraph_node": "n"})]) == []


UNSUPPORTED = [
    (7, "an item of type int as output, 7; stream messages, message chunks or strings"),
    (None, "of type NoneType"),
    (object(), "of type object"),
    (Document("d"), "end the chain with a model"),
    ([Document("d")], "end the chain with a model"),
    (AddableDict(answer="a"), 'chain.pick("answer")'),
    (ChatPromptTemplate.from_template("x").invoke({}), "end the chain with a model"),
    ([{"op": "add", "path": "/x", "value": 1}], "without diff=True"),
    ({"model": {"messages": [AIMessage("a")]}}, 'stream_mode="messages"'),
    ({"messages": [HumanMessage("a")]}, 'stream_mode="messages"'),
    (("a", "b", "c", "d"), 'stream_mode="messages"'),
    (b"bytes", "of type bytes"),
]


@pytest.mark.parametrize(("item", "advice"), UNSUPPORTED)
def test_what_cannot_be_carried_is_named_with_what_to_do(item: Any, advice: str) -> None:
    with pytest.raises(UnsupportedEventError) as caught:
        CODEC.create_translator().translate(item)
    assert "codec 'langchain' cannot carry" in str(caught.value)
    assert advice in str(caught.value)


def test_the_text_of_an_error_stays_short() -> None:
    with pytest.raises(UnsupportedEventError) as caught:
        CODEC.create_translator().translate(set(range(10_000)))
    assert len(str(caught.value)) < 300


async def test_a_chain_of_slices_says_how_to_stream_one_of_them() -> None:
    def chain() -> Any:
        answer = ChatPromptTemplate.from_template("{x}") | model("a b") | StrOutputParser()
        return RunnablePassthrough.assign(answer=answer)

    with pytest.raises(UnsupportedEventError, match="pick"):
        write_all(await streamed(chain(), {"x": 1}))
    assert messages(await streamed(chain().pick("answer"), {"x": 1})) == [AIMessage("a b")]


def test_each_event_names_its_message() -> None:
    translator = CODEC.create_translator()
    events = [event for item in (CHUNK, ToolMessage("t", tool_call_id="c")) for event in translator.translate(item)]
    assert list(dict.fromkeys(map(translator.message_key, events))) == ["m1", "m2"]
