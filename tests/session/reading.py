"""Short ways to read a tree in tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ai_transport_codecs.session.nodes import RunNode
from ai_transport_codecs.session.tree import Tree
from ai_transport_codecs.wire.messages import InboundMessage
from tests.session.toy_codec import TOY
from tests.session.wire_script import Script

HEADERS: Final = {"role": "user", "codec-message-id": "M1", "event-id": "e", "stream": "false"}
"""The transport headers of an input of the user's own."""


def said(*texts: str) -> dict[str, Any]:
    """A user message as an input event."""
    return {"kind": "user-message", "message": {"parts": [{"type": "text", "text": text} for text in texts]}}


def new_tree(source: Script | Iterable[InboundMessage] = (), *, reorder_window_ms: int = 120_000) -> Tree[str]:
    """A tree that was told a whole script, or some deliveries."""
    tree: Tree[str] = Tree(TOY, reorder_window_ms=reorder_window_ms)
    tell(tree, source)
    return tree


def tell(tree: Tree[str], source: Script | Iterable[InboundMessage], *, live: bool = True) -> None:
    for delivery in source.deliveries if isinstance(source, Script) else source:
        tree.apply(delivery, live=live)


def shown(tree: Tree[str], selections: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The visible messages."""
    nodes = tree.visible_nodes(selections or {})
    return [(message.id, message.message) for message in tree.flatten(nodes, selections or {})]


def texts_of(tree: Tree[str], key: str) -> list[str]:
    node = tree.node(key)
    assert node is not None
    return [message.message for message in tree.messages(node)]


def run_of(tree: Tree[str], run_id: str) -> RunNode:
    run = tree.run(run_id)
    assert run is not None
    return run
