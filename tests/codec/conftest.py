from __future__ import annotations

from tests.codec.fake_distributions import clean_registry, install

__all__ = ["clean_registry", "install"]
