"""Whatever is sent, only its sender bears the consequences; and what is written is read again as it was."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import aiohttp
import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_transport_codecs.channels.memory.records import Entry, Record, Version
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.server.entry_text import dump_entry, load_entry
from ai_transport_codecs.server.formats import JSON, MSGPACK, Format
from ai_transport_codecs.server.numbers import Action
from ai_transport_codecs.server.payload import read_payload, write_payload
from ai_transport_codecs.server.rest.exchange import Request
from ai_transport_codecs.wire.absent import ABSENT
from tests.server.bench import Bench
from tests.server.wire import KEY, Socket

TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=12)
JSON_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(-1_000, 1_000) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS: Final = st.dictionaries(TEXT, JSON_VALUES, max_size=3) | st.lists(JSON_VALUES, max_size=3)
DATA: Final = TEXT | st.binary(max_size=12) | DOCUMENTS


FORMATS: Final = pytest.mark.parametrize("wire", [JSON, MSGPACK], ids=["json", "msgpack"])


class TestReadingWhatWasWritten:
    @FORMATS
    @given(value=DOCUMENTS)
    def test_values(self, wire: Format, value: Any) -> None:
        read = wire.decode(wire.encode(value))
        assert read == (value if wire is JSON else _as_msgpack_can(value))

    @pytest.mark.parametrize("binary", [False, True])
    @given(data=DATA)
    def test_data(self, binary: bool, data: Any) -> None:
        sent = write_payload(data, None, binary=binary)
        assert isinstance(sent.data, str) or (binary and isinstance(sent.data, bytes))
        assert read_payload(sent.data, sent.encoding, "read") == (data, None)

    @pytest.mark.parametrize("binary", [False, True])
    @given(data=st.binary(max_size=20), rest=st.sampled_from(["cipher+aes-128-cbc", "json/utf-8/cipher+x", "vcdiff"]))
    def test_data_with_an_encoding_of_its_own(self, binary: bool, data: bytes, rest: str) -> None:
        sent = write_payload(data, rest, binary=binary)
        assert read_payload(sent.data, sent.encoding, "read") == (data, rest)

    @given(
        data=DATA | st.none() | st.just(ABSENT),
        extras=st.none() | st.dictionaries(TEXT, JSON_VALUES, max_size=3),
        texts=st.lists(st.none() | TEXT, min_size=4, max_size=4),
        metadata=st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    )
    def test_entries(self, data: Any, extras: Any, texts: list[str | None], metadata: dict[str, str] | None) -> None:
        name, client_id, id, encoding = texts
        version = Version("v", 1, client_id, name, metadata)
        record = Record("message.update", "s", version, 2, name, data, extras, client_id, "c", id, encoding=encoding)
        entry = Entry("v", "c", (record, record._replace(serial="t")))
        assert load_entry(dump_entry(entry)) == entry


def _as_msgpack_can(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_msgpack_can(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_msgpack_can(item) for item in value]
    is_huge = type(value) is int and not -(2**63) <= value < 2**64
    return float(value) if is_huge else value


ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**64 - 1) | TEXT | st.floats() | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
CHANNELS: Final = st.sampled_from(["chat:1", "chat:2", "chat:3", "", "[x]y", "\ud800", "a" * 3_000])
SERIALS: Final = st.sampled_from(["01800000000000-000@local:000", "", "none"]) | ANYTHING


def likely(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with these fields, each as it should be or anything, or not there; now and then something else."""
    mixed = {name: values | ANYTHING for name, values in fields.items()}
    return st.fixed_dictionaries({}, optional=mixed) | ANYTHING


MESSAGES: Final = likely(
    action=st.sampled_from([0, 1, 2, 5]),
    name=TEXT,
    data=TEXT,
    encoding=st.sampled_from(["json", "base64", "utf-8/base64", "cipher"]),
    serial=SERIALS,
    id=st.sampled_from(["a:0", "a:1", "b"]),
    clientId=st.sampled_from(["alice", "bob", "*"]),
    extras=st.just({"ephemeral": True}),
    version=likely(description=TEXT, metadata=st.dictionaries(TEXT, TEXT, max_size=2), clientId=TEXT),
)
PRESENCE: Final = likely(action=st.integers(0, 5), clientId=st.just("alice"), data=TEXT, id=TEXT)
FRAMES: Final = st.fixed_dictionaries(
    {"action": st.integers(0, 22)},
    optional={
        "channel": CHANNELS | ANYTHING,
        "msgSerial": st.integers(0, 3) | ANYTHING,
        "messages": st.lists(MESSAGES, max_size=3) | ANYTHING,
        "presence": st.lists(PRESENCE, max_size=3) | ANYTHING,
        "params": st.dictionaries(st.sampled_from(["rewind", "echo", "modes"]), TEXT, max_size=2) | ANYTHING,
        "flags": st.integers(0, 2**26) | ANYTHING,
        "channelSerial": SERIALS,
        "auth": likely(accessToken=TEXT),
        "id": TEXT,
    },
)


