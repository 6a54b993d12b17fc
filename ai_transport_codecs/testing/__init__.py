"""What ships for the tests of codec authors and of applications. Names resolve when they are used; nothing else does.

``CodecConformance`` and ``deviates`` need pytest: ``pip install 'ai-transport-codecs[testing]'``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from ai_transport_codecs.errors import MissingExtraError

if TYPE_CHECKING:
    from .conformance.generating import generate
    from .conformance.laws import LAWS, Law
    from .conformance.running import Outcome, Verdict, run_laws
    from .conformance.subject import Sample, Subject
    from .conformance.suite import CodecConformance, deviates
    from .conformance.violation import LawViolation, NotApplicable

__all__ = [
    "LAWS",
    "CodecConformance",
    "Law",
    "LawViolation",
    "NotApplicable",
    "Outcome",
    "Sample",
    "Subject",
    "Verdict",
    "deviates",
    "generate",
    "run_laws",
]

_MODULES: Final = {
    "LAWS": "laws",
    "CodecConformance": "suite",
    "Law": "laws",
    "LawViolation": "violation",
    "NotApplicable": "violation",
    "Outcome": "running",
    "Sample": "subject",
    "Subject": "subject",
    "Verdict": "running",
    "deviates": "suite",
    "generate": "generating",
    "run_laws": "running",
}


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.conformance.{module}"), name)
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise MissingExtraError(
            f"{__name__}.{name} needs pytest, which is not installed; install it with"
            " pip install 'ai-transport-codecs[testing]', or use `ai-transport check`, which needs none",
            cause=error,
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
