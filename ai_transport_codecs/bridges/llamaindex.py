"""LlamaIndex's messages and its workflows' events, told to a UI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ai_transport_codecs.convert.blocks import Source, ToolCall, ToolResult, Usage

from .ending import count
from .spoken import data_chunks
from .teller import CallLane, Teller, TextLane
from .writer import Kind

_TEXTS: Final[Mapping[str, Kind]] = {"text-start": "text", "thinking-start": "reasoning"}
_NAMED: Final = frozenset({"event", "ui", "human-response"})
"""The kinds of events that are data under their own names; others are under that of their kind."""

_FAILURES: Final = {"timed-out": "The workflow took too long.", "failed": "The workflow failed."}
_URLS: Final = ("url", "URL", "source_url", "link")
_TITLES: Final = ("title", "file_name", "filename", "name", "source")
_INPUT_COUNTS: Final = ("prompt_tokens", "input_tokens", "prompt_token_count", "prompt_eval_count")
_OUTPUT_COUNTS: Final = ("completion_tokens", "output_tokens", "candidates_token_count", "eval_count")
_TOTAL_COUNTS: Final = ("total_tokens", "total_token_count")


class LlamaIndexTeller(Teller):
    """Tells what LlamaIndex's LLMs, chat engines, agents and workflows stream."""

    name = "llamaindex"

    def handlers(self) -> Mapping[str, Callable[[str, Any], None]]:
        """The codec's events."""
        return {
            "text-start": self._start_text,
            "thinking-start": self._start_text,
            "tool-call-start": self._start_call,
            **{f"{kind}-delta": self._delta for kind in ("text", "thinking", "tool-call")},
            "message": self._message,
            "message-end": self._end,
            "call": self._call,
            "sources": self._sources,
            "outcome": self._outcome,
            **dict.fromkeys(("structured", "event", "ui", "artifact", "input-required", "human-response"), self._data),
        }

    def _delta(self, key: str, event: Any) -> None:
        lane = self.lanes.get((key, event["block"]))
        if lane is not None:
            lane.grow(event["delta"])

    def _start_text(self, key: str, event: Any) -> None:
        self.lanes[key, event["block"]] = TextLane(self.spoken(key), _TEXTS[event["type"]])

    def _start_call(self, key: str, event: Any) -> None:
        id_, name = event.get("tool_call_id"), event.get("tool_name")
        if id_ and name:
            call = self.spoken(key).call(id_, name)
            self.ui.writer.start_call(call)
            self.lanes[key, event["block"]] = CallLane(self.ui.writer, call)

    def _message(self, key: str, event: Any) -> None:
        if event.get("complete"):
            self._end(key, event)
        elif event.get("role", "assistant") == "assistant":
            self.spoken(key)

    def _end(self, key: str, event: Any) -> None:
        message = self.projection.states[key].built()
        for neutral in self.read(message):
            if neutral.role == "tool":
                is_error = self.projection.is_error(key)
                header = self.projection.states[key].header
                name = header.get("tool_name")
                self.answer(
                    ToolResult(block.call_id, block.output, block.is_error or is_error, block.name or name)
                    for block in neutral.blocks
                    if isinstance(block, ToolResult)
                )
                return
        self.settle(key, message)
        if message.role.value == "assistant":
            self._note(key)

    def _note(self, key: str) -> None:
        """What the provider told beside the message."""
        spoken, known = self.spoken(key), self.projection.metadata(key)
        spoken.model = _text(known.get("model")) or spoken.model
        reasons = (known.get(name) for name in ("finish_reason", "stop_reason", "done_reason", "status"))
        spoken.finish_reason = next(filter(None, map(_text, reasons)), None) or spoken.finish_reason
        usage = known.get("usage")
        if isinstance(usage, Mapping):
            used, made = count(usage, *_INPUT_COUNTS), count(usage, *_OUTPUT_COUNTS)
            spoken.usage = Usage(used, made, count(usage, *_TOTAL_COUNTS) or used + made)

    def _call(self, key: str, event: Any) -> None:
        """A tool runs. An agent that thinks in text, as ReAct does, has not named the call in its message."""
        found = self.projection.tool_calls[-1]
        if self.ui.writer.call(found.id) is None:
            spoken = self.ui.newest() if key not in self.projection.states else self.spoken(key)
            spoken.provide(ToolCall(found.id, found.tool_name, dict(found.kwargs)))

    def _sources(self, key: str, event: Any) -> None:
        spoken = self.ui.newest()
        for node in self._item():
            spoken.add(_source(node))

    def _data(self, key: str, event: Any) -> None:
        kind, name = event["type"], event.get("name")
        value = self._item()
        if kind in _NAMED and name:
            self.add(data_chunks(name, value))
        else:
            self.add(data_chunks(kind, {"name": name, "data": value} if name and kind != "artifact" else value))

    def _outcome(self, key: str, event: Any) -> None:
        name = event.get("name")
        if name == "cancelled":
            self.ui.writer.abort()
        else:
            self.note_failure(_FAILURES.get(str(name), "The workflow ended."))

    def _item(self) -> Any:
        """What came last beside the messages."""
        return self.projection.items[-1].value()


def _source(node: Any) -> Source:
    about = node.get("metadata")
    about = about if isinstance(about, Mapping) else {}
    url = next((value for name in _URLS if (value := _text(about.get(name))) and "://" in value), None)
    title = next((value for name in _TITLES if (value := _text(about.get(name)))), None)
    id_ = _text(node.get("id"))
    if url is not None:
        return Source(url, title, id_)
    return Source(None, title, id_, _text(node.get("mimetype")) or "text/plain", _text(about.get("file_name")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
