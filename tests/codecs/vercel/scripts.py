"""Random streams of chunks that an AI SDK agent may give: interleaved parts, parallel tool calls, several steps."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from hypothesis import strategies as st

Chunk: TypeAlias = dict[str, Any]

TEXT = st.text(alphabet='ab "{}[]:1é😀\n', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=2)


ENDINGS: list[list[Chunk]] = [
    [],
    [{"type": "finish", "finishReason": "stop", "messageMetadata": {"tokens": 3}}],
    [{"type": "abort", "reason": "user"}],
    [{"type": "error", "errorText": "boom"}],
]


class Author:
    """Writes one message, action by action, keeping to what an agent may do."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._open: dict[str, str] = {}
        """Text and reasoning parts by id."""
        self._arriving: dict[str, list[str]] = {}
        """Pieces of tool input that are still to come."""
        self._called: list[str] = []
        self._calls = 0

    def script(self) -> Iterator[Chunk]:
        draw = self._draw
        states_steps = draw(st.booleans())
        if draw(st.booleans()):
            metadata = draw(st.fixed_dictionaries({}, optional={"messageMetadata": OBJECTS}))
            yield {"type": "start", "messageId": "ui-1", **metadata}
        for _ in range(draw(st.integers(1, 3))):
            if states_steps:
                yield {"type": "start-step"}
            for _ in range(draw(st.integers(0, 8))):
                action = draw(st.sampled_from(self._actions()))
                yield from action()
            if states_steps:
                yield from self._end_of_step()
        yield from draw(st.sampled_from(ENDINGS))

    def _actions(self) -> list[Callable[[], Iterator[Chunk]]]:
        actions = [self._start_part, self._start_call, self._whole_call, self._other]
        if self._open:
            actions += [self._delta, self._delta, self._delta, self._end]
        if self._arriving:
            actions += [self._input_delta, self._input_delta, self._end_input]
        if self._called:
            actions.append(self._outcome)
        return actions

    def _end_of_step(self) -> Iterator[Chunk]:
        while self._arriving:
            yield from self._end_input()
        if self._draw(st.booleans()):  # else they are left open, which the translator mends
            while self._open:
                yield from self._end()
        self._open.clear()
        yield {"type": "finish-step"}

    def _start_part(self) -> Iterator[Chunk]:
        free = [id_ for id_ in ("0", "1", "2") if id_ not in self._open]
        if free:
            kind, id_ = self._draw(st.sampled_from(["text", "reasoning"])), self._draw(st.sampled_from(free))
            self._open[id_] = kind
            yield {"type": f"{kind}-start", "id": id_}

    def _delta(self) -> Iterator[Chunk]:
        id_ = self._draw(st.sampled_from(sorted(self._open)))
        yield {"type": f"{self._open[id_]}-delta", "id": id_, "delta": self._draw(TEXT)}

    def _end(self) -> Iterator[Chunk]:
        id_ = self._draw(st.sampled_from(sorted(self._open)))
        yield {"type": f"{self._open.pop(id_)}-end", "id": id_, "providerMetadata": {"p": {"id": id_}}}

    def _call(self) -> Chunk:
        self._calls += 1
        optional = st.fixed_dictionaries(
            {}, optional={"dynamic": st.booleans(), "title": TEXT, "providerExecuted": st.booleans()}
        )
        return {"toolCallId": f"c{self._calls}", "toolName": "get-weather", **self._draw(optional)}

    def _start_call(self) -> Iterator[Chunk]:
        call = self._call()
        text = json.dumps(self._draw(VALUES), ensure_ascii=False)
        cut = self._draw(st.integers(0, len(text)))
        self._arriving[call["toolCallId"]] = [text[:cut], text[cut:]]
        yield {"type": "tool-input-start", **call}

    def _input_delta(self) -> Iterator[Chunk]:
        call_id = self._draw(st.sampled_from(sorted(self._arriving)))
        if self._arriving[call_id]:
            piece = self._arriving[call_id].pop(0)
            yield {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": piece}

    def _end_input(self) -> Iterator[Chunk]:
        call_id = self._draw(st.sampled_from(sorted(self._arriving)))
        call = {"toolCallId": call_id, "toolName": "get-weather"}
        if self._draw(st.integers(0, 4)) == 0:
            del self._arriving[call_id]
            yield {"type": "tool-input-error", **call, "input": "{", "errorText": "no JSON"}
            return
        for piece in self._arriving.pop(call_id):
            yield {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": piece}
        self._called.append(call_id)
        yield {"type": "tool-input-available", **call, "input": "what was streamed"}

    def _whole_call(self) -> Iterator[Chunk]:
        call = self._call()
        self._called.append(call["toolCallId"])
        yield {"type": "tool-input-available", **call, "input": self._draw(VALUES)}

    def _outcome(self) -> Iterator[Chunk]:
        call_id = {"toolCallId": self._draw(st.sampled_from(self._called))}
        yield self._draw(
            st.one_of(
                OBJECTS.map(lambda output: {"type": "tool-output-available", **call_id, "output": output}),
                VALUES.map(
                    lambda output: {"type": "tool-output-available", **call_id, "output": output, "preliminary": True}
                ),
                TEXT.map(lambda text: {"type": "tool-output-error", **call_id, "errorText": text}),
                st.just({"type": "tool-output-denied", **call_id}),
                st.just({"type": "tool-approval-request", **call_id, "approvalId": "a1"}),
            )
        )

    def _other(self) -> Iterator[Chunk]:
        yield self._draw(
            st.one_of(
                st.just({"type": "file", "mediaType": "image/png", "url": "data:,"}),
                st.just({"type": "source-url", "sourceId": "s", "url": "https://example.com", "title": "T"}),
                st.just({"type": "source-document", "sourceId": "d", "mediaType": "text/plain", "title": "T"}),
                OBJECTS.map(lambda data: {"type": "data-progress", "id": "p", "data": data}),
                OBJECTS.map(lambda data: {"type": "data-note", "data": data}),
                OBJECTS.map(lambda data: {"type": "data-note", "data": data, "transient": True}),
                OBJECTS.map(lambda metadata: {"type": "message-metadata", "messageMetadata": metadata}),
            )
        )


@st.composite
def scripts(draw: st.DrawFn) -> list[Chunk]:
    """The chunks of one message, in dictionaries of their own."""
    return copy.deepcopy(list(Author(draw).script()))
