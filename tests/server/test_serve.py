"""``ai-transport serve`` as a program."""

from __future__ import annotations

import re
import signal

import pytest

from ai_transport_codecs.cli.main import main
from ai_transport_codecs.server import LocalServer
from tests.server.program import Program
from tests.server.wire import KEY, Socket, append


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_where_it_listens_first_and_ends_when_it_is_asked_to(number: signal.Signals) -> None:
    async with Program.serving() as program, Socket(program.url, {"key": KEY}, msgpack=True) as socket:
        await socket.connected()
        program.stop(number)
        assert [frame["action"] for frame in await socket.closed()] == [4]
        code, out, errors = await program.ends()
    assert (code, errors) == (0, "")
    assert out.splitlines()[1] == "for development, tests and single-machine use; in production, use Ably"


async def test_without_a_key_it_makes_one_up_and_says_it() -> None:
    async with Program("--port", "0") as program:
        assert program.process.stdout is not None
        await program.process.stdout.readline()
        line = (await program.process.stdout.readline()).decode()
        match = re.match(r"key (\S+) ", line)
        assert match, line
        async with Socket(program.url, {"key": match[1]}, msgpack=False) as socket:
            await socket.connected()


async def test_options_do_what_they_say() -> None:
    async with (
        Program.serving("--immutable", "fixed", "--rollup", "0", "--rate-limit", "4", "--faults") as program,
        Socket(program.url, {"key": KEY}, msgpack=False) as socket,
    ):
        [serial] = await socket.said("fixed:1", {"name": "x", "data": ""})
        assert (await socket.refused(await socket.publish("fixed:1", append(serial, "y"))))["code"] == 93002
        numbers = [await socket.publish("chat:1", {"name": "x"}) for _ in range(10)]
        assert (await socket.refused(numbers[-1]))["code"] == 42911


async def test_it_warns_when_other_machines_can_reach_it() -> None:
    async with Program("--port", "0", "--key", KEY, "--host", "0.0.0.0") as program:  # noqa: S104 - what is warned of
        program.stop()
        code, _, errors = await program.ends()
    assert code == 0
    assert "can be reached from other machines" in errors


async def test_a_port_that_is_taken() -> None:
    async with LocalServer(keys=[KEY]) as server, Program("--port", str(server.port)) as program:
        code, out, errors = await program.ends()
    assert (code, out) == (2, "")
    assert f"unable to listen on 127.0.0.1:{server.port}" in errors
    assert "choose another port" in errors


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--key", "nonsense"], "APP.KEY:SECRET"),
        (["--key", "a.b:c", "--key", "a.b:d"], "two keys have one name"),
        (["--db", "/nowhere/at/all.db", "--port", "0"], "cannot be used"),
        (["--port", "70000"], "not a port"),
        (["--port", "-1"], "not a number"),
        (["--rollup", "7"], "invalid choice"),
        (["--host", "no such host", "--port", "0"], "unable to listen"),
    ],
)
def test_what_it_cannot_do_is_said_without_a_traceback(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["serve", *arguments])
    except SystemExit as ended:  # argparse's way to say it
        code = int(ended.code or 0)
    out, errors = capsys.readouterr()
    assert (code, out) == (2, "")
    assert text in errors
