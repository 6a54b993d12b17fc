"""How clients prove who they are: tokens that can be renewed, and a REST client beside a realtime one (P8, P9, P10)."""

from __future__ import annotations

import base64
import binascii
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from ai_transport_codecs.wire.json_text import parse_json

from .sdk import AblyRest, TokenDetails

TokenCallback: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any] | Any]
"""Gets what the token should be for; gives a token, as text or a dict, or a token request as a dict."""


class IdentifiedTokens:
    """A token callback whose tokens say whose they are.

    ably-python takes a token that is text for one of nobody, and then refuses every renewal because the client id has
    changed (P8). What the text itself says, if it is a JWT, is told along with it. A request for a token is exchanged
    by ``exchange``, if given.
    """

    def __init__(
        self,
        callback: TokenCallback,
        client_id: str | None,
        exchange: Callable[[Mapping[str, Any], Any], Awaitable[Any]] | None = None,
    ) -> None:
        self._callback = callback
        self._client_id = client_id
        self._exchange = exchange

    async def __call__(self, params: Mapping[str, Any]) -> Any:
        token = self._callback(params)
        if inspect.isawaitable(token):
            token = await token
        if isinstance(token, str) and token:
            return _identified(token, self._client_id)
        if self._exchange is not None and not isinstance(token, TokenDetails) and "token" not in (token or ()):
            return await self._exchange(params, token)
        return token


def _identified(token: str, client_id: str | None) -> Any:
    claims = jwt_claims(token)
    expires, issued, claimed = claims.get("exp"), claims.get("iat"), claims.get("x-ably-clientId")
    return TokenDetails(
        token,
        expires=int(expires * 1000) if isinstance(expires, int | float) else None,
        issued=int(issued * 1000) if isinstance(issued, int | float) else 0,
        client_id=claimed if isinstance(claimed, str) else client_id,
    )


def jwt_claims(token: str) -> Mapping[str, Any]:
    """What a JWT claims, not verified; nothing for a token that is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    payload = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = parse_json(base64.urlsafe_b64decode(payload).decode())
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


class RestBeside:
    """A REST client with the credentials of a realtime client, made when it is needed first.

    The realtime client's own REST calls authorize anew each time, and so attach all its channels anew (P9). Where it
    has a port in its endpoint, they go nowhere; and a key is not sent over plain HTTP, so there it signs a request for
    a token with it (P10). From now on the realtime client gets its tokens through this one.
    """

    def __init__(self, client: Any) -> None:
        self._settings = _settings(client.options)
        self._client: Any = None
        options = client.options
        if options.auth_callback is not None:
            options.auth_callback = IdentifiedTokens(options.auth_callback, options.client_id, self._exchange)
        elif options.auth_url is not None or (options.key_secret is not None and options.use_token_auth):
            options.auth_callback = self._request

    def get(self) -> Any:
        """The client."""
        if self._client is None:
            self._client = AblyRest(**self._settings)
        return self._client

    async def close(self) -> None:
        """Close it, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _exchange(self, params: Mapping[str, Any], request: Any) -> Any:
        async def give(_: Any) -> Any:
            return request

        return await self.get().auth.request_token(dict(params), auth_callback=give)

    async def _request(self, params: Mapping[str, Any]) -> Any:
        return await self.get().auth.request_token(dict(params))


def _settings(options: Any) -> dict[str, Any]:
    host, port = _host_and_port(options.endpoint)
    settings: dict[str, Any] = {
        "endpoint": host,
        "port": port or options.port,
        "tls_port": port or options.tls_port,
        "tls": options.tls,
        "use_binary_protocol": options.use_binary_protocol,
        "default_token_params": dict(options.default_token_params),
        **{name: value for name, value in options.auth_options.items() if value is not None},
    }
    if options.auth_callback is not None:
        settings["auth_callback"] = IdentifiedTokens(options.auth_callback, options.client_id)
    elif options.auth_url is None and options.key_secret is None:
        settings["token_details"] = options.token_details or TokenDetails(options.auth_token)
    elif options.key_secret is not None and (options.use_token_auth or not options.tls):
        settings["use_token_auth"] = True
    if port is not None:
        settings["fallback_hosts"] = []
    return settings


def _host_and_port(endpoint: str) -> tuple[str, int | None]:
    host, _, port = endpoint.rpartition(":")
    if host and port.isdigit() and (":" not in host or host.endswith("]")):
        return host, int(port)
    return endpoint, None
