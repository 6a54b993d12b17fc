"""Where the contexts of suspended workflows are kept until somebody answers."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol


class ContextStore(Protocol):
    """A place for texts by key, such as a table of a database: any object with these three asynchronous methods.

    A key is a run's id, unique among all sessions; a text is JSON of some kilobytes, with what the workflow knows. What
    is read here is trusted: workflows make objects of the classes that it names, so nobody else may write to it. A
    text is deleted when its run ends. One whose question nobody ever answers stays, also when its run is cancelled
    while it waits: delete those by their age.

    With SQLite, for example::

        async def put(self, key: str, value: str) -> None:
            with self.connection:
                self.connection.execute("INSERT OR REPLACE INTO contexts VALUES (?, ?)", (key, value))
    """

    def get(self, key: str) -> Awaitable[str | None]:
        """The text, None when there is none."""
        ...

    def put(self, key: str, value: str) -> Awaitable[object]:
        """Keep a text in place of the one before. The run is suspended once this returns; raising ends it instead."""
        ...

    def delete(self, key: str) -> Awaitable[object]:
        """Forget a text, if there is one."""
        ...
