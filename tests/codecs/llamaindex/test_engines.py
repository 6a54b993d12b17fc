"""Real chat engines: their text, what their memory makes of it, and their sources."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.base.response.schema import Response
from llama_index.core.chat_engine import ContextChatEngine, SimpleChatEngine
from llama_index.core.chat_engine.types import AgentChatResponse, StreamingAgentChatResponse
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode
from llama_index.core.tools import ToolOutput

from ai_transport_codecs.codecs.llamaindex import LlamaIndexProjection
from tests.codecs.llamaindex.models import Piece, ScriptedLLM
from tests.codecs.llamaindex.wire import joined, live, write_all

ANSWER = [Piece(" It "), Piece("is sunny \n")]
NODE = TextNode(
    id_="n1",
    text="Lisbon is sunny.",
    metadata={"url": "https://example.com/lisbon", "page": 3},
    embedding=[0.5] * 8,
    relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="/srv/private/lisbon.txt")},
    start_char_idx=0,
    end_char_idx=16,
)
NODES = [NodeWithScore(node=NODE, score=0.75)]


class Retriever(BaseRetriever):
    """Finds the same node for every question."""

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return NODES


async def items_of(engine: Any, question: str) -> list[Any]:
    """What a handler pipes of an engine by hand: its text, then its response."""
    response = await engine.astream_chat(question)
    return [*[piece async for piece in response.async_response_gen()], response]


def read(items: list[Any]) -> LlamaIndexProjection:
    deliveries = write_all(items).deliveries
    found = live(deliveries)
    for position in range(len(deliveries) + 1):
        assert joined(deliveries, position).messages == found.messages
        assert joined(deliveries, position).sources() == found.sources()
    return found


async def test_readers_hold_the_message_that_the_engine_remembers() -> None:
    engine = SimpleChatEngine.from_defaults(llm=ScriptedLLM(ANSWER), memory=ChatMemoryBuffer.from_defaults())
    projection = read(await items_of(engine, "Lisbon?"))
    assert projection.messages == engine.chat_history[1:] == [ChatMessage("It is sunny", role="assistant")]


async def test_the_sources_of_an_answer_are_said_without_how_they_were_indexed() -> None:
    engine = ContextChatEngine(
        retriever=Retriever(), llm=ScriptedLLM(ANSWER), memory=ChatMemoryBuffer.from_defaults(), prefix_messages=[]
    )
    items = await items_of(engine, "Lisbon?")
    projection = read(items)
    [entry] = projection.entries
    [source] = projection.sources(entry.id)
    assert (source.node.node_id, source.text, source.metadata) == ("n1", NODE.text, NODE.metadata)
    assert source.score == 0.75
    assert source.node.embedding is None
    assert "private" not in str(write_all(items).deliveries)


def test_text_alone_is_a_message_as_it_was_said() -> None:
    assert read(["so ", "long "]).messages == [ChatMessage("so long ", role="assistant")]


def test_an_answer_that_did_not_stream_is_a_whole_message_with_its_tools_sources() -> None:
    output = ToolOutput(tool_name="query", content="x", raw_input={}, raw_output=Response("x", source_nodes=NODES))
    projection = read([AgentChatResponse("It is sunny", sources=[output])])
    assert projection.messages == [ChatMessage("It is sunny", role="assistant")]
    assert [node.node.node_id for node in projection.sources()] == ["n1"]


def test_sources_that_were_said_before_are_not_said_again() -> None:
    from llama_index.core.chat_ui.events import SourceNodesEvent

    response = StreamingAgentChatResponse("so", source_nodes=NODES)
    projection = read([SourceNodesEvent(nodes=NODES), "so", response])
    [entry] = projection.entries
    assert len(projection.sources(entry.id)) == 1
