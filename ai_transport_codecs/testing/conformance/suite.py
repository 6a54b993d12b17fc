"""``CodecConformance``: the laws as tests to inherit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import pytest

from .generating import generate
from .laws import LAWS, Law
from .running import Verdict, run_laws
from .subject import AnyCodec, Sample, Subject, reload_message
from .violation import LawViolation

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

Items: TypeAlias = Sequence[Any] | Callable[[], Sequence[Any]]

_TESTS: Final[dict[str, Callable[..., None]]] = {}
"""The kit's own tests by name, to know an override by."""

_REASON = "__deviates__"
_MARKS_WITH_REASON = frozenset({"skip", "xfail"})


def deviates(reason: str) -> Callable[[FunctionT], FunctionT]:
    """Say why a test of :class:`CodecConformance` is overridden; without it, the overridden law fails."""
    if not reason.strip():
        raise ValueError("deviates() needs the reason why the codec need not keep this law")

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, _REASON, reason)
        return function

    return mark


class CodecConformance:
    """Inherit, name the codec and its sample streams, and run pytest: each law is a test.

    ::

        from ai_transport_codecs.testing import CodecConformance

        class TestAcme(CodecConformance):
            codec = CODEC
            samples = {"a greeting": [Chunk("Hel"), Chunk("lo")]}
            inputs = ["Where to?"]

    Everything below may be an attribute or a property. A law that your codec has reason not to keep is overridden under
    its own name, with :func:`deviates` (or a ``pytest.mark.xfail`` or ``skip`` that has a ``reason``); an override
    without a reason fails.
    """

    codec: AnyCodec
    """The codec under test."""

    samples: Mapping[str, Items]
    """Streams of the framework, by a name of yours: the items in the order in which a source gives them, or a function
    that gives them.

    Each law is tried at every point of each sample, so a few dozen items are better than thousands.
    """

    expected: Mapping[str, Items] = {}
    """The messages that readers end with, for the samples of which they are known: the framework's own result."""

    inputs: Sequence[Any] = ()
    """What users send: values that ``to_input`` takes, one of each kind."""

    event_types: Mapping[str, Any] | Sequence[str] = ()
    """Every event type of the framework, read off the framework; as a mapping, each with an item of that type.

    An item that means nothing alone is the last of a list, after those that it needs.
    """

    refused_types: Sequence[str] = ()
    """Those of ``event_types`` that the codec refuses by an error, on purpose."""

    dropped_types: Mapping[str, str] = {}
    """Those of ``event_types`` that the translator leaves out before the table, each with the reason."""

    writes_streams: bool = True
    """Whether a sample writes a message that grows."""

    takes_inputs: bool = True
    """Whether users can send anything, of which ``inputs`` has samples."""

    takes_tool_inputs: bool = False
    """Whether the codec has the three factories for answers to tool calls."""

    projections_can_be_stored: bool = True
    """Whether a projection can be pickled."""

    messages_at_once: bool = True
    """Whether messages of one run may be streamed side by side: nothing in one refers to another."""

    adds_generated_samples: bool = True
    """Whether streams made from the codec's tables are tried as well, so that every row is."""

    def reload_message(self, message: Any) -> Any:
        """The message dumped to JSON and loaded again by its framework; override it for what is not plain data."""
        return reload_message(message)

    def subject(self) -> Subject:
        """What the laws are held against. Raises LawViolation while ``codec`` or ``samples`` is missing."""
        missing = [name for name in ("codec", "samples") if not hasattr(self, name)]
        if missing:
            raise LawViolation(f"{type(self).__name__} does not say its {' and '.join(missing)}; set them in the class")
        types = self.event_types
        expected = {name: _items(messages) for name, messages in self.expected.items()}
        given = [Sample(name, _items(items), expected.get(name)) for name, items in self.samples.items()]
        unknown = sorted(set(self.expected) - set(self.samples))
        if unknown:
            raise LawViolation(f"'expected' names samples that there are none of: {', '.join(unknown)}")
        made = generate(self.codec) if self.adds_generated_samples else None
        return Subject(
            self.codec,
            [*given, *(made.samples if made else ())],
            inputs=list(self.inputs),
            event_types=types if isinstance(types, Mapping) else {type_: {"type": type_} for type_ in types},
            refused_types=self.refused_types,
            dropped_types=self.dropped_types,
            writes_streams=self.writes_streams,
            takes_inputs=self.takes_inputs,
            takes_tool_inputs=self.takes_tool_inputs,
            pickles=self.projections_can_be_stored,
            mixes_messages=self.messages_at_once,
            reload=self.reload_message,
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, own in _TESTS.items():
            found = inspect.getattr_static(cls, name, None)
            if found is not own and not _has_reason(found):
                setattr(cls, name, _refusal(cls, name))


def _items(given: Items) -> list[Any]:
    return list(given() if callable(given) else given)


_subjects: Final[dict[type, Subject]] = {}
"""One subject for all the laws of a class; they do not change it."""


def _test_of(law: Law) -> Callable[[CodecConformance], None]:
    def test(self: CodecConformance) -> None:
        __tracebackhide__ = True
        if type(self) not in _subjects:
            try:
                _subjects[type(self)] = self.subject()
            except LawViolation as violation:
                pytest.fail(str(violation), pytrace=False)
        [outcome] = run_laws(_subjects[type(self)], [law])
        if outcome.verdict is Verdict.SKIP:
            pytest.skip(outcome.reason)
        if outcome.verdict is Verdict.FAIL:
            pytest.fail(f"{law.promise}\n\n{outcome.reason}", pytrace=False)

    test.__name__ = f"test_{law.name}"
    test.__qualname__ = f"CodecConformance.{test.__name__}"
    test.__doc__ = law.promise
    return test


def _refusal(cls: type, name: str) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        __tracebackhide__ = True
        pytest.fail(
            f"{cls.__name__} overrides {name} without saying why: decorate the override with @deviates('...'), or with"
            " pytest.mark.xfail(reason='...'), so that whoever relies on this codec knows which law it does not keep",
            pytrace=False,
        )

    test.__name__ = name
    test.__doc__ = LAWS[name.removeprefix("test_")].promise
    setattr(test, _REASON, "fails, until it has a reason")
    return test


def _has_reason(function: Any) -> bool:
    if getattr(function, _REASON, ""):
        return True
    marks = getattr(function, "pytestmark", [])
    return any(mark.name in _MARKS_WITH_REASON and str(mark.kwargs.get("reason", "")).strip() for mark in marks)


for _law in LAWS.values():
    _test = _test_of(_law)
    _TESTS[_test.__name__] = _test
    setattr(CodecConformance, _test.__name__, _test)
