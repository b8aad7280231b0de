"""Our gunicorn.conf.py, with a worker that boots slowly: see test_handover.py."""

from __future__ import annotations

from time import sleep
from typing import Any

from chat.serving.versions import newest_settings

globals().update(newest_settings())


def post_fork(server: Any, worker: Any) -> None:
    """Give the test time to end the master."""
    sleep(1.0)
