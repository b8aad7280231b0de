"""What is wrong with the log: for whoever asks, and once for the server's log."""

from __future__ import annotations

import logging
from time import monotonic

from chat.log import StorageUnavailable
from chat.log.damage import is_damage
from chat.metrics import Metrics

_logger = logging.getLogger(__name__)

_SILENT_S = 5.0  # without a sign of the writer, until the log counts as hanging


class Condition:
    """Why a log cannot be read or written; each reason is None while there is none.

    The writer's thread sets them, and whoever finds damage; any thread asks.
    """

    def __init__(self, log: str, cause: str, metrics: Metrics) -> None:
        """Begin with a log that is not open, its name, and what it waits for when it hangs."""
        self._log = log
        self._errors = metrics.storage_errors
        self._cause = cause
        self.closed_because = "the log is not open"  # said while no file is open
        self.trouble: str | None = None  # why nothing can be stored
        self.unreadable: str | None = None  # why nothing can be read
        self.damage: str | None = None  # until another file is opened
        self._heard_at = monotonic()  # the last sign of the writer
        self._said = ""  # the reason that was logged last

    def raise_problem(self) -> None:
        """Raise StorageUnavailable for what is known to be wrong with a file that is open."""
        for problem in (self.damage, self.trouble, self.unreadable):
            if problem is not None:
                raise StorageUnavailable(problem)
        silent_s = monotonic() - self._heard_at
        if silent_s > _SILENT_S:
            raise StorageUnavailable(f"the log has hung for {silent_s:.0f} s: is it {self._cause}?")

    def note_sign(self) -> None:
        """Note that the writer goes on."""
        self._heard_at = monotonic()

    def note_opened(self, trouble: str | None) -> None:
        """Forget what was wrong with the file before this one."""
        self.trouble = trouble
        self.damage = self.unreadable = None

    def note_stored(self) -> None:
        """Note that something was stored; what goes wrong later is logged again."""
        self.trouble, self._said = None, ""

    def say(self, sentence: str, why: str) -> None:
        """Count that something cannot be done; log why, once, however often it is tried."""
        self._errors.add()
        if why != self._said:
            self._said = why
            _logger.error(f"log: {sentence}", why)  # noqa: G004 -- a constant sentence

    def note_full(self, why: str) -> None:
        """Note that there is no space for what was posted; who measures it logs that."""
        self.trouble = why
        self._errors.add()

    def say_failure(self, sentence: str, error: Exception) -> None:
        """Log what SQLite could not do; damage is a reason of its own."""
        if is_damage(error):
            self.say_damage(str(error))
        else:
            self.say(sentence, str(error))

    def say_damage(self, found: str) -> None:
        """Let nothing be stored any more: it would spoil what can still be saved of the file."""
        if self.damage is None:
            self.damage = f"{self._log} is damaged ({found}): restore it from a copy"
            self.say("%s; no post is stored any more", self.damage)
        else:
            self._errors.add()
