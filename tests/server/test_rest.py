"""The REST interface, request by request."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import msgpack as packing  # type: ignore[import-untyped]
import pytest
from yarl import URL

from ai_transport_codecs.server import LocalServer, Settings
from tests.server.wire import KEY, Socket

Dial = Callable[..., Awaitable[Socket]]

BASIC = {"Authorization": "Basic " + base64.b64encode(KEY.encode()).decode()}


class Caller:
    """Makes requests in one format."""

    def __init__(self, server: LocalServer, session: aiohttp.ClientSession, *, msgpack: bool) -> None:
        self.url = server.url
        self.session = session
        self.is_binary = msgpack
        self.type = "application/x-msgpack" if msgpack else "application/json"

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        raw = None if body is None else packing.packb(body) if self.is_binary else json.dumps(body).encode()
        sent = {**BASIC, "Accept": self.type, "Content-Type": self.type, "X-Ably-Version": "5", **headers}
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, data=raw, headers=sent) as answer:
            content = await answer.read()
            assert answer.headers["Content-Type"] == self.type
            value = packing.unpackb(content) if self.is_binary else json.loads(content)
            return answer.status, value, answer

    async def get(self, path: str) -> Any:
        status, value, _ = await self.ask("GET", path)
        assert status == 200, value
        return value

    async def publish(self, channel: str, body: Any) -> list[str]:
        status, value, _ = await self.ask("POST", f"/channels/{channel}/messages", body)
        assert status == 201, value
        serials: list[str] = value["serials"]
        return serials

    async def pages(self, path: str) -> list[list[Any]]:
        """Every page, found by the links as ably-js finds them."""
        pages = []
        while True:
            _, items, answer = await self.ask("GET", path)
            pages.append(items)
            links = {}
            for link in answer.headers["Link"].split(","):
                match = re.fullmatch(r'\s*<\./(\w+)\?(.*)>;\s*rel="(\w+)"', link)
                assert match, link
                links[match[3]] = f"{path.partition('?')[0].rpartition('/')[0]}/{match[1]}?{match[2]}"
            assert {"first", "current"} <= links.keys()
            if "next" not in links:
                return pages
            path = links["next"]

    async def error(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, int]:
        """The status and code of a refusal, which says so in its headers too."""
        status, value, answer = await self.ask(method, path, body, **headers)
        error = value["error"]
        assert answer.headers["X-Ably-Errorcode"] == str(error["code"])
        assert answer.headers["X-Ably-Errormessage"]
        assert error["message"]
        assert status == error["statusCode"]
        return status, error["code"]


@pytest.fixture
async def caller(server: LocalServer, msgpack: bool) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        yield Caller(server, session, msgpack=msgpack)


async def test_the_time_needs_no_credentials(server: LocalServer) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/time") as answer:
        [now] = await answer.json()
        assert now > 1_700_000_000_000


async def test_who_looks_with_a_browser_is_told_what_this_is(server: LocalServer) -> None:
    async with aiohttp.ClientSession() as session, session.get(server.url) as answer:
        assert "in production, use Ably" in await answer.text()


async def test_a_front_end_of_another_port_may_ask(server: LocalServer) -> None:
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Headers": "authorization"}
    async with aiohttp.ClientSession() as session:
        async with session.options(f"{server.url}/channels/x/messages", headers=asked) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"  # ably-js asks with them
            assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
        async with session.get(f"{server.url}/channels/x/messages", headers=BASIC) as answer:
            assert "Link" in answer.headers["Access-Control-Expose-Headers"]


class TestPublishing:
    async def test_one_message_or_several_as_one_unit(self, caller: Caller, dial: Dial) -> None:
        socket = await dial()
        await socket.attach("chat:1")
        status, value, _ = await caller.ask("POST", "/channels/chat:1/messages", {"name": "a", "data": "1"})
        assert (status, value["channel"], len(value["serials"])) == (201, "chat:1", 1)
        delivered = await socket.message(name="a")
        assert delivered["id"] == value["messageId"]
        assert "connectionId" not in delivered
        serials = await caller.publish("chat:1", [{"name": "b"}, {"name": "c"}])
        await socket.message(name="b")
        assert [message["serial"] for message in socket.frames[-1]["messages"]] == serials

    async def test_an_id_used_again_gets_the_same_answer(self, caller: Caller) -> None:
        body = [{"id": "x:0", "name": "a"}, {"id": "x:1", "name": "b"}]
        first = await caller.publish("chat:1", body)
        assert await caller.publish("chat:1", body) == first
        assert len(await caller.get("/channels/chat:1/messages")) == 2

    async def test_who_asks_is_whose_it_is(self, caller: Caller) -> None:
        name = base64.b64encode(b"alice").decode()
        status, _, _ = await caller.ask("POST", "/channels/chat:1/messages", {"name": "a"}, **{"X-Ably-ClientId": name})
        assert status == 201
        [message] = await caller.get("/channels/chat:1/messages")
        assert message["clientId"] == "alice"

    async def test_changes_are_made_at_the_message(self, caller: Caller) -> None:
        [serial] = await caller.publish("chat:1", {"name": "s", "data": "a"})
        path = f"/channels/chat:1/messages/{quote(serial, safe='')}"
        versions = []
        for body in (
            {"action": 5, "data": "b"},
            {"action": 1, "data": "c", "version": {"description": "typo"}},
            {"action": 5, "data": "d"},
            {"action": 2},
        ):
            status, value, _ = await caller.ask("PATCH", path, body)
            assert status == 200
            versions.append(value["versionSerial"])
        assert versions == sorted(versions)
        message = await caller.get(path)
        assert (message["action"], message["data"], message["version"]["serial"]) == (2, "cd", versions[-1])
        listed = await caller.get(f"{path}/versions")
        assert [(each["action"], each["data"], each["version"].get("description")) for each in listed] == [
            (0, "a", None), (1, "c", "typo"), (2, "cd", None)
        ]  # fmt: skip

    async def test_a_change_says_which_one_it_is(self, caller: Caller) -> None:
        [serial] = await caller.publish("chat:1", {"name": "s"})
        path = f"/channels/chat:1/messages/{quote(serial)}"
        assert await caller.error("PATCH", path, {"data": "x"}) == (400, 40003)
        assert await caller.error("POST", "/channels/chat:1/messages", {"action": 1, "serial": serial}) == (400, 40003)

    @pytest.mark.parametrize(
        ("method", "path", "body", "error"),
        [
            ("POST", "/channels/chat:1/messages", {"data": "x" * 70_000}, (400, 40009)),
            ("POST", "/channels/chat:1/messages", [], (400, 40003)),
            ("POST", "/channels/chat:1/messages", 5, (400, 40003)),
            ("POST", "/channels/%5Bx/messages", {"name": "x"}, (400, 40010)),
            ("POST", "/channels/%FF/messages", {"name": "x"}, (400, 40000)),
            ("PATCH", "/channels/chat:1/messages/none", {"action": 5, "data": "x"}, (404, 40400)),
            ("GET", "/channels/chat:1/messages/none", None, (404, 40400)),
            ("GET", "/channels/chat:1/messages/none/versions", None, (404, 40400)),
            ("GET", "/nothing/here", None, (404, 40400)),
            ("PUT", "/channels/chat:1/messages", {}, (405, 40500)),
            ("POST", "/_faults/nothing", None, (404, 40400)),
            ("POST", "/keys/app.other/requestToken", {"mac": "x"}, (401, 40101)),
        ],
    )
    async def test_what_cannot_be_done_is_refused(
        self, caller: Caller, method: str, path: str, body: Any, error: tuple[int, int]
    ) -> None:
        assert await caller.error(method, path, body) == error

    async def test_a_body_that_is_none_is_refused(self, caller: Caller) -> None:
        headers = {**BASIC, "Content-Type": caller.type, "Accept": caller.type}
        url = f"{caller.url}/channels/chat:1/messages"
        async with caller.session.post(url, data=b"\xc1{", headers=headers) as answer:
            assert (answer.status, answer.headers["X-Ably-Errorcode"]) == (400, "40000")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/channels/chat:1"),
            ("GET", "/channels/chat:1/messages"),
            ("GET", "/channels/chat:1/messages/x"),
            ("GET", "/channels/chat:1/presence"),
            ("GET", "/channels/chat:1/presence/history"),
            ("POST", "/channels/chat:1/messages"),
        ],
    )
    async def test_nothing_is_for_everybody(self, server: LocalServer, caller: Caller, method: str, path: str) -> None:
        assert await caller.error(method, path, {}, Authorization="Basic x") == (401, 40101)
        _, details, _ = await caller.ask("POST", "/keys/app.key/requestToken", {"capability": '{"chat:1":["x"]}'})
        token = {"Authorization": f"Bearer {details['token']}"}
        assert await caller.error(method, path, {}, **token) == (401, 40160)


class TestHistory:
    async def _fill(self, caller: Caller, count: int) -> list[str]:
        return [(await caller.publish("chat:1", {"name": str(index)}))[0] for index in range(count)]

    @pytest.mark.parametrize("direction", ["backwards", "forwards"])
    @pytest.mark.parametrize("count", [0, 1, 6, 7])
    async def test_pages_follow_each_other_without_gap(self, caller: Caller, direction: str, count: int) -> None:
        serials = await self._fill(caller, count)
        pages = await caller.pages(f"/channels/chat:1/messages?limit=3&direction={direction}")
        found = [message["serial"] for page in pages for message in page]
        assert found == (serials if direction == "forwards" else serials[::-1])
        assert all(len(page) == 3 for page in pages[:-1])
        assert len(pages) == max(1, -(-count // 3))

    async def test_until_a_position_whatever_comes_later(self, caller: Caller) -> None:
        serials = await self._fill(caller, 6)
        for name in ("from_serial", "fromSerial"):
            pages = await caller.pages(f"/channels/chat:1/messages?limit=2&{name}={quote(serials[3])}")
            assert [message["serial"] for page in pages for message in page] == serials[3::-1]

    async def test_within_a_time(self, caller: Caller) -> None:
        await self._fill(caller, 3)
        times = [message["timestamp"] for message in await caller.get("/channels/chat:1/messages?direction=forwards")]
        found = await caller.get(f"/channels/chat:1/messages?start={times[1]}&end={times[2]}")
        assert {message["name"] for message in found} >= {"1", "2"}
        assert await caller.get(f"/channels/chat:1/messages?start={times[-1] + 60_000}") == []

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=1001",
            "limit=many",
            "limit=-1",
            "direction=sideways",
            "start=5&end=4",
            "start=soon",
            "from_serial=x",
            "from_serial=00000000000001-000@local:000&direction=forwards",
            "cursor=x",
        ],
    )
    async def test_a_query_that_makes_no_sense_is_refused(self, caller: Caller, query: str) -> None:
        assert await caller.error("GET", f"/channels/chat:1/messages?{query}") == (400, 40003)

    async def test_versions_have_pages_too(self, caller: Caller) -> None:
        [serial] = await caller.publish("chat:1", {"name": "s", "data": "0"})
        path = f"/channels/chat:1/messages/{quote(serial, safe='')}"
        for index in range(1, 6):
            await caller.ask("PATCH", path, {"action": 1, "data": str(index)})
        for direction, expected in (("forwards", "012345"), ("backwards", "543210")):
            pages = await caller.pages(f"{path}/versions?limit=4&direction={direction}")
            assert "".join(message["data"] for page in pages for message in page) == expected
            assert [len(page) for page in pages] == [4, 2]

    @pytest.mark.parametrize("name", ["a b", "a+b", "a/b", "a%2Fb", "ä:ö", "a?b", "100%"])
    async def test_a_channel_has_the_name_that_was_encoded(self, caller: Caller, dial: Dial, name: str) -> None:
        socket = await dial()
        await socket.attach(name)
        await caller.publish(quote(name, safe=""), {"name": "x"})
        await socket.message(name="x")
        assert len(await caller.get(f"/channels/{quote(name, safe='')}/messages")) == 1


class TestPresence:
    async def test_members_and_their_past(self, caller: Caller, dial: Dial) -> None:
        for name in ("alice", "bob", "carol"):
            socket = await dial(clientId=name)
            await socket.attach("chat:1")
            await socket.acked(await socket.present("chat:1", {"action": 2, "data": name}))
        await socket.acked(await socket.present("chat:1", {"action": 3}))
        members = await caller.get("/channels/chat:1/presence")
        assert [(member["clientId"], member["data"], member["action"]) for member in members] == [
            ("alice", "alice", 1), ("bob", "bob", 1)
        ]  # fmt: skip
        assert [each["clientId"] for each in await caller.get("/channels/chat:1/presence?clientId=bob")] == ["bob"]
        pages = await caller.pages("/channels/chat:1/presence?limit=1")
        assert [[member["clientId"] for member in page] for page in pages] == [["alice"], ["bob"]]
        past = await caller.pages("/channels/chat:1/presence/history?limit=3")
        assert [[(each["clientId"], each["action"]) for each in page] for page in past] == [
            [("carol", 3), ("carol", 2), ("bob", 2)], [("alice", 2)]
        ]  # fmt: skip
        forwards = await caller.get("/channels/chat:1/presence/history?direction=forwards&limit=1")
        assert forwards[0]["clientId"] == "alice"

    async def test_details_of_a_channel(self, caller: Caller, dial: Dial) -> None:
        details = await caller.get("/channels/chat:1")
        assert details["status"]["isActive"] is False
        socket = await dial(clientId="alice")
        await socket.attach("chat:1")
        await socket.acked(await socket.present("chat:1", {"action": 2}))
        details = await caller.get("/channels/chat:1")
        assert details["channelId"] == "chat:1"
        assert set(details["status"]["occupancy"]["metrics"].values()) == {1}


async def test_a_channel_can_be_too_fast_here_too() -> None:
    async with (
        LocalServer(keys=[KEY], settings=Settings(max_channel_rate=1)) as server,
        aiohttp.ClientSession() as session,
    ):
        caller = Caller(server, session, msgpack=False)
        assert await caller.error("POST", "/channels/x/messages", [{"name": "a"}, {"name": "b"}]) == (429, 42913)


async def test_a_body_beyond_all_bounds_is_refused(msgpack: bool) -> None:
    async with (
        LocalServer(keys=[KEY], settings=Settings(max_frame_size=100_000)) as server,
        aiohttp.ClientSession() as session,
    ):
        caller = Caller(server, session, msgpack=msgpack)
        body = {"name": "x", "data": "x" * 200_000}
        assert await caller.error("POST", "/channels/chat:1/messages", body) == (413, 40009)
