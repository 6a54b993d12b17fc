"""What models stream and users say, in each codec's own words, so that a story is told once for both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

from tests.interop.parties import Json


class Dialect(Protocol):
    """A codec's words. Ids are the caller's, so that two answers can run at once."""

    name: str

    def says(self, text: str) -> Json:
        """The input of a new message."""
        ...

    def begin(self, id_: str) -> list[Json]:
        """What comes before the first word of an answer."""
        ...

    def words(self, id_: str, *words: str) -> list[Json]: ...
    def finish(self, id_: str, text: str) -> list[Json]:
        """What comes after the last word, when they were ``text`` together."""
        ...

    def calls(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        """A whole answer that calls a tool which the client runs."""
        ...

    def asks(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        """A whole answer that calls a tool, and asks whether it may be run."""
        ...

    def result(self, message_id: str, call_id: str, output: str) -> Json: ...
    def failure(self, message_id: str, call_id: str, text: str) -> Json: ...
    def verdict(self, message_id: str, call_id: str, *, approved: bool, reason: str | None = None) -> Json: ...
    def ran(self, call_id: str, output: str) -> list[Json]:
        """The output of a tool that the agent ran."""
        ...

    def common(self, message: Json) -> Json:
        """The message without what the official codec has no word for."""
        ...

    def text(self, message: Json) -> str:
        """What a message says."""
        ...

    def state(self, message: Json, call_id: str) -> str:
        """How a call stands: ``open``, ``asked``, ``approved``, ``denied``, ``done`` or ``failed``."""
        ...

    def answer(self, id_: str, *words: str) -> list[Json]:
        """A whole answer."""
        ...


class _Answers:
    def answer(self: Any, id_: str, *words: str) -> list[Json]:
        return [*self.begin(id_), *self.words(id_, *words), *self.finish(id_, "".join(words))]


class Vercel(_Answers):
    """UI message chunks."""

    name = "vercel"

    def says(self, text: str) -> Json:
        message = {"id": f"ui-{text}", "role": "user", "parts": [{"type": "text", "text": text}]}
        return {"kind": "user-message", "message": message}

    def begin(self, id_: str) -> list[Json]:
        return [{"type": "start"}, {"type": "start-step"}, {"type": "text-start", "id": id_}]

    def words(self, id_: str, *words: str) -> list[Json]:
        return [{"type": "text-delta", "id": id_, "delta": word} for word in words]

    def finish(self, id_: str, text: str) -> list[Json]:
        return [
            {"type": "text-end", "id": id_},
            {"type": "finish-step"},
            {"type": "finish", "finishReason": "stop", "messageMetadata": {"tokens": 7}},
        ]

    def calls(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        return [*self._call(call_id, tool, arguments), *self._stop()]

    def asks(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        ask = {"type": "tool-approval-request", "toolCallId": call_id, "approvalId": f"may-{call_id}"}
        return [*self._call(call_id, tool, arguments), ask, *self._stop()]

    def _call(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        text = json.dumps(arguments)
        middle = len(text) // 2
        return [
            {"type": "start"},
            {"type": "start-step"},
            {"type": "tool-input-start", "toolCallId": call_id, "toolName": tool},
            *(
                {"type": "tool-input-delta", "toolCallId": call_id, "inputTextDelta": piece}
                for piece in (text[:middle], text[middle:])
            ),
            {"type": "tool-input-available", "toolCallId": call_id, "toolName": tool, "input": arguments},
        ]

    def _stop(self) -> list[Json]:
        return [{"type": "finish-step"}, {"type": "finish", "finishReason": "tool-calls"}]

    def result(self, message_id: str, call_id: str, output: str) -> Json:
        payload = {"toolCallId": call_id, "output": output}
        return {"kind": "tool-result", "codecMessageId": message_id, "payload": payload}

    def failure(self, message_id: str, call_id: str, text: str) -> Json:
        payload = {"toolCallId": call_id, "message": text}
        return {"kind": "tool-result-error", "codecMessageId": message_id, "payload": payload}

    def verdict(self, message_id: str, call_id: str, *, approved: bool, reason: str | None = None) -> Json:
        payload = {"toolCallId": call_id, "approved": approved} | ({} if reason is None else {"reason": reason})
        return {"kind": "tool-approval-response", "codecMessageId": message_id, "payload": payload}

    def ran(self, call_id: str, output: str) -> list[Json]:
        return [{"type": "tool-output-available", "toolCallId": call_id, "output": output}]

    def common(self, message: Json) -> Json:
        return message

    def text(self, message: Json) -> str:
        return "".join(part["text"] for part in message["parts"] if part["type"] == "text")

    def state(self, message: Json, call_id: str) -> str:
        [part] = [part for part in message["parts"] if part.get("toolCallId") == call_id]
        states = {
            "input-available": "open",
            "approval-requested": "asked",
            "output-available": "done",
            "output-error": "failed",
            "output-denied": "denied",
        }
        if part["state"] == "approval-responded":
            return "approved" if part["approval"]["approved"] else "denied"
        return states[part["state"]]


class Responses(_Answers):
    """Events of the Responses API."""

    name = "openai-responses"

    def says(self, text: str) -> Json:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        return {"kind": "user-message", "message": {"role": "user", "items": [item]}}

    def begin(self, id_: str) -> list[Json]:
        message = {"id": id_, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        part = {"type": "output_text", "text": "", "annotations": []}
        return [
            self._response("response.created", id_),
            {"type": "response.output_item.added", "output_index": 0, "item": message},
            self._about("response.content_part.added", id_, content_index=0, part=part),
        ]

    def words(self, id_: str, *words: str) -> list[Json]:
        return [self._about("response.output_text.delta", id_, content_index=0, delta=word) for word in words]

    def finish(self, id_: str, text: str) -> list[Json]:
        part = {"type": "output_text", "text": text, "annotations": []}
        message = {"id": id_, "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        return [
            self._about("response.output_text.done", id_, content_index=0, text=text),
            self._about("response.content_part.done", id_, content_index=0, part=part),
            {"type": "response.output_item.done", "output_index": 0, "item": message},
            self._response("response.completed", id_, message),
        ]

    def calls(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        id_, text = f"fc_{call_id}", json.dumps(arguments)
        call = {"id": id_, "type": "function_call", "call_id": call_id, "name": tool}
        begun, over = (
            call | {"arguments": "", "status": "in_progress"},
            call | {"arguments": text, "status": "completed"},
        )
        middle = len(text) // 2
        return [
            self._response("response.created", id_),
            {"type": "response.output_item.added", "output_index": 0, "item": begun},
            *(
                self._about("response.function_call_arguments.delta", id_, delta=piece)
                for piece in (text[:middle], text[middle:])
            ),
            self._about("response.function_call_arguments.done", id_, arguments=text),
            {"type": "response.output_item.done", "output_index": 0, "item": over},
            self._response("response.completed", id_, over),
        ]

    def asks(self, call_id: str, tool: str, arguments: Json) -> list[Json]:
        ask = {"type": "tool-approval-request", "call_id": call_id, "name": tool, "arguments": json.dumps(arguments)}
        *call, completed = self.calls(call_id, tool, arguments)
        return [*call, ask, completed]

    def result(self, message_id: str, call_id: str, output: str) -> Json:
        payload = {"call_id": call_id, "output": output}
        return {"kind": "tool-result", "codecMessageId": message_id, "payload": payload}

    def failure(self, message_id: str, call_id: str, text: str) -> Json:
        payload = {"call_id": call_id, "message": text}
        return {"kind": "tool-result-error", "codecMessageId": message_id, "payload": payload}

    def verdict(self, message_id: str, call_id: str, *, approved: bool, reason: str | None = None) -> Json:
        payload = {"call_id": call_id, "approved": approved} | ({} if reason is None else {"reason": reason})
        return {"kind": "tool-approval-response", "codecMessageId": message_id, "payload": payload}

    def ran(self, call_id: str, output: str) -> list[Json]:
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        return [{"type": "function_call_output", "item": item}]

    def common(self, message: Json) -> Json:
        return {key: value for key, value in message.items() if key in {"role", "items", "toolCallStates"}}

    def text(self, message: Json) -> str:
        parts = [part for item in message["items"] for part in item.get("content", [])]
        return "".join(part["text"] for part in parts if part["type"] in {"input_text", "output_text"})

    def state(self, message: Json, call_id: str) -> str:
        state = message.get("toolCallStates", {}).get(call_id, {})
        if "result" in state:
            return "done" if state["result"] == "ok" else "failed"
        return "asked" if state.get("approval") == "pending" else str(state.get("approval", "open"))

    def _about(self, type_: str, id_: str, **fields: Json) -> Json:
        return {"type": type_, "item_id": id_, "output_index": 0, **fields}

    def _response(self, type_: str, id_: str, *output: Json) -> Json:
        response = {"id": f"resp_{id_}", "status": type_.partition(".")[2], "model": "m", "output": list(output)}
        return {"type": type_, "response": response}


DIALECTS: Final[Sequence[Dialect]] = (Vercel(), Responses())
