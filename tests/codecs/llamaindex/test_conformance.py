"""The ``llamaindex`` codec keeps the laws of the conformance kit, on runs of agents and on the streams of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.chat_ui.events import UIEvent
from llama_index.core.workflow import HumanResponseEvent, InputRequiredEvent

from ai_transport_codecs.codecs.llamaindex import CODEC
from ai_transport_codecs.testing import CodecConformance
from tests.codecs.llamaindex.models import Piece, responses
from tests.codecs.llamaindex.test_llms import ANSWER, WHOLE
from tests.codecs.llamaindex.test_properties import run_of

TWO_STEPS = [Piece("Let me "), Piece(call="f-1", args="{}")]


class TestLlamaIndex(CodecConformance):
    """The laws, with samples of each surface."""

    codec = CODEC
    takes_tool_inputs = True

    samples: Mapping[str, Sequence[Any]] = {
        "an answer": responses(ANSWER),
        "an answer in deltas": responses(ANSWER, "deltas"),
        "text": ["so ", "it ", "is"],
        "an agent and its tool": [*run_of("a", TWO_STEPS), *run_of("a", [Piece("It is "), Piece("sunny")])],
        "events": [UIEvent(type="weather", data={"t": 21}), InputRequiredEvent(), ChatMessage("so", role="assistant")],
    }
    expected: Mapping[str, Sequence[Any]] = {
        "an answer": [WHOLE],
        "an answer in deltas": [WHOLE],
        "text": [ChatMessage("so it is", role="assistant")],
    }
    inputs: Sequence[Any] = [
        "Where to?",
        ChatMessage([TextBlock(text="What is this?"), ImageBlock(image=b"\x89PNG\r\n\x1a\nxx")]),
        HumanResponseEvent(),
    ]

    def reload_message(self, message: Any) -> Any:
        return ChatMessage.model_validate_json(message.model_dump_json())
