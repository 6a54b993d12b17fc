"""Vectors from files to verdicts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ai_transport_codecs.codec.contract import Codec
from ai_transport_codecs.codec.registry import get_codec
from ai_transport_codecs.errors import CodecLoadError, MissingExtraError, UnknownCodecError

from .comparing import difference
from .decoding import CodecReplay, CoreReplay, inbound_message
from .definitions import codec_from_json
from .deviations import concerns_join, concerns_repair, join_difference, repair_difference
from .encoding import OperationRunner
from .helpers import helper_difference
from .recording import RecordingWriter

Json = Mapping[str, Any]

TINY_TABLE: Final = "tiny-codec.json"
_REGISTERED: Final = {"responses": "openai-responses", "uimessage": "vercel"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one vector: ``passed``, ``failed`` or ``skipped``, and why."""

    name: str
    outcome: str
    reason: str = ""


def run_folder(folder: Path) -> Iterator[Verdict]:
    """The verdict of each vector file in ``folder``, in name order; files that are no vectors are ignored."""
    for path in sorted(folder.glob("*.json")):
        vector = _load(path)
        if vector is not None:
            yield run_vector(vector, folder)


def run_vector(vector: Json, folder: Path) -> Verdict:
    """The verdict of one vector; ``folder`` is where it lies, for the table of the ``tiny`` codec."""
    name = vector["name"]
    try:
        codec = _codec(vector, folder)
        found = helper_difference(vector) if vector["direction"] == "helper" else _difference(vector, codec)
    except (UnknownCodecError, MissingExtraError) as error:
        return Verdict(name, "skipped", _line(f"codec not present: {error}"))
    except CodecLoadError as error:
        found = str(error)
    except Exception as error:  # a vector that breaks us is a failed vector, the others still run
        found = f"raised {type(error).__name__}: {error}"
    if found and vector.get("concurrency"):
        # Ours serialises writes; the reference's outcome is one of several, and the format makes it optional.
        return Verdict(name, "skipped", _line(f"outcome depends on overlapping calls; ours differs: {found}"))
    return Verdict(name, "failed", _line(found)) if found else Verdict(name, "passed")


def _line(reason: str) -> str:
    return " ".join(reason.split())


def _load(path: Path) -> Json | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and {"name", "codec", "direction", "events"} <= value.keys() else None


def _codec(vector: Json, folder: Path) -> Codec[Any, Any, Any, Any] | None:
    kind = vector["codec"]
    if not isinstance(kind, str):
        raise TypeError(f"a vector's codec is a name, not {kind!r}")
    if kind in ("core", "custom"):
        return None
    if kind != "tiny":
        return get_codec(_REGISTERED.get(kind, kind))
    # A linked folder has two parents: of the link, and of what it points to.
    for place in (folder, folder.absolute().parent, folder.resolve().parent):
        if (place / TINY_TABLE).is_file():
            return codec_from_json(json.loads((place / TINY_TABLE).read_text(encoding="utf-8-sig")))
    raise UnknownCodecError(f"the table {TINY_TABLE} is neither beside the vectors nor in the folder above")


def _difference(vector: Json, codec: Codec[Any, Any, Any, Any] | None) -> str | None:
    writer = RecordingWriter(vector.get("writer") or {})
    results = asyncio.run(_run_operations(vector, codec, writer))
    if concerns_repair(vector):
        return repair_difference(vector, writer.writes, results, codec) or (
            _decode_difference(vector, codec) if vector["inbound"] else None
        )
    return (
        _results_difference(vector["results"], results)
        or difference(vector["writes"], writer.writes, "writes")
        or (_decode_difference(vector, codec) if vector["inbound"] else None)
    )


async def _run_operations(vector: Json, codec: Codec[Any, Any, Any, Any] | None, writer: RecordingWriter) -> list[Json]:
    runner = OperationRunner(codec, writer)
    return [await runner.run(operation) for operation in vector["events"]]


def _results_difference(expected: list[Json], actual: list[Json]) -> str | None:
    for index, (wanted, got) in enumerate(zip(expected, actual, strict=True)):
        found = difference(_without_text(wanted), _without_text(got), f"results[{index}]")
        if found:
            return f"{found} ({got})"
    return None


def _without_text(result: Any) -> Any:
    """The result without its message texts, which are informative only."""
    if isinstance(result, Mapping):
        return {key: _without_text(value) for key, value in result.items() if key != "message"}
    return result


def _decode_difference(vector: Json, codec: Codec[Any, Any, Any, Any] | None) -> str | None:
    return _core_difference(vector) if codec is None else _codec_difference(vector, codec)


def _core_difference(vector: Json) -> str | None:
    replay = CoreReplay()
    for index, message in enumerate(vector["inbound"]):
        calls, callbacks = replay.deliver(inbound_message(message))
        found = difference(vector["decoded"][index], calls, f"decoded[{index}]")
        if not found and "callbacks" in vector:
            expected = [_callback(entry) for entry in vector["callbacks"][index]]
            found = difference(expected, [_callback(entry) for entry in callbacks], f"callbacks[{index}]")
        if found:
            return found
    return None


def _callback(entry: Json) -> Json:
    """A callback without what is absent: "no tracker" may be written as null or left out."""
    return {key: value for key, value in entry.items() if value is not None}


def _codec_difference(vector: Json, codec: Codec[Any, Any, Any, Any]) -> str | None:
    replay = CodecReplay(codec)
    raised = vector.get("decode_errors") or {}
    for index, message in enumerate(vector["inbound"]):
        events = replay.deliver(inbound_message(message))
        if str(index) not in raised:
            found = difference(vector["decoded"][index], events, f"decoded[{index}]")
            if found:
                return found
        if vector["snapshot"] == "each":
            found = difference(vector["messages_after"][index], replay.messages(), f"messages_after[{index}]")
            if found:
                return found
    if vector["snapshot"] == "final":
        found = difference(vector["messages_after"][-1], replay.messages(), "messages_after")
        if found:
            return found
    if concerns_join(vector):
        return join_difference(vector, replay.refolded(), codec)
    if "messages_refold" in vector:
        return difference(vector["messages_refold"], replay.refolded(), "messages_refold")
    return None
