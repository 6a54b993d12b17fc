"""A conversation in SQLite: what is finished is stored, and the channel only has to tell what came after it.

The unit is a run: when it is over, its messages (what was asked, what was answered) are written in one transaction.
Messages keep the ids that they have on the channel, so whoever reads knows where the store ends and the channel goes
on.
"""

# ruff: noqa: INP001 - a file to copy, and no package

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from ai_transport_codecs import CodecMessage


class Store:
    """Messages by conversation, oldest first. ``dump`` and ``load`` turn one message into JSON values and back."""

    def __init__(
        self,
        path: str,
        *,
        dump: Callable[[Any], Any] = lambda message: message,
        load: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self._database = sqlite3.connect(path)
        self._dump = dump
        self._load = load
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS messages (place INTEGER PRIMARY KEY, conversation TEXT NOT NULL,"
            " id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (conversation, id))"
        )

    def messages(self, conversation: str) -> list[CodecMessage[Any]]:
        """What is stored of a conversation: a client's ``messages=``, or the beginning of an agent's prompt."""
        rows = self._database.execute(
            "SELECT id, body FROM messages WHERE conversation = ? ORDER BY place", (conversation,)
        )
        return [CodecMessage(id, self._load(json.loads(body))) for id, body in rows]

    def add(self, conversation: str, messages: Sequence[CodecMessage[Any]]) -> None:
        """Store a run's messages, all or none. One that is stored already is replaced, in its place."""
        with self._database:
            self._database.executemany(
                "INSERT INTO messages (conversation, id, body) VALUES (?, ?, ?)"
                " ON CONFLICT (conversation, id) DO UPDATE SET body = excluded.body",
                [(conversation, each.id, json.dumps(self._dump(each.message))) for each in messages],
            )

    def close(self) -> None:
        """Close the database."""
        self._database.close()


async def prompt(store: Store, conversation: str, run: Any) -> list[Any]:
    """What to feed to the model: what is stored, and what the channel has beyond it."""
    stored = store.messages(conversation)
    last = stored[-1].id if stored else None
    newer = await run.view.load_until(lambda entry: entry.id == last)
    return [each.message for each in (*stored, *newer)]
