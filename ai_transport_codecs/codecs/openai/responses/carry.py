"""How each event of the Responses API is carried: what a reader is told because of it.

What happens to an event is told by its ``type`` alone, because the SDK builds a type that it does not know as some
other class. A type that is neither in :data:`CARRIED` nor in :data:`LEFT_OUT` is newer than this version: it is carried
as it is, with one warning.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from . import kinds
from .audio import AlignedBase64
from .draft import Draft, Events
from .json_values import copy_json, slot_index
from .lanes import AUDIO, DELTAS, ENDS, PART_LANES, SHELL_OUTPUT, TRANSCRIPT, lane_of
from .response import response_info

_log = logging.getLogger("ai_transport_codecs.codecs.openai.responses")

_NOT_CARRIED: Final = frozenset({"obfuscation", "parsed", "sequence_number", "snapshot"})

LEFT_OUT: Final[Mapping[str, str]] = {
    "response.content_part.done": "the end of its text and the item's end say the same",
    "response.reasoning_summary_part.done": "the end of its text and the item's end say the same",
    "response.shell_call_output_content.done": "the item's end says the same",
    "response.audio.transcript.done": "it has no text; the transcript's stream ends with the response",
}
"""Events of the API that are not carried, and why."""


class Carriage:
    """The events of one source, and the response that they are about."""

    __slots__ = ("_count", "_warned", "audio", "draft")

    def __init__(self) -> None:
        self.draft = Draft("")
        self.audio = AlignedBase64()
        self._warned: set[str] = set()
        self._count = 0

    def carry(self, event: Mapping[str, Any]) -> Events:
        """What readers are told because of an event."""
        type_ = event["type"]
        carry = CARRIED.get(type_)
        if carry is not None:
            yield from carry(self, event)
        elif type_ not in LEFT_OUT:
            yield from self.unknown(event)

    # ------------------------------------------------------------------------------------------------- response

    def response(self, event: Mapping[str, Any]) -> Events:
        response = _object(event.get("response"))
        self._follow(response)
        yield from self.draft.inform(response_info(response))

    def terminal(self, event: Mapping[str, Any]) -> Events:
        response = _object(event.get("response"))
        self._follow(response)
        yield from self.draft.complete(response, response_info(response))

    def error(self, event: Mapping[str, Any]) -> Events:
        error = {key: event.get(key) for key in ("code", "message", "param")}
        self.draft.is_over = True
        yield from self.draft.inform({"status": "failed", "error": error})

    def _follow(self, response: Mapping[str, Any]) -> None:
        """A response with another id is another message."""
        held, id_ = self.draft.message.response.get("id"), response.get("id")
        if held is not None and id_ is not None and held != id_:
            self._count += 1
            self.draft = Draft(f"{self._count}:{id_}")
            self.audio = AlignedBase64()

    # ------------------------------------------------------------------------------------------------- items

    def added(self, event: Mapping[str, Any]) -> Events:
        yield from self.draft.add(_object(event.get("item")), _output_index(event))

    def done(self, event: Mapping[str, Any]) -> Events:
        yield from self.draft.finish(_object(event.get("item")), _output_index(event))

    def part_added(self, event: Mapping[str, Any]) -> Events:
        part, index = _object(event.get("part")), slot_index(event.get("content_index")) or 0
        name, lane = self.draft.name_of(event), lane_of(part)
        if lane is not None:
            yield from self.draft.begin(lane, name, index, part)
        elif self.draft.message.find(name) is not None:
            yield from self.draft.patch(name, {"set": {f"/content/{index}": part}})

    def summary_part_added(self, event: Mapping[str, Any]) -> Events:
        part, index = _object(event.get("part")), slot_index(event.get("summary_index")) or 0
        lane = PART_LANES["summary_text"]
        yield from self.draft.begin(lane, self.draft.name_of(event), index, {**part, "type": "summary_text"})

    def delta(self, event: Mapping[str, Any]) -> Events:
        lane, fragment = DELTAS[event["type"]], event.get("delta")
        index = slot_index(event.get(lane.index_key)) or 0 if lane.index_key else 0
        if isinstance(fragment, str):
            yield from self.draft.extend(lane, self.draft.name_of(event), index, fragment)

    def end(self, event: Mapping[str, Any]) -> Events:
        lane = ENDS[event["type"]]
        index = slot_index(event.get(lane.index_key)) or 0 if lane.index_key else 0
        yield from self.draft.state(lane, self.draft.name_of(event), index, event.get(lane.whole_key))

    def command(self, event: Mapping[str, Any]) -> Events:
        """A command of a shell call begins, perhaps with its first text."""
        lane, index = DELTAS["response.shell_call_command.delta"], slot_index(event.get("command_index")) or 0
        yield from self.draft.begin(lane, self.draft.name_of(event), index)
        yield from self.draft.extend(lane, self.draft.name_of(event), index, str(event.get("command") or ""))

    def shell_output(self, event: Mapping[str, Any]) -> Events:
        delta, index = _object(event.get("delta")), slot_index(event.get("command_index")) or 0
        for key, lane in SHELL_OUTPUT.items():
            if isinstance(delta.get(key), str) and delta[key]:
                yield from self.draft.extend(lane, self.draft.name_of(event), index, delta[key])

    def annotation(self, event: Mapping[str, Any]) -> Events:
        """One more annotation of a text; when it comes before its text, the item's end has it too."""
        name, index = self.draft.name_of(event), slot_index(event.get("content_index")) or 0
        item = self.draft.message.find(name)
        part = None if item is None else item.part("content", index)
        if not isinstance(part, dict):
            return
        held, place = part.get("annotations"), slot_index(event.get("annotation_index"))
        annotation, pointer = copy_json(event.get("annotation")), f"/content/{index}/annotations"
        if not isinstance(held, list):
            yield from self.draft.patch(name, {"set": {pointer: [annotation]}})
        else:
            place = len(held) if place is None else min(place, len(held))
            yield from self.draft.patch(name, {"set": {f"{pointer}/{place}": annotation}})

    def progress(self, event: Mapping[str, Any]) -> Events:
        stem, _, phase = event["type"].rpartition(".")
        name = self.draft.name_of(event)
        item = self.draft.message.find(name)
        if item is None:
            made_up = {"id": name, "type": PHASED[stem], **({"status": phase} if PHASED[stem] in _WITH_STATUS else {})}
            yield from self.draft.add(made_up, _output_index(event))
            item = self.draft.message.by_id[name]
        held = item.item.get("status", self.draft.message.progress.get(name))
        if held != phase:
            yield from self.draft.tell({"type": kinds.PROGRESS, "item_id": name, "phase": phase})

    def preview(self, event: Mapping[str, Any]) -> Events:
        """An image as far as it is; the next one takes its place, and the image itself in the end."""
        name = self.draft.name_of(event)
        yield from self.draft.tell(
            {"type": kinds.EVENT, "key": f"preview:{name}", "item_id": name, "event": _carried(event)}
        )

    # ------------------------------------------------------------------------------------------------- audio

    def audio_delta(self, event: Mapping[str, Any]) -> Events:
        yield from self.draft.extend(AUDIO, "", 0, self.audio.feed(str(event.get("delta") or "")))

    def audio_done(self, event: Mapping[str, Any]) -> Events:
        yield from self.draft.extend(AUDIO, "", 0, self.audio.finish())
        yield from self.draft.end(("", AUDIO.name, 0))

    def transcript(self, event: Mapping[str, Any]) -> Events:
        yield from self.draft.extend(TRANSCRIPT, "", 0, str(event.get("delta") or ""))

    # ------------------------------------------------------------------------------------------------- others

    def agents_own(self, event: Mapping[str, Any]) -> Events:
        """What the agent says beside the API, in the reference's words; a bare output is the API's own item."""
        if event["type"] == kinds.OUTPUT and "item" not in event:
            event = {"type": kinds.OUTPUT, "item": dict(event)}
        yield from self.draft.tell(dict(event))

    def unknown(self, event: Mapping[str, Any]) -> Events:
        type_ = event["type"]
        if type_ not in self._warned:
            self._warned.add(type_)
            _log.warning(
                "codec 'openai-responses' does not know events of type %r: they are carried as they are, in the"
                " message's 'events'; update ai-transport-codecs to see them in its items",
                type_,
            )
        name = event.get("item_id") if isinstance(event.get("item_id"), str) else None
        about = {} if name is None else {"item_id": name}
        if type_.endswith(".delta") and isinstance(event.get("delta"), str):
            yield from self._unknown_delta(event, about)
        else:
            yield from self.draft.tell({"type": kinds.EVENT, **about, "event": _carried(event)})

    def _unknown_delta(self, event: Mapping[str, Any], about: Mapping[str, str]) -> Events:
        """Deltas that differ in their text only grow into one event."""
        fields = {key: value for key, value in _carried(event).items() if key != "delta"}
        key = "|".join(f"{name}={value}" for name, value in fields.items() if isinstance(value, str | int))
        own = {"key": key, **about}
        yield from self.draft.extend_unknown(own, fields, event["delta"])


