"""What the routes refuse, and how they say so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount

from ai_transport_codecs import InvalidArgumentError, MemoryHub
from ai_transport_codecs.adapters.asgi import agent_app
from tests.adapters.asgi.web import Web, app_on, error_of, everybody, serving, speak
from tests.session.agent_stage import lifecycle
from tests.session.stage import CHANNEL, say, staged
from tests.session.toy_codec import TOY

INVOCATION: dict[str, Any] = {"inputEventId": "e", "sessionName": CHANNEL}


async def post(web: Web, body: bytes, content_type: str = "application/json") -> httpx.Response:
    return await web.http.post("/chat", content=body, headers={"content-type": content_type})


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code", "says"),
    [
        (b"{}", "text/plain", 415, 40003, "application/json"),
        (b"", "application/json", 400, 40000, "cannot be read as application/json"),
        (b"{", "application/json", 400, 40000, "cannot be read as application/json"),
        (b"\xff", "application/json", 400, 40000, "cannot be read as application/json"),
        (b"[" * 60_000, "application/json", 400, 40000, "cannot be read as application/json"),
        (
            b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
            "application/json",
            400,
            40000,
            "cannot be read as application/json",
        ),
        (b'{"inputEventId": ' + b"9" * 10_000 + b"}", "application/json", 400, 40000, "cannot be read"),
        (b'{"inputEventId": 1e999, "sessionName": "x"}', "application/json", 400, 40003, '"inputEventId"'),
        (b"\xef\xbb\xbf{}", "application/json", 400, 40000, "cannot be read as application/json"),
        (b"{}", "application/json-patch+json", 415, 40003, "application/json"),
        (b"inputEventId=e", "application/x-www-form-urlencoded", 415, 40003, "application/json"),
        (b"{}", "", 415, 40003, "untyped"),
        (b"[]", "application/json", 400, 40000, "JSON object"),
        (b"{}", "application/json; charset=utf-8", 400, 40003, '"inputEventId"'),
        (json.dumps({**INVOCATION, "inputEventId": ""}).encode(), "application/json", 400, 40003, "is empty"),
        (json.dumps({**INVOCATION, "inputEventId": 7}).encode(), "application/json", 400, 40003, '"inputEventId"'),
        (json.dumps({**INVOCATION, "inputEventId": "x" * 257}).encode(), "application/json", 400, 40003, "256"),
        (json.dumps({**INVOCATION, "sessionName": "\ud800"}).encode(), "application/json", 400, 40003, "control"),
        (json.dumps({**INVOCATION, "sessionName": "[meta]x"}).encode(), "application/json", 400, 40003, '"["'),
        (json.dumps({**INVOCATION, "sessionName": "a\u0000b"}).encode(), "application/json", 400, 40003, "control"),
        (json.dumps({**INVOCATION, "sessionName": "chat:*"}).encode(), "application/json", 400, 40003, '"*"'),
        (json.dumps({**INVOCATION, "clientId": "*"}).encode(), "application/json", 400, 40003, '"*"'),
        (json.dumps({**INVOCATION, "clientId": 7}).encode(), "application/json", 400, 40003, "clientId"),
    ],
)
async def test_a_malformed_request_is_refused_with_a_code(
    body: bytes, content_type: str, status: int, code: int, says: str
) -> None:
    async with staged() as stage, serving(stage) as web:
        found_status, found_code, text = error_of(await post(web, body, content_type))
        assert (found_status, found_code) == (status, code)
        assert says in text
        assert lifecycle(stage) == []


@given(
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["inputEventId", "sessionName", "x"]), inner),
        max_leaves=5,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_whatever_makes_the_application_fail(body: bytes) -> None:
    async def send() -> httpx.Response:
        app = agent_app(MemoryHub().client("agent"), speak, codec=TOY, allow=everybody, wait=0)
        async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://a") as http:
            return await http.post("/chat", content=body, headers={"content-type": "application/json"})

    assert asyncio.run(send()).status_code in {400, 403, 504}


@pytest.mark.parametrize("is_declared", [True, False])
async def test_a_body_over_the_limit_is_refused_while_it_is_read(is_declared: bool) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 10_000_000:
            read += 1_000
            yield b"x" * 1_000

    async with staged() as stage, serving(stage, body_limit=10_000) as web:
        headers = {"content-type": "application/json"} | ({"content-length": "20000"} if is_declared else {})
        response = await web.http.post("/chat", content=endless(), headers=headers)
        status, code, text = error_of(response)
        assert (status, code) == (413, 40009)
        assert "larger than 10000 bytes" in text


async def test_without_allow_nobody_is_let_in_and_the_text_says_what_to_do() -> None:
    async with staged() as stage, serving(stage, allow=None) as web:
        for response in [await web.chat(**INVOCATION), await web.token(sessionName=CHANNEL, clientId="alice")]:
            status, code, text = error_of(response)
            assert (status, code) == (403, 40160)
            assert "agent_app(..., allow=...)" in text


async def test_the_application_decides_who_may_use_which_session() -> None:
    asked: list[Any] = []

    async def allow(request: Any, session_name: str, client_id: str | None) -> bool:
        asked.append((request.headers["user-agent"], session_name, client_id))
        return False

    async with staged() as stage, serving(stage, allow=allow) as web, stage.device() as alice:
        web.http.headers["user-agent"] = "browser"
        turn = await alice.view.send(say("hello"))
        assert error_of(await web.chat(turn, clientId="alice")) == (
            403,
            40160,
            "this client may not use the session 'conversation'; the application refused it",
        )
        assert error_of(await web.token(sessionName="secret", clientId="bob"))[0] == 403
        assert asked == [("browser", CHANNEL, "alice"), ("browser", "secret", "bob")]
        assert "ai-run-start" not in lifecycle(stage)


async def test_an_allow_that_fails_or_says_neither_yes_nor_no_opens_no_door() -> None:
    def broken(*_: object) -> bool:
        raise ValueError("the database's password is hunter2")

    def truthy(*_: object) -> Any:
        return "yes"

    for allow in (broken, truthy):
        async with staged() as stage, serving(stage, allow=allow) as web:
            response = await web.token(sessionName=CHANNEL, clientId="alice")
            assert response.status_code == 500
            assert "token" not in response.json()
            assert "hunter2" not in response.text


async def test_an_allow_may_raise_the_frameworks_own_refusal() -> None:
    def allow(*_: object) -> bool:
        raise HTTPException(401, "log in first", {"WWW-Authenticate": "Bearer"})

    async with staged() as stage, serving(stage, allow=allow) as web:
        response = await web.chat(**INVOCATION)
        assert error_of(response) == (401, 40160, "log in first")
        assert response.headers["www-authenticate"] == "Bearer"


async def test_a_channel_that_refuses_the_agent_is_said_with_the_channels_code() -> None:
    async with staged() as stage:
        client = stage.hub.client("agent", capability={"other": ["*"]})
        app = agent_app(client, speak, codec=TOY, allow=everybody, on_error=stage.errors.append)
        web = Web(app, stage)
        async with web.http, app.lifespan():
            status, code, text = error_of(await web.chat(**INVOCATION))
            assert (status, code) == (500, 104001)
            assert "unable to connect to channel 'conversation'" in text


async def test_unknown_paths_and_methods_are_json_too() -> None:
    async with staged() as stage, serving(stage, token_key=None) as web:
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert error_of(await web.http.request(method, "/chat"))[0] == 405
        assert (await web.http.head("/chat")).status_code == 405
        for path in ("/nowhere", "/chat/", "//chat", "/chat%2f", "/chat/../chat/x", "/CHAT", "/chat;x"):
            assert error_of(await web.http.post(path))[:2] == (404, 40400)
        assert error_of(await web.token(sessionName=CHANNEL, clientId="alice"))[0] == 404  # no key, no tokens


async def test_other_origins_are_let_in_by_name_only() -> None:
    async with staged() as stage, serving(stage, cors_origins=["https://chat.example"]) as web:
        for origin, is_let_in in [("https://chat.example", True), ("https://evil.example", False)]:
            asks = {"origin": origin, "access-control-request-method": "POST"}
            asks["access-control-request-headers"] = "content-type,authorization,x-csrf-token"
            preflight = await web.http.options("/chat", headers=asks)
            assert (preflight.status_code == 200) is is_let_in
            assert (preflight.headers.get("access-control-allow-origin") == origin) is is_let_in
            refused = await web.http.post("/chat", content=b"{", headers={"origin": origin})
            assert refused.status_code == 415
            assert (refused.headers.get("access-control-allow-origin") == origin) is is_let_in
    async with staged() as stage, serving(stage) as web:
        response = await web.http.get("/nowhere", headers={"origin": "https://chat.example"})
        assert "access-control-allow-origin" not in response.headers


async def test_a_page_of_another_origin_may_post_as_the_official_client_does() -> None:
    origin = {"origin": "https://chat.example"}
    async with staged() as stage, serving(stage, cors_origins=[origin["origin"]]) as web, stage.device() as alice:
        asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        preflight = await web.http.options("/chat", headers=origin | asks)
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
        turn = await alice.view.send(say("hello"))
        response = await web.http.post("/chat", json=turn.to_invocation().to_json(), headers=origin)
        assert response.status_code == 202
        assert response.headers["access-control-allow-origin"] == origin["origin"]
        assert response.headers["access-control-allow-credentials"] == "true"
        assert await turn.wait() == "complete"


async def test_an_open_app_takes_no_cookies() -> None:
    async with staged() as stage, serving(stage, cors_origins=["*"]) as web:
        response = await web.http.get("/nowhere", headers={"origin": "https://any.example", "cookie": "a=b"})
        assert response.headers["access-control-allow-origin"] in {"*", "https://any.example"}
        assert "access-control-allow-credentials" not in response.headers


async def test_an_app_that_nobody_started_begins_nothing_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    async with staged() as stage, stage.device() as alice:
        app = app_on(stage)
        outer = Starlette(routes=[Mount("/api", app)])  # without lifespan=app.lifespan
        web = Web(outer, stage, base="/api")
        async with web.http, outer.router.lifespan_context(outer):
            turn = await alice.view.send(say("hello"))
            status, code, text = error_of(await web.chat(turn))
            assert (status, code) == (500, 40003)
            assert "lifespan=agents.lifespan" in text
            assert text in caplog.text
            assert "token" in (await web.token(sessionName=CHANNEL, clientId="alice")).json()
            assert "ai-run-start" not in lifecycle(stage)
            async with app.lifespan():
                assert (await web.chat(turn)).status_code == 202
                assert await turn.wait() == "complete"


@pytest.mark.parametrize(
    "options",
    [
        {"wait": -1},
        {"grace": float("nan")},
        {"body_limit": 0},
        {"body_timeout": -1},
        {"max_open": 0},
        {"max_idle": -1},
        {"cors_origins": "*"},
        {"orphans": "answer"},
        {"token_key": "a:secret"},
        {"token_key": "app.key:secret", "token_ttl": 0},
        {"token_key": "app.key:secret", "token_ttl": 86_401},
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError) as refusal:
        agent_app(MemoryHub().client("agent"), speak, codec=TOY, **options)
    assert "secret" not in str(refusal.value)
