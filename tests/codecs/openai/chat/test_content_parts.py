"""Servers that stream an answer's content as parts and as text, as Mistral's reasoning models do."""

from __future__ import annotations

from typing import Any, Final

import pytest

from ai_transport_codecs.bridges import UiTranslator
from ai_transport_codecs.codecs.openai.chat import as_history
from tests.bridges.client_rules import check
from tests.bridges.reading import folded
from tests.codecs.openai.chat.test_translator import chunk, completion_of
from tests.codecs.openai.chat.wire import joined, live, write_all


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def says(*contents: Any) -> list[dict[str, Any]]:
    return [chunk({"content": content}) for content in contents]


WHOLE: Final = [thought("Hm, so."), {"type": "text", "text": "It is Lisbon."}]
STREAMS: Final = {
    "parts, then text": says([thought("Hm, ")], [thought("so.")], "It is ", "Lisbon."),
    "an empty text, parts, then text": says("", [thought("Hm, ")], "", [thought("so.")], "It is ", "Lisbon.", ""),
    "parts alone": says(
        [thought("Hm, "), thought("so.")], [{"type": "text", "text": "It is "}], [WHOLE[1] | {"text": "Lisbon."}]
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_all_of_it_is_kept_in_order(name: str) -> None:
    assert completion_of(STREAMS[name])["choices"][0]["message"]["content"] == WHOLE


def test_a_text_before_the_parts_is_the_first_of_them() -> None:
    items = says("Well: ", [thought("Hm.")], "Yes.")
    content = completion_of(items)["choices"][0]["message"]["content"]
    assert content == [{"type": "text", "text": "Well: "}, thought("Hm."), {"type": "text", "text": "Yes."}]


def test_parts_that_say_more_than_their_text_stay_as_they_came() -> None:
    cited = {"type": "text", "text": "a", "citations": [1]}
    items = says(
        [cited], [cited], [{"type": "reference", "reference_ids": [1]}, {"type": "reference", "reference_ids": [2]}]
    )
    content = completion_of(items)["choices"][0]["message"]["content"]
    assert content == [cited, cited, *({"type": "reference", "reference_ids": [n]} for n in (1, 2))]


@pytest.mark.parametrize("name", STREAMS)
def test_whoever_joins_anywhere_has_the_same(name: str) -> None:
    deliveries = write_all(STREAMS[name]).deliveries
    messages = live(deliveries).messages
    assert messages[0]["content"] == WHOLE
    for place in range(len(deliveries) + 1):
        assert joined(deliveries, place).messages == messages


def test_it_goes_back_to_the_model_as_it_came() -> None:
    assert as_history(live(write_all(STREAMS["parts, then text"]).deliveries).messages) == [
        {"role": "assistant", "content": WHOLE}
    ]


@pytest.mark.parametrize("name", STREAMS)
def test_a_page_shows_thoughts_as_reasoning(name: str) -> None:
    translator = UiTranslator("openai-chat")
    chunks = [each for item in STREAMS[name] for each in translator.translate(item)] + translator.finish()
    check(chunks)
    assert folded(chunks)["parts"][1:] == [
        {"type": "reasoning", "text": "Hm, so."},
        {"type": "text", "text": "It is Lisbon."},
    ]


def test_a_page_shows_each_piece_as_it_comes() -> None:
    translator = UiTranslator("openai-chat")
    told = [
        [each.get("delta", each["type"]) for each in translator.translate(item)] for item in STREAMS["parts, then text"]
    ]
    assert told == [
        ["start", "start-step", "reasoning-start", "Hm, "],
        ["so."],
        ["reasoning-end", "text-start", "It is "],
        ["Lisbon."],
    ]
