"""Keys, tokens and what they allow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
import jwt
import pytest

from ai_transport_codecs.errors import ChannelError, InvalidArgumentError
from ai_transport_codecs.server import LocalServer, parse_key
from ai_transport_codecs.server.authenticator import Authenticator
from ai_transport_codecs.server.keys import KeyRing, new_key
from ai_transport_codecs.server.numbers import Action, Flag
from ai_transport_codecs.server.token_requests import TokenDesk, request_mac
from tests.server.wire import KEY, Frame, Socket, append

Dial = Callable[..., Awaitable[Socket]]

NAME: Final = "app.key"
SECRET: Final = KEY.partition(":")[2]
NOW: Final = 1_800_000_000_000
NONCE: Final = "0123456789abcdef"


def token(
    named: Mapping[str, Any] | None = None,
    *,
    signed_with: str = SECRET,
    kid: str = NAME,
    algorithm: str = "HS256",
    **claims: Any,
) -> str:
    """A JWT as a user's own server signs it."""
    full = {"iat": NOW // 1000, "exp": NOW // 1000 + 3600, **claims, **(named or {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = {name: value for name, value in full.items() if value is not None}
        return jwt.encode(given, signed_with, algorithm=algorithm, headers={"kid": kid})


def authenticator() -> Authenticator:
    return Authenticator(KeyRing([parse_key(KEY)]), lambda: NOW)


def refusal(work: Callable[[], object]) -> int:
    with pytest.raises(ChannelError) as caught:
        work()
    return caught.value.code


class TestKeys:
    @pytest.mark.parametrize("text", ["", "app", "app.key", "app.key:", ":secret", "app:secret", "a.b:c d", "a.b:c:d"])
    def test_a_key_is_written_in_one_way_and_an_error_does_not_repeat_it(self, text: str) -> None:
        with pytest.raises(InvalidArgumentError, match=r"APP\.KEY:SECRET") as caught:
            parse_key(text)
        assert not text or text not in str(caught.value)

    def test_a_secret_is_not_shown(self) -> None:
        assert "secret-of" not in repr(parse_key(KEY))
        assert str(parse_key(KEY)) == KEY
        assert new_key() != new_key()

    def test_keys_have_names_of_their_own(self) -> None:
        with pytest.raises(InvalidArgumentError, match="one name"):
            LocalServer(keys=["a.b:c", "a.b:d"])

    async def test_any_of_several_keys_will_do_and_without_any_one_is_made(self) -> None:
        async with (
            LocalServer(keys=["a.b:c", "a.d:e"]) as server,
            Socket(server, {"key": "a.d:e"}, msgpack=False) as socket,
        ):
            await socket.connected()
        async with LocalServer() as server, Socket(server, {"key": str(server.keys[0])}, msgpack=False) as socket:
            await socket.connected()


class TestTokens:
    def test_a_token_says_who_and_what(self) -> None:
        claims = {"x-ably-clientId": "alice", "x-ably-capability": '{"chat:*":["subscribe"]}'}
        identity = authenticator().from_token(token(claims))
        assert (identity.client_id, identity.is_wild, identity.expires) == ("alice", False, NOW + 3_600_000)
        assert "subscribe" in identity.capability.operations("chat:1")
        assert "publish" not in identity.capability.operations("chat:1")
        assert "subscribe" not in identity.capability.operations("other")

    def test_a_wildcard_may_say_who_it_is_once(self) -> None:
        identity = authenticator().from_token(token({"x-ably-clientId": "*"}))
        assert identity.is_wild
        assert identity.claimed_by("bob").client_id == "bob"
        assert refusal(lambda: identity.claimed_by("bob").claimed_by("carol")) == 40102

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            (token(exp=NOW // 1000 - 1), 40142),
            (token(exp=NOW // 1000), 40142),
            (token(signed_with="another"), 40144),
            (token(kid="app.other"), 40144),
            (token(algorithm="HS384"), 40144),
            (token(exp=None), 40144),
            (token(iat=None), 40144),
            (token(iat=NOW // 1000 + 7200), 40144),
            (token(exp="soon"), 40144),
            (token(exp=True), 40144),
            (token(exp=1e300), 40144),
            (token({"x-ably-clientId": 5}), 40144),
            (token({"x-ably-capability": {"*": ["*"]}}), 40144),
            (token({"x-ably-capability": "[]"}), 40144),
            (token({"x-ably-capability": '{"*":"all"}'}), 40144),
            ("a.b.c", 40144),
            ("opaque", 40143),
            ("x" * 100_000 + "..", 40143),
        ],
    )
    def test_a_token_that_does_not_hold_is_refused(self, text: str, code: int) -> None:
        assert refusal(lambda: authenticator().from_token(text)) == code

    def test_an_unsigned_token_is_refused(self) -> None:
        unsigned = jwt.encode({"iat": 0, "exp": NOW}, "", algorithm="none", headers={"kid": NAME})
        assert refusal(lambda: authenticator().from_token(unsigned)) == 40144

    def test_a_client_cannot_take_the_name_of_another(self) -> None:
        signed = token({"x-ably-clientId": "alice"})
        assert refusal(lambda: authenticator().from_query({"access_token": signed, "clientId": "bob"})) == 40102
        assert refusal(lambda: authenticator().from_query({"accessToken": token(), "clientId": "bob"})) == 40102

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_a_bearer_token_is_base64_or_itself(self, scheme: str) -> None:
        signed = token({"x-ably-clientId": "alice"})
        for text in (signed, base64.b64encode(signed.encode()).decode()):
            assert authenticator().from_request({"Authorization": f"{scheme} {text}"}, {}).client_id == "alice"

    @pytest.mark.parametrize(
        ("headers", "code"),
        [
            ({}, 40101),
            ({"Authorization": "Basic ***"}, 40101),
            ({"Authorization": "Basic " + base64.b64encode(b"app.key:wrong").decode()}, 40101),
            ({"Authorization": "Bearer ***"}, 40143),
            ({"Authorization": "Basic " + base64.b64encode(KEY.encode()).decode(), "X-Ably-ClientId": "***"}, 40012),
        ],
    )
    def test_headers_that_prove_nothing_are_refused(self, headers: dict[str, str], code: int) -> None:
        assert refusal(lambda: authenticator().from_request(headers, {})) == code


class TestTokenRequests:
    def _request(self, **fields: Any) -> Frame:
        request: Frame = {"keyName": NAME, "timestamp": NOW, "nonce": NONCE, **fields}
        return {"mac": request_mac(request, SECRET), **request}

    def _issue(self, request: Any, *, desk: TokenDesk | None = None, now: int = NOW, trusted: bool = False) -> Frame:
        desk = desk or TokenDesk(KeyRing([parse_key(KEY)]))
        return desk.issue(NAME, request, now_ms=now, is_trusted=trusted)

    def test_the_signature_is_over_the_texts_as_they_are_and_nothing_for_what_is_not_there(self) -> None:
        request = {"keyName": "a.b", "ttl": 5, "capability": '{"*": ["*"]}', "timestamp": 7, "nonce": "n"}
        text = 'a.b\n5\n{"*": ["*"]}\n\n7\nn\n'
        expected = base64.b64encode(hmac.new(b"key", text.encode(), hashlib.sha256).digest()).decode()
        assert request_mac(request, "key") == expected
        assert request_mac({**request, "clientId": None}, "key") == expected

    def test_a_signed_request_gets_a_token_that_works(self) -> None:
        details = self._issue(self._request(clientId="alice", ttl=60_000, capability='{"b": ["x"], "a": ["z", "y"]}'))
        assert details == {
            "token": details["token"],
            "keyName": NAME,
            "issued": NOW,
            "expires": NOW + 60_000,
            "capability": '{"a":["y","z"],"b":["x"]}',
            "clientId": "alice",
        }
        identity = authenticator().from_token(details["token"])
        assert identity.client_id == "alice"
        assert "y" in identity.capability.operations("a")

    def test_without_wishes_it_is_for_an_hour_and_for_everything(self) -> None:
        details = self._issue(self._request(ttl=None, capability=None, clientId=None))
        assert (details["expires"], details["capability"]) == (NOW + 3_600_000, '{"*":["*"]}')
        assert "clientId" not in details

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"mac": "wrong"}, 40101),
            ({"mac": 5}, 40101),
            ({"mac": None}, 40101),
            ({"clientId": "changed"}, 40101),
            ({"keyName": "app.other"}, 40003),
        ],
    )
    def test_a_request_that_was_changed_is_refused(self, change: Frame, code: int) -> None:
        assert refusal(lambda: self._issue({**self._request(), **change})) == code

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"timestamp": NOW - 120_001}, 40104),
            ({"timestamp": NOW + 120_001}, 40104),
            ({"timestamp": "now"}, 40003),
            ({"timestamp": None}, 40003),
            ({"nonce": "short"}, 40003),
            ({"ttl": -5}, 40003),
            ({"ttl": 90_000_000}, 40003),
            ({"ttl": "long"}, 40003),
            ({"clientId": 5}, 40003),
            ({"capability": "{"}, 40003),
            ({"capability": "{}"}, 40003),
            ({"capability": {"*": ["*"]}}, 40003),
        ],
    )
    def test_a_request_that_makes_no_sense_is_refused(self, fields: Frame, code: int) -> None:
        assert refusal(lambda: self._issue(self._request(**fields))) == code

    @pytest.mark.parametrize("request_", [None, [], "text", 5])
    def test_a_request_is_an_object(self, request_: Any) -> None:
        assert refusal(lambda: self._issue(request_)) == 40003

    def test_a_nonce_is_used_once_as_long_as_its_request_could_come_again(self) -> None:
        desk = TokenDesk(KeyRing([parse_key(KEY)]))
        self._issue(self._request(), desk=desk)
        assert refusal(lambda: self._issue(self._request(), desk=desk, now=NOW + 100_000)) == 40105
        self._issue(self._request(timestamp=NOW + 240_000), desk=desk, now=NOW + 240_000)

    async def test_only_the_key_itself_needs_no_signature(self, server: LocalServer) -> None:
        basic = {"Authorization": "Basic " + base64.b64encode(KEY.encode()).decode()}
        url = f"{server.url}/keys/{NAME}/requestToken"
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json={"keyName": NAME}, headers=basic) as answer:
                details = await answer.json()
                assert answer.status == 201
            bearer = {"Authorization": f"Bearer {details['token']}"}
            for headers in (bearer, {}):
                async with session.post(url, json={"keyName": NAME}, headers=headers) as answer:
                    assert (answer.status, (await answer.json())["error"]["code"]) == (401, 40101)


