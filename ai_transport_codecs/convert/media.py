"""Media as URLs and data URLs."""

from __future__ import annotations

import re
from typing import Final

from .blocks import Media, MediaKind

_DATA: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,(?P<data>.*)", re.DOTALL)
_AUDIO: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_GENERIC: Final = {
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "file": "application/octet-stream",
}


def kind_of(media_type: str | None) -> MediaKind:
    """What the media type is one of."""
    match (media_type or "").partition("/")[0]:
        case "image":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
        case _:
            return "file"


def split_data_url(kind: MediaKind, url: str, media_type: str | None = None, filename: str | None = None) -> Media:
    """The media at a URL; of a base64 data URL, its data."""
    found = _DATA.fullmatch(url)
    if found is None:
        return Media(kind, url=url, media_type=media_type, filename=filename)
    return Media(kind, data=found["data"], media_type=media_type or found["type"], filename=filename)


def data_url(media: Media) -> str | None:
    """The media's URL: its own, or one with its data in it."""
    if media.url is not None or media.data is None:
        return media.url
    return f"data:{media.media_type or _GENERIC[media.kind]};base64,{media.data}"


def media_type_of(media: Media) -> str:
    """Its media type, or what is usual for its kind."""
    return media.media_type or _GENERIC[media.kind]


def try_audio_format(media_type: str | None) -> str | None:
    """What OpenAI calls this kind of sound, if it takes it."""
    return _AUDIO.get(media_type or "audio/wav")