def _packed(frame: Any) -> bytes:
    packed: Any = msgpack.packb(frame, unicode_errors="surrogatepass")
    return bytes(packed)


@given(frames=st.lists(FRAMES | ANYTHING, max_size=12), client=st.sampled_from(["", "alice"]))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_no_frame_raises_and_others_are_served_as_before(frames: list[Any], client: str) -> None:
    bench = Bench(MSGPACK)
    good, good_link = bench.connect(appendRollupWindow="0")
    good.receive(good_link, _packed({"action": 10, "channel": "chat:1"}))
    bad, bad_link = bench.connect(clientId=client)
    for frame in frames:
        bad.receive(bad_link, _packed(frame))
    bench.timers.advance(1)
    for frame in bench.sent(bad_link):
        if "error" in frame:
            assert 40000 <= frame["error"]["code"] < 100_000
            assert frame["error"]["code"] != 50000, frame
        assert None not in frame.values()
    bench.sent(good_link)
    good.receive(good_link, _packed({"action": 15, "channel": "chat:1", "msgSerial": 0, "messages": [{"name": "ok"}]}))
    delivered, ack = bench.sent(good_link)
    assert delivered["messages"][0]["name"] == "ok"
    assert ack["action"] == Action.ACK


@FORMATS
@given(raw=st.binary(max_size=40))
@settings(max_examples=100)
def test_no_bytes_raise(wire: Format, raw: bytes) -> None:
    bench = Bench(wire)
    connection, link = bench.connect()
    connection.receive(link, raw)
    for frame in bench.sent(link)[1:]:
        assert frame["error"]["code"] in {40000, 40003, 40010}


@pytest.mark.parametrize(
    "raw", ["[" * 100_000, '{"action":' + "9" * 5_000 + "}", '{"action":1e999}', "NaN", '"\\ud800"']
)
def test_json_that_overwhelms_parsers_is_refused(raw: str) -> None:
    bench = Bench(JSON)
    connection, link = bench.connect()
    bench.sent(link)
    connection.receive(link, raw)
    [error] = bench.sent(link)
    assert error["error"]["code"] in {40000, 40003}


WORDS: Final = "channels chat:1 messages presence history versions keys app.key requestToken time _faults drop cut"
PATHS: Final = st.lists(st.sampled_from(WORDS.split()) | TEXT, max_size=5)
QUERIES: Final = st.dictionaries(
    st.sampled_from(["limit", "start", "end", "cursor", "from_serial", "direction"]), TEXT, max_size=3
)


@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    path=PATHS,
    query=QUERIES,
    body=(FRAMES | MESSAGES | st.lists(MESSAGES, max_size=2) | ANYTHING).map(_packed) | st.binary(max_size=10),
)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_no_request_raises(method: str, path: list[str], query: dict[str, str], body: bytes) -> None:
    headers = {"Content-Type": "application/x-msgpack", "Accept": "application/x-msgpack"}
    bench = Bench(MSGPACK)
    reply = bench.rest.answer(Request(method, tuple(path), {"key": KEY, **query}, headers, body))
    assert reply.status < 500, reply
    MSGPACK.encode(reply.value)


async def test_a_frame_beyond_all_bounds_ends_its_own_socket_only(server: LocalServer) -> None:
    async with (
        Socket(server, {"key": KEY}, msgpack=False) as good,
        Socket(server, {"key": KEY}, msgpack=False) as bad,
    ):
        await bad.connected()
        with contextlib.suppress(ConnectionError):
            await bad.publish("chat:1", {"name": "x", "data": "x" * 5_000_000})
        await bad.closed()
        assert await good.said("chat:1", {"name": "x"})


async def test_half_a_handshake_and_a_reset_hurt_nobody(server: LocalServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /?key=" + KEY.encode() + b" HTTP/1.1\r\nUpgrade: websocket\r\n")
    await writer.drain()
    writer.transport.abort()
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/?key={KEY}", headers=UPGRADE) as answer:
        assert answer.status == 400
    del reader
    async with Socket(server, {"key": KEY}, msgpack=True) as socket:
        assert await socket.said("chat:1", {"name": "x"})


UPGRADE: Final = {"Upgrade": "websocket"}