class TestCapabilities:
    async def _connect(self, server: LocalServer, capability: Frame, **query: str) -> Socket:
        details = TokenDesk(KeyRing([parse_key(KEY)])).issue(
            NAME,
            {"capability": json.dumps(capability), "clientId": query.pop("named", None)},
            now_ms=await self._now(server),
            is_trusted=True,
        )
        query = {"accessToken": details["token"], "appendRollupWindow": "0", **query}
        socket = await Socket(server, query, msgpack=False).open()
        await socket.connected()
        return socket

    async def _now(self, server: LocalServer) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/time") as answer:
            now: int = (await answer.json())[0]
            return now

    async def test_modes_are_cut_down_to_what_is_allowed(self, server: LocalServer) -> None:
        async with await self._connect(server, {"chat:*": ["subscribe"]}) as socket:
            attached = await socket.attach("chat:1")
            assert attached["flags"] == Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE
            assert (await socket.refused(await socket.publish("chat:1", {"name": "x"})))["code"] == 40160

    async def test_a_channel_of_which_nothing_is_allowed_fails_and_the_connection_goes_on(
        self, server: LocalServer
    ) -> None:
        async with await self._connect(server, {"chat:*": ["subscribe"]}) as socket:
            error = await socket.attach("other:1")
            assert (error["action"], error["channel"]) == (Action.ERROR, "other:1")
            assert (error["error"]["code"], error["error"]["statusCode"]) == (40160, 401)
            assert (await socket.attach("chat:1"))["action"] == Action.ATTACHED

    async def test_changing_messages_is_for_owners_or_for_all(self, server: LocalServer) -> None:
        own = {"*": ["publish", "subscribe", "message-update-own"]}
        async with (
            await self._connect(server, own, named="alice") as alice,
            await self._connect(server, own, named="bob") as bob,
            await self._connect(server, own) as nobody,
            await self._connect(server, {"*": ["message-update-any"]}) as editor,
        ):
            [serial] = await alice.said("chat:1", {"name": "s", "data": "a"})
            assert await alice.said("chat:1", append(serial, "b"))
            assert (await bob.refused(await bob.publish("chat:1", append(serial, "c"))))["code"] == 40160
            assert (await nobody.refused(await nobody.publish("chat:1", append(serial, "c"))))["code"] == 40166
            assert await editor.said("chat:1", append(serial, "c"))

    async def test_a_new_token_takes_over_in_place(self, server: LocalServer) -> None:
        desk = TokenDesk(KeyRing([parse_key(KEY)]))
        async with await self._connect(server, {"a": ["*"], "b": ["*"]}, named="alice") as socket:
            await socket.attach("a")
            await socket.attach("b")
            request = {"capability": '{"a":["*"]}', "clientId": "alice"}
            details = desk.issue(NAME, request, now_ms=await self._now(server), is_trusted=True)
            await socket.send({"action": 17, "auth": {"accessToken": details["token"]}})
            connected = await socket.connected()
            assert connected["connectionId"] == socket.frames[0]["connectionId"]
            lost = await socket.next(Action.ERROR)
            assert (lost["channel"], lost["error"]["code"]) == ("b", 40160)
            assert await socket.said("a", {"name": "x"})

    @pytest.mark.parametrize(
        ("auth", "code"), [({"accessToken": "x"}, 40143), (None, 40143), ({"accessToken": 5}, 40143)]
    )
    async def test_a_bad_one_ends_the_connection(self, server: LocalServer, auth: Any, code: int) -> None:
        async with await self._connect(server, {"*": ["*"]}) as socket:
            await socket.send({"action": 17, "auth": auth})
            assert (await socket.closed())[-1]["error"]["code"] == code

    async def test_nor_can_it_be_somebody_elses(self, server: LocalServer) -> None:
        desk = TokenDesk(KeyRing([parse_key(KEY)]))
        async with await self._connect(server, {"*": ["*"]}, named="alice") as socket:
            details = desk.issue(NAME, {"clientId": "bob"}, now_ms=await self._now(server), is_trusted=True)
            await socket.send({"action": 17, "auth": {"accessToken": details["token"]}})
            assert (await socket.closed())[-1]["error"]["code"] == 40102
