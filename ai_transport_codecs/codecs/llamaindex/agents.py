"""The messages of one source: which there are, under which keys, and which agent is writing which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from llama_index.core.base.llms.types import ChatMessage

from .blocks import plain_blocks, plain_kwargs
from .draft import Draft, Event, Events
from .metadata import note_raw
from .nodes import plain_nodes
from .plain import Plainer
from .responses import is_whole

_NOTHING: Final[Events] = ()
_TOOL: Final = "tool"


class AgentLane:
    """One agent: the message it is writing, and what it was said to be when it was complete."""

    __slots__ = ("draft", "is_answered", "repeats", "settled")

    def __init__(self) -> None:
        self.draft: Draft | None = None
        self.repeats = ""
        """The text of the last stream event, which with most models is all of it so far."""
        self.settled: tuple[Any, ...] | None = None
        self.is_answered = False
        """Whether a tool's result came after the message."""


class Call(NamedTuple):
    """A tool call: whose, of which message, and its arguments as that message has them."""

    agent: str
    draft: Draft
    kwargs: Any


class AgentBook:
    """Keeps the messages of one source apart."""

    __slots__ = ("_calls", "_keys", "_lanes", "_last", "_sources", "_structured", "_unclaimed", "plainer")

    def __init__(self) -> None:
        self.plainer = Plainer()
        self._keys = 0
        self._lanes: dict[str, AgentLane] = {}
        self._last: Draft | None = None
        self._unclaimed: Draft | None = None
        self._calls: dict[str, Call] = {}
        self._structured: Any = None
        self._sources: tuple[Draft, Any] | None = None

    def draft(self, role: str, **header: Any) -> Draft:
        """A new message. Its readers hear of it when it says something."""
        draft, self._unclaimed = self._unclaimed, None
        self._last = draft = draft or self._new()
        draft.introduce({"role": role, **header})
        return draft

    def begin(self, agent: str) -> Events:
        """An agent is asked again: what it says next is another message."""
        lane = self._lane(agent)
        ends = _NOTHING if lane.draft is None or lane.draft.is_settled else lane.draft.abandon()
        lane.draft = lane.settled = None
        lane.repeats = ""
        return ends

    def stream(self, event: Any) -> Events:
        """A piece of an agent's message. Cheap when it is only text."""
        said = event.__dict__  # one look-up instead of six: there is one such event per token
        lane = self._lanes.get(said["current_agent_name"])
        draft = None if lane is None else lane.draft
        events: Events = _NOTHING
        if lane is None or draft is None or draft.is_settled or lane.is_answered:
            if draft is not None and not draft.is_settled:
                events = draft.settle("assistant", draft.accumulated(), {})
            lane, draft = self._open(said["current_agent_name"])
        if (raw := said["raw"]) is not None:
            note_raw(draft.metadata, raw)
        lane.repeats = said["response"]
        if thinking := said.get("thinking_delta"):
            events = [*events, *draft.say("thinking", str.__str__(thinking))]
        if delta := said["delta"]:
            text = draft.say("text", str.__str__(delta))
            events = [*events, *text] if events else text
        for position, call in enumerate(said["tool_calls"] or ()):
            events = [*events, *draft.call(position, call.tool_id, call.tool_name, None)]
        return events

    def output(self, event: Any) -> Events:
        """An agent's whole message."""
        lane = self._lane(event.current_agent_name)
        draft = lane.draft
        if draft is None or draft.is_settled:
            lane, draft = self._open(event.current_agent_name)
        if event.raw is not None:
            note_raw(draft.metadata, event.raw)
        message = event.response
        blocks = plain_blocks(self.plainer, message.blocks)
        kwargs = plain_kwargs(self.plainer, message)
        for call in event.tool_calls:
            self._calls[call.tool_id] = Call(event.current_agent_name, draft, _arguments(blocks, call.tool_id))
        lane.settled = (message.role, blocks, kwargs)
        lane.is_answered = False
        # An agent may have taken from the text by now what is not the answer: then it is whole, though shorter.
        is_cumulative = bool(draft.text) and len(lane.repeats.strip()) >= len(draft.text.strip())
        if not is_cumulative and not is_whole(draft, message):
            blocks = draft.accumulated()
        events = draft.settle(message.role.value, blocks, kwargs)
        if event.structured_response is not None:
            events = [*events, *self.structured(event.structured_response)]
        return events

    def result(self, output: Any) -> Events:
        """What an agent's run came to; usually its last output once more."""
        events = self._settled_again(self._lane(output.current_agent_name), output.response, output.current_agent_name)
        if getattr(output, "structured_response", None) is not None:
            events = [*events, *self.structured(output.structured_response)]
        return events

    def result_message(self, message: ChatMessage) -> Events:
        """A workflow's result that is a message, unless its last message was that."""
        blocks = plain_blocks(self.plainer, message.blocks)
        for lane in self._lanes.values():
            if lane.draft is self._last and lane.settled is not None and lane.settled[1] == blocks:
                return _NOTHING
        if self._last is not None and self._last.text.strip() == (message.content or "").strip() != "":
            return _NOTHING
        return self.draft(message.role.value).settle(message.role.value, blocks, plain_kwargs(self.plainer, message))

    def tool_call(self, event: Any) -> Events:
        """A tool begins to run."""
        call = self._calls.get(event.tool_id)
        kwargs = self.plainer.plain_object("tool_kwargs", event.tool_kwargs)
        fields = {"tool_call_id": event.tool_id, "tool_name": event.tool_name}
        if call is None:
            return self.item("call", {"kwargs": kwargs}, **fields)
        return call.draft.item("call", {} if kwargs == call.kwargs else {"kwargs": kwargs}, **fields)

    def tool_result(self, event: Any) -> Events:
        """What a tool gave: a message of its own, as LlamaIndex tells the model of it."""
        call = self._calls.get(event.tool_id)
        for name, lane in self._lanes.items():
            lane.is_answered |= call is None or call.agent == name
        output = event.tool_output
        header: Event = {"tool_call_id": event.tool_id, "tool_name": event.tool_name}
        header |= {"is_error": True} if output.is_error else {}
        header |= {"return_direct": True} if event.return_direct else {}
        blocks = plain_blocks(self.plainer, output.blocks)
        return self.draft(_TOOL, **header).settle(_TOOL, blocks, {"tool_call_id": event.tool_id})

    def structured(self, output: Any) -> Events:
        """A structured result, unless it was said already."""
        plain = self.plainer.try_plain("structured output", output)
        if plain is None or plain == self._structured:
            return _NOTHING
        self._structured = plain
        return self.item("structured", plain)

    def sources(self, nodes: Sequence[Any]) -> Events:
        """What the last message draws on, unless that was said already."""
        plain, draft = plain_nodes(self.plainer, nodes), self._owner()
        if not nodes or self._sources == (draft, plain):
            return _NOTHING
        self._sources = (draft, plain)
        return draft.item("sources", plain)

    def item(self, type_: str, data: Any, **fields: Any) -> Events:
        """Something that goes with the last message, or with the first if there is none yet."""
        return self._owner().item(type_, data, **fields)

    def finish(self) -> Events:
        """The ends of all streams that have not ended; messages without an output stay incomplete."""
        drafts = [lane.draft for lane in self._lanes.values() if lane.draft is not None]
        return [event for draft in drafts if not draft.is_settled for event in draft.abandon()]

    def _owner(self) -> Draft:
        draft = self._last or self._unclaimed
        if draft is None:
            draft = self._unclaimed = self._new()
        return draft

    def _new(self) -> Draft:
        self._keys += 1
        return Draft(f"m{self._keys}", self.plainer)

    def _lane(self, agent: str) -> AgentLane:
        lane = self._lanes.get(agent)
        if lane is None:
            lane = self._lanes[agent] = AgentLane()
        return lane

    def _open(self, agent: str) -> tuple[AgentLane, Draft]:
        lane = self._lane(agent)
        lane.draft = draft = self.draft("assistant", agent=agent)
        lane.settled = None
        lane.is_answered = False
        lane.repeats = ""
        return lane, draft

    def _settled_again(self, lane: AgentLane, message: ChatMessage, agent: str) -> Events:
        blocks = plain_blocks(self.plainer, message.blocks)
        kwargs = plain_kwargs(self.plainer, message)
        said = (message.role, blocks, kwargs)
        if lane.draft is None or (lane.is_answered and lane.settled != said):
            # A tool whose result is the answer.
            lane, draft = self._open(agent)
        elif lane.settled == said:
            return _NOTHING
        else:
            draft = lane.draft
        lane.settled = said
        return draft.settle(message.role.value, blocks, kwargs)


def _arguments(blocks: list[dict[str, Any]], id_: str) -> Any:
    """The arguments of a call as the blocks of its message have them, None when they do not."""
    for block in blocks:
        if block.get("tool_call_id") == id_:
            kwargs = block.get("tool_kwargs", {})
            try:
                return json.loads(kwargs) if isinstance(kwargs, str) else kwargs
            except (ValueError, RecursionError):
                return None
    return None
