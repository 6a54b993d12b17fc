"""The package root: what it offers, and that it offers exactly that."""

from __future__ import annotations

import ast
import importlib
import inspect
from importlib import metadata

import pytest

import ai_transport_codecs
from ai_transport_codecs import errors
from tests.source_tree import PACKAGE, ROOT

PUBLIC = ai_transport_codecs.__all__
FUNCTIONS_AND_CLASSES = [name for name in PUBLIC if name != "__version__"]


def test_public_names_are_sorted_and_unique() -> None:
    assert sorted(set(PUBLIC)) == PUBLIC


@pytest.mark.parametrize("name", FUNCTIONS_AND_CLASSES)
def test_a_public_name_is_what_its_own_module_calls_by_that_name(name: str) -> None:
    value = getattr(ai_transport_codecs, name)
    assert value.__name__ == name
    assert value.__module__.startswith(f"{PACKAGE}.")
    assert inspect.getdoc(value)
    assert getattr(importlib.import_module(value.__module__), name) is value


def test_every_error_is_public() -> None:
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.AITransportError)
    }
    assert tree <= set(PUBLIC)


def test_type_checkers_see_the_names_that_users_see() -> None:
    tree = ast.parse((ROOT / PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == set(PUBLIC)


def test_dir_lists_every_public_name_before_it_was_used() -> None:
    assert set(PUBLIC) <= set(dir(ai_transport_codecs))


def test_the_version_is_the_distributions() -> None:
    assert ai_transport_codecs.__version__ == metadata.version("ai-transport-codecs")


def test_an_unknown_name_is_an_attribute_error_that_says_so() -> None:
    with pytest.raises(AttributeError, match="module 'ai_transport_codecs' has no attribute 'no_such_name'"):
        ai_transport_codecs.no_such_name  # noqa: B018


def test_a_star_import_brings_the_public_names() -> None:
    namespace: dict[str, object] = {}
    exec(f"from {PACKAGE} import *", namespace)  # noqa: S102 - the statement users write, which no function may hold
    assert set(PUBLIC) <= set(namespace)
