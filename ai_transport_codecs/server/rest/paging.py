"""Pages: what a query asks for, and the links to the first, this and the next one (Ably protocol 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from ai_transport_codecs.server import refusals

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000
CURSOR: Final = "cursor"
"""The parameter with which the next page begins; ours alone, clients pass it on."""


class PageQuery(NamedTuple):
    """What is asked for; times in ms. ``cursor`` is where the page before ended."""

    limit: int
    is_forwards: bool
    start: int | None
    end: int | None
    cursor: str | None


def read_page_query(query: Mapping[str, str], *, forwards: bool = False) -> PageQuery:
    """The page that a query asks for, in the direction ``forwards`` unless it says. Raises ChannelError 40003."""
    direction = query.get("direction") or ("forwards" if forwards else "backwards")
    if direction not in {"forwards", "backwards"}:
        raise refusals.bad_field("the request", "direction", f"{direction!r} is neither 'forwards' nor 'backwards'")
    limit = _number(query, "limit")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise refusals.bad_field("the request", "limit", f"a page holds 1 to {MAX_LIMIT}")
    start, end = _number(query, "start"), _number(query, "end")
    if start is not None and end is not None and start > end:
        raise refusals.bad_field("the request", "start", "it is after the end")
    return PageQuery(limit or DEFAULT_LIMIT, direction == "forwards", start, end, query.get(CURSOR) or None)


def link_header(resource: str, query: Mapping[str, str], next_cursor: str | None) -> dict[str, str]:
    """The header with the links; without a next one this is the last page.

    ably-js wants all of them in one header, addresses that name the resource only, and no comma within them.
    """
    first = {name: value for name, value in query.items() if name != CURSOR}
    links = [_link(resource, first, "first"), _link(resource, query, "current")]
    if next_cursor is not None:
        links.append(_link(resource, {**first, CURSOR: next_cursor}, "next"))
    return {"Link": ", ".join(links)}


def _link(resource: str, query: Mapping[str, str], word: str) -> str:
    return f'<./{resource}?{urlencode(query, quote_via=quote)}>; rel="{word}"'


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise refusals.bad_field("the request", name, f"{text[:40]!r} is not a number from 0")
    return int(text)
