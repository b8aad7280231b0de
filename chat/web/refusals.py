"""The lines about who was turned away: at most one a minute for each kind of refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic

_EVERY_S = 60.0
_LONGEST = 120  # characters of what a stranger sent


class Sparing:
    """The right to one line a minute for each kind, and the number of lines left out.

    The kinds are words of the program, not of strangers: there are few.
    """

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        # Guards _kinds.
        self._lock = Lock()
        self._kinds: dict[str, tuple[float, int]] = {}  # kind: its last line, left out since

    def ask(self, kind: str) -> str | None:
        """Give what a line of this kind is to end with; None if none is to be written now."""
        now = self._now_s()
        with self._lock:
            written_at, left_out = self._kinds.get(kind, (float("-inf"), 0))
            if now - written_at < _EVERY_S:
                self._kinds[kind] = (written_at, left_out + 1)
                return None
            self._kinds[kind] = (now, 0)
        return f" (and {left_out} more since the line before)" if left_out else ""


class Refusals:
    """The log of who was turned away, and of what would let them in."""

    def __init__(self, logger: logging.Logger, sparing: Sparing | None = None) -> None:
        self._logger = logger
        self._sparing = sparing or Sparing()

    def note(self, kind: str, sentence: str) -> None:
        """Write a line, unless there was one of its kind within the last minute."""
        more = self._sparing.ask(kind)
        if more is not None:
            self._logger.warning("%s%s", sentence, more)


class SparingFilter(logging.Filter):
    """A filter for lines that begin with certain words: one a minute each, and not too long."""

    def __init__(self, *beginnings: str) -> None:
        super().__init__()
        self._beginnings = beginnings
        self._sparing = Sparing()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is to be written; shorten it and say what was left out."""
        line = record.getMessage()
        kind = next((each for each in self._beginnings if line.startswith(each)), None)
        if kind is None:
            return True
        more = self._sparing.ask(kind)
        if more is None:
            return False
        record.msg, record.args = f"{shortened(line, 3 * _LONGEST)}{more}", ()
        return True


def quoted(text: str) -> str:
    """Quote what a stranger sent, for a line of the log: nothing in it acts, and it is short."""
    return repr(shortened(text, _LONGEST))


def shortened(text: str, longest: int) -> str:
    """Cut a text that is too long."""
    return text if len(text) <= longest else f"{text[:longest]}…"
