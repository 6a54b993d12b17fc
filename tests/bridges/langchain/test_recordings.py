"""Recorded streams of real providers, through LangChain's models and the bridge."""

from __future__ import annotations

from typing import Any

import pytest

from ai_transport_codecs import get_codec
from ai_transport_codecs.bridges import UiTranslator
from ai_transport_codecs.codec.contract import FoldMeta
from tests.bridges.client_rules import check
from tests.bridges.reading import folded, told
from tests.codecs.langchain.replay import RECORDINGS, chunks_of, events_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:Received unexpected tool content block"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
]


def framework_messages(items: list[Any]) -> list[Any]:
    """LangChain's messages, as its codec gives them."""
    codec = get_codec("langchain")
    translator, projection = codec.create_translator(), codec.init()
    for events in (*(translator.translate(item) for item in items), translator.finish()):
        for event in events:
            codec.fold_output(projection, event, FoldMeta("", translator.message_key(event)))
    return [entry.message for entry in codec.get_messages(projection)]


@pytest.mark.parametrize("form", ["chunks", "events"])
@pytest.mark.parametrize("name", RECORDINGS)
async def test_the_ui_message_says_all_that_the_message_does(name: str, form: str) -> None:
    settings = [{}, {"output_version": "v1"}] if form == "chunks" else [{}]
    for each in settings:
        items: list[Any]
        if form == "chunks":
            items = list(await chunks_of(RECORDINGS[name], **each))
        else:
            items, _ = await events_of(RECORDINGS[name])
        translator = UiTranslator("langchain")
        chunks = [chunk for item in items for chunk in translator.translate(item)] + translator.finish()
        check(chunks)
        found, expected = told([folded(chunks)], "vercel"), told(framework_messages(items), "langchain")
        # What a provider's quirk puts into a block that is no text was shown as the text that it is.
        assert expected.pop("text")[0] in found.pop("text")[0]
        assert found == expected
