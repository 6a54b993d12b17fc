"""The agent of the web demo: LangChain models whose tools run once a person has approved them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from langchain_core.messages import ToolMessage

from ai_transport_codecs.bridges import ui_chunks, ui_history
from ai_transport_codecs.session.run import Run

from .cast import TOOLS, Cast

Chunk = dict[str, Any]


class Agent:
    """A turn handler for sessions with ``codec="vercel"``.

    What it writes is one step under an id that another process can tell from the invocation: one that takes the run
    over after a crash writes the same step again, and readers see that instead of the torso.
    """

    def __init__(self, cast: Cast) -> None:
        self._cast = cast

    async def __call__(self, run: Run[Any]) -> None:
        """Answer what the user said, or go on with what they approved."""
        await run.view.load()
        asks: list[str] = []
        async with run.create_step(step_id=f"answer-{run.invocation_id}") as step:
            # Once it is begun, what a dead agent wrote of it is no part of the conversation any more.
            shown = [entry.message for entry in run.view.get_messages() if entry.message["parts"]]
            model = self._cast.model_for(_question(shown))
            # What was approved is told by what it did: below.
            messages = ui_history(shown, "langchain", on_loss=lambda _: None)
            answered = answered_calls(shown)
            if answered:
                results: list[ToolMessage] = []
                if (await step.pipe(_run_calls(answered, results))).reason != "complete":
                    return
                messages = [*messages, *results]
            await step.pipe(_asking(ui_chunks(model.astream(messages), "langchain"), asks))
        if asks and not run.cancel_token.is_cancelled:
            await run.suspend()


def answered_calls(shown: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tool calls since the user's last words that a person said yes or no to, and that nobody ran."""
    found: list[dict[str, Any]] = []
    for message in shown:
        found = [] if message["role"] == "user" else [*found, *message["parts"]]
    return [part for part in found if part.get("state") == "approval-responded"]


async def _run_calls(calls: Sequence[dict[str, Any]], results: list[ToolMessage]) -> AsyncIterator[Chunk]:
    """Run what was approved. Yields what readers are told, and leaves in ``results`` what the model is."""
    for call in calls:
        id_ = call["toolCallId"]
        if call["approval"].get("approved") is not True:  # the history says so to the model
            yield {"type": "tool-output-denied", "toolCallId": id_}
            continue
        name = call.get("toolName") or str(call["type"]).removeprefix("tool-")
        output = await TOOLS[name].ainvoke(call["input"])
        results.append(ToolMessage(output, tool_call_id=id_))
        yield {"type": "tool-output-available", "toolCallId": id_, "output": output}


async def _asking(chunks: Any, asks: list[str]) -> AsyncIterator[Chunk]:
    """The chunks, and after each whole tool call the question whether it may run; these are noted in ``asks``."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
            if chunk["type"] == "tool-input-available" and chunk["toolName"] in TOOLS:
                id_ = chunk["toolCallId"]
                asks.append(id_)
                yield {"type": "tool-approval-request", "toolCallId": id_, "approvalId": id_}


def _question(shown: Sequence[dict[str, Any]]) -> str:
    said = [message for message in shown if message["role"] == "user"][-1:]
    return " ".join(part["text"] for message in said for part in message["parts"] if part["type"] == "text")