_Carry: TypeAlias = Callable[[Carriage, Mapping[str, Any]], Events]

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

CARRIED: Final[Mapping[str, _Carry]] = {
    "response.created": Carriage.response,
    "response.queued": Carriage.response,
    "response.in_progress": Carriage.response,
    "response.completed": Carriage.terminal,
    "response.incomplete": Carriage.terminal,
    "response.failed": Carriage.terminal,
    "error": Carriage.error,
    kinds.ITEM_ADDED: Carriage.added,
    kinds.ITEM_DONE: Carriage.done,
    kinds.PART_ADDED: Carriage.part_added,
    kinds.SUMMARY_PART_ADDED: Carriage.summary_part_added,
    **dict.fromkeys(DELTAS, Carriage.delta),
    **dict.fromkeys(ENDS, Carriage.end),
    "response.shell_call_command.added": Carriage.command,
    "response.shell_call_output_content.delta": Carriage.shell_output,
    "response.output_text.annotation.added": Carriage.annotation,
    **{f"{stem}.{phase}": Carriage.progress for stem, phases in _PHASES.items() for phase in phases},
    "response.image_generation_call.partial_image": Carriage.preview,
    "response.audio.delta": Carriage.audio_delta,
    "response.audio.done": Carriage.audio_done,
    "response.audio.transcript.delta": Carriage.transcript,
    kinds.OUTPUT: Carriage.agents_own,
    kinds.APPROVAL_REQUEST: Carriage.agents_own,
}
"""How each event of the API is carried, and what an agent may say beside it."""


def _carried(event: Mapping[str, Any]) -> dict[str, Any]:
    return {key: copy_json(value) for key, value in event.items() if key not in _NOT_CARRIED}


def _object(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _output_index(event: Mapping[str, Any]) -> int:
    return slot_index(event.get("output_index")) or 0
