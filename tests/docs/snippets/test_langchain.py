"""The guide to LangChain and LangGraph, played with their own fake models over the memory channel."""

from __future__ import annotations

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate
from langgraph.checkpoint.memory import InMemorySaver

from ai_transport_codecs import AgentError, InvalidArgumentError, MemoryHub
from tests.codecs.langchain.test_agents import ScriptedModel, calls, said
from tests.docs.pages import Played, page_of
from tests.docs.snippets.stage import answers, beside


def model(*texts: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))


async def test_every_line_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names = Played(page_of("docs/guides/langchain.md"))

    hub = MemoryHub()
    async with beside(names["serve"](hub.client("agent"), names["make_chain"](model("Alfama, Belém.")))):
        [answer] = await names["ask"](hub.client("alice"), "Plan a trip.")
    assert answer == AIMessage("Alfama, Belém.", id=answer.id)
    assert capsys.readouterr().out.splitlines()[-1] == "Alfama, Belém."

    prompt = ChatPromptTemplate([("user", "{question} Answer in {language}.")])
    [_, answer] = await answers(names["question_turn"](prompt | model("Bonjour.")), "Hello?", codec="langchain")
    assert answer.text == "Bonjour."

    for make in (names["agent_handler"], lambda llm: names["events_handler"](react_agent(names, llm))):
        llm = ScriptedModel(answers=[calls('{"city": "Lisbon"}'), [said("Sunny, "), said("then.")]])
        messages = await answers(make(llm), "Lisbon?", codec="langchain")
        assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
        assert [message.text for message in messages[2:]] == ["Sunny in Lisbon.", "Sunny, then."]

    careful = names["careful_handler"](model("Hello."))
    assert (await answers(careful, "Hi.", codec="langchain"))[-1].text == "Hello."
    with pytest.raises(AgentError, match="do not send passwords"):
        await answers(careful, "my password", codec="langchain")

    saver = InMemorySaver()
    async with beside(names["serve_graph"](hub.client("agent"), saver)):
        assert await names["book"](hub.client("alice")) == "Booked for Friday."
    assert names.missing() == []


def react_agent(names: Played, llm: ScriptedModel) -> object:
    return names["create_agent"](llm, tools=[names["weather"]])


def test_what_the_page_says_of_ambiguous_prompts_is_so() -> None:
    names = Played(page_of("docs/guides/langchain.md"))
    prompt = ChatPromptTemplate([("user", "{question} Answer in {language}.")])
    with pytest.raises(InvalidArgumentError, match=r"the chain's prompt has the variables .*, which is ambiguous"):
        names["chain_turn"](prompt | model("x"))
