"""Each example runs without a key and answers with a tool; it is short, and its README says how to run it."""

from __future__ import annotations

import logging

import pytest

for needed in ("ably", "aiohttp", "fastapi", "uvicorn"):
    pytest.importorskip(needed)

from tests.examples.program import EXAMPLES, said_by, visiting  # noqa: E402  # what it needs may be absent

SERVED = ("fastapi_langchain", "llamaindex_workflow", "openai_responses")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="ably")


@pytest.mark.parametrize(
    ("name", "needs"),
    [("fastapi_langchain", "langchain_openai"), ("llamaindex_workflow", "llama_index.llms.openai")],
)
async def test_an_agent_calls_its_tool_and_says_what_it_was_told(name: str, needs: str) -> None:
    pytest.importorskip(needs)
    async with visiting(name) as (http, session):
        for _ in range(2):  # with a history, too
            turn = await session.view.send("What is the weather in Boston?")
            text, (call,) = await said_by(turn, http)
            assert turn.status == "complete"
            assert text == "The current weather in Boston is 72°F with sunny and windy conditions."
            assert call["type"] == "tool-get_current_weather"
            assert (call["state"], call["input"]) == ("output-available", {"location": "Boston"})
            assert "sunny" in str(call["output"])


async def test_a_tool_that_needs_approval_waits_for_it() -> None:
    pytest.importorskip("openai")
    async with visiting("openai_responses") as (http, session):
        for approved, state in [(True, "output-available"), (False, "output-denied")]:
            turn = await session.view.send("What is the weather in San Francisco?")
            _, (call,) = await said_by(turn, http)
            assert (turn.status, call["state"]) == ("suspended", "approval-requested")
            asked = turn.get_messages()[-1].id
            response = {"toolCallId": call["toolCallId"], "approved": approved}
            make = session.codec.create_tool_approval_response
            assert make is not None
            answer = make(asked, response)
            answered = await session.view.send(answer, run_id=turn.run_id)
            text, (call,) = await said_by(answered, http)
            assert (answered.status, call["state"]) == ("complete", state)
            assert call.get("output") == ("It's sunny in San Francisco, CA." if approved else None)
            assert "sunny" in text


@pytest.mark.parametrize("name", SERVED)
def test_an_example_is_one_short_file_and_its_readme_runs_it(name: str) -> None:
    folder = EXAMPLES / name
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == ["README.md", "main.py"]
    assert len((folder / "main.py").read_text().splitlines()) < 60
    assert f"python examples/{name}/main.py" in (folder / "README.md").read_text()
