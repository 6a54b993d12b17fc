"""The guide to LlamaIndex, played with scripted models over the memory channel."""

from __future__ import annotations

import pytest
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.memory import ChatMemoryBuffer

from ai_transport_codecs import MemoryHub
from ai_transport_codecs.codecs.llamaindex import MemoryContexts
from tests.codecs.llamaindex.models import ScriptedLLM
from tests.codecs.llamaindex.test_agents import ANSWER, CALL
from tests.codecs.llamaindex.test_engines import NODES, Retriever
from tests.docs.pages import Played, page_of
from tests.docs.snippets.stage import answers, beside, serving

# LlamaIndex looks at deprecated fields of its own models.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def engine() -> ContextChatEngine:
    memory = ChatMemoryBuffer.from_defaults()
    return ContextChatEngine(retriever=Retriever(), llm=ScriptedLLM(ANSWER), memory=memory, prefix_messages=[])


async def test_every_line_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names = Played(page_of("docs/guides/llamaindex.md"))
    hub = MemoryHub()

    async with beside(names["serve"](hub.client("agent"), ScriptedLLM(ANSWER))):
        [answer] = await names["ask"](hub.client("alice"), "Lisbon?")
    assert answer.content == "It is sunny"
    assert capsys.readouterr().out.splitlines()[-1] == "It is sunny"

    llm = ScriptedLLM(ANSWER)
    await answers(names["polite"](llm), "Lisbon?", codec="llamaindex")
    assert [message.content for message in llm.requests[0]] == ["Be polite.", "Lisbon?"]

    async with serving(hub, "conversations:43", names["engine_handler"](engine), codec="llamaindex"):
        said, sources = await names["ask_with_sources"](hub.client("alice"), "Lisbon?")
    assert (said, sources) == ("It is sunny", [(NODES[0].text, 0.75)])

    messages = await answers(names["agent_handler"](ScriptedLLM(CALL, ANSWER)), "Lisbon?", codec="llamaindex")
    assert [message.role.value for message in messages] == ["user", "assistant", "tool", "assistant"]
    assert messages[2].content == "Sunny in Lisbon."

    assert (await answers(names["shouting"](), "hello", codec="llamaindex"))[-1].content == "HELLO"

    async with beside(names["serve_booking"](hub.client("agent"), MemoryContexts())):
        assert await names["book"](hub.client("alice")) == "Booked for Friday."
    assert "When?" in capsys.readouterr().out
    assert names.missing() == []
