"""API keys: ``APP.KEY:SECRET``, as Ably writes them."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ai_transport_codecs.errors import InvalidArgumentError

_KEY: Final = re.compile(r"(?P<name>[\w-]+\.[\w-]+):(?P<secret>[^\s:]+)", re.ASCII)


class Key(NamedTuple):
    """A key: its public name, and its secret."""

    name: str
    secret: str

    def __str__(self) -> str:
        return f"{self.name}:{self.secret}"

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


def parse_key(text: str) -> Key:
    """The key that ``text`` writes. Raises InvalidArgumentError when it is none."""
    match = _KEY.fullmatch(text)
    if match is None:
        # Whatever it is, it may hold a secret.
        raise InvalidArgumentError("a key is written as Ably does, APP.KEY:SECRET; the one that was given is not")
    return Key(match["name"], match["secret"])


def new_key() -> Key:
    """A key that nobody has."""
    return Key(f"dev.{secrets.token_hex(4)}", secrets.token_urlsafe(24))


class KeyRing:
    """The keys of a server, by name. Raises InvalidArgumentError when two have one name, or there is none."""

    def __init__(self, keys: Iterable[Key]) -> None:
        listed = list(keys)
        self._secrets: Mapping[str, str] = {key.name: key.secret for key in listed}
        if not listed:
            raise InvalidArgumentError("a server needs at least one key")
        if len(self._secrets) < len(listed):
            raise InvalidArgumentError("two keys have one name; give each key a name of its own")

    def secret_of(self, name: str) -> str | None:
        """The secret of the key of that name, or None when there is none."""
        return self._secrets.get(name)

    def holds(self, text: str) -> str | None:
        """The name of the key that ``text`` (``name:secret``) is, or None when it is none of these."""
        name, _, secret = text.partition(":")
        known = self._secrets.get(name)
        if known is None or not hmac.compare_digest(known.encode(), secret.encode("utf-8", "surrogatepass")):
            return None
        return name
