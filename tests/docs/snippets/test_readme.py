"""The README's Python, executed as it stands, with fake models."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from llama_index.core.agent.workflow import FunctionAgent

from ai_transport_codecs import ClientSession, MemoryHub
from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.server import LocalServer
from tests.codecs.langchain.test_graph_turn import compiled
from tests.codecs.llamaindex.models import ScriptedLLM
from tests.codecs.llamaindex.test_agents import ANSWER, CALL, weather
from tests.codecs.openai.chat.test_turn import Provider, calls, client_of
from tests.docs.pages import Played, page_of
from tests.docs.snippets.stage import beside

# LlamaIndex looks at deprecated fields of its own models.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

KEY = "app.key:secret"


def model(*texts: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))


async def asked(hub: MemoryHub, channel: str, codec: str) -> tuple[str, Any]:
    """How a turn went that a device began, and its last message."""
    async with ClientSession[Any](hub.client("alice"), channel, codec=codec) as device:
        turn = await device.view.send("Plan a trip.")
        return str(await turn.wait()), turn.messages[-1]


async def test_every_line_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names = Played(page_of("README.md"))
    await names["in_one_process"](model("Alfama, Belém, Sintra."))
    assert capsys.readouterr().out.splitlines()[-1] == "Alfama, Belém, Sintra."

    async with (
        LocalServer(keys=[KEY]) as server,
        beside(names["over_ably"](KEY, model("Over a server."), server.url)),
        connect_ably(KEY, url=server.url, client_id="alice") as ably,
    ):
        await names["device"](ably)
    assert capsys.readouterr().out.splitlines()[-1] == "Over a server."

    hub = MemoryHub()
    async with beside(names["graph_agent"](hub.client("agent"), compiled(InMemorySaver()))):
        status, question = await asked(hub, "conversations:43", "langchain")
    assert (status, question.additional_kwargs["interrupt"]["value"]) == ("suspended", {"question": "Where to?"})

    workflow = FunctionAgent(tools=[weather], llm=ScriptedLLM(CALL, ANSWER))
    async with beside(names["llamaindex_agent"](hub.client("agent"), workflow)):
        status, answer = await asked(hub, "conversations:44", "llamaindex")
    assert (status, answer.content) == ("complete", "It is sunny")

    async def send_mail(to: str) -> str:
        return f"sent to {to}"

    provider = Provider([calls(("c1", "send_mail", '{"to": "Ann"}'))])
    async with (
        client_of(provider) as openai,
        beside(names["openai_agent"](hub.client("agent"), openai, {"send_mail": send_mail})),
    ):
        status, question = await asked(hub, "conversations:45", "openai-chat")
    assert (status, question["tool_calls"][0]["approval"]) == ("suspended", "pending")

    async with beside(names["react_agent"](hub.client("agent"), model("For a page."))):
        status, answer = await asked(hub, "conversations:46", "vercel")
    assert (status, answer["parts"][-1]["text"]) == ("complete", "For a page.")

    agents = names["http_agent"](KEY, names["chain_turn"](model("hi")), lambda request, session, client_id: False)
    assert {route.path for route in agents.routes} == {"/chat", "/token"}
    assert names.missing() == []
