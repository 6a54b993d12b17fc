"""What the server does by itself when time passes, with a clock that a test turns."""

from __future__ import annotations

from typing import Any

from ai_transport_codecs.server.formats import JSON
from ai_transport_codecs.server.numbers import Action, Flag
from ai_transport_codecs.server.tokens import TokenSpec, sign_token
from tests.server.bench import Bench
from tests.server.wire import KEY

NAME, _, SECRET = KEY.partition(":")


def token(bench: Bench, seconds: int, client_id: str | None = "alice") -> str:
    now = bench.now_ms()
    return sign_token(TokenSpec(NAME, now, now + seconds * 1000, '{"*":["*"]}', client_id), SECRET)


def actions(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["action"] for frame in frames]


def test_a_silent_connection_hears_a_heart_beat() -> None:
    bench = Bench(JSON)
    _, link = bench.connect()
    assert actions(bench.sent(link)) == [Action.CONNECTED]
    bench.timers.advance(46)
    assert bench.sent(link) == [{"action": 0}] * 3


def test_it_beats_as_often_as_the_client_wants_or_not_at_all() -> None:
    bench = Bench(JSON)
    _, often = bench.connect(heartbeatInterval="5000")
    _, never = bench.connect(heartbeats="false")
    [connected] = bench.sent(often)
    assert connected["connectionDetails"]["maxIdleInterval"] == 5_000
    bench.sent(never)
    bench.timers.advance(16)
    assert actions(bench.sent(often)) == [0, 0, 0]
    assert bench.sent(never) == []


def test_a_lost_connection_is_kept_for_two_minutes_and_then_forgotten() -> None:
    bench = Bench(JSON)
    connection, link = bench.connect()
    key = bench.sent(link)[0]["connectionDetails"]["connectionKey"]
    bench.site.disconnected(connection, link)
    bench.timers.advance(119)
    back, link = bench.connect(resume=key)
    assert back is connection
    bench.timers.advance(1_000)
    bench.site.disconnected(connection, link)
    bench.timers.advance(121)
    other, link = bench.connect(resume=key)
    assert other is not connection
    assert bench.sent(link)[0]["error"]["code"] == 80018


def test_a_lost_members_presence_ends_before_its_connection_does() -> None:
    bench = Bench(JSON)
    connection, link = bench.connect(clientId="alice")
    _, watching = watcher = bench.connect()
    bench.say(watcher, {"action": 10, "channel": "c"})
    bench.say((connection, link), {"action": 10, "channel": "c"})
    bench.say((connection, link), {"action": 14, "channel": "c", "msgSerial": 0, "presence": [{"action": 2}]})
    bench.site.disconnected(connection, link)
    bench.sent(watching)
    bench.timers.advance(14.9)
    assert actions(bench.sent(watching)) == []
    bench.timers.advance(0.2)
    frames = [frame for frame in bench.sent(watching) if frame["action"] != Action.HEARTBEAT]
    assert [frame["presence"][0]["action"] for frame in frames] == [3]


def test_what_was_held_when_the_socket_went_is_done_at_once() -> None:
    bench = Bench(JSON)
    connection, link = bench.connect(appendRollupWindow="500")
    create = {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"name": "s", "data": ""}]}
    bench.say((connection, link), create)
    serial = bench.sent(link)[-1]["res"][0]["serials"][0]
    for number, letter in enumerate("ab", 1):
        message = {"action": 5, "serial": serial, "data": letter}
        bench.say((connection, link), {"action": 15, "channel": "c", "msgSerial": number, "messages": [message]})
    bench.site.disconnected(connection, link)
    record = bench.site.hub.hosted("c").log.get(serial)
    assert record is not None
    assert record.data == "ab"


def test_a_window_is_over_when_its_time_is() -> None:
    bench = Bench(JSON)
    both = _, link = bench.connect()  # 40 ms unless a client says otherwise
    bench.say(both, {"action": 15, "channel": "c", "msgSerial": 0, "messages": [{"name": "s", "data": ""}]})
    serial = bench.sent(link)[-1]["res"][0]["serials"][0]
    for number in (1, 2, 3):
        message = {"action": 5, "serial": serial, "data": str(number)}
        bench.say(both, {"action": 15, "channel": "c", "msgSerial": number, "messages": [message]})
    assert [frame["msgSerial"] for frame in bench.sent(link)] == [1]
    bench.timers.advance(0.039)
    assert bench.sent(link) == []
    bench.timers.advance(0.001)
    [ack] = bench.sent(link)
    assert (ack["msgSerial"], ack["count"], ack["res"][0]) == (2, 2, {"serials": [None]})
    assert ack["res"][1]["serials"][0] > serial


def test_a_token_that_ends_is_renewed_or_ends_the_socket() -> None:
    bench = Bench(JSON)
    connection, link = bench.connect(accessToken=token(bench, 90))
    bench.sent(link)
    bench.timers.advance(59)
    assert Action.AUTH not in actions(bench.sent(link))
    bench.timers.advance(2)
    assert Action.AUTH in actions(bench.sent(link))
    bench.say((connection, link), {"action": 17, "auth": {"accessToken": token(bench, 3_600)}})
    assert actions(bench.sent(link)) == [Action.CONNECTED]
    bench.timers.advance(100)
    assert not link.is_ended
    bench.timers.advance(3_600)
    ended = bench.sent(link)[-1]
    assert (ended["action"], ended["error"]["code"], ended["error"]["statusCode"]) == (Action.DISCONNECTED, 40142, 401)
    assert link.is_ended


def test_a_connection_whose_token_ended_comes_back_with_another() -> None:
    bench = Bench(JSON)
    connection, link = bench.connect(accessToken=token(bench, 10))
    key = bench.sent(link)[0]["connectionDetails"]["connectionKey"]
    bench.timers.advance(10)
    bench.site.disconnected(connection, link)
    back, link = bench.connect(accessToken=token(bench, 10), resume=key)
    assert back is connection
    bench.say((back, link), {"action": 10, "channel": "c"})
    attached = bench.sent(link)[-1]
    assert attached["flags"] & Flag.SUBSCRIBE


def test_a_closed_connection_leaves_no_timers() -> None:
    bench = Bench(JSON)
    both = connection, link = bench.connect(accessToken=token(bench, 3_600))
    bench.say(both, {"action": 7})
    bench.site.disconnected(connection, link)
    assert bench.timers.waiting == 0
