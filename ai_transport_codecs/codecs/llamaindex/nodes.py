"""Source nodes as plain JSON, and back as text nodes: what a reader may see of a document, not how it was indexed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from llama_index.core.schema import NodeWithScore, TextNode

from .plain import Plainer

_FIELDS: Final = ("mimetype", "start_char_idx", "end_char_idx")


def plain_nodes(plainer: Plainer, nodes: Iterable[Any]) -> list[dict[str, Any]]:
    """Id, text, metadata and score of each node. Embeddings, relationships and templates stay with the agent."""
    return [_plain_node(plainer, each) for each in nodes]


def _plain_node(plainer: Plainer, scored: Any) -> dict[str, Any]:
    node = getattr(scored, "node", scored)
    found: dict[str, Any] = {"id": getattr(node, "node_id", ""), "text": _text(node)}
    if metadata := getattr(node, "metadata", None):
        found["metadata"] = plainer.try_plain("source node metadata", metadata)
    score = plainer.try_plain("source node score", getattr(scored, "score", None))
    if score is not None:
        found["score"] = score
    for name in _FIELDS:
        value = getattr(node, name, None)
        if isinstance(value, str | int) and value != "text/plain":
            found[name] = value
    return found


def _text(node: Any) -> str:
    text = getattr(node, "text", None)
    return str(text) if isinstance(text, str) else ""


def build_nodes(nodes: Any) -> list[NodeWithScore]:
    """The nodes that untrusted plain objects describe; what is none is left out."""
    if not isinstance(nodes, list):
        return []
    return [_node(each) for each in nodes if isinstance(each, dict)]


def _node(plain: dict[str, Any]) -> NodeWithScore:
    text, id_, metadata, score = (plain.get(key) for key in ("text", "id", "metadata", "score"))
    fields: dict[str, Any] = {"text": text if isinstance(text, str) else ""}
    if isinstance(id_, str) and id_:
        fields["id_"] = id_
    if isinstance(metadata, dict):
        fields["metadata"] = metadata
    if isinstance(mimetype := plain.get("mimetype"), str):
        fields["mimetype"] = mimetype
    for name in ("start_char_idx", "end_char_idx"):
        if type(value := plain.get(name)) is int:
            fields[name] = value
    number = score if isinstance(score, int | float) and not isinstance(score, bool) else None
    return NodeWithScore(node=TextNode(**fields), score=number)
