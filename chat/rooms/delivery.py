"""From the log to a room's connections: the tail, and each newcomer's join.

A connection is given every entry of its room once, in the log's order. What was said before it
came is read from the log; what comes meanwhile is held, and follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import NamedTuple

from chat.log import MessageLog, Missed, StorageUnavailable
from chat.protocol import REPLAY_LIMIT, WELCOME_MESSAGES, Entry, Gap, Message, Refused, Seen
from chat.rooms.registry import Registry
from chat.sockets.connection import Connection

NEWEST = 2**53  # above every seq
_PAGES_AT_ONCE = 2  # fewer than the log has readers: newcomers do not wait behind older pages
_PAGE_WAIT_S = 2.0


class ReplayFailed(StorageUnavailable):
    """A log that cannot be read for somebody who comes."""


class Replay(NamedTuple):
    """What a newcomer is given of the log."""

    epoch: str
    seq: int  # of the newest entry
    at: str | None  # of the entry with that seq; None for 0, and if it is not known any more
    messages: Sequence[Message]  # oldest first
    changes: Sequence[Entry]  # what else it missed, oldest first
    more: bool  # older messages exist
    resumed: bool  # exactly what it missed, not the room's newest
    gap: Gap | None  # why it is not what it missed
    followed: object = None  # what belongs into all that the newcomer sends


class Delivery:
    """The way of entries from the log to this worker's connections."""

    def __init__(self, log: MessageLog, registry: Registry) -> None:
        self._log = log
        self._registry = registry
        self._pages = BoundedSemaphore(_PAGES_AT_ONCE)

    # --- the tail: on the log's writer thread, so that the order is the log's -----------

    def committed(self, room: str, entries: Sequence[Entry]) -> None:
        """Deliver what has just been committed."""
        self._registry.deliver(room, entries)

    # --- joining: on the connection's thread ---------------------------------------------

    def join(
        self,
        connection: Connection,
        room: str,
        member_id: str,
        after: Seen | None,
        welcome: Callable[[Replay], bytes],
    ) -> None:
        """Put a connection into a room: replay what it missed, then all that comes.

        `welcome` may raise Refused or StorageUnavailable: the connection is in no room then, and
        may join again. Raises ReplayFailed when the log cannot be read. The connection is in the
        room then and holds what comes for it: close it.
        """
        connection.hold()
        # Register before the log is read: what is committed meanwhile is held, so nothing is lost.
        self._registry.join(connection, room, member_id)
        try:
            followed = self._log.follow(room)
            replay = self._replay(room, after)._replace(followed=followed)
        except StorageUnavailable as problem:
            raise ReplayFailed(str(problem)) from problem
        try:
            frame = welcome(replay)
        except (Refused, StorageUnavailable):
            self._registry.part(connection)
            connection.release()
            raise
        connection.go_live(frame, replay.seq)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until this thread may read older messages: few do at a time.

        Raises StorageUnavailable.
        """
        if not self._pages.acquire(timeout=_PAGE_WAIT_S):
            raise StorageUnavailable("too many ask for older messages")
        try:
            yield
        finally:
            self._pages.release()

    def page(self, room: str, before: int, limit: int) -> tuple[list[Message], bool]:
        """Read the last `limit` messages before a seq, and whether there are older ones.

        In one's turn. Raises StorageUnavailable.
        """
        messages = self._log.before(room, before, limit + 1).messages
        return messages[-limit:], len(messages) > limit

    def _replay(self, room: str, seen: Seen | None) -> Replay:
        gap = None
        if seen is not None:
            missed = self._log.after(room, seen.seq, REPLAY_LIMIT + 1)
            gap = find_gap(seen, missed)
            if gap is None:
                return _missed(seen, missed)
        recent = self._log.before(room, NEWEST, WELCOME_MESSAGES + 1)
        messages = recent.messages[-WELCOME_MESSAGES:]
        more = len(recent.messages) > WELCOME_MESSAGES
        return Replay(
            recent.epoch, recent.head, recent.at, messages, (), more, resumed=False, gap=gap
        )


def _missed(seen: Seen, missed: Missed) -> Replay:
    """Give exactly what was missed after `seen`."""
    messages: list[Message] = []
    changes: list[Entry] = []
    for entry in missed.entries:
        if isinstance(entry, Message):
            messages.append(entry)
        else:
            changes.append(entry)
    at = missed.entries[-1].at if missed.entries else missed.at
    more = seen.seq > 0
    return Replay(missed.epoch, missed.head, at, messages, changes, more, resumed=True, gap=None)


def find_gap(seen: Seen, missed: Missed) -> Gap | None:
    """Tell why what a log has after `seen` is not exactly what was missed; None if it is.

    The epoch and the time of the entry with its seq prove that it was seen in this log: a log
    that was put back from an older copy and grew again has the seq, but not the time.
    """
    if seen.epoch != missed.epoch or seen.seq > missed.head:
        return Gap.LOST
    if seen.seq > 0 and seen.at != missed.at:
        unproved = seen.at is None or missed.at is None  # an older page; an entry that is gone
        return Gap.SKIPPED if unproved else Gap.CHANGED
    if len(missed.entries) > REPLAY_LIMIT:
        return Gap.SKIPPED
    for seq, entry in enumerate(missed.entries, seen.seq + 1):
        if entry.seq != seq:  # the first ones are pruned
            return Gap.SKIPPED
    if seen.seq + len(missed.entries) != missed.head:
        return Gap.SKIPPED
    return None
