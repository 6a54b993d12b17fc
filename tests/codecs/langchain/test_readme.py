"""The README's Python, executed as it stands."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage

from ai_transport_codecs import AgentSession, ClientSession, MemoryHub
from ai_transport_codecs.codecs.langchain import chain_turn
from tests.source_tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def namespace() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102  # our own page
    return names


def model(answer: str) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=iter([AIMessage(answer)]))


async def test_the_ten_lines_run_in_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    await namespace()["main"](model("Alfama, Belém, Sintra."))
    assert capsys.readouterr().out.splitlines()[-1] == "Alfama, Belém, Sintra."


async def test_the_handler_of_ones_own_runs() -> None:
    names = namespace()
    names["chain"] = model("Hello back.")
    hub = MemoryHub()
    async with AgentSession[BaseMessage](hub.client("agent"), "c", codec="langchain") as session:
        serving = asyncio.create_task(session.serve(names["handler"]))
        async with ClientSession[BaseMessage](hub.client("alice"), "c", codec="langchain") as device:
            turn = await device.view.send("Hello")
            await turn.wait()
            assert [message.text for message in turn.messages] == ["Hello back."]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_branches_and_reading_across() -> None:
    answers = iter([AIMessage(answer) for answer in ("Alfama.", "Ribeira.", "Belém.")])
    chain = GenericFakeChatModel(messages=answers)
    hub = MemoryHub()
    async with AgentSession[BaseMessage](hub.client("agent"), "c", codec="langchain") as session:
        serving = asyncio.create_task(session.serve(chain_turn(chain)))
        async with ClientSession[BaseMessage](hub.client("alice"), "c", codec="langchain") as device:
            turn = await device.view.send("Plan a weekend in Lisbon.")
            await turn.wait()
            converted = await namespace()["more"](device, turn)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    assert converted.messages[0] == {"role": "user", "content": "Plan a weekend in Lisbon."}


async def test_the_agent_woken_by_http_starts_closed() -> None:
    agents = namespace()["http_agent"]("app.key:secret", model("hi"), lambda request, session, client_id: False)
    assert {route.path for route in agents.routes} == {"/chat", "/token"}


def test_the_page_has_code() -> None:
    assert len(BLOCKS) == 9
