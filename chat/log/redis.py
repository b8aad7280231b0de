"""The log of several workers: Redis. Publish to be quick, read to be sure.

Each worker has one thread that writes, and gives out what it and others have written
(redis_writer.py). Whoever comes into a room, or back to it, reads on its own thread.

A log that is gone, shorter or another one is found out by the epoch of its partition, and by the
time of the last entry that was given out: its rooms' connections are told to come back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any

from redis.exceptions import RedisError

from chat.log import (
    KNOWN_LIMIT,
    Acted,
    Activity,
    Answer,
    Draft,
    Finds,
    Holder,
    IsOccupied,
    Listed,
    Missed,
    Proposal,
    Recent,
    Record,
    Replaced,
    StorageUnavailable,
    Tail,
    Usage,
    reading_scripts,
    record_scripts,
    redis_overview,
    scripts,
)
from chat.log.condition import Condition
from chat.log.followed import Followed, FollowedRoom
from chat.log.known_records import KnownRecords
from chat.log.reading_scripts import Page
from chat.log.redis_entries import NO_HEAD, Head
from chat.log.redis_upkeep import RedisUpkeep, prune_to
from chat.log.redis_watch import check_servers
from chat.log.redis_writer import Terms, Writer
from chat.log.scripts import Diverged, EpochGone
from chat.log.upkeep import Rules
from chat.log.words import matches, read_query
from chat.metrics import Metrics
from chat.protocol import Deed, Entry, Member, Message, rfc3339
from chat.redis.channels import Channels
from chat.redis.partitions import partition_of
from chat.redis.servers import Command, Servers

_logger = logging.getLogger(__name__)

_HOUR_MS = 3_600_000
_FIRST_LOOK_S = 3.0  # for which the start waits for Redis
_NICK_SEARCH = 1000  # newest entries of a room that recent_nicks looks at
_PAGE_ENTRIES = 500  # of a room that Redis looks at in one step
_MEMBERS_ENTRIES = 100_000  # of a room that are searched for its members
_FIND_ENTRIES = 10_000  # of a room that one search looks at
_FIND_S = 0.05  # and for how long


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
        metrics: Metrics | None = None,
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
        self._records = KnownRecords()
        metrics = metrics or Metrics()
        self._condition = Condition(place, "Redis", metrics)
        self._writer = Writer(
            servers,
            channels,
            self._followed,
            self._records,
            self._condition,
            self._upkeep,
            self._terms,
            metrics,
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

    def start(self, tail: Tail, replaced: Replaced, is_occupied: IsOccupied, acted: Acted) -> None:
        """Start the writer; once. It reaches Redis as soon as that is there."""
        with self._lock:
            if not (self._started or self._closed):
                self._started = True
                self._writer.start(tail, replaced, is_occupied, acted)
        # So that nobody is let in a moment too early.
        self._writer.has_looked.wait(_FIRST_LOOK_S)

    def append(self, draft: Draft | Proposal, answer: Answer) -> None:
        """Queue a draft or a proposal for the next round trip; then `tail` or `answer` is called.

        Raises StorageUnavailable when too many wait already.
        """
        if self._closed:
            raise StorageUnavailable("the log is closed")
        self._writer.append(draft, answer)

    def prune(self, room: str, last: int) -> int:
        """Delete a room's oldest entries, as the contract says; some in each round trip.

        The caller's thread asks Redis, so this worker's writer is not kept from posts.
        """
        if not self._writer.is_ready:
            raise StorageUnavailable(self._condition.closed_because)
        epoch, deleted = self._writer.epoch_of(room), 0
        while gone := self._ask(partition_of(room), prune_to(epoch, room, last)):
            with self._looking():
                if gone < 0:
                    raise EpochGone("the log on Redis is another one")
            deleted += gone
        return deleted

    def close(self) -> None:
        """Store what is queued, and stop the writer."""
        with self._lock:
            self._closed = True
        self._writer.close()

    # --- reading -----------------------------------------------------------------------------

    def follow(self, room: str) -> FollowedRoom:
        """Give the tail from now on also what other workers append to a room.

        Raises StorageUnavailable.
        """
        found = self._followed.get(room)
        if found is None:
            partition = partition_of(room)
            (head,), (_, version) = self._ask_all(
                [
                    (partition, scripts.heads(partition, (room,))),
                    (partition, record_scripts.versions(partition, (room,))),
                ]
            )
            self._records.note(room, record_scripts.version(version))
            found = self._followed.add(room, scripts.head(head))
            self._channels.need(partition)
        return found

    def after(self, room: str, seq: int, limit: int) -> Missed:
        """Give the first `limit` entries after `seq`."""
        known = self._followed.head(room) or NO_HEAD
        reply = self._ask(partition_of(room), reading_scripts.after(room, known, seq, limit))
        with self._looking():
            read = reading_scripts.read(reply)
            self._check_epoch(room, read.epoch)
        self._note_read(room, read.head)
        return Missed(read.epoch, _rfc3339(read.at_ms), read.head.seq, list(read.share.entries))

    def before(self, room: str, seq: int, limit: int) -> Recent:
        """Give the last `limit` messages before `seq`, oldest first."""
        messages: list[Message] = []
        first = page = self._page(room, seq, limit)
        while True:
            messages += map(page.message, page.found)
            if page.at_end or len(messages) >= limit:
                break
            page = self._page(room, page.low, limit - len(messages), first)
        self._note_read(room, first.head)
        at = _rfc3339(first.head.at_ms or None)
        return Recent(first.epoch, first.head.seq, at, messages[::-1])

    def own(self, room: str, member_id: str, entry_id: str) -> Entry | None:
        """Give the entry for which a member has used an id, as it is now; None for none."""
        known = self._followed.head(room) or NO_HEAD
        reply = self._ask(partition_of(room), reading_scripts.own(room, known, member_id, entry_id))
        with self._looking():
            read = reading_scripts.read(reply)
            self._check_epoch(room, read.epoch)
        return next(iter(read.share.entries), None)

    def record(self, room: str) -> Record:
        """Give what is known of a room besides its entries."""
        reply = self._ask(partition_of(room), record_scripts.read(room))
        with self._looking():
            epoch, version, record = record_scripts.record(reply)
            self._check_epoch(room, epoch)
        self._records.note(room, version)
        return record

    def knows(self, room: str, member_id: str) -> bool:
        """Tell whether a member is known to be no newcomer."""
        return bool(self._ask(partition_of(room), record_scripts.knows(room, member_id)))

    def members(self, room: str) -> list[str]:
        """Give the ids of who has an entry in a room's log: KNOWN_LIMIT, of the newest entries."""
        members: dict[str, None] = {}
        low, at_end = 2**53, False
        for _ in range(_MEMBERS_ENTRIES // _PAGE_ENTRIES):
            command = record_scripts.members(room, low, _PAGE_ENTRIES)
            low, at_end, some = self._ask(partition_of(room), command)
            members.update(dict.fromkeys(each.decode() for each in some))
            if at_end or len(members) >= KNOWN_LIMIT:
                break
        return list(members)[:KNOWN_LIMIT]

    def deeds(self, room: str, before: int | None, limit: int) -> list[Deed]:
        """Give the newest lines of a room's audit list, before a number; newest first."""
        reply = self._ask(partition_of(room), record_scripts.deeds(room, before, limit))
        return record_scripts.deeds_read(reply)

    def reports(self, limit: int) -> list[Deed]:
        """Give the newest reports of all rooms, with their rooms; newest first."""
        replies = self._ask_all(record_scripts.reports(limit))
        newest = record_scripts.newest_reports(replies, limit)
        found = self._ask_all([record_scripts.report(room, n) for room, n, _ in newest])
        reports = (
            record_scripts.report_read(*each, raw) for each, raw in zip(newest, found, strict=True)
        )
        return [report for report in reports if report is not None]

    def find(self, room: str, words: str, before: int | None, limit: int) -> Finds:
        """Give the newest messages, before a seq, that have all these words or their beginnings.

        It looks at some of the newest entries, and says how far.
        """
        query, until = read_query(words), monotonic() + _FIND_S
        messages: list[Message] = []
        seq = 2**53 if before is None else before
        first = page = self._page(room, seq, _PAGE_ENTRIES)
        looked = _PAGE_ENTRIES
        while True:
            for seq, (_, body) in page.found.items():
                if not body.removed and matches(body.text, query):
                    if len(messages) == limit:
                        return Finds(messages, more=True)
                    messages.append(page.message(seq))
            if page.at_end:
                return Finds(messages, more=False)
            if looked >= _FIND_ENTRIES or monotonic() > until:
                return Finds(messages, more=True, looked_to=page.low)
            page = self._page(room, page.low, _PAGE_ENTRIES, first)
            looked += _PAGE_ENTRIES

    def rooms(self, after: str, limit: int) -> list[Listed]:
        """List `limit` rooms, those after a name, as the contract says.

        Each call looks at the names of all rooms (redis_overview.py has the bounds).
        """
        return redis_overview.rooms(self._ask_all, after, limit)

    def activity(self, since_ms: int) -> Activity:
        """Count the posts of each hour since a time, as the contract says.

        It looks at the newest entries of each room, and says if those were not all.
        """
        return redis_overview.activity(self._ask_all, since_ms)

    def recent_nicks(self, room: str, since_ms: int) -> list[tuple[Member, int]]:
        """Give who posted since a time, with the time: milliseconds since 1970."""
        times: dict[Member, int] = {}
        page = self._page(room, 2**53, _NICK_SEARCH, most=_NICK_SEARCH)
        for at_ms, body in page.found.values():
            if at_ms >= since_ms:
                member = Member(body.member, body.nick)
                times[member] = max(at_ms, times.get(member, 0))
        return sorted(times.items(), key=lambda each: each[1])

    def usage(self) -> Usage | None:
        """Give Redis's memory, as it was asked for last; None before that. Never waits."""
        return self._writer.usage

    def check(self) -> None:
        """Raise StorageUnavailable if the log could lately not be read or written; never wait."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        if not self._writer.is_alive:
            raise StorageUnavailable("the log's writer has stopped")
        if not self._writer.is_ready:
            raise StorageUnavailable(self._condition.closed_because)
        self._condition.raise_problem()

    def _page(
        self,
        room: str,
        seq: int,
        limit: int,
        first: Page | None = None,
        *,
        most: int = _PAGE_ENTRIES,
    ) -> Page:
        """Read the last messages before a seq, among some entries; `first` was read before."""
        known = self._followed.head(room) or NO_HEAD
        command = reading_scripts.before(room, known, seq, limit, most)
        reply = self._ask(partition_of(room), command)
        with self._looking():
            page = reading_scripts.page(reply)
            self._check_epoch(room, page.epoch)
            if first is not None and page.epoch != first.epoch:
                raise EpochGone("the log on Redis is another one")
        return page

    def _check_epoch(self, room: str, epoch: str) -> None:
        """Raise EpochGone unless an epoch that was read is the one that is known here.

        Until the writer has found out about it, what is in memory here is of the log before.
        """
        if epoch != (self._writer.epoch_of(room) or epoch):
            raise EpochGone("the log on Redis is another one")

    def _note_read(self, room: str, head: Head) -> None:
        if head.seq:
            self._upkeep.note_read(room)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Look soon at a log that is another one. Raises StorageUnavailable."""
        try:
            yield
        except (EpochGone, Diverged) as problem:
            self._writer.look_soon(at_all=True)
            raise StorageUnavailable(str(problem)) from problem

    def _ask(self, partition: int, command: Command) -> Any:
        """Send one command and give its reply. Raises StorageUnavailable."""
        (reply,) = self._ask_all([(partition, command)])
        return reply

    def _ask_all(self, commands: Sequence[tuple[int, Command]]) -> list[Any]:
        """Send commands and give their replies. Raises StorageUnavailable."""
        if self._closed:
            raise StorageUnavailable("the log is closed")
        try:
            return self._servers.ask_strictly(commands, replicas=self._terms.replicas)
        except RedisError as problem:
            raise StorageUnavailable(str(problem)) from problem


def _rfc3339(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
