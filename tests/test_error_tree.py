"""The tree that ``errors`` draws is the tree that it defines, and an error survives being sent elsewhere."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import NamedTuple

import pytest

from ai_transport_codecs import errors
from ai_transport_codecs.errors import AITransportError, ErrorCode, has_code

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AITransportError)]
LINE = re.compile(r"    (?P<rails>(?:[│ ]   )*)(?P<branch>[├└]── )?(?P<name>\w+)(?: +(?P<note>.*))?")


class Drawn(NamedTuple):
    name: str
    parent: str | None
    note: str


def drawn_tree() -> list[Drawn]:
    text = (errors.__doc__ or "").partition("::\n")[2]
    found: list[Drawn] = []
    parents: list[str] = []
    for line in text.strip("\n").split("\n\n")[0].splitlines():
        match = LINE.fullmatch(line)
        assert match, f"not a line of the tree: {line!r}"
        depth = len(match["rails"]) // 4 + bool(match["branch"])
        del parents[depth:]
        found.append(Drawn(match["name"], parents[-1] if parents else None, match["note"] or ""))
        parents.append(match["name"])
    return found


DRAWN = drawn_tree()


def test_every_class_is_drawn_once() -> None:
    assert sorted(each.name for each in DRAWN) == sorted(cls.__name__ for cls in CLASSES)


@pytest.mark.parametrize("drawn", DRAWN, ids=lambda drawn: drawn.name)
def test_a_class_hangs_where_it_is_drawn(drawn: Drawn) -> None:
    cls = getattr(errors, drawn.name)
    bases = [base.__name__ for base in cls.__bases__]
    assert bases[0] == (drawn.parent or "Exception")
    for other in re.findall(r"also (\w+)", drawn.note):
        assert other in bases


@pytest.mark.parametrize("drawn", DRAWN, ids=lambda drawn: drawn.name)
def test_a_class_has_the_code_it_is_drawn_with(drawn: Drawn) -> None:
    number = re.match(r"\d{5,6}", drawn.note)
    if number is not None:
        assert getattr(errors, drawn.name).default_code == int(number[0])


def test_every_drawn_code_is_a_known_one() -> None:
    codes = {int(match[0]) for each in DRAWN if (match := re.match(r"\d{5,6}", each.note))}
    assert codes <= set(ErrorCode)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_class_says_what_happened_in_one_sentence(cls: type[AITransportError]) -> None:
    first = inspect.cleandoc(cls.__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert cls.default_code in set(ErrorCode)
    assert 400 <= cls.default_status_code < 600


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])  # noqa: S301
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_and_copying(cls: type[AITransportError], copied: object) -> None:
    assert callable(copied)
    error = cls("what happened; what to do", code=40099, status_code=418, cause=ValueError("why"))
    other = copied(error)
    assert type(other) is cls
    assert (str(other), other.message, other.code, other.status_code) == ("what happened; what to do",) * 2 + (
        40099,
        418,
    )
    assert repr(other.cause) == "ValueError('why')"
    assert repr(other) == repr(error)


def test_codes_are_plain_numbers_also_when_given_as_members() -> None:
    error = AITransportError("text", code=ErrorCode.STREAM_ERROR)
    assert type(error.code) is int
    assert has_code(error, 104008)
    assert not has_code(error, 104007)
    assert not has_code(ValueError("text"), 104008)


def test_a_cause_is_also_the_chained_exception() -> None:
    cause = ValueError("why")
    assert AITransportError("text", cause=cause).__cause__ is cause
