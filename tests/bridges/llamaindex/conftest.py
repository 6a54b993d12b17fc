"""LlamaIndex's own agents use what pydantic and its workflows deprecate; whatever else warns is an error here too."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

_OF_LLAMAINDEX: Final = (
    "ignore::pydantic.warnings.PydanticDeprecationWarning",
    "ignore:is_running called from within a step:DeprecationWarning",
)
_HERE: Final = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            for known in _OF_LLAMAINDEX:
                item.add_marker(pytest.mark.filterwarnings(known))
