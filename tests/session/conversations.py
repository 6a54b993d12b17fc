"""Random conversations: several turns, runs side by side, retries, tool results, forks, edits, regenerates, deletes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.session.wire_script import Script, TextStream, Turn

_REASONS = ("complete", "cancelled", "error")


class Conversation:
    """Writes one conversation; everyone's next word comes in any order."""

    def __init__(self, random: Random, turns: int) -> None:
        self.random = random
        self.script = Script()
        self.tail: str | None = None
        self._count = 0
        actors = [self._users(turns)]
        self._actors = actors
        while actors:
            actor = random.choice(actors)
            if next(actor, "done") == "done":
                actors.remove(actor)

    def _id(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == one_in - 1  # the simplest draw is no

    def _users(self, turns: int) -> Iterator[str]:
        for _ in range(turns):
            parent = {} if self.tail is None else {"parent": self.tail}
            question = self._ask(parent)
            yield "asked"
            if self._chance(3):
                self._ask({**parent, "fork_of": question})
            if self._chance(2):
                yield "waited"

    def _ask(self, headers: dict[str, str]) -> str:
        question = self._id("M")
        texts = ["hello", "again"][: self.random.randint(1, 2)]
        parts = self.script.say(question, *texts, **headers)
        self.tail = question
        if self._chance(12):
            self.script.delete(parts[0])
        self._actors.append(self._agent(question, self._id("R"), {}))
        return question

    def _agent(self, question: str, run_id: str, headers: dict[str, str]) -> Iterator[str]:
        turn = self.script.turn(run_id, question, **headers)
        answer = self._id("A")
        yield "started"
        yield from self._steps(turn, answer)
        self.tail = answer
        if self._chance(4):
            turn.suspend()
            yield "suspended"
            if self._chance(2) and self._count < 60:
                yield from self._fork(question, run_id)
                return
            yield from self._continue(turn, answer)
        if not self._chance(5):
            turn.end(self.random.choice(_REASONS), error_code="104008", error_message="sorry")
        if self._chance(4) and self._count < 60:
            self._regenerate(question, answer)

    def _continue(self, turn: Turn, answer: str) -> Iterator[str]:
        self.script.tool_result(answer, "42", run_id=turn.run_id, parent=answer)
        yield "answered"
        turn.resume(self._id("i"), answer)
        yield from self._steps(turn, self._id("A"))

    def _fork(self, question: str, run_id: str) -> Iterator[str]:
        fork = self._id("F")
        self.script.tool_result(fork, "seed", role="assistant", parent=question, supersedes=run_id)
        yield "forked"
        headers = {"input_codec_message_id": fork}
        self._actors.append(self._agent(question, self._id("R"), headers))

    def _regenerate(self, question: str, answer: str) -> None:
        trigger = self._id("G")
        self.script.regenerate(trigger, answer, question)
        headers = {"input_codec_message_id": trigger, "msg_regenerate": answer}
        self._actors.append(self._agent(question, self._id("R"), headers))

    def _steps(self, turn: Turn, answer: str) -> Iterator[str]:
        for _ in range(self.random.randint(1, 2)):
            step = self._id("s")
            for is_retry in (False, True)[: self.random.randint(1, 2)]:
                turn.step(step)
                yield from self._write(turn, answer)
                turn.end_step("complete" if is_retry else "failed")
                yield "stepped"

    def _write(self, turn: Turn, answer: str) -> Iterator[str]:
        streams: list[TextStream] = []
        for _ in range(self.random.randint(1, 8)):
            self._write_one(turn, answer, streams)
            yield "wrote"
        for stream in streams:
            if not self._chance(6):
                stream.close(self.random.choice(("complete", "cancelled")))

    def _write_one(self, turn: Turn, answer: str, streams: list[TextStream]) -> None:
        choice = self.random.randrange(10)
        if choice < 2 or not streams:
            streams.append(turn.open(answer, self._id("t")))
        elif choice < 7:
            self.random.choice(streams).append(self.random.choice(("a", "bc", "😀", "")))
        elif choice == 7:
            note = turn.note(answer, self._id("n"))
            if self._chance(4):
                self.script.delete(note)
        elif choice == 8:
            turn.note(answer, "?", kind=self.random.choice(("boom", "of another version")))
        else:
            stream = self.random.choice(streams)
            stream.replace(stream.written + "!" if self._chance(2) else "anew")
