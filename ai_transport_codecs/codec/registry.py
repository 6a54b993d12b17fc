"""Codecs by name: those that installed distributions announce, and those that a program registers.

Nothing happens at import. The first name that no program registered makes the installed distributions' metadata be
read, once; the codec asked for is then imported, checked and kept, and no other.

A codec's name is a program's own choice. Never pass on a name that came from a channel or a request: it would choose
which module is imported.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from ai_transport_codecs.errors import CodecConflictError, InvalidArgumentError, UnknownCodecError

from .contract import Codec
from .loading import check_codec, load_installed, resolve
from .plugins import DISABLE_PLUGINS, InstalledCodec, plugins_are_disabled, scan
from .requirements import OWN_DISTRIBUTION, normalize

AnyCodec = Codec[Any, Any, Any, Any]

FIRST_PARTY: Final = {
    "langchain": "langchain",
    "llamaindex": "llamaindex",
    "openai-chat": "openai",
    "openai-responses": "openai",
    "vercel": "vercel",
}
"""The codecs this project means to have, with the extra of each; a version need not contain them all."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class CodecRegistry:
    """One set of names. A program needs a single one, behind this module's functions."""

    def __init__(self, look: Callable[[], tuple[InstalledCodec, ...]] = scan) -> None:
        self._look = look
        self._seen: tuple[InstalledCodec, ...] | None = None
        self._loaded: dict[InstalledCodec, AnyCodec] = {}
        self._registered: dict[str, str | AnyCodec] = {}

    def installed(self) -> tuple[InstalledCodec, ...]:
        if self._seen is None:
            self._seen = self._look()
        if plugins_are_disabled():
            return tuple(codec for codec in self._seen if codec.is_own)
        return self._seen

    def get(self, name: str) -> AnyCodec:
        if not isinstance(name, str):
            raise InvalidArgumentError(f"a codec's name is a str, not {type(name).__name__}")
        registered = self._registered.get(name)
        if registered is not None:
            return self._load_registered(name, registered)
        chosen = self._choose(name)
        codec = self._loaded.get(chosen)
        # No lock: a plugin's module may ask for codecs while it is imported. Two threads may both load; one wins.
        return codec if codec is not None else self._loaded.setdefault(chosen, load_installed(chosen))

    def register(self, name: str, codec: str | AnyCodec, *, replace: bool) -> None:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise InvalidArgumentError(
                f"{name!r} is no codec name: use lower-case words joined by hyphens, as 'my-codec'"
            )
        if not isinstance(codec, str):
            check_codec(codec, name, _label(name))
        if not replace and self._registered.get(name) != codec:
            self._refuse_second(name)
        self._registered[name] = codec

    def unregister(self, name: str) -> None:
        if self._registered.pop(name, None) is None:
            raise UnknownCodecError(f"no codec {name!r} was registered by this program; nothing to unregister")

    def refresh(self) -> None:
        importlib.invalidate_caches()
        self._seen = None
        self._loaded.clear()

    def _load_registered(self, name: str, codec: str | AnyCodec) -> AnyCodec:
        if not isinstance(codec, str):
            return codec
        loaded = check_codec(resolve(codec, _label(name)), name, _label(name))
        self._registered[name] = loaded
        return loaded

    def _choose(self, name: str) -> InstalledCodec:
        distribution, colon, codec_name = name.rpartition(":")
        claims = [
            codec
            for codec in self.installed()
            if codec.name == codec_name and (not colon or normalize(codec.distribution) == normalize(distribution))
        ]
        if not claims:
            raise UnknownCodecError(_unknown(distribution, codec_name, self.installed(), self._registered))
        if len(claims) > 1:
            raise CodecConflictError(_conflict(codec_name, claims))
        return claims[0]

    def _refuse_second(self, name: str) -> None:
        holders = [codec.source for codec in self.installed() if codec.name == name]
        if name in self._registered:
            holders.append("this program")
        if holders:
            raise CodecConflictError(
                f"codec {name!r} is already registered by {_and(holders)}; "
                f"choose another name, or pass replace=True to use yours instead"
            )


_registry: Final = CodecRegistry()


def installed_codecs() -> tuple[InstalledCodec, ...]:
    """The codecs that installed distributions announce, by name; read from metadata, so nothing is imported.

    Never raises. A name that two distributions claim is listed twice, and a codec whose framework is not installed is
    listed as well. What a program registered itself is not.
    """
    return _registry.installed()


