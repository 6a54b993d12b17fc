"""What a source of the Responses API streams, to output events.

Accepted, each item for itself: the events of ``client.responses.create(stream=True)``; those of ``.stream()``, whose
snapshots and parsed values are left out, since they repeat the text; plain dictionaries of either; a whole ``Response``;
a provider's server-sent events as bytes or text, in pieces of any size; and what an agent says beside the API, the
outputs of its tools and its requests for approval.

Each response becomes one message. What happens to an event is told by its ``type`` alone, because the SDK builds a type
that it does not know as some other class: see :data:`CARRIED` and :data:`LEFT_OUT`. A type in neither is newer than this
version: it is carried as it is, with one warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from ai_transport_codecs.codec.sse import EventReader
from ai_transport_codecs.errors import UnsupportedEventError

from ..plain import try_plain
from . import kinds
from .audio import AlignedBase64
from .draft import Draft, Events
from .json_values import copy_json, slot_index
from .lanes import AUDIO, DELTAS, ENDS, PART_LANES, SHELL_OUTPUT, TRANSCRIPT
from .response import response_info
from .state import EventState

_log = logging.getLogger("ai_transport_codecs.codecs.openai.responses")

_ADVICE: Final = "pass the body of a streamed response as the API sends it, or the SDK's events"
_SDK_ONLY: Final = frozenset({"snapshot", "parsed", "obfuscation"})
_NOT_CARRIED: Final = _SDK_ONLY | {"sequence_number"}

LEFT_OUT: Final[Mapping[str, str]] = {
    "response.content_part.done": "the end of its text and the item's end say the same",
    "response.reasoning_summary_part.done": "the end of its text and the item's end say the same",
    "response.shell_call_output_content.done": "the item's end says the same",
    "response.audio.transcript.done": "it has no text; the transcript's stream ends with the response",
}
"""Events of the API that are not carried, and why."""


class _OfMessage(dict[str, Any]):
    """An event of a message that is not the source's first."""

    __slots__ = ("message_key",)

    def __init__(self, event: Mapping[str, Any], message_key: str) -> None:
        super().__init__(event)
        self.message_key = message_key


