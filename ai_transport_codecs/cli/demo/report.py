"""The summary, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ai_transport_codecs.cli.table import aligned

from .evidence import Evidence, Sighting
from .verdict import Check


def as_json(evidence: Evidence, checks: Sequence[Check], *, provider: str) -> dict[str, Any]:
    """The summary as one JSON object. Times in milliseconds, sizes in bytes as the channel counts them."""
    tokens = sum(produced.tokens for produced in evidence.produced)
    meter, cancel = evidence.meter, evidence.cancel
    return {
        "ok": all(check.is_kept for check in checks),
        "provider": provider,
        "turns": len(evidence.produced),
        "tokens": tokens,
        "messages_published": meter.messages,
        "bytes_published": meter.bytes,
        "appends": meter.actions["append"],
        "messages_per_token": round(meter.messages / tokens, 3) if tokens else None,
        "time_to_first_token_ms": _ms(evidence.first_token),
        "duration_ms": _ms(evidence.duration),
        "devices": {device.name: _device(device, evidence) for device in evidence.devices},
        "cancel": {
            "sent_after_tokens": cancel.tokens,
            "latency_ms": _ms(cancel.latency),
            "provider_stream_closed": cancel.provider_closed,
        },
        "checks": {check.name: check.is_kept for check in checks},
        "failures": {check.name: check.seen for check in checks if not check.is_kept},
    }


def as_text(summary: dict[str, Any]) -> list[str]:
    """The summary as lines."""
    cancel = summary["cancel"]
    closed = {True: "yes", False: "no", None: "not known"}[cancel["provider_stream_closed"]]
    rows = [
        ("turns", f"{summary['turns']}, the second one cancelled"),
        ("tokens", f"{summary['tokens']:,} from the {summary['provider']} provider"),
        ("published", f"{summary['messages_published']:,} messages, {summary['bytes_published']:,} bytes"),
        ("first token", f"after {summary['time_to_first_token_ms']:,} ms"),
        ("cancel", f"after {cancel['sent_after_tokens']} tokens, effective in {cancel['latency_ms']:,} ms"),
        ("stream closed", f"{closed}, at the provider"),
        *((name, _device_line(device)) for name, device in summary["devices"].items()),
    ]
    failures = [f"  FAILED  {name}: {seen}" for name, seen in summary["failures"].items()]
    kept = sum(summary["checks"].values())
    verdict = "both devices hold what the chain produced" if summary["ok"] else "the devices differ from the chain"
    return ["", *aligned(rows), "", *failures, f"{kept} of {len(summary['checks'])} checks passed: {verdict}"]


def _device(device: Sighting, evidence: Evidence) -> dict[str, Any]:
    return {
        "joined_at_tokens": device.arrival.tokens if device is evidence.phone and device.arrival else 0,
        "back_at_tokens": device.arrival.tokens if device is evidence.laptop and device.arrival else None,
        "tokens_while_away": device.tokens_while_away,
        "messages": len(device.messages),
        "characters": sum(len(str(entry.message.text)) for entry in device.messages),
        "updates": device.updates,
        "faults": len(device.faults),
        "equal": device.messages == evidence.history.messages,
    }


def _device_line(device: dict[str, Any]) -> str:
    line = f"{device['messages']} messages, {device['characters']:,} characters in {device['updates']} updates"
    if device["joined_at_tokens"]:
        return f"{line}; joined {device['joined_at_tokens']} tokens into the answer"
    return f"{line}; away for {device['tokens_while_away']} tokens"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
