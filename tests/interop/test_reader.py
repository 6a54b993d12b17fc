"""What bridges say, read off the channel by the AI SDK's own reader of chunks, which is that of ``useChat``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ai_transport_codecs.bridges.writer import UiWriter
from tests.codecs.vercel.wire import decoded, live, piped


def chunks() -> list[dict[str, Any]]:
    """Two calls that grow in turn, one that comes whole, one of the provider's, one that failed, two that are asked."""
    writer = UiWriter()
    writer.grow(writer.open("reasoning"), "Weather first.")
    writer.grow(writer.open("text"), "Let me look.")
    grown = [writer.new_call("call-1", "weather"), writer.new_call("call-2", "clock")]
    for call in grown:
        writer.start_call(call)
    for text in ('{"a":', "1}"):
        for call in grown:
            writer.grow_call(call, text)
    whole = writer.new_call("call-3", "sea")
    search = writer.new_call("call-4", "web_search", by_provider=True)
    wrong = writer.new_call("call-5", "wind")
    writer.start_call(wrong)
    writer.grow_call(wrong, "{wind")
    for call in (*grown, whole, search):
        writer.provide(call, {"a": 1})
    writer.provide(wrong, "{wind", error="no JSON")
    for call in (grown[0], whole, search):
        writer.answer(call, ["sunny"], is_error=False)
    writer.answer(grown[1], "no clock", is_error=True)
    for call in (writer.new_call("call-6", "wipe"), writer.new_call("call-7", "mail")):
        writer.provide(call, {})
        writer.ask(call, f"ask-{call.id}")
    writer.deny(call)
    writer.begin_step()
    writer.grow(writer.open("text"), "Sunny.")
    writer.finish("stop", {"model": "m-1"})
    return writer.take()


def known(message: Any) -> list[dict[str, Any]]:
    """The parts, without what only one of the two SDKs notes of them."""
    keys = ("type", "text", "toolCallId", "input", "output", "errorText", "providerExecuted")
    shown = [{key: part[key] for key in keys if key in part} for part in message["parts"]]
    for part, found in zip(shown, message["parts"], strict=True):
        if "rawInput" in found:  # where the SDK keeps an input that a tool cannot take
            part["input"] = found["rawInput"]
    states = [part["state"] for part in message["parts"] if "toolCallId" in part]
    return [*shown, {"states": states}]


def test_usechat_shows_each_tool_call_once_as_a_session_does(drivers: Path) -> None:
    deliveries = piped(chunks())
    ours: Any
    [ours] = live(deliveries)
    ran = subprocess.run(
        ["node", "reader.mjs"],  # noqa: S607
        cwd=drivers,
        input=json.dumps(decoded(deliveries)),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    read = json.loads(ran.stdout)
    assert read["errors"] == []
    assert known(read["message"]) == known(ours)
    calls = sorted(part["toolCallId"] for part in ours["parts"] if "toolCallId" in part)
    assert calls == [f"call-{number}" for number in range(1, 8)]
