"""The items of a source as plain events of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ai_transport_codecs.codecs.openai.plain import try_plain
from ai_transport_codecs.errors import UnsupportedEventError

_SDK_ONLY: Final = frozenset({"snapshot", "parsed", "obfuscation"})


def event_of(item: Any) -> Mapping[str, Any]:
    """An item as a plain event, without what only the SDK adds. Raises UnsupportedEventError for anything else."""
    event = try_plain(item, _SDK_ONLY)
    if event is None:
        raise _unsupported(item, "")
    if event.get("object") == "response" and not isinstance(event.get("type"), str):
        event = {"type": f"response.{event.get('status')}", "response": event}
        event = event if event["type"] in {"response.incomplete", "response.failed"} else {**event, "type": _WHOLE}
    if not isinstance(event.get("type"), str):
        advice = "; these are chat completions: use codec 'openai-chat'" if "choices" in event else ""
        raise _unsupported(item, advice)
    return _without_parsed(event)


_WHOLE: Final = "response.completed"


def _without_parsed(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event without the values that the SDK's parser put into items; they repeat the text."""
    found = dict(event)
    if isinstance(found.get("item"), Mapping):
        found["item"] = _plain_item(found["item"])
    if isinstance(found.get("part"), Mapping):
        found["part"] = _without(found["part"], "parsed")
    response = found.get("response")
    if isinstance(response, Mapping) and isinstance(response.get("output"), list):
        output = [_plain_item(item) if isinstance(item, Mapping) else item for item in response["output"]]
        found["response"] = {**response, "output": output}
    return found


def _plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    found = _without(item, "parsed_arguments")
    content = found.get("content")
    if isinstance(content, list):
        found["content"] = [_without(part, "parsed") if isinstance(part, Mapping) else part for part in content]
    return found


def _without(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: held for name, held in value.items() if name != key}


def _unsupported(item: Any, advice: str) -> UnsupportedEventError:
    text = repr(item)
    return UnsupportedEventError(
        f"codec 'openai-responses' cannot carry an item of type {type(item).__name__} as output,"
        f" {text if len(text) <= 80 else text[:80] + '...'}{advice}; stream client.responses.create(..., stream=True)"
        " or client.responses.stream(...), or pass its events as dictionaries with a 'type'"
    )
