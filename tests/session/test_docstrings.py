"""What users reach of the session layer says what it is for, and which errors it raises."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from typing import Any

import ai_transport_codecs
from ai_transport_codecs import errors, session

PUBLIC_ERRORS = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}


def _classes() -> Iterator[type]:
    """The exported classes, and all of the session layer: users get them from one another."""
    for name in ai_transport_codecs.__all__:
        exported = getattr(ai_transport_codecs, name)
        if inspect.isclass(exported):
            yield exported
    for module in pkgutil.iter_modules(session.__path__, f"{session.__name__}."):
        for name, each in vars(importlib.import_module(module.name)).items():
            is_role = getattr(each, "_is_protocol", False)  # whose methods others define, and describe
            if inspect.isclass(each) and each.__module__ == module.name and not name.startswith("_") and not is_role:
                yield each


def _members() -> Iterator[tuple[str, Any, str]]:
    """Each class, method and function: its name, itself, and its docstring, but for a generated one."""
    for name in ai_transport_codecs.__all__:
        exported = getattr(ai_transport_codecs, name)
        if inspect.isfunction(exported):
            yield name, exported, exported.__doc__ or ""
    for each in dict.fromkeys(_classes()):
        own = f"{each.__module__.removeprefix('ai_transport_codecs.')}.{each.__qualname__}"
        said = each.__doc__ or ""
        yield own, each, "" if said.startswith(f"{each.__name__}(") else said
        for name, value in vars(each).items():
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if inspect.isfunction(function) and function.__module__ == each.__module__ and not name.startswith("_"):
                yield f"{own}.{name}", function, function.__doc__ or ""


def test_everything_says_what_it_is_for() -> None:
    silent = [name for name, _, said in _members() if not said.strip()]
    assert not silent, "say what the caller gets"


def test_everything_names_the_errors_that_it_raises() -> None:
    hidden: list[str] = []
    for name, member, said in _members():
        if not inspect.isfunction(member):
            continue
        tree = ast.parse(textwrap.dedent(inspect.getsource(member)))
        calls = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call))
        raised = {call.func.id for call in calls if isinstance(call.func, ast.Name)} & PUBLIC_ERRORS
        hidden += [f"{name} raises {error}" for error in sorted(raised) if error not in said]
    assert not hidden, "name them in the docstring"
