"""The log: what must not be lost. The contract that every engine keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from chat.protocol import Member, Message


class StorageUnavailable(Exception):
    """A log that cannot be read or written now; the message has the cause."""


class LogError(Exception):
    """A log that cannot be opened at all: one line that says why."""


class Draft(NamedTuple):
    """A post on its way into the log."""

    room: str
    id: str
    member: Member
    text: str


#: Is told what became of a draft that did not become a new message: the message that an earlier
#: post with its id became, or why nothing was stored. Called on the log's writer thread.
Answer = Callable[[Message | StorageUnavailable], None]

#: Is given the messages of one room that have just been committed, in order, without gaps.
#: Called on the log's writer thread.
Tail = Callable[[str, Sequence[Message]], None]


class MessageLog(Protocol):
    """The messages of each room, numbered 1, 2, 3 … without gaps.

    Readers may be called from any thread and raise StorageUnavailable.
    """

    epoch: str

    def start(self, tail: Tail, poll: Callable[[], bool]) -> None:
        """Start the writer, once, in the process that serves.

        `poll` is called on the writer's thread when another process has committed, and
        again until it returns True.
        """

    def append(self, draft: Draft, answer: Answer) -> None:
        """Queue a draft for the next commit; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already.
        """

    def after(self, room: str, seq: int, limit: int) -> list[Message] | None:
        """Give up to `limit` messages after `seq`, oldest first; None if that cannot be proved.

        That is when some are gone, or the log's newest is older than `seq`.
        """

    def before(self, room: str, seq: int, limit: int) -> list[Message]:
        """Give the last `limit` messages before `seq`, oldest first."""

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""

    def check(self) -> None:
        """Raise StorageUnavailable unless the log can be read and its writer runs."""

    def close(self) -> None:
        """Commit what is queued and stop the writer."""
