"""The log of several workers: Redis. Publish to be quick, read to be sure.

Each worker has one thread that writes, and gives out what it and others have written
(redis_writer.py). Whoever comes into a room, or back to it, reads on its own thread.

A log that is gone, shorter or another one is found out by the epoch of its partition, and by the
time of the last entry that was given out: its rooms' connections are told to come back.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any

from redis.exceptions import RedisError

from chat.log import (
    Answer,
    Draft,
    Holder,
    IsOccupied,
    Missed,
    Recent,
    Replaced,
    StorageUnavailable,
    Tail,
    scripts,
)
from chat.log.condition import Condition
from chat.log.followed import Followed
from chat.log.redis_upkeep import RedisUpkeep
from chat.log.redis_watch import check_servers
from chat.log.redis_writer import Terms, Writer
from chat.log.scripts import EpochGone, Read
from chat.log.upkeep import Rules
from chat.protocol import Member, rfc3339
from chat.redis.channels import Channels
from chat.redis.partitions import partition_of
from chat.redis.servers import Command, Servers

_logger = logging.getLogger(__name__)

_HOUR_MS = 3_600_000
_FIRST_LOOK_S = 3.0  # for which the start waits for Redis
_NICK_SEARCH = 1000  # newest entries of a room that recent_nicks looks at


class RedisLog:
    """A MessageLog on Redis, which other workers write too."""

    def __init__(
        self,
        servers: Servers,
        channels: Channels,
        *,
        place: str,
        retention_messages: int,
        retention_min_hours: int = 0,
        retention_days: int = 0,
        room_idle_days: int = 0,
        replicas: int = 0,
    ) -> None:
        """Prepare; nothing is asked yet. `place` names the log to people.

        With `replicas`, so many of them must have a post before it is acknowledged.
        """
        self._servers = servers
        self._channels = channels
        self._terms = Terms(place, retention_messages, retention_min_hours * _HOUR_MS, replicas)
        rules = Rules(retention_messages, retention_min_hours, retention_days, room_idle_days)
        self._upkeep = RedisUpkeep(servers, rules)
        self._followed = Followed()
        self._condition = Condition(place, "Redis")
        self._writer = Writer(
            servers, channels, self._followed, self._condition, self._upkeep, self._terms
        )
        # Guards _started and _closed.
        self._lock = Lock()
        self._started = self._closed = False
        channels.hear(b"m", self._writer.hear)
        # What was published before a partition was listened to is not heard.
        channels.on_return(lambda partition: self._writer.look_soon())

    # --- the process -------------------------------------------------------------------------

    def claim(self, server: int | None = None) -> bool:
        """Tell whether Redis may keep a log, which several workers have; a worker's master looks.

        Raises LogError for what never may. A Redis that cannot be asked now may do so later.
        """
        if server is not None:
            return True
        try:
            check_servers(self._servers, self._terms.place)
        except RedisError as error:
            _logger.warning("log: %s cannot be asked yet: %s", self._terms.place, error)
        finally:
            self._servers.close()  # a fork is to have connections of its own
        return True

    def release(self) -> None:
        """Do nothing: no worker has the log for itself."""

    def holder(self) -> Holder | None:
        """Give None: no worker has the log for itself."""
        return None

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied) -> None:
        """Start the writer; once. It reaches Redis as soon as that is there."""
        with self._lock:
            if not (self._started or self._closed):
                self._started = True
                self._writer.start(tail, replaced, is_occupied)
        # So that nobody is let in a moment too early.
        self._writer.has_looked.wait(_FIRST_LOOK_S)

    def append(self, draft: Draft, answer: Answer) -> None:
        """Queue a draft for the next round trip; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already.
        """
        if self._closed:
            raise StorageUnavailable("the log is closed")
        self._writer.append(draft, answer)

    def close(self) -> None:
        """Store what is queued, and stop the writer."""
        with self._lock:
            self._closed = True
        self._writer.close()

    # --- reading -----------------------------------------------------------------------------

    def follow(self, room: str) -> None:
        """Give the tail from now on also what other workers append to a room.

        Raises StorageUnavailable.
        """
        if room not in self._followed:
            partition = partition_of(room)
            reply = self._ask(partition, scripts.heads(partition, (room,)))
            self._followed.add(room, scripts.head(reply[0]))
            self._channels.need(partition)

    def after(self, room: str, seq: int, limit: int) -> Missed:
        """Give the first `limit` messages after `seq`."""
        read = self._read(room, scripts.after(room, seq, limit))
        return Missed(read.epoch, _rfc3339(read.at_ms), read.head.seq, read.share.messages)

    def before(self, room: str, seq: int, limit: int) -> Recent:
        """Give the last `limit` messages before `seq`, oldest first."""
        read = self._read(room, scripts.before(room, seq, limit), newest=True)
        head = read.head
        return Recent(read.epoch, head.seq, _rfc3339(head.at_ms or None), read.share.messages)

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""
        reply = self._ask(partition_of(room), scripts.before(room, 2**53, _NICK_SEARCH))
        return scripts.recent_nicks(reply, since_ms)

    def check(self) -> None:
        """Raise StorageUnavailable if the log could lately not be read or written; never wait."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if not self._writer.is_alive:
            raise StorageUnavailable("the log's writer has stopped")
        if not self._writer.is_ready:
            raise StorageUnavailable(self._condition.closed_because)
        self._condition.raise_problem()

    def _read(self, room: str, command: Command, *, newest: bool = False) -> Read:
        try:
            read = scripts.read(self._ask(partition_of(room), command), newest=newest)
        except EpochGone as problem:
            self._writer.look_soon(at_all=True)  # it gets another one
            raise StorageUnavailable(str(problem)) from problem
        if read.head.seq:
            self._upkeep.note_read(room)
        return read

    def _ask(self, partition: int, command: Command) -> Any:
        """Send one command and give its reply. Raises StorageUnavailable."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        try:
            asked = [(partition, command)]
            (reply,) = self._servers.ask_strictly(asked, replicas=self._terms.replicas)
        except RedisError as problem:
            raise StorageUnavailable(str(problem)) from problem
        return reply


def _rfc3339(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
