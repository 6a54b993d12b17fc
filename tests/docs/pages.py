"""The pages that users read: what is in them, and their Python, executed line by line.

A page's ``python`` blocks share one namespace, in their order, as a reader would paste them into one file; what they
need besides (a model, a channel) a test gives. :class:`Played` notes each line that ran, so that a page's test can hold
itself to have run all of them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.source_tree import ROOT

DOCS: Final = ROOT / "docs"
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CONTINUED: Final = re.compile(r"\\\n\s*")
RAN: Final = "__ran__"


class Block(NamedTuple):
    """One fenced block; ``line`` is that of its first line within the page."""

    language: str
    text: str
    line: int


class Page:
    def __init__(self, path: Path, root: Path = ROOT) -> None:
        self.path = path
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")

    def __repr__(self) -> str:
        return self.name

    @cached_property
    def blocks(self) -> list[Block]:
        return [
            Block(match[1], match[2], self.text.count("\n", 0, match.start(2)) + 1)
            for match in FENCE.finditer(self.text)
        ]

    @property
    def prose(self) -> str:
        return FENCE.sub("", self.text)

    @property
    def links(self) -> list[str]:
        return LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """What a link's fragment may name: the headings, as they are spelt in links."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def of(self, *languages: str) -> list[Block]:
        return [block for block in self.blocks if block.language in languages]

    def commands(self) -> Iterator[str]:
        """The commands of the page's consoles, without comments."""
        for block in self.of("console", "bash"):
            for line in CONTINUED.sub(" ", block.text).splitlines():
                command = re.sub(r"\s+#.*", "", line.removeprefix("$ ")).strip()
                if command:
                    yield command


class Played:
    """A page's Python, executed: ``names`` has what it defines, ``missing()`` the lines that have not run so far."""

    def __init__(self, page: Page, **given: Any) -> None:
        self._page = page
        self._lines: set[int] = set()
        self._ran: set[int] = set()
        self.names: dict[str, Any] = {"__name__": "page", RAN: self._ran.add, **given}
        for block in page.of("python"):
            tree = ast.parse(block.text, page.name)
            ast.increment_lineno(tree, block.line - 1)
            marker = _Marker()
            marker.visit(tree)
            self._lines |= marker.lines
            exec(compile(ast.fix_missing_locations(tree), page.name, "exec"), self.names)  # noqa: S102  # our own page

    def __getitem__(self, name: str) -> Any:
        return self.names[name]

    def missing(self) -> list[str]:
        lines = self._page.text.splitlines()
        return [f"{self._page.name}:{number}: {lines[number - 1]}" for number in sorted(self._lines - self._ran)]


class _Marker(ast.NodeTransformer):
    """Puts a note before each statement."""

    def __init__(self) -> None:
        self.lines: set[int] = set()

    def visit(self, node: ast.AST) -> Any:
        self.generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [each for found in statements for each in self._noted(found)])
        return node

    def _noted(self, statement: ast.stmt) -> list[ast.stmt]:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        is_early = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if is_text or is_early:  # a docstring, "..." or what has to come first
            return [statement]
        self.lines.add(statement.lineno)
        note = ast.parse(f"{RAN}({statement.lineno})").body[0]
        return [ast.copy_location(note, statement), statement]


PAGES: Final = [Page(path) for path in sorted([ROOT / "README.md", *DOCS.rglob("*.md")])]


def page_of(name: str) -> Page:
    """The page of that name."""
    return next(each for each in PAGES if each.name == name)
