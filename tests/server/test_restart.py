"""A server that is killed, and comes back with everything it acknowledged."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from ai_transport_codecs.errors import UsageError
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.server.numbers import Action, Flag
from tests.server.program import Program
from tests.server.wire import KEY, Frame, Socket, append, update

QUERY = {"key": KEY, "appendRollupWindow": "0"}


async def history(url: str, channel: str) -> list[Frame]:
    """Everything on the channel, oldest first."""
    found: list[Frame] = []
    path = f"{url}/channels/{channel}/messages"
    params = {"limit": "1000", "direction": "forwards", "key": KEY}
    async with aiohttp.ClientSession() as session, session.get(path, params=params) as answer:
        found += await answer.json()
    return found


async def acknowledged_before_the_end(socket: Socket) -> set[int]:
    """The numbers that were acknowledged until the socket ended."""
    frames = await socket.closed()
    acks = [frame for frame in frames if frame["action"] == Action.ACK]
    return {ack["msgSerial"] + index for ack in acks for index in range(ack["count"])}


@pytest.mark.parametrize(("acks", "msgpack"), [(1, False), (200, True)])
async def test_what_was_acknowledged_when_it_was_killed_is_there_afterwards(
    tmp_path: Path, acks: int, msgpack: bool
) -> None:
    db = tmp_path / "chat.db"
    async with Program.serving(db=db) as program, Socket(program.url, QUERY, msgpack=msgpack) as alice:
        [story] = await alice.said("chat:1", {"name": "story", "data": ""})
        # All in one go, so that the end comes somewhere in the middle of it.
        for index in range(1, 601):
            grows = append(story, f"{index}.") if index % 2 else {"name": f"note {index}"}
            await alice.publish("chat:1", grows)
        await alice.acked(acks)
        await program.kill()
        known = await acknowledged_before_the_end(alice)
    assert len(known) > acks
    async with Program.serving(db=db) as program:
        messages = await history(program.url, "chat:1")
        by_name = {message["name"]: message for message in messages}
        pieces = by_name["story"].get("data", "").split(".")[:-1]
        assert {number for number in known if number and number % 2 == 0} <= {
            int(name.removeprefix("note ")) for name in by_name if name.startswith("note")
        }
        assert {number for number in known if number % 2} <= set(map(int, pieces))
        assert pieces == sorted(pieces, key=int)
        async with Socket(program.url, QUERY, msgpack=msgpack) as bob:
            [later] = await bob.said("chat:1", {"name": "later"})
            newest = max(message["version"]["serial"] for message in messages)
            assert later > newest


async def test_a_reader_goes_on_where_it_was_or_is_told_that_it_cannot(tmp_path: Path) -> None:
    msgpack = True
    db = tmp_path / "chat.db"
    async with (
        Program.serving(db=db) as program,
        Socket(program.url, QUERY, msgpack=msgpack) as alice,
        Socket(program.url, QUERY, msgpack=msgpack) as bob,
    ):
        await bob.attach("chat:1")
        [first] = await alice.said("chat:1", {"name": "first", "data": "1"})
        await bob.message(name="first")
        key = bob.frames[0]["connectionDetails"]["connectionKey"]
        await bob.leave()
        await alice.said("chat:1", append(first, "2"))
        await alice.said("chat:1", {"name": "second"})
        await program.kill()
    async with (
        Program.serving(db=db) as program,
        Socket(program.url, {**QUERY, "resume": key}, msgpack=msgpack) as again,
    ):
        assert (await again.connected())["error"]["code"] == 80018
        attached = await again.attach("chat:1", channelSerial=first)
        assert attached["flags"] & Flag.RESUMED
        await again.message(name="second")
        assert [message.get("data") for message in again.messages] == ["12", None]
        beyond = f"99999999999999{first[14:]}"
        assert (await again.attach("chat:1", channelSerial=beyond))["error"]["code"] == 90003


async def test_everything_about_a_message_comes_back(tmp_path: Path) -> None:
    db = tmp_path / "chat.db"
    everything: list[Frame] = []
    for life in range(3):
        async with (
            LocalServer(keys=[KEY], db=db) as server,
            Socket(server, {**QUERY, "clientId": "alice"}, msgpack=True) as alice,
        ):
            if life:
                assert await history(server.url, "chat:1") == everything
                assert await alice.said("chat:1", {"id": "once", "name": "once"}) == [everything[-1]["serial"]]
                continue
            [serial] = await alice.said("chat:1", {"name": "s", "data": "a", "extras": {"h": [2**60, 1.5, None]}})
            await alice.said("chat:1", append(serial, "\U0001f600", extras={"h": 2}, version={"metadata": {"x": "y"}}))
            sealed: Frame = {"data": b"\x00\xff", "encoding": "cipher+x"}
            data, *_ = await alice.said("chat:1", sealed, {"data": "z"}, {"name": "e"})
            await alice.said("chat:1", {"name": "list", "data": "[1]", "encoding": "json"})
            await alice.said("chat:1", update(data, None, extras={"only": "extras"}, version={"description": "why"}))
            await alice.said("chat:1", {"name": "gone", "extras": {"ephemeral": True}})
            await alice.said("chat:1", {"id": "once", "name": "once"})
            everything = await history(server.url, "chat:1")
            assert len(everything) == 6


async def test_a_position_is_never_given_twice_even_after_what_was_ephemeral(tmp_path: Path) -> None:
    db = tmp_path / "chat.db"
    now = 1_800_000_000.0
    async with (
        LocalServer(keys=[KEY], db=db, clock=lambda: now) as server,
        Socket(server, QUERY, msgpack=False) as alice,
    ):
        gone = await alice.said("chat:1", {"name": "gone", "extras": {"ephemeral": True}})
    async with (
        LocalServer(keys=[KEY], db=db, clock=lambda: now - 60) as server,
        Socket(server, QUERY, msgpack=False) as alice,
    ):
        attached = await alice.attach("chat:1", channelSerial=gone[0])
        assert attached["flags"] & Flag.RESUMED
        assert await alice.said("chat:1", {"name": "next"}) > gone


async def test_a_disk_that_is_full_ends_the_server_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    db = tmp_path / "chat.db"
    async with (
        Program.serving(db=db, largest_file=400_000) as program,
        Socket(program.url, QUERY, msgpack=False) as alice,
    ):
        with contextlib.suppress(ConnectionError):  # it may be gone before everything is said
            for index in range(100):
                await alice.publish("chat:1", {"name": str(index), "data": "x" * 20_000})
        known = await acknowledged_before_the_end(alice)
        code, _, errors = await program.ends()
        assert code == 1
        assert "cannot be written any more" in errors
    assert 0 < len(known) < 100
    async with Program.serving(db=db) as program:
        assert known <= {int(message["name"]) for message in await history(program.url, "chat:1")}


class TestOpening:
    async def _refusal(self, db: Path) -> str:
        with pytest.raises(UsageError) as caught:
            await LocalServer(keys=[KEY], db=db).start()
        return caught.value.message

    async def test_one_server_at_a_time(self, tmp_path: Path) -> None:
        async with LocalServer(keys=[KEY], db=tmp_path / "chat.db"):
            assert "no other server uses" in await self._refusal(tmp_path / "chat.db")
        async with LocalServer(keys=[KEY], db=tmp_path / "chat.db"):
            pass

    async def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert "cannot be used" in await self._refusal(tmp_path / "none" / "chat.db")

    async def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        file = tmp_path / "notes.txt"
        file.write_text("These are notes, and more notes.\n" * 100)
        assert "not a database" in await self._refusal(file)
        assert file.read_text().startswith("These are notes")

    async def test_the_database_of_another_program(self, tmp_path: Path) -> None:
        self._write(tmp_path / "other.db", "CREATE TABLE recipes (name TEXT)")
        assert "another program's" in await self._refusal(tmp_path / "other.db")

    async def test_a_database_of_a_later_version(self, tmp_path: Path) -> None:
        async with LocalServer(keys=[KEY], db=tmp_path / "chat.db"):
            pass
        self._write(tmp_path / "chat.db", "PRAGMA user_version = 2")
        assert "version 2" in await self._refusal(tmp_path / "chat.db")

    @pytest.mark.parametrize(
        "text",
        [
            "nonsense",
            "[]",
            "5",
            '["p","c",[[1]]]',
            '["x","c",[]]',
            '["00000000000001-000@a:000","c",[["message.append","none",["v",1],1,null,0,"x",null,null,"c",null,null]]]',
        ],
    )
    async def test_an_entry_that_makes_no_sense(self, tmp_path: Path, text: str) -> None:
        async with LocalServer(keys=[KEY], db=tmp_path / "chat.db"):
            pass
        self._write(tmp_path / "chat.db", "INSERT INTO entries (channel, entry) VALUES ('x', ?)", text)
        message = await self._refusal(tmp_path / "chat.db")
        assert "damaged" in message
        assert "entry 1" in message

    def _write(self, path: Path, statement: str, *values: str) -> None:
        db = sqlite3.connect(path)
        with db:
            db.execute(statement, values)
        db.close()
