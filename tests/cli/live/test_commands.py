"""``replay``, ``tail`` and ``chat`` as programs, with each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ai_transport_codecs.cli.main import main
from tests.cli.live.terminal import Command

RECORDINGS = Path(__file__).parents[3] / "ai_transport_codecs" / "cli" / "recordings"


def recorded(folder: Path, name: str, *words: str, reason: str = "stop") -> str:
    """A recording of a UI message stream that says these words."""
    chunks = [
        {"type": "start"},
        {"type": "text-start", "id": "t"},
        *({"type": "text-delta", "id": "t", "delta": word} for word in words),
        {"type": "text-end", "id": "t"},
        {"type": "finish", "finishReason": reason},
    ]
    path = folder / name
    path.write_text("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n")
    return str(path)


async def test_recordings_answer_in_turn_and_a_chat_prints_them(place: tuple[str, ...], tmp_path: Path) -> None:
    files = [recorded(tmp_path, "1.sse", "Lis", "bon"), recorded(tmp_path, "2.sse", "In ", "spring")]
    async with Command("replay", *files, *place, "--speed", "0") as agent:
        assert await agent.line() == "answering on conversations:42 with 2 recordings in turn"
        async with Command("chat", *place) as chat:
            for line in ("Where to?", "When?", "Where to?", "/show"):
                await chat.type(line)
            code, out, errors = await chat.ends()
        assert (code, errors) == (0, "")
        said = "Lisbon\nIn spring\nLisbon\n"
        again = "user: Where to?\nassistant: Lisbon\n"
        assert out == f"{said}{again}user: When?\nassistant: In spring\n{again}"
        code, out, errors = await agent.stop()
    assert (code, errors) == (0, "")
    assert [line.split(": ")[1] for line in out.splitlines()] == [
        "1.sse, complete",
        "2.sse, complete",
        "1.sse, complete",
    ]


async def test_a_chat_prints_words_as_they_come_and_cancels(place: tuple[str, ...], tmp_path: Path) -> None:
    long = recorded(tmp_path, "long.sse", *(f"word{number} " for number in range(2_000)))
    async with Command("replay", long, *place) as agent, Command("chat", *place) as chat:
        await agent.line()
        await chat.type("Tell me")
        await chat.until("word1 ")
        await chat.type("/cancel")
        await chat.until("[cancelled]")
        code, _, errors = await chat.ends()
        assert (code, errors) == (0, "")
        assert (await agent.line()).endswith("long.sse, cancelled")


async def test_a_question_that_nobody_took_up_can_be_cancelled(place: tuple[str, ...]) -> None:
    async with Command("chat", *place) as chat:
        await chat.type("Hello?")
        await chat.type("/cancel")
        code, out, errors = await chat.ends()
    assert (code, out, errors) == (0, "[cancelled before an agent took it up]\n", "")


async def test_versions_of_an_answer_and_of_a_question(place: tuple[str, ...], tmp_path: Path) -> None:
    files = [recorded(tmp_path, f"{word}.sse", word) for word in ("Lisbon", "Porto", "Oslo")]
    async with Command("replay", *files, *place, "--speed", "0") as agent, Command("chat", *place) as chat:
        await agent.line()
        for line in (
            "Where to?",
            "/regenerate",
            "/branch",
            "/branch 1",
            "/edit Where to in winter?",
            "/branch",
            "/show",
        ):
            await chat.type(line)
        code, out, errors = await chat.ends()
    assert (code, errors) == (0, "")
    assert out.splitlines() == [
        "Lisbon",
        "Porto",
        "  1  Lisbon",
        "* 2  Porto",
        "user: Where to?",
        "assistant: Lisbon",
        "Oslo",
        "  1  Where to?",
        "* 2  Where to in winter?",
        "user: Where to in winter?",
        "assistant: Oslo",
    ]


async def test_what_a_chat_cannot_do_it_says_and_goes_on(place: tuple[str, ...]) -> None:
    async with Command("chat", *place) as chat:
        for line in ("/dance", "/edit x", "/edit", "/regenerate", "/branch 2", "/help"):
            await chat.type(line)
        code, out, errors = await chat.ends()
    assert code == 1
    assert [line.removeprefix("ai-transport chat: ").partition(";")[0] for line in errors.splitlines()] == [
        "there is no command /dance",
        "there is no message of yours yet to edit",
        "say what to say instead: /edit TEXT",
        "there is no answer yet to have another version of",
        "no message here has other versions",
    ]
    assert "/regenerate" in out


async def test_a_tail_says_what_was_and_what_happens(place: tuple[str, ...], tmp_path: Path) -> None:
    file = recorded(tmp_path, "1.sse", "Lis", "bon")
    async with Command("replay", file, *place, "--speed", "0") as agent, Command("tail", *place) as tail:
        await agent.line()
        await tail.warned("live on conversations:42")
        async with Command("chat", *place, "--client-id", "alice") as chat:
            await chat.type("Where to?")
            assert (await chat.ends())[0] == 0
        lines = [await tail.line()]
        while not lines[-1].startswith("message"):
            lines.append(await tail.line())
        code, _, errors = await tail.stop()
    assert (code, errors) == (0, "")
    assert [" ".join((line[:8] + line[18:]).split()) for line in lines if not line.startswith("output")] == [
        'input user-message from alice "Where to?"',
        "run start",
        next(" ".join((line[:8] + line[18:]).split()) for line in lines if line.endswith("-step-0 start")),
        next(" ".join((line[:8] + line[18:]).split()) for line in lines if line.endswith("-step-0 end complete")),
        "run end complete",
        'message assistant: "Lisbon"',
    ]
    assert any('text-delta {"id":"t","delta":"Lis' in line for line in lines)


async def test_what_a_raw_tail_saved_is_told_later(place: tuple[str, ...], tmp_path: Path) -> None:
    file = recorded(tmp_path, "1.sse", "Lis", "bon")
    async with Command("replay", file, *place, "--speed", "0") as agent, Command("chat", *place) as chat:
        await agent.line()
        await chat.type("Where to?")
        assert (await chat.ends())[0] == 0
    saved = tmp_path / "saved.jsonl"
    async with Command("tail", "--raw", *place) as tail:
        lines = [await tail.line()]
        while json.loads(lines[-1]).get("name") != "ai-run-end":
            lines.append(await tail.line())
        await tail.stop()
    saved.write_text("\n".join(lines))
    async with Command("tail", "--file", str(saved), "--codec", "vercel") as tail:
        code, out, errors = await tail.ends()
    assert (code, errors) == (0, "")
    assert out.splitlines()[0].endswith('user-message from chat "Where to?"')
    assert out.splitlines()[-1].endswith('assistant: "Lisbon"')


async def test_a_recorded_provider_stream_answers_for_the_codec_of_that_provider(place: tuple[str, ...]) -> None:
    chat_place = ("--codec", "openai-chat", *place[2:])
    async with (
        Command("replay", str(RECORDINGS / "riddle.sse"), *chat_place, "--speed", "0") as agent,
        Command("chat", *chat_place) as chat,
    ):
        await agent.line()
        await chat.type("How many sheep remain?")
        code, out, errors = await chat.ends()
    assert (code, errors) == (0, "")
    assert "9" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chat", "--codec", "vercel", "--channel", "c"], "there is no key; give one with --key, or in the variable"),
        (["chat", "--codec", "vercel", "--channel", "c", "--key", "bad"], "it has a name and a secret"),
        (["chat", "--codec", "vercel", "--channel", "c", "--key", "a.b:"], "it has a name and a secret"),
        (["tail", "--codec", "vercel", "--channel", "", "--key", "a.b:c"], "the channel's name is empty"),
        (["chat", "--codec", "verzel", "--channel", "c", "--key", "a.b:c"], "vercel"),
        (["tail", "--codec", "vercel"], "there is nothing to show; give a channel with --channel"),
        (["tail", "--codec", "vercel", "--file", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (
            ["replay", "nowhere.sse", "--codec", "vercel", "--channel", "c", "--key", "a.b:c"],
            "nowhere.sse cannot be read",
        ),
        (["chat", "--codec", "vercel", "--channel", "c", "--key", "a.b:c", "--endpoint", "ftp://x"], "is not the URL"),
    ],
)
def test_what_cannot_work_is_2_and_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AI_TRANSPORT_CODECS_KEY", raising=False)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "data: {broken\n\n", "hello", 'data: {"type":"reset-step"}\n\n'])
def test_a_file_that_is_no_recording_is_refused_before_anything_is_connected(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.sse"
    path.write_text(text)
    assert main(["replay", str(path), "--codec", "vercel", "--channel", "c", "--key", "a.b:c"]) == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize("line", ["x", "[]", '{"action": 7}', '{"action": "message.create", "serial": 3}'])
def test_a_saved_file_with_something_else_in_it_names_the_line(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "saved.jsonl"
    path.write_text(f"\n{line}\n")
    assert main(["tail", "--file", str(path), "--codec", "vercel"]) == 2
    assert f"{path}:2" in capsys.readouterr().err


async def test_a_server_that_is_not_there_fails_with_its_reason(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with Command("chat", "--codec", "vercel", "--channel", "c", "--key", "a.b:c", "--endpoint", url) as chat:
        code, _, errors = await chat.ends()
    assert code == 1
    assert errors.startswith("ai-transport chat: ")
