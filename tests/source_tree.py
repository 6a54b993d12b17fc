"""The package's source, read with ``ast``: modules, what they import, and how long their functions are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = "ai_transport_codecs"

WAITING: Final = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)


class Function(NamedTuple):
    name: str
    length: int


class Module:
    """One source file; ``name`` is its dotted path below the package, '' for the package's own ``__init__``."""

    def __init__(self, path: Path, top: Path = ROOT / PACKAGE) -> None:
        self.path = path
        parts = path.relative_to(top).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def line_count(self) -> int:
        return len(self.path.read_text(encoding="utf-8").splitlines())

    def imports(self) -> set[str]:
        """The dotted names that are imported anywhere in the module, for types too; absolute."""
        return {name for node in ast.walk(self.tree) for name in self._imported_by(node)}

    def waits(self) -> bool:
        return any(
            isinstance(node, WAITING) or (isinstance(node, ast.comprehension) and node.is_async)
            for node in ast.walk(self.tree)
        )

    def functions(self) -> Iterator[Function]:
        """Functions and methods, with their lines from the signature to the end, docstrings left out."""
        yield from _functions_in(self.tree, "")

    def _imported_by(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = self._base(node)
            # "from package import module" may name a module or a member; both are below the same package.
            yield from (f"{base}.{alias.name}" for alias in node.names)

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        own = [PACKAGE, *filter(None, self.name.split("."))]
        package = own if self.is_package else own[:-1]
        return ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])


def modules() -> list[Module]:
    """Every module of the package."""
    return [Module(path) for path in sorted((ROOT / PACKAGE).rglob("*.py"))]


def _functions_in(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{prefix}{child.name}."
            yield Function(name[:-1], _length(child))
        elif isinstance(child, ast.ClassDef):
            name = f"{prefix}{child.name}."
        yield from _functions_in(child, name)


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    is_documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if is_documented else 0
    return whole - docstring
