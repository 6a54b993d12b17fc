"""Faults on demand, for tests only: held acknowledgements, dropped frames, cut sockets."""

from __future__ import annotations

from typing import Protocol


class Faulty(Protocol):
    """A socket, as far as things go wrong with it."""

    @property
    def connection_id(self) -> str | None: ...
    def cut(self) -> None: ...
    def flush_acks(self) -> None: ...


class Faults:
    """What goes wrong on purpose. A server has one, which nobody can reach unless it was started with faults."""

    def __init__(self) -> None:
        self.links: set[Faulty] = set()
        """The sockets there are; the server keeps this."""
        self._holds_acks = False
        self._to_drop: dict[int, int] = {}

    @property
    def holds_acks(self) -> bool:
        """Whether operations are done and nobody is told."""
        return self._holds_acks

    def hold_acks(self) -> None:
        """Keep acknowledgements back, and refusals too."""
        self._holds_acks = True

    def release_acks(self) -> None:
        """Send what was kept back."""
        self._holds_acks = False
        for link in list(self.links):
            link.flush_acks()

    def drop(self, action: int, count: int = 1) -> None:
        """Lose the next ``count`` frames of that action that would be sent, to whomever."""
        self._to_drop[action] = self._to_drop.get(action, 0) + count

    def cut(self, connection_id: str | None = None) -> int:
        """Cut the sockets of that connection, or all of them, without a word; how many there were."""
        chosen = [link for link in self.links if connection_id in {None, link.connection_id}]
        for link in chosen:
            link.cut()
        return len(chosen)

    def drops(self, action: int) -> bool:
        """Whether a frame of that action gets lost now."""
        left = self._to_drop.get(action, 0)
        if left:
            self._to_drop[action] = left - 1
        return left > 0
