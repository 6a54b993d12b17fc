"""The projects in here are built, installed and tested by ``test_plugin.py``, in an environment of their own."""

from __future__ import annotations

collect_ignore = ["acme_codec", "framework"]
