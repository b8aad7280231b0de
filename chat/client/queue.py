"""The commands of a client that are not yet known to be done, in order.

It has no thread and no lock: the client's lock guards it. Times are monotonic seconds.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, NamedTuple

from chat.protocol import (
    Act,
    Done,
    End,
    Entry,
    Erase,
    Error,
    ErrorCode,
    Message,
    Post,
    Refused,
    Removed,
)

QUEUE_LIMIT = 1000  # commands that wait

_ANSWER_S = 15.0  # without an answer; then the command is sent again
_AGAIN_S = 1.0  # if the server does not say how long to wait
_TEMPORARY = frozenset(
    (
        ErrorCode.RATE_LIMITED,
        ErrorCode.STORAGE_UNAVAILABLE,
        ErrorCode.JOIN_FIRST,
        ErrorCode.TOO_SOON,
    )
)

#: What a command leads to: an entry of the log, or the answer to one that is none.
Outcome = Entry | Done


class Full(Exception):
    """A command that cannot be taken: too many wait."""


class Settled(NamedTuple):
    """What became of a command; its future is told when the client's lock is free again."""

    future: Future[Any]
    outcome: object  # an exception is raised

    def tell(self) -> None:
        """Tell it, on this thread, to whoever waits."""
        if isinstance(self.outcome, Exception):
            self.future.set_exception(self.outcome)
        else:
            self.future.set_result(self.outcome)


class _Item(NamedTuple):
    command: Act
    text: str
    future: Future[Any]


class Queue:
    """What waits: only the first command is under way, so a refusal never changes the order."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._sent_s: float | None = None  # when the first one was sent on this connection
        self._not_before_s = 0.0

    @property
    def commands(self) -> list[Act]:
        """List the commands that wait, in order."""
        return [item.command for item in self._items]

    def add(self, command: Act, text: str) -> Future[Any]:
        """Take a command, and its JSON. Raises Full; ValueError for an id that waits already."""
        if len(self._items) >= QUEUE_LIMIT:
            raise Full(f"{QUEUE_LIMIT} commands wait already")
        if any(item.command.id == command.id for item in self._items):
            raise ValueError(f"{command.id} waits already")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # what was asked for cannot be cancelled
        self._items.append(_Item(command, text, future))
        return future

    def due_s(self) -> float | None:
        """Tell from when on `next` gives something; None: nothing waits."""
        if not self._items:
            return None
        if self._sent_s is not None:
            return self._sent_s + _ANSWER_S
        return self._not_before_s

    def next(self, now_s: float) -> str | None:
        """Give the JSON that is to be sent now, if there is any, and take it for sent."""
        due_s = self.due_s()
        if due_s is None or now_s < due_s:
            return None
        self._sent_s = now_s
        return self._items[0].text

    def disconnected(self) -> None:
        """Send the first one again on the next connection."""
        self._sent_s = None

    def settle(self, outcome: Outcome) -> list[Settled]:
        """Take the member's own entry, or `done`; give what it settles."""
        found = [item for item in self._items if _settles(item.command, outcome)]
        if found and isinstance(found[0].command, Post) and isinstance(outcome, Removed):
            gone = Refused(ErrorCode.TARGET_UNKNOWN, "The post was taken back.")
            return self._take_out(found, gone)
        return self._take_out(found, outcome)

    def ended(self) -> list[Settled]:
        """Take the end of the room, which is what `end` asks for."""
        found = [item for item in self._items if isinstance(item.command, End)]
        return [each for item in found for each in self._take_out([item], Done(item.command.id))]

    def refuse(self, error: Error, now_s: float) -> list[Settled]:
        """Take the refusal of a command: it is tried again later, or its outcome."""
        found = [item for item in self._items if item.command.id == error.id]
        if found and error.code in _TEMPORARY:
            self._sent_s = None
            wait_s = _AGAIN_S if error.retry_after is None else error.retry_after
            self._not_before_s = now_s + wait_s
            return []
        return self._take_out(found, refusal(error))

    def lose_targets(self) -> list[Settled]:
        """Refuse what is about a message of another log: its number may be another one's now."""
        lost = [item for item in self._items if _is_about_another(item.command)]
        gone = Refused(ErrorCode.TARGET_UNKNOWN, "The log is another one now.")
        return self._take_out(lost, gone)

    def give_up(self, problem: Exception) -> list[Settled]:
        """Tell all who wait that nothing comes; the commands stay to be given back."""
        return [Settled(item.future, problem) for item in self._items if not item.future.done()]

    def _take_out(self, items: list[_Item], outcome: Outcome | Exception) -> list[Settled]:
        if items and items[0] is self._items[0]:
            self._sent_s = None
        self._items = [item for item in self._items if item not in items]
        return [Settled(item.future, outcome) for item in items]


def refusal(error: Error) -> Refused:
    """Make the exception that an `error` stands for."""
    return Refused(
        error.code,
        error.detail,
        retry_after=error.retry_after,
        suggest=error.suggest,
        command=error.command,
    )


def _settles(command: Act, outcome: Outcome) -> bool:
    """Tell whether this entry, or `done`, is what a command asked for."""
    if isinstance(command, Erase) and not isinstance(outcome, Done):
        return False  # the first `removed` has the id of an `erase`
    if outcome.id == command.id:
        return True
    post = getattr(command, "post", None)
    if post is None or outcome.id != post:
        return False
    return isinstance(outcome, Removed) or (isinstance(outcome, Message) and outcome.removed)


def _is_about_another(command: Act) -> bool:
    if isinstance(command, Post):
        return command.reply is not None
    return getattr(command, "target", None) is not None
