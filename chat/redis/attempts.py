"""What a thread does with Redis again and again, whatever goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable

from redis.exceptions import RedisError


class Attempts:
    """The attempts of one thread at its work, of which none ends the thread."""

    def __init__(self, logger: logging.Logger, name: str) -> None:
        """Begin without a failure; `name` stands before what is said in the log."""
        self._logger = logger
        self._name = name
        self.has_failed = False  # the last one

    def make(self, act: Callable[[], None]) -> None:
        """Do the work. That Redis cannot be asked is said once in a row, a bug each time."""
        try:
            act()
        except RedisError as error:
            if not self.has_failed:
                self._logger.warning("%s: %s", self._name, error)
            self.has_failed = True
        except Exception:
            self._logger.exception("%s: a bug; it goes on", self._name)
            self.has_failed = True
        else:
            self.has_failed = False
