"""What a conversation is: its structure from what was published, its words from the sources that said them.

Written without the package's tree on purpose: the rules of session spec 5 to 6, as plainly as they can be said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.model.sources import Author

_STATUS: Final = {"ai-run-start": "active", "ai-run-resume": "active", "ai-run-suspend": "suspended"}


@dataclass
class Node:
    """An input or a run."""

    key: str
    kind: str
    serial: str
    parent: str | None
    fork_of: str | None = None
    regenerates: str | None = None
    messages: dict[str, list[str]] = field(default_factory=dict)
    """By message id: what was said there, as the channel has it."""
    status: str = "active"
    steps: dict[str, str] = field(default_factory=dict)
    """By step id: the attempt that counts."""
    is_shortened: bool = False
    """Whether somebody deleted something that was said there."""
    superseded: set[str] = field(default_factory=set)
    """The ids of messages that another attempt replaced; what follows them follows the run."""

    def texts(self) -> list[tuple[str, str]]:
        return [(message_id, "|".join(parts)) for message_id, parts in self.messages.items()]


class Truth:
    """A channel's whole log, oldest message first, read once everything is over."""

    def __init__(self, log: list[InboundMessage], author: Author) -> None:
        self._author = author
        self.runs: dict[str, Node] = {}
        self.inputs: dict[str, Node] = {}
        self.left_open: list[str] = []
        transports = [(each, each.extras["ai"]["transport"]) for each in log]
        for message, headers in transports:
            if message.name == "ai-step-start":
                self._run(message, headers).steps[headers["step-id"]] = str(message.serial)
        for message, headers in transports:
            self._take(message, headers)
        self.nodes = sorted([*self.inputs.values(), *self.runs.values()], key=lambda node: node.serial)

    # --- reading the log

    def _run(self, message: InboundMessage, headers: Mapping[str, str]) -> Node:
        run_id = headers["run-id"]
        if run_id not in self.runs:
            self.runs[run_id] = Node(run_id, "run", str(message.serial), headers.get("parent"))
        return self.runs[run_id]

    def _take(self, message: InboundMessage, headers: Mapping[str, str]) -> None:
        name = message.name
        if name == "ai-input":
            self._take_input(message, headers)
        elif name == "ai-output":
            self._take_output(message, headers)
        elif name == "ai-run-end":
            self._run(message, headers).status = headers["run-reason"]
        elif name in _STATUS:
            run = self._run(message, headers)
            if name == "ai-run-start":
                run.serial, run.parent, run.regenerates = str(message.serial), headers.get("parent"), None
                run.regenerates = headers.get("msg-regenerate")
            if run.status in ("active", "suspended"):
                run.status = _STATUS[name]

    def _take_input(self, message: InboundMessage, headers: Mapping[str, str]) -> None:
        message_id = headers["codec-message-id"]
        kind = message.extras["ai"]["codec"]["kind"] if message.action != "message.delete" else "deleted"
        if kind == "regenerate":
            return
        if "run-id" in headers:
            run = self._run(message, headers)
        else:
            run = self.inputs.setdefault(
                message_id,
                Node(message_id, "input", str(message.serial), headers.get("parent"), headers.get("fork-of")),
            )
        if kind == "user-message":
            run.messages.setdefault(message_id, []).append(str(message.data))
        elif kind == "tool-result":
            run.messages.setdefault(message_id, []).append(f"={message.data}")

    def _take_output(self, message: InboundMessage, headers: Mapping[str, str]) -> None:
        run = self._run(message, headers)
        if run.steps.get(headers["step-id"]) != headers.get("step-start-serial"):
            run.superseded.add(headers["codec-message-id"])
            return  # another attempt of the step counts
        if message.action == "message.delete":
            run.superseded.add(headers["codec-message-id"])
            run.is_shortened = True
            return
        if headers.get("status") == "streaming":
            self.left_open.append(f"{run.key} {message.data!r}")
        run.messages.setdefault(headers["codec-message-id"], []).append(self._spoken(message, run))

    def _spoken(self, message: InboundMessage, run: Node) -> str:
        """What the source said of which the channel has this, or a part of it where it was interrupted."""
        data, is_cut = str(message.data), message.extras["ai"]["transport"]["status"] == "cancelled"
        found = re.match(r"w(\d+)\.", data)
        if found is None:
            assert data == "", f"nobody said {data!r}"
            assert is_cut, "a source said nothing, and was complete"
            return ""
        speech = self._author.speeches[int(found.group(1))]
        assert speech.run_id == run.key, f"{data!r} was said by another run"
        assert speech.text.startswith(data), f"{data!r} is not what was said: {speech.text!r}"
        assert is_cut or (speech.is_whole and data == speech.text), f"{data!r} is complete, of {speech.text!r}"
        return data if is_cut else f"{data}."

    # --- what is shown

    def owner(self, message_id: str | None) -> Node | None:
        """The node that a message belongs to."""
        if message_id is None:
            return None
        if message_id in self.inputs:
            return self.inputs[message_id]
        return next((run for run in self.runs.values() if message_id in {*run.messages, *run.superseded}), None)

    def group(self, node: Node) -> list[Node]:
        """The nodes of which one is shown."""
        if node.kind == "run":
            return [each for each in self.nodes if each.kind == "run" and each.parent == node.parent]
        root = self._root(node)
        return [
            each
            for each in self.nodes
            if each.kind == "input" and each.parent == node.parent and self._root(each) == root
        ]

    def _root(self, node: Node) -> str:
        while node.fork_of is not None and node.fork_of in self.inputs:
            target = self.inputs[node.fork_of]
            if target.parent != node.parent:
                break
            node = target
        return node.key

    def visible(self, chosen: Mapping[str, str]) -> list[Node]:
        """The path; ``chosen`` maps members of a group to the key of the member shown, by default the newest."""
        path: list[Node] = []
        for node in self.nodes:
            parent = self.owner(node.parent)
            if parent is not None and parent not in path:
                continue
            group = self.group(node)
            keys = [each.key for each in group]
            wanted = next((chosen[key] for key in keys if chosen.get(key) in keys), keys[-1])
            if node.key == wanted:
                path.append(node)
        return path

    def shown(self, chosen: Mapping[str, str]) -> list[tuple[str, str]]:
        """The messages of the path; from a later message of a run that was regenerated on, the other version's."""
        path = self.visible(chosen)
        nested = {
            version.key for node in path for at in range(1, len(node.messages)) for version in self._versions(node, at)
        }
        return [each for node in path if node.key not in nested for each in self._said(node, chosen)]

    def _versions(self, node: Node, position: int) -> list[Node]:
        ids = list(node.messages)
        if node.kind != "run" or not 0 < position < len(ids):
            return []
        return [
            run
            for run in self.nodes
            if run.kind == "run" and run.regenerates == ids[position] and run.parent == ids[position - 1]
        ]

    def _said(self, node: Node, chosen: Mapping[str, str]) -> list[tuple[str, str]]:
        said: list[tuple[str, str]] = []
        for position, each in enumerate(node.texts()):
            versions = self._versions(node, position)
            if versions:
                wanted = chosen.get(f"at {each[0]}")
                if wanted != node.key:
                    shown = next((run for run in versions if run.key == wanted), versions[-1])
                    return [*said, *self._said(shown, chosen)]
            said.append(each)
        return said

    def statuses(self) -> dict[str, str]:
        """By run, how it stands."""
        return {run.key: run.status for run in self.runs.values()}
