"""Firefox and WebKitGTK for the tests of the page: `make browsers`.

Playwright can drive a browser over WebDriver BiDi, the standard. It expects more of it than
Debian's browsers know. So each of them gets a bridge: a program that Playwright starts in the
browser's place. The tests themselves are those of tests/browser/, and know nothing of it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from tests.support.servers import ROOT


def bridged(name: str) -> dict[str, Any]:
    """Give the arguments with which Playwright's Firefox starts a bridge, `firefox` or `webkit`."""
    return {
        "channel": "moz-firefox",  # that is, over WebDriver BiDi
        "executable_path": sys.executable,
        "args": ["-m", f"tests.browsers.{name}"],
        "ignore_default_args": True,
        "env": {**os.environ, "PYTHONPATH": str(ROOT)},
    }
