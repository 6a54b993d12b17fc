"""Builds the page that the wheel brings along for ``ai-transport demo --web``, with Node.js and npm.

Exits with words for what to do when they are not there, or fail.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # the source tree, before anything is built or installed of it

from ai_transport_codecs.cli.web.page import build_page
from ai_transport_codecs.errors import UsageError

if __name__ == "__main__":
    try:
        build_page()
    except UsageError as error:
        sys.exit(f"the wheel needs its page: {error}")
