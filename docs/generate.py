"""Makes ``docs/errors.md`` of the error classes, their docstrings, and the docstrings of what raises them.

``python docs/generate.py`` writes the page; ``--check`` only says whether it is as it would be made, with exit code 1
if it is not. Reads the source instead of importing it where a framework would be needed.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, from a checkout that need not be installed

from ai_transport_codecs import errors  # noqa: E402
from ai_transport_codecs.errors import AITransportError, ErrorCode  # noqa: E402

PAGE: Final = ROOT / "docs" / "errors.md"

# Where the things are that a program calls.
PUBLIC: Final = (
    "session/agent.py", "session/run.py", "session/run_core.py", "session/opening.py", "session/step.py",
    "session/leaf_view.py", "session/turns.py", "session/hydration.py", "session/waking.py", "session/cancel.py",
    "session/client.py", "session/view.py", "session/handle.py", "session/invocation.py", "codec/registry.py",
    "codec/define.py", "codecs/langchain/translator.py", "codecs/langchain/turn.py", "codecs/langchain/graphs/turn.py",
    "codecs/llamaindex/translator.py", "codecs/llamaindex/turn.py", "codecs/openai/chat/translator.py",
    "codecs/openai/chat/turn.py", "codecs/openai/responses/translator.py", "codecs/openai/responses/turn.py",
    "codecs/vercel/translator.py", "codecs/vercel/turn.py", "bridges/run.py", "bridges/chunks.py",
    "bridges/history.py", "convert/conversion.py", "adapters/asgi/app.py", "channels/ably/connecting.py",
    "channels/ably/provider.py",
)  # fmt: skip

# What these modules define beside what a program calls.
PARTS: Final = frozenset({"CancelRouter", "CodecRegistry", "history_entries", "source_of", "StepLine"})

HEAD: Final = """\
# Errors

What went wrong, whose fault it is, and what to do. This page is made of the code by `docs/generate.py`; do not edit it.

Every error of the package is an `AITransportError`. It has

- a message: what happened, and what to do next;
- `code`: a number from Ably's list of error codes, and `status_code`, the HTTP-like class of it;
- `cause`, also chained as `__cause__`: what was raised underneath, if anything was.

All names are importable from `ai_transport_codecs`, without any framework.

Where to look for them:

- A call of yours (`send`, `start`, `end`, `load_older`, ...) raises what it could not do.
- `run.pipe()` does not raise for what you pipe, nor for its way to the channel: its result has the `reason` `"error"`
  and the `error`, and the run's `on_error` is told.
- A handler that raises ends its run as `error`; clients get an `AgentError` with its code and its text.
- A callback that raises (`on_cancel`, `on_steer`) is told to the run's `on_error`, without one to the session's `error`
  event.
- What no call carries is an `error` event, `session.on("error", handler)`: a lost subscription, lost continuity, an
  agent's error as a client sees it.
- An agent app answers a request that it refuses with JSON:
  see [React and HTTP](guides/react.md#what-the-routes-answer).
"""


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description="Makes docs/errors.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when the page is out of date")
    page = render()
    if not parser.parse_args().check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        sys.stderr.write("docs/errors.md is out of date; run python docs/generate.py\n")
        return 1
    return 0


def render() -> str:
    """The page."""
    raisers = sorted(set(find_raisers()))
    sections = [HEAD, _tree(), _codes()]
    sections += [_section(cls, [where for name, where in raisers if name == cls.__name__]) for cls in classes()]
    return "\n".join(sections)


def classes() -> list[type[AITransportError]]:
    """The error classes, in the order in which they are drawn."""
    return [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, AITransportError)]


def find_raisers() -> Iterator[tuple[str, str]]:
    """Pairs of an error's name and what is documented to raise it."""
    package = ROOT / "ai_transport_codecs"
    for name in PUBLIC:
        place = package / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            yield from _raisers_in(ast.parse(path.read_text(encoding="utf-8")), "")


def _raisers_in(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if child.name.startswith("_") or child.name in PARTS:
            continue
        said = " ".join((ast.get_docstring(child) or "").split()).partition("Raises ")[2]
        for name in re.findall(r"\b[A-Z]\w+Error\b", said):
            yield name, prefix + child.name
        if isinstance(child, ast.ClassDef):
            yield from _raisers_in(child, f"{prefix}{child.name}.")


def _tree() -> str:
    drawn = (errors.__doc__ or "").partition("::\n")[2].strip("\n").split("\n\n")[0]
    return f"## The tree\n\n```text\n{inspect.cleandoc(drawn)}\n```\n"


def _codes() -> str:
    rows = ["## By code\n", "| code | name | class |", "|---:|---|---|"]
    for code in ErrorCode:
        found = [f"[{cls.__name__}](#{cls.__name__.lower()})" for cls in classes() if _own_code(cls) == code]
        rows.append(f"| {code.value} | {code.name} | {', '.join(found) or 'none'} |")
    return "\n".join(rows) + "\n"


def _own_code(cls: type[AITransportError]) -> int | None:
    """The code that a class brings, rather than takes over from its base."""
    return cls.default_code if "default_code" in vars(cls) else None


def _section(cls: type[AITransportError], raisers: list[str]) -> str:
    what, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
    also = [base.__name__ for base in cls.__bases__[1:]]
    facts = f"Code {int(cls.default_code)}, status {cls.default_status_code} unless it says otherwise."
    facts += f" Is a `{also[0]}` too." if also else ""
    paragraphs = [f"### {cls.__name__}", _plain(what), facts]
    if rest:
        paragraphs.append(_plain(re.sub(r"\ATo do: ", "**What to do:** ", rest)))
    if raisers:
        paragraphs.append(f"Raised by {', '.join(f'`{each}`' for each in raisers)}.")
    return "\n\n".join(paragraphs) + "\n"


def _plain(text: str) -> str:
    """A docstring as Markdown."""
    return text.replace("``", "`")


if __name__ == "__main__":
    sys.exit(main())