def get_codec(name: str) -> AnyCodec:
    """The codec of that name, imported and checked; the same object each time.

    ``"distribution:name"`` picks one when several distributions claim a name. What a program registered comes first.
    With ``AI_TRANSPORT_CODECS_DISABLE_PLUGINS=1`` in the environment, only this package's own codecs are looked at.

    Raises UnknownCodecError (with the names that would do), CodecConflictError (two distributions claim it),
    MissingExtraError (its framework is not installed), CodecVersionError (installed in a version it does not support)
    or CodecLoadError (it cannot be imported or breaks the contract). None of these is remembered: the next call tries
    again.
    """
    return _registry.get(name)


def register_codec(name: str, target_or_codec: str | AnyCodec, *, replace: bool = False) -> None:
    """Give this program a codec under ``name``: an object, or ``"package.module:OBJECT"``, imported when asked for.

    Registering the same thing again does nothing. Raises CodecConflictError when the name is taken, by an installed
    distribution or by another call, unless ``replace`` is true; InvalidArgumentError for a name that is not
    lower-case words joined by hyphens; CodecLoadError for an object that breaks the contract.
    """
    _registry.register(name, target_or_codec, replace=replace)


def unregister_codec(name: str) -> None:
    """Take back a ``register_codec``; an installed codec of that name shows again.

    Raises UnknownCodecError when this program registered no such name.
    """
    _registry.unregister(name)


def refresh() -> None:
    """Forget what was read and loaded from installed distributions, as after a ``pip install`` in a notebook.

    What the program registered stays. Modules that are already imported are not imported anew.
    """
    _registry.refresh()


def _label(name: str) -> str:
    return f"codec {name!r} that this program registered"


def _conflict(name: str, claims: list[InstalledCodec]) -> str:
    sources = [codec.source for codec in claims]
    if len({codec.distribution for codec in claims}) == 1:
        targets = _and([codec.target for codec in claims])
        return f"{sources[0]} announces codec {name!r} twice, as {targets}: that is for its authors to mend"
    choices = " or ".join(f"get_codec('{codec.distribution}:{name}')" for codec in claims)
    return (
        f"codec {name!r} is claimed by {_and(sources)}; choose with {choices}, "
        f"or with register_codec({name!r}, ..., replace=True), or uninstall one"
    )


def _unknown(distribution: str, name: str, installed: Iterable[InstalledCodec], registered: Iterable[str]) -> str:
    installed = tuple(installed)
    known = [f"{codec.name} ({codec.source})" for codec in installed] + [
        f"{each} (this program)" for each in registered
    ]
    sentences = (
        f"no codec is named {name!r}{f' in distribution {distribution!r}' if distribution else ''}.",
        _near_miss(name, installed, registered),
        _planned(name, installed),
        f"Available: {', '.join(known) or 'none'}.",
        f"{DISABLE_PLUGINS} is set, so other distributions' codecs are left out." if plugins_are_disabled() else "",
    )
    return " ".join(filter(None, sentences))


def _near_miss(name: str, installed: Iterable[InstalledCodec], registered: Iterable[str]) -> str:
    known = {codec.name for codec in installed} | set(registered)
    near = difflib.get_close_matches(normalize(name.strip()), sorted(known - {name}), n=3)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else ""


def _planned(name: str, installed: tuple[InstalledCodec, ...]) -> str:
    """What to do about a name of our own that is not announced here."""
    announced = {codec.name for codec in installed if codec.is_own}
    if not announced:
        return f"{OWN_DISTRIBUTION} itself is not installed here, so its codecs are not announced: pip install it."
    absent = {codec: extra for codec, extra in FIRST_PARTY.items() if codec not in announced}
    near = difflib.get_close_matches(normalize(name.strip()), absent, n=1, cutoff=0.8)
    wanted = near or [codec for codec, extra in absent.items() if extra == name]
    if not wanted:
        return ""
    version = next(codec.version for codec in installed if codec.is_own)
    return (
        f"{OWN_DISTRIBUTION} {version} does not contain {_and([repr(each) for each in wanted])}; a later version may: "
        f"pip install --upgrade '{OWN_DISTRIBUTION}[{absent[wanted[0]]}]'."
    )


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
