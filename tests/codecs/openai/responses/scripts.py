"""Streams of the Responses API, written down in short."""

from __future__ import annotations

from typing import Any

Event = dict[str, Any]


def created(id_: str = "resp_1") -> Event:
    return {"type": "response.created", "response": {"id": id_, "status": "in_progress", "model": "m", "output": []}}


def completed(*output: Event, id_: str = "resp_1", status: str = "completed") -> Event:
    response = {"id": id_, "status": status, "model": "m", "output": list(output), "usage": {"total_tokens": 7}}
    return {"type": f"response.{status}", "response": response}


def added(item: Event, index: int = 0) -> Event:
    return {"type": "response.output_item.added", "output_index": index, "item": item}


def done(item: Event, index: int = 0) -> Event:
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def about(type_: str, item_id: str, **fields: Any) -> Event:
    return {"type": type_, "item_id": item_id, "output_index": 0, **fields}


def message(id_: str, *parts: Event, status: str = "completed") -> Event:
    return {"id": id_, "type": "message", "role": "assistant", "status": status, "content": list(parts)}


def text_part(text: str = "", **fields: Any) -> Event:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": [], **fields}


def say(id_: str, *deltas: str, part: int = 0) -> list[Event]:
    """The events of one text part, without its end."""
    return [
        about("response.content_part.added", id_, content_index=part, part=text_part()),
        *(about("response.output_text.delta", id_, content_index=part, delta=delta) for delta in deltas),
    ]


def answer(id_: str, *deltas: str) -> list[Event]:
    """All events of a message with one text."""
    text = "".join(deltas)
    return [
        added(message(id_, status="in_progress")),
        *say(id_, *deltas),
        about("response.output_text.done", id_, content_index=0, text=text),
        done(message(id_, text_part(text))),
    ]


def call(id_: str, call_id: str, arguments: str = "", status: str = "completed", name: str = "f") -> Event:
    return {
        "id": id_,
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
        "status": status,
    }


def calling(id_: str, call_id: str, *deltas: str, name: str = "f") -> list[Event]:
    """All events of one function call."""
    return [
        added(call(id_, call_id, status="in_progress", name=name)),
        *(about("response.function_call_arguments.delta", id_, delta=delta) for delta in deltas),
        about("response.function_call_arguments.done", id_, arguments="".join(deltas)),
        done(call(id_, call_id, "".join(deltas), name=name)),
    ]
