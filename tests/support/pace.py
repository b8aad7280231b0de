"""How much the talkers of a conversation may do, and how much of it is done."""

from __future__ import annotations

import time
from threading import Condition


class Pace:
    """How many commands there may be so far, and how many were answered."""

    def __init__(self, messages: int, deadline_s: float) -> None:
        """Prepare; `deadline_s` is the end of the conversation, on the monotonic clock."""
        self.messages = messages
        self._deadline_s = deadline_s
        # Guards the counts below, and tells when they change.
        self._changed = Condition()
        self._allowed = 0
        self._begun = 0
        self._acknowledged = 0
        self.head: int | None = None  # seq of the last entry, once all are answered
        self.at: str | None = None  # its time, if that is to be looked at

    @property
    def time_is_up(self) -> bool:
        """Tell whether the deadline has passed."""
        return time.monotonic() >= self._deadline_s

    def stop(self, within_s: float = 0.0) -> None:
        """End the conversation now, or soon."""
        with self._changed:
            self._deadline_s = min(self._deadline_s, time.monotonic() + within_s)
            self._changed.notify_all()

    @property
    def acknowledged(self) -> int:
        """Count the commands that are answered."""
        with self._changed:
            return self._acknowledged

    def allow(self, posts: int) -> None:
        """Allow so many commands altogether, by all talkers."""
        with self._changed:
            self._allowed = min(posts, self.messages)

    def enough(self) -> int:
        """Allow no more commands; give how many were begun."""
        with self._changed:
            self.messages = self._allowed = self._begun
            return self._begun

    def begin(self) -> bool:
        """Ask for permission for one new command."""
        with self._changed:
            free = self._begun < self._allowed
            self._begun += free
            return free

    def acknowledge(self) -> None:
        """Count one more answered command."""
        with self._changed:
            self._acknowledged += 1
            self._changed.notify_all()

    def wait_for(self, posts: int) -> bool:
        """Wait until so many commands, or all, are answered; return False if the time is up."""
        goal = min(posts, self.messages)
        with self._changed:
            self._changed.wait_for(
                lambda: self._acknowledged >= goal or self.time_is_up,
                self._deadline_s - time.monotonic(),
            )
            return self._acknowledged >= goal
