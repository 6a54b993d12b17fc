"""A codec checked without a test file: what to hold the laws against, from names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ai_transport_codecs.codec.loading import check_codec, resolve
from ai_transport_codecs.codec.registry import get_codec, installed_codecs
from ai_transport_codecs.errors import CodecLoadError, InvalidArgumentError

from .generating import generate
from .subject import AnyCodec, Sample, Subject


def load_target(target: str) -> AnyCodec:
    """The codec that ``target`` names: an installed one (``name`` or ``distribution:name``), or ``pkg.mod:OBJECT``.

    Raises UnknownCodecError, MissingExtraError, CodecVersionError or CodecLoadError, each saying what to do.
    """
    distribution, colon, name = target.rpartition(":")
    if not colon or any(each.name == name and each.distribution == distribution for each in installed_codecs()):
        return get_codec(target)
    found = resolve(target, f"codec {target!r}")
    own_name = getattr(found, "name", None)
    return check_codec(found, own_name if isinstance(own_name, str) else "", f"codec {target!r}")


def load_samples(target: str, codec: AnyCodec) -> Subject:
    """The subject that ``pkg.mod:NAME`` describes for this codec.

    A mapping of names to streams; a sequence, which is one stream; or a :class:`~.suite.CodecConformance` class, with
    all it states. Raises CodecLoadError for what cannot be imported, InvalidArgumentError for anything else.
    """
    found = resolve(target, f"samples {target!r}")
    if isinstance(found, type):
        found = found()
    describe = getattr(found, "subject", None)
    if callable(describe):
        subject = describe()
        if isinstance(subject, Subject):
            return dataclasses.replace(subject, codec=codec)
    if isinstance(found, Mapping):
        return _supplemented(codec, [Sample(str(name), _items(items)) for name, items in found.items()])
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        return _supplemented(codec, [Sample(target, list(found))])
    raise InvalidArgumentError(
        f"samples {target!r} are a {type(found).__name__}; give a mapping of names to streams (each a list of items),"
        " a list of items, or a CodecConformance class"
    )


def _items(given: Any) -> list[Any]:
    items: Any = given() if callable(given) else given
    return list(items)


def generated_subject(codec: AnyCodec) -> Subject:
    """The subject for a codec of which nothing is known but its tables.

    Raises CodecLoadError for a codec that has none: its samples have to be given.
    """
    subject = _supplemented(codec, [])
    if not subject.samples:
        raise CodecLoadError(
            f"codec {codec.name!r} has no tables from which sample streams could be made;"
            " give some with --samples package.module:SAMPLES"
        )
    return subject


def _supplemented(codec: AnyCodec, samples: list[Sample]) -> Subject:
    made = generate(codec)
    return Subject(
        codec,
        [*samples, *made.samples],
        inputs=made.inputs,
        excused_types=made.unreached,
    )
