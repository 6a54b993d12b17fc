"""Tokens: what they allow, that the engine takes them, and what they do not allow."""

from __future__ import annotations

import json
import logging
from typing import Any

import jwt
import pytest

from ai_transport_codecs.channels.ably import connect_ably
from ai_transport_codecs.errors import AITransportError
from ai_transport_codecs.server import LocalServer
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from tests.adapters.asgi.web import KEY, error_of, serving
from tests.session.stage import CHANNEL, staged

SECRET = KEY.partition(":")[2]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ably")


async def test_a_token_allows_one_client_what_a_chat_needs_on_one_channel() -> None:
    async with staged() as stage, serving(stage, token_ttl=60) as web:
        response = await web.token(sessionName=CHANNEL, clientId="alice")
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        details = response.json()
        claims = jwt.decode(details["token"], SECRET, algorithms=["HS256"])
        assert jwt.get_unverified_header(details["token"]) == {"alg": "HS256", "typ": "JWT", "kid": "app.key"}
        assert json.loads(claims["x-ably-capability"]) == {CHANNEL: ["history", "presence", "publish", "subscribe"]}
        assert claims["x-ably-clientId"] == "alice" == details["clientId"]
        assert claims["exp"] - claims["iat"] == 60
        assert (details["issued"], details["expires"]) == (claims["iat"] * 1000, claims["exp"] * 1000)
        assert SECRET not in response.text


@pytest.mark.parametrize("how", ["query", "json", "form"])
async def test_a_token_is_asked_for_in_every_way_that_clients_have(how: str) -> None:
    asked = {"sessionName": CHANNEL, "clientId": "alice"}
    async with staged() as stage, serving(stage) as web:
        if how == "query":
            response = await web.http.get("/token", params=asked)
        else:
            response = await web.http.post("/token", **{"json" if how == "json" else "data": asked})  # type: ignore[arg-type]
        assert response.json()["clientId"] == "alice"


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"clientId": "alice"},
        {"sessionName": CHANNEL},
        {"sessionName": "*", "clientId": "alice"},
        {"sessionName": "chat:*", "clientId": "alice"},
        {"sessionName": "[*]*", "clientId": "alice"},
        {"sessionName": ":chat", "clientId": "alice"},
        {"sessionName": "a\nb", "clientId": "alice"},
        {"sessionName": "x" * 513, "clientId": "alice"},
        {"sessionName": CHANNEL, "clientId": "*"},
        {"sessionName": CHANNEL, "clientId": ""},
    ],
)
async def test_names_that_stand_for_others_are_refused_whatever_the_application_allows(params: Any) -> None:
    async with staged() as stage, serving(stage, allow=lambda *_: True) as web:
        assert error_of(await web.token(**params))[:2] == (400, 40003)


async def test_a_token_is_what_the_application_says_whatever_the_client_asks_for() -> None:
    wish = {"ttl": "999999999999", "capability": '{"*":["*"]}', "timestamp": "0", "keyName": "other.key"}
    async with staged() as stage, serving(stage, token_ttl=60) as web:
        details = (await web.token(sessionName=CHANNEL, clientId="alice", **wish)).json()
        claims = jwt.decode(details["token"], SECRET, algorithms=["HS256"])
        assert set(json.loads(claims["x-ably-capability"])) == {CHANNEL}
        assert claims["exp"] - claims["iat"] == 60
        assert details["keyName"] == "app.key"


@pytest.mark.parametrize("name", ['a"b', "a\\b", "chat:ü/☃?#&=", "a b", '","other":["x"],"y', "a:b:c", "null"])
async def test_an_odd_name_stands_for_itself_only(name: str) -> None:
    async with staged() as stage, serving(stage, allow=lambda *_: True) as web:
        details = (await web.token(sessionName=name, clientId=name)).json()
        claims = jwt.decode(details["token"], SECRET, algorithms=["HS256"])
        assert set(json.loads(claims["x-ably-capability"])) == {name}
        assert claims["x-ably-clientId"] == name


async def test_the_engine_takes_a_token_for_its_channel_and_no_other() -> None:
    async with LocalServer(keys=[KEY]) as server, staged() as stage, serving(stage) as web:

        async def ask(_: Any) -> Any:
            response = await web.token(sessionName=CHANNEL, clientId="alice")
            return response.json()

        async with connect_ably(token_callback=ask, url=server.url, client_id="alice") as ably:
            channel = ably.channel(CHANNEL)
            await channel.attach()
            assert channel.client_id == "alice"
            for elsewhere in ("elsewhere", f"{CHANNEL}:2", f"{CHANNEL}*"):
                other = ably.channel(elsewhere)
                with pytest.raises(AITransportError) as refused:
                    await other.attach()
                assert refused.value.code == 40160
            (said,) = await channel.publish(OutboundMessage("ai-input", "mine", {}))
            assert said is not None
            with pytest.raises(AITransportError):  # it says things; it changes nothing, not even what it said
                await channel.update(OutboundMutation(said, "forged", {}))
