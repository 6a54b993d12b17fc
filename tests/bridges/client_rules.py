"""What a client of AI SDK 6 demands of a UI message stream, checked chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

_TEXTS: Final = ("text", "reasoning")
_REASONS: Final = frozenset({"stop", "length", "content-filter", "tool-calls", "error", "other"})
_NEEDS: Final[dict[str, dict[str, type | tuple[type, ...]]]] = {
    "start": {},
    "start-step": {},
    "finish-step": {},
    "finish": {},
    "message-metadata": {},
    "error": {"errorText": str},
    "abort": {},
    **{f"{kind}-{what}": {"id": str} for kind in _TEXTS for what in ("start", "end")},
    **{f"{kind}-delta": {"id": str, "delta": str} for kind in _TEXTS},
    "tool-input-start": {"toolCallId": str, "toolName": str},
    "tool-input-delta": {"toolCallId": str, "inputTextDelta": str},
    "tool-input-available": {"toolCallId": str, "toolName": str},
    "tool-input-error": {"toolCallId": str, "toolName": str, "errorText": str},
    "tool-output-available": {"toolCallId": str},
    "tool-output-error": {"toolCallId": str, "errorText": str},
    "tool-output-denied": {"toolCallId": str},
    "tool-approval-request": {"toolCallId": str, "approvalId": str},
    "file": {"mediaType": str, "url": str},
    "source-url": {"sourceId": str, "url": str},
    "source-document": {"sourceId": str, "mediaType": str, "title": str},
}
"""The types that version 6 has (and ``data-*``), and the texts that each must have."""

_VALUES: Final = {"tool-input-available": "input", "tool-input-error": "input", "tool-output-available": "output"}
_ONCE: Final = ("start", "finish", "error", "abort")


def check(chunks: Iterable[dict[str, Any]]) -> None:
    """Assert that a client would take the chunks, and that they are a whole message."""
    client = Client()
    for chunk in chunks:
        client.take(chunk)
    assert client.is_over, "the message has no end"


class Client:
    """A client in the middle of a stream."""

    def __init__(self) -> None:
        self.is_over = False
        self._seen: set[str] = set()
        self._in_step = False
        self._open: set[tuple[str, str]] = set()
        self._used: set[tuple[str, str]] = set()
        self._calls: dict[str, str] = {}
        self._sources: set[str] = set()

    def take(self, chunk: dict[str, Any]) -> None:
        """Take the next chunk."""
        json.dumps(chunk, allow_nan=False)
        type_ = chunk["type"]
        assert not self.is_over, f"{type_} after the end"
        assert type_ == "start" or "start" in self._seen, f"{type_} before the start"
        if type_ in _ONCE:
            assert type_ not in self._seen, f"a second {type_}"
        self._seen.add(type_)
        if type_.startswith("data-"):
            assert "data" in chunk
            assert self._in_step
            return
        for key, kind in _NEEDS[type_].items():
            assert isinstance(chunk.get(key), kind), f"{type_} without {key}"
        if type_ in _VALUES:
            assert _VALUES[type_] in chunk
        if type_.partition("-")[0] in _TEXTS:
            self._text(chunk, *type_.split("-"))
        elif type_.startswith("tool-"):
            self._tool(chunk, type_)
        else:
            self._other(chunk, type_)

    def _text(self, chunk: dict[str, Any], kind: str, what: str) -> None:
        part = (kind, chunk["id"])
        assert self._in_step
        if what == "start":
            assert part not in self._used, f"{part} begins twice"
            self._open.add(part)
            self._used.add(part)
        else:
            assert part in self._open, f"{part} {what} without a start"
            assert what == "end" or chunk["delta"]
        if what == "end":
            self._open.remove(part)

    def _tool(self, chunk: dict[str, Any], type_: str) -> None:
        id_ = chunk["toolCallId"]
        state = self._calls.get(id_)
        assert self._in_step
        assert id_
        match type_:
            case "tool-input-start":
                assert state is None, f"call {id_} begins twice"
                assert chunk["toolName"]
                self._calls[id_] = "streaming"
            case "tool-input-delta":
                assert state == "streaming", f"input of {id_} in state {state}"
            case "tool-input-available" | "tool-input-error":
                assert state in {None, "streaming"}, f"a second input of {id_}"
                self._calls[id_] = "available"
            case _:
                assert state is not None, f"{type_} of an unknown call {id_}"
                assert state != "streaming", f"{type_} of {id_}, whose input is not there"
                self._calls[id_] = "answered" if type_.startswith("tool-output") else state

    def _other(self, chunk: dict[str, Any], type_: str) -> None:
        match type_:
            case "start-step":
                assert not self._in_step, "a step within a step"
                self._in_step = True
            case "finish-step":
                assert self._in_step
                assert not self._open, f"{self._open} go on after their step"
                self._in_step = False
            case "finish":
                assert not self._in_step, "the last step has no end"
                assert chunk["finishReason"] in _REASONS
                self.is_over = True
            case "error" | "abort":
                assert not self._open
                self.is_over = True
            case "source-url" | "source-document":
                assert chunk["sourceId"] not in self._sources, "two sources of one id"
                self._sources.add(chunk["sourceId"])
            case _:
                pass
