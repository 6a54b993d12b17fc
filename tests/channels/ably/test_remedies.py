"""What Ably refuses, and what the error says to do about it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ably import AblyRest  # type: ignore[import-untyped]

from ai_transport_codecs import ClientSession
from ai_transport_codecs.channels.ably import AblyProvider, connect_ably
from ai_transport_codecs.errors import ChannelError, InsufficientCapabilityError, InvalidArgumentError
from ai_transport_codecs.server import LocalServer, Settings
from ai_transport_codecs.session.retry import is_passing
from ai_transport_codecs.wire.messages import OutboundMessage, OutboundMutation
from tests.channels.ably.engine import KEY
from tests.channels.ably.rogue import against, rogue_server
from tests.session.stage import say
from tests.session.toy_codec import TOY


async def refusal(work: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        async with asyncio.timeout(5):
            await work
    return caught.value


def note(data: str = "x") -> OutboundMessage:
    return OutboundMessage("note", data, {})


async def test_a_namespace_without_mutable_messages() -> None:
    settings = Settings(immutable_namespaces=frozenset({"fixed"}))
    async with LocalServer(keys=[KEY], settings=settings) as server, connect_ably(KEY, url=server.url) as ably:
        channel = ably.channel("fixed:1")
        [serial] = await channel.publish(note())
        error = await refusal(channel.append(OutboundMutation(str(serial), "y", {})))
        assert error.code == 93002
        assert "enable the rule 'Message annotations, updates, deletes and appends'" in error.message
        assert not is_passing(error)


async def test_a_key_that_may_not() -> None:
    async def token(params: Any) -> Any:
        rest = AblyRest(KEY)
        request = await rest.auth.create_token_request({"capability": {"*": ["subscribe"]}})
        await rest.close()
        return request.to_dict()

    async with LocalServer(keys=[KEY]) as server, connect_ably(token_callback=token, url=server.url) as ably:
        for operation, work in (
            ("publish", ably.channel("c").publish(note())),
            ("history", ably.channel("c").history()),
        ):
            error = await refusal(work)
            assert (error.code, error.status_code) == (40160, 401)
            assert f"add '{operation}' for this channel to its capabilities" in error.message.lower()
            assert error.message.count("unable to") == 1
        async with ClientSession(ably, "c", codec=TOY, history=False) as session:
            for what in (session.view.send(say("hi")), session.cancel("some-run")):
                with pytest.raises(InsufficientCapabilityError, match="missing publish capability"):
                    await what


async def test_a_message_that_is_too_large_for_ably_alone() -> None:
    async with rogue_server() as rogue, against(rogue) as ably:
        too_large = {"code": 40009, "statusCode": 413, "message": "maximum message length exceeded"}
        rogue.answers[15] = lambda frame: [
            {"action": 2, "msgSerial": frame["msgSerial"], "count": 1, "error": too_large}
        ]
        error = await refusal(ably.channel("c").publish(note("x" * 2_000)))
        assert (error.code, error.status_code) == (40009, 413)
        assert "send it in smaller pieces" in error.message.lower()


async def test_more_than_the_rate() -> None:
    async with (
        LocalServer(keys=[KEY], settings=Settings(max_rate=3)) as server,
        connect_ably(KEY, url=server.url, messages_per_second=None) as ably,
    ):
        results = await asyncio.gather(*(ably.channel("c").publish(note()) for _ in range(10)), return_exceptions=True)
        errors = [each for each in results if isinstance(each, ChannelError)]
        assert errors
        assert {error.code for error in errors} == {42911}
        assert "lower messages_per_second" in errors[0].message
        assert is_passing(errors[0])


async def test_a_key_that_ably_does_not_know() -> None:
    async with LocalServer(keys=[KEY]) as server:
        with pytest.raises(ChannelError, match="unable to connect to Ably;") as caught:
            async with connect_ably("app.key:wrong", url=server.url):
                pytest.fail("it let us in")
        assert caught.value.code == 40101


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "with a key or with a token_callback"),
        ({"key": KEY, "token_callback": str}, "not with both"),
        ({"key": KEY, "url": "ftp://x"}, "not the URL of a server"),
        ({"key": KEY, "url": "http://"}, "not the URL of a server"),
        ({"key": KEY, "url": "http://127.0.0.1:99999"}, "not the URL of a server"),
        ({"key": KEY, "url": "http://127.0.0.1:80/path"}, "not the URL of a server"),
    ],
    ids=str,
)
async def test_what_cannot_be_connected_to_is_refused_before_trying(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=text):
        async with connect_ably(**options):
            pytest.fail("it tried")


async def test_a_client_has_one_provider_and_a_provider_a_client() -> None:
    with pytest.raises(InvalidArgumentError, match="made of an AblyRealtime client, not of a str"):
        AblyProvider("app.key:secret")
    async with LocalServer(keys=[KEY]) as server, connect_ably(KEY, url=server.url) as ably:
        with pytest.raises(InvalidArgumentError, match="has a provider already"):
            AblyProvider(ably.client)
        assert (await _code(ably, "")) == 40010
        with pytest.raises(ChannelError, match="no channel mode 'NONSENSE'"):
            ably.channel("c", modes=["nonsense"])


async def _code(ably: AblyProvider, name: str) -> int:
    with pytest.raises(ChannelError) as caught:
        ably.channel(name)
    return caught.value.code


@pytest.mark.parametrize("key", ["", "s3cr3t", "app.key:", ":s3cr3t", "app.key:s3cr3t:more"])
async def test_a_key_that_is_none_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(InvalidArgumentError, match="it has a name and a secret") as caught:
        async with connect_ably(key):
            pass
    assert not key or key not in str(caught.value)
