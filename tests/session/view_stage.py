"""An agent and other devices written by hand, message by message, for stories about what a client sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ai_transport_codecs import ClientSession
from ai_transport_codecs.codec.contract import CodecMessage
from ai_transport_codecs.session.view import View
from ai_transport_codecs.wire.absent import ABSENT
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from tests.session.scale import calls_of
from tests.session.stage import CHANNEL, Stage, settle, staged
from tests.session.toy_codec import TOY

NO_CODEC: Final[Mapping[str, str]] = {}


class Desk:
    """Publishes what agents and other devices would, over a connection of its own."""

    def __init__(self, stage: Stage, client_id: str = "desk") -> None:
        self.channel = stage.hub.client(client_id).channel(CHANNEL)

    async def publish(self, name: str, data: Any, codec: Mapping[str, str] = NO_CODEC, /, **transport: str) -> str:
        ai: dict[str, Any] = {"transport": {key.replace("_", "-"): value for key, value in transport.items()}}
        if codec:
            ai["codec"] = dict(codec)
        serials = await self.channel.publish(OutboundMessage(name, data, {"ai": ai}))
        return str(serials[0])

    async def ask(self, message_id: str, text: str, parent: str | None = None, **headers: str) -> None:
        """A user's message."""
        place = {} if parent is None else {"parent": parent}
        transport = {"role": "user", "codec_message_id": message_id, "event_id": f"e-{message_id}", "stream": "false"}
        codec = {"kind": "user-message", "partType": "text"}
        await self.publish("ai-input", text, codec, **{"discrete": "true", **transport, **place, **headers})

    async def start(self, run_id: str, parent: str | None, client_id: str = "alice", **headers: str) -> None:
        place = {} if parent is None else {"parent": parent, "input_codec_message_id": parent}
        await self.lifecycle("run-start", run_id, **{"run_client_id": client_id, **place, **headers})

    async def lifecycle(self, name: str, run_id: str, **headers: str) -> str:
        """``run-start``, ``run-suspend``, ``run-resume``, ``run-end`` and so on."""
        return await self.publish(
            f"ai-{name}", ABSENT, run_id=run_id, **{"invocation_id": f"i-{run_id}", "run_client_id": "alice", **headers}
        )

    async def note(self, run_id: str, message_id: str, text: str, parent: str = "", **headers: str) -> str:
        """A part of an answer that is complete by itself."""
        place = {"parent": parent, "input_codec_message_id": parent} if parent else {}
        transport = {"role": "assistant", "codec_message_id": message_id, "run_id": run_id, "stream": "false"}
        return await self.publish("ai-output", text, {"kind": "note"}, **{**transport, **place, **headers})

    async def stream(self, run_id: str, message_id: str, *deltas: str, ends: bool = True) -> OutboundMutation:
        """A streamed text."""
        transport = {"role": "assistant", "codec-message-id": message_id, "run-id": run_id, "stream": "true"}
        ai = {"transport": transport | {"status": "streaming", "stream-id": "t"}, "codec": {"kind": "text", "id": "t"}}
        serials = await self.channel.publish(OutboundMessage("ai-output", "", {"ai": ai}))
        mutation = OutboundMutation(str(serials[0]), "", {"ai": ai})
        for delta in deltas:
            await self.append(mutation, delta)
        if ends:
            closed = {**ai, "transport": transport | {"status": "complete", "stream-id": "t"}}
            await self.channel.append(OutboundMutation(mutation.serial, "", {"ai": closed}))
        return mutation

    async def append(self, mutation: OutboundMutation, delta: str) -> None:
        await self.channel.append(OutboundMutation(mutation.serial, delta, mutation.extras))

    async def answer(self, run_id: str, parent: str, *answers: tuple[str, str], **start: str) -> None:
        """A whole run: each answer is a message id and its text."""
        await self.start(run_id, parent, **start)
        for message_id, text in answers:
            await self.note(run_id, message_id, text, parent)
        await self.lifecycle("run-end", run_id, run_reason="complete")

    async def turns(self, count: int, *, begin: int = 0) -> None:
        """Turns ``M0`` ``A0`` ``M1`` ``A1`` ..., each following the one before."""
        for number in range(begin, begin + count):
            await self.ask(f"M{number}", f"q{number}", f"A{number - 1}" if number else None)
            await self.answer(f"R{number}", f"M{number}", (f"A{number}", f"a{number}"))


async def opened(stage: Stage) -> Desk:
    desk = Desk(stage)
    await desk.channel.attach()
    return desk


def closed_session(stage: Stage, connection: str | None = "alice", **options: Any) -> ClientSession[str]:
    """A session that is not connected yet."""
    return ClientSession(stage.hub.client(connection), CHANNEL, codec=TOY, **options)


def ids(source: View[str] | Iterable[CodecMessage[str]]) -> list[str]:
    return [entry.id for entry in (source.get_messages() if isinstance(source, View) else source)]


async def updates_of(view: View[str]) -> list[int]:
    """A list that grows with each update of the view."""
    await settle()
    seen: list[int] = []
    view.on("update", lambda: seen.append(len(seen)))
    return seen


# --- scenarios for tests and benchmarks


async def cost_of_connecting(turns: int) -> float:
    """Calls per message of connecting to a conversation of that many turns, and reading it at each update."""
    async with staged() as stage:
        await (await opened(stage)).turns(turns)
        session = closed_session(stage)
        seen: list[int] = []
        session.view.on("update", lambda: seen.append(len(session.view.get_messages())))
        calls = await calls_of(session.connect)
        assert seen == [2 * turns], "one update for all of it"
        await session.close()
        return calls / (2 * turns)


async def cost_of_paging(turns: int) -> float:
    """Calls per message of going back through a conversation of that many turns."""
    async with staged() as stage:
        await (await opened(stage)).turns(turns)
        async with stage.device(history=False) as session:
            calls = await calls_of(lambda: session.view.load_older(2 * turns))
            assert len(session.view.messages) == 2 * turns
            return calls / (2 * turns)


async def cost_of_a_turn(before: int, *, steers: bool = False) -> int:
    """Calls that one more turn costs a client after that many, if its view is read at each update."""
    async with staged() as stage:
        desk = await opened(stage)
        await desk.turns(before)
        async with stage.device() as session:
            seen = [len(session.view.messages)]
            session.view.on("update", lambda: seen.append(len(session.view.messages)))

            async def turn() -> None:
                if steers:
                    for number in range(5):
                        await desk.ask(f"S{number}", "also", run_id=f"R{before - 1}")
                await desk.turns(1, begin=before)
                await settle()

            calls = await calls_of(turn)
            assert seen[-1] == 2 * (before + 1) + 5 * steers
            return calls
