"""Waiting for what tells nobody that it has come."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")

_WITHIN_S = 60.0  # longer than anything takes on a busy machine
_PAUSE_S = 0.01


def wait_until(
    look: Callable[[], T | None], tell: Callable[[], object] = str, within_s: float = _WITHIN_S
) -> T:
    """Look until something is there, and give it; if it never is, fail with what `tell` gives."""
    deadline = monotonic() + within_s
    while not (found := look()):
        assert monotonic() < deadline, tell()
        sleep(_PAUSE_S)  # bounded by the deadline: there is no event to wait for
    return found
