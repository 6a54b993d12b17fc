"""The guide to OpenAI, played with the real client against providers on the loopback interface."""

from __future__ import annotations

import httpx
import pytest

from ai_transport_codecs import MemoryHub
from tests.codecs.openai.chat.test_turn import Provider, calls, client_of, says
from tests.codecs.openai.responses import test_turn as responses
from tests.codecs.openai.responses.replay import provider
from tests.docs.pages import Played, page_of
from tests.docs.snippets.stage import answers, beside, serving


async def test_every_line_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names = Played(page_of("docs/guides/openai.md"))
    hub = MemoryHub()

    async with client_of(Provider([says("Alfama.")])) as openai, beside(names["serve"](hub.client("agent"), openai)):
        [answer] = await names["ask"](hub.client("alice"), "Where to?")
    assert (answer["role"], answer["content"]) == ("assistant", "Alfama.")
    assert capsys.readouterr().out.splitlines()[-1] == "Alfama."

    weather = ("c1", "weather", '{"city": "Lisbon"}')
    async with client_of(Provider([calls(weather), says("Sunny.")])) as openai:
        messages = await answers(names["with_tools"](openai), "Lisbon?", codec="openai-chat")
    assert [message["content"] for message in messages[2:]] == ["Sunny in Lisbon.", "Sunny."]

    mail = ("c1", "send_mail", '{"to": "Ann", "text": "Hello"}')
    async with (
        client_of(Provider([calls(mail), says("Done.")])) as openai,
        serving(hub, "conversations:43", names["with_approval"](openai), codec="openai-chat"),
    ):
        assert await names["approve_from_a_device"](hub.client("alice")) == "Done."
    assert "send_mail" in capsys.readouterr().out

    async with (
        provider(responses.calls("f1", "c1", '{"city": "Lisbon"}'), responses.says("m1", "Sunny.")) as (openai, _),
        serving(hub, "conversations:44", names["responses_handler"](openai), codec="openai-responses"),
    ):
        assert await names["ask_responses"](hub.client("alice"), "Lisbon?") == ["Sunny."]

    async with client_of(Provider([says("Raw.")])) as openai, httpx.AsyncClient() as http:
        handler = names["raw_handler"](http, str(openai.base_url).rstrip("/"))
        assert (await answers(handler, "Hello?", codec="openai-chat"))[-1]["content"] == "Raw."
    assert names.missing() == []
