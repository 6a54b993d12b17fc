"""What a delta costs: the same late in a long answer as early, and a fraction of the SDK's own objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from openai._models import construct_type  # what the SDK's client calls for each chunk
from openai.types.chat import ChatCompletionChunk

from ai_transport_codecs.codecs.openai.chat import CODEC, from_sse
from benchmarks.codec_cost import decode_and_fold, deliveries, encode_all
from benchmarks.timing import best_microseconds
from tests.codecs.openai.chat.test_translator import chunk


def text(number: int) -> dict[str, Any]:
    return chunk({"content": f"word{number % 7} "})


def arguments(number: int) -> dict[str, Any]:
    named = {"id": "a", "type": "function"} if number == 0 else {}
    function = {"arguments": f'"{number}",', **({"name": "f"} if number == 0 else {})}
    return chunk({"tool_calls": [{"index": 0, **named, "function": function}]})


def probabilities(number: int) -> dict[str, Any]:
    return chunk({"content": "word "}, logprobs={"content": [{"token": "word ", "logprob": -0.5, "top_logprobs": []}]})


@pytest.mark.parametrize("make", [text, arguments, probabilities])
def test_a_delta_costs_the_same_in_a_long_answer(make: Callable[[int], dict[str, Any]]) -> None:
    def cost(count: int) -> float:
        items = [make(number) for number in range(count)]
        messages = deliveries(encode_all(CODEC, items))
        return best_microseconds(lambda: (encode_all(CODEC, items), decode_and_fold(CODEC, messages)), count, rounds=4)

    # Within 1.5 on an idle machine; a busy one adds to it, and what grows with the answer would be 16.
    assert cost(4_000) < 3 * cost(250)


def test_the_fast_lane_costs_a_fraction_of_building_the_sdks_objects() -> None:
    about = {"service_tier": "default", "system_fingerprint": "fp_1", "usage": None, "obfuscation": "abcdef"}
    count = 60
    lines = [f"data: {json.dumps(text(number) | about)}\n\n".encode() for number in range(count)]

    def build() -> None:
        for line in lines:
            construct_type(type_=ChatCompletionChunk, value=json.loads(line[6:]))

    # Many short rounds: the best of each is one that little else on the machine came between. The aim is a tenth; the
    # bound leaves room for a busy machine, on which the two are not measured at the same moment.
    ours = best_microseconds(lambda: list(from_sse(lines)), count, rounds=60)
    assert ours < best_microseconds(build, count, rounds=20) / 5