class ResponsesTranslator:
    """The items of one source to output events; see the module for what it accepts."""

    def __init__(self) -> None:
        self._reader = EventReader("a stream of the Responses API", _ADVICE)
        self._draft = Draft("")
        self._audio = AlignedBase64()
        self._warned: set[str] = set()
        self._count = 0

    def translate(self, item: Any) -> Iterable[dict[str, Any]]:
        """The output events that one item gives. The item may change afterwards.

        Raises UnsupportedEventError for an item that is none of the Responses API's.
        """
        if isinstance(item, str | bytes | bytearray):
            return [event for found in self._reader.feed(item) for event in self._translate(found.data)]
        return self._translate(item)

    def finish(self) -> Iterable[dict[str, Any]]:
        """What is still owed at the end of the source; of a response that broke off, that it is incomplete."""
        events = [event for found in self._reader.finish() for event in self._translate(found.data)]
        return [*events, *self._keyed(self._draft.break_off())]

    def message_key(self, event: Any) -> str:
        """The key of the message that an output event belongs to."""
        return event.message_key if isinstance(event, _OfMessage) else ""

    def _translate(self, item: Any) -> Iterable[dict[str, Any]]:
        is_mapping = isinstance(item, Mapping)
        type_ = item.get("type") if is_mapping else getattr(item, "type", None)
        lane = DELTAS.get(type_) if isinstance(type_, str) else None
        if lane is not None:
            # The hot path: what each token needs, and no more.
            read = item.get if is_mapping else item.__dict__.get
            index_key = lane.index_key
            index, fragment = 0 if index_key is None else read(index_key), read("delta")
            found = self._draft.open.get((read("item_id"), lane.name, index))
            if found is not None and type(fragment) is str:
                found.text.append(fragment)
                event = lane.delta(read("item_id"), index, found.output_index, fragment)
                return (_OfMessage(event, self._draft.key),) if self._draft.key else (event,)
        return self._keyed(self._events(_event_of(item)))

    def _keyed(self, events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        # Read at once: what an event does to the draft must not wait until somebody looks at the event.
        return [_OfMessage(event, self._draft.key) if self._draft.key else event for event in events]

    def _events(self, event: Mapping[str, Any]) -> Events:
        type_ = event["type"]
        carry = CARRIED.get(type_)
        if carry is not None:
            yield from carry(self, event)
        elif type_ not in LEFT_OUT:
            yield from self._unknown(event)

    # ------------------------------------------------------------------------------------------------- response

    def _response(self, event: Mapping[str, Any]) -> Events:
        response = _object(event.get("response"))
        self._follow(response)
        yield from self._draft.inform(response_info(response))

    def _terminal(self, event: Mapping[str, Any]) -> Events:
        response = _object(event.get("response"))
        self._follow(response)
        yield from self._draft.complete(response, response_info(response))

    def _error(self, event: Mapping[str, Any]) -> Events:
        error = {key: event.get(key) for key in ("code", "message", "param")}
        self._draft.is_over = True
        yield from self._draft.inform({"status": "failed", "error": error})

    def _follow(self, response: Mapping[str, Any]) -> None:
        """A response with another id is another message."""
        held, id_ = self._draft.message.response.get("id"), response.get("id")
        if held is not None and id_ is not None and held != id_:
            self._count += 1
            self._draft = Draft(f"{self._count}:{id_}")
            self._audio = AlignedBase64()

    # ------------------------------------------------------------------------------------------------- items

    def _added(self, event: Mapping[str, Any]) -> Events:
        yield from self._draft.add(_object(event.get("item")), _output_index(event))

    def _done(self, event: Mapping[str, Any]) -> Events:
        yield from self._draft.finish(_object(event.get("item")), _output_index(event))

    def _part_added(self, event: Mapping[str, Any]) -> Events:
        part, index = _object(event.get("part")), slot_index(event.get("content_index")) or 0
        name, lane = self._draft.name_of(event), PART_LANES.get(part.get("type", ""))
        if lane is not None:
            yield from self._draft.begin(lane, name, index, part)
        elif self._draft.message.find(name) is not None:
            yield from self._draft.patch(name, {"set": {f"/content/{index}": part}})

    def _summary_part_added(self, event: Mapping[str, Any]) -> Events:
        part, index = _object(event.get("part")), slot_index(event.get("summary_index")) or 0
        lane = PART_LANES["summary_text"]
        yield from self._draft.begin(lane, self._draft.name_of(event), index, {**part, "type": "summary_text"})

    def _delta(self, event: Mapping[str, Any]) -> Events:
        lane, fragment = DELTAS[event["type"]], event.get("delta")
        index = slot_index(event.get(lane.index_key)) or 0 if lane.index_key else 0
        if isinstance(fragment, str):
            yield from self._draft.extend(lane, self._draft.name_of(event), index, fragment)

    def _end(self, event: Mapping[str, Any]) -> Events:
        lane = ENDS[event["type"]]
        index = slot_index(event.get(lane.index_key)) or 0 if lane.index_key else 0
        yield from self._draft.state(lane, self._draft.name_of(event), index, event.get(lane.whole_key))

    def _command(self, event: Mapping[str, Any]) -> Events:
        """A command of a shell call begins, perhaps with its first text."""
        lane, index = DELTAS["response.shell_call_command.delta"], slot_index(event.get("command_index")) or 0
        yield from self._draft.begin(lane, self._draft.name_of(event), index)
        yield from self._draft.extend(lane, self._draft.name_of(event), index, str(event.get("command") or ""))

    def _shell_output(self, event: Mapping[str, Any]) -> Events:
        delta, index = _object(event.get("delta")), slot_index(event.get("command_index")) or 0
        for key, lane in SHELL_OUTPUT.items():
            if isinstance(delta.get(key), str) and delta[key]:
                yield from self._draft.extend(lane, self._draft.name_of(event), index, delta[key])

    def _annotation(self, event: Mapping[str, Any]) -> Events:
        """One more annotation of a text; when it comes before its text, the item's end has it too."""
        name, index = self._draft.name_of(event), slot_index(event.get("content_index")) or 0
        item = self._draft.message.find(name)
        part = None if item is None else item.part("content", index)
        if not isinstance(part, dict):
            return
        held, place = part.get("annotations"), slot_index(event.get("annotation_index"))
        annotation, pointer = copy_json(event.get("annotation")), f"/content/{index}/annotations"
        if not isinstance(held, list):
            yield from self._draft.patch(name, {"set": {pointer: [annotation]}})
        else:
            place = len(held) if place is None else min(place, len(held))
            yield from self._draft.patch(name, {"set": {f"{pointer}/{place}": annotation}})

    def _progress(self, event: Mapping[str, Any]) -> Events:
        stem, _, phase = event["type"].rpartition(".")
        name = self._draft.name_of(event)
        item = self._draft.message.find(name)
        if item is None:
            made_up = {"id": name, "type": PHASED[stem], **({"status": phase} if PHASED[stem] in _WITH_STATUS else {})}
            yield from self._draft.add(made_up, _output_index(event))
            item = self._draft.message.by_id[name]
        held = item.item.get("status", self._draft.message.progress.get(name))
        if held != phase:
            yield from self._draft.tell({"type": kinds.PROGRESS, "item_id": name, "phase": phase})

    def _preview(self, event: Mapping[str, Any]) -> Events:
        """An image as far as it is; the next one takes its place, and the image itself in the end."""
        name = self._draft.name_of(event)
        yield from self._draft.tell(
            {"type": kinds.EVENT, "key": f"preview:{name}", "item_id": name, "event": _carried(event)}
        )

    # ------------------------------------------------------------------------------------------------- audio

    def _audio_delta(self, event: Mapping[str, Any]) -> Events:
        yield from self._draft.extend(AUDIO, "", 0, self._audio.feed(str(event.get("delta") or "")))

    def _audio_done(self, event: Mapping[str, Any]) -> Events:
        yield from self._draft.extend(AUDIO, "", 0, self._audio.finish())
        yield from self._draft.end(("", AUDIO.name, 0))

    def _transcript(self, event: Mapping[str, Any]) -> Events:
        yield from self._draft.extend(TRANSCRIPT, "", 0, str(event.get("delta") or ""))

    # ------------------------------------------------------------------------------------------------- others

    def _agents_own(self, event: Mapping[str, Any]) -> Events:
        """What the agent says beside the API, in the reference's words; a bare output is the API's own item."""
        if event["type"] == kinds.OUTPUT and "item" not in event:
            event = {"type": kinds.OUTPUT, "item": dict(event)}
        yield from self._draft.tell(dict(event))

    def _unknown(self, event: Mapping[str, Any]) -> Events:
        type_ = event["type"]
        if type_ not in self._warned:
            self._warned.add(type_)
            _log.warning(
                "codec 'openai-responses' does not know events of type %r: they are carried as they are, in the message's"
                " 'events'; update ai-transport-codecs to see them in its items",
                type_,
            )
        name = event.get("item_id") if isinstance(event.get("item_id"), str) else None
        about = {} if name is None else {"item_id": name}
        if type_.endswith(".delta") and isinstance(event.get("delta"), str):
            yield from self._unknown_delta(event, about)
        else:
            yield from self._draft.tell({"type": kinds.EVENT, **about, "event": _carried(event)})

    def _unknown_delta(self, event: Mapping[str, Any], about: Mapping[str, str]) -> Events:
        """Deltas that differ in their text only grow into one event."""
        fields = {key: value for key, value in _carried(event).items() if key != "delta"}
        key = "|".join(f"{name}={value}" for name, value in fields.items() if isinstance(value, str | int))
        own = {"key": key, **about}
        if not isinstance(self._draft.message.events.get(("delta", key)), EventState):
            yield from self._draft.tell({"type": kinds.DELTA_START, **own, "fields": fields})
        yield from self._draft.tell({"type": kinds.DELTA_DELTA, **own, "delta": event["delta"]})


_Carry: TypeAlias = Callable[[ResponsesTranslator, Mapping[str, Any]], Events]

PHASED: Final[Mapping[str, str]] = {
    "response.web_search_call": "web_search_call",
    "response.file_search_call": "file_search_call",
    "response.code_interpreter_call": "code_interpreter_call",
    "response.image_generation_call": "image_generation_call",
    "response.mcp_call": "mcp_call",
    "response.mcp_list_tools": "mcp_list_tools",
    "response.compaction": "compaction",
}
"""Events that tell the phase of a hosted tool, and the items they are about."""

_WITH_STATUS: Final = frozenset(PHASED.values()) - {"mcp_list_tools", "compaction"}

_PHASES: Final[Mapping[str, tuple[str, ...]]] = {
    "response.web_search_call": ("in_progress", "searching", "completed"),
    "response.file_search_call": ("in_progress", "searching", "completed"),
    "response.code_interpreter_call": ("in_progress", "interpreting", "completed"),
    "response.image_generation_call": ("in_progress", "generating", "completed"),
    "response.mcp_call": ("in_progress", "completed", "failed"),
    "response.mcp_list_tools": ("in_progress", "completed", "failed"),
    "response.compaction": ("compacting",),
}

# pyright: reportPrivateUsage=false
CARRIED: Final[Mapping[str, _Carry]] = {
    "response.created": ResponsesTranslator._response,
    "response.queued": ResponsesTranslator._response,
    "response.in_progress": ResponsesTranslator._response,
    "response.completed": ResponsesTranslator._terminal,
    "response.incomplete": ResponsesTranslator._terminal,
    "response.failed": ResponsesTranslator._terminal,
    "error": ResponsesTranslator._error,
    kinds.ITEM_ADDED: ResponsesTranslator._added,
    kinds.ITEM_DONE: ResponsesTranslator._done,
    kinds.PART_ADDED: ResponsesTranslator._part_added,
    kinds.SUMMARY_PART_ADDED: ResponsesTranslator._summary_part_added,
    **dict.fromkeys(DELTAS, ResponsesTranslator._delta),
    **dict.fromkeys(ENDS, ResponsesTranslator._end),
    "response.shell_call_command.added": ResponsesTranslator._command,
    "response.shell_call_output_content.delta": ResponsesTranslator._shell_output,
    "response.output_text.annotation.added": ResponsesTranslator._annotation,
    **{f"{stem}.{phase}": ResponsesTranslator._progress for stem, phases in _PHASES.items() for phase in phases},
    "response.image_generation_call.partial_image": ResponsesTranslator._preview,
    "response.audio.delta": ResponsesTranslator._audio_delta,
    "response.audio.done": ResponsesTranslator._audio_done,
    "response.audio.transcript.delta": ResponsesTranslator._transcript,
    kinds.OUTPUT: ResponsesTranslator._agents_own,
    kinds.APPROVAL_REQUEST: ResponsesTranslator._agents_own,
}
"""How each event of the API is carried, and what an agent may say beside it."""


def _event_of(item: Any) -> Mapping[str, Any]:
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


def _carried(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: copy_json(value) for key, value in event.items() if key not in _NOT_CARRIED}


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _output_index(event: Mapping[str, Any]) -> int:
    return slot_index(event.get("output_index")) or 0


def _unsupported(item: Any, advice: str) -> UnsupportedEventError:
    text = repr(item)
    return UnsupportedEventError(
        f"codec 'openai-responses' cannot carry an item of type {type(item).__name__} as output,"
        f" {text if len(text) <= 80 else text[:80] + '...'}{advice}; stream client.responses.create(..., stream=True) or"
        " client.responses.stream(...), or pass its events as dictionaries with a 'type'"
    )
