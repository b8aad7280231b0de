"""The log: what must not be lost. The contract that every engine keeps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from chat.protocol import Member, Message


class StorageUnavailable(Exception):
    """A log that cannot be read or written now; the message has the cause."""


class StorageFull(StorageUnavailable):
    """A log that may not grow now, although it can be read; its message is for people."""


class LogError(Exception):
    """A log that cannot be opened at all: one line that says why."""


class Holder(NamedTuple):
    """Who has a log for itself."""

    server: int  # the pid that stops it, and that stays when the process is replaced
    process: int  # the pid of the process that has the file open


#: Is told what is being done, how much of it is done, and how much it is in all.
Progress = Callable[[str, int, int], None]


class Contents(NamedTuple):
    """What is in a log."""

    rooms: int
    messages: int
    size: int  # bytes


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

#: Is told that the log of these rooms (None: of all) has become another one, or shorter: what was
#: read of it before proves nothing now. Called on the log's writer thread.
Replaced = Callable[[Collection[str] | None], None]

#: Tells whether somebody is in a room on this worker.
IsOccupied = Callable[[str], bool]


class Missed(NamedTuple):
    """What a room's log has after a seq, read at one moment."""

    epoch: str
    at: str | None  # of the entry with that seq; None for 0, and if it is not known any more
    head: int  # the newest seq that the room was ever given; 0 for none
    messages: list[Message]  # oldest first


class Recent(NamedTuple):
    """The last messages before a seq in a room's log, read at one moment."""

    epoch: str
    head: int  # the newest seq that the room was ever given; 0 for none
    at: str | None  # of the entry with that seq; None for 0, and if it is not known any more
    messages: list[Message]  # oldest first


class MessageLog(Protocol):
    """The messages of each room, numbered 1, 2, 3 … without gaps. No number is given twice.

    Readers may be called from any thread and raise StorageUnavailable.
    """

    def claim(self, server: int | None = None) -> bool:
        """Take the log, if it is for one process alone; False while another process has it.

        `server` is the pid that others are told, if it is not this process's. Raises LogError when
        that cannot be found out, or for what can never be a log of ours.
        """

    def release(self) -> None:
        """Let another process claim the log; for one that has not started it."""

    def holder(self) -> Holder | None:
        """Give who has the log, when another process has it; None if unknown."""

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied) -> None:
        """Open the log and start its writer, once, in the process that has claimed it.

        Raises LogError for what can never be a log of ours.
        """

    def follow(self, room: str) -> None:
        """Give the tail from now on also what other workers append to a room.

        Whoever comes into the room calls this, once it is occupied and before it reads the log.
        Raises StorageUnavailable.
        """

    def append(self, draft: Draft, answer: Answer) -> None:
        """Queue a draft for the next commit; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already, or nothing can be stored.
        """

    def after(self, room: str, seq: int, limit: int) -> Missed:
        """Give the first `limit` messages after `seq`."""

    def before(self, room: str, seq: int, limit: int) -> Recent:
        """Give the last `limit` messages before `seq`."""

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""

    def check(self) -> None:
        """Raise StorageUnavailable if the log could lately not be read or written; never wait."""

    def close(self) -> None:
        """Commit what is queued, stop the writer, and let another process claim the log."""
