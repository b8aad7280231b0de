"""What keeps the log on Redis honest: it is compared with what was given out here.

All of it runs on the log's writer thread.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress

from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from chat.log import (
    Acted,
    LogError,
    Record,
    Replaced,
    Tail,
    Usage,
    reading_scripts,
    record_scripts,
    scripts,
)
from chat.log.condition import Condition
from chat.log.followed import Followed
from chat.log.known_records import KnownRecords
from chat.log.redis_entries import Share
from chat.log.scripts import Diverged, EpochGone
from chat.names.rooms import room_in_log
from chat.protocol import Deed
from chat.redis.partitions import PARTITIONS, partition_of
from chat.redis.servers import Servers

_logger = logging.getLogger(__name__)

_VERSION = 7  # of Redis, which first had sharded channels
_HEADS_LIMIT = 1000  # rooms in one command
_READ_LIMIT = 500  # entries of a room in one reply
_READ_ROOMS = 50  # rooms in one round trip
_BEHIND_LIMIT = 5000  # entries of a room that are read; who missed more is given the newest ones

FULL = "Redis has no memory for more (OOM): no message is stored until there is some."


def check_servers(servers: Servers, place: str) -> Usage:
    """Look whether Redis may keep a log, and give the memory that it takes.

    What is free is that of the server that has least, because a post needs room on its own one.

    Raises LogError for one that would lose entries by itself, or is too old; RedisError for one
    that cannot be asked.
    """
    used, free = 0, None
    for info in servers.info():
        version = info.get("redis_version", "0")
        major = version.partition(".")[0]
        if not major.isdecimal() or int(major) < _VERSION:
            raise LogError(f"{place} is version {version}: at least {_VERSION} is needed")
        if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
            raise LogError(
                f"{place} may delete messages when its memory is full "
                f"(maxmemory-policy is {policy}): set it to noeviction"
            )
        memory, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
        used += memory
        if limit:
            left = max(0, limit - memory)
            free = left if free is None else min(free, left)
    return Usage(used, free)


class Out:
    """What the people on this worker are told of the log."""

    def __init__(
        self,
        tail: Tail,
        replaced: Replaced,
        acted: Acted,
        followed: Followed,
        records: KnownRecords,
    ) -> None:
        self._tail = tail
        self._replaced = replaced
        self._acted = acted
        self._followed = followed
        self._records = records
        #: By room: what was done in it, when its record is to be read before that is told.
        self.done: dict[str, list[Deed | None]] = {}

    def give(self, room: str, share: Share) -> bool:
        """Give out what is new of a share; True if something before it is missing."""
        try:
            entries, deeds, is_behind = self._followed.offer(room, share)
        except Diverged:
            self.turn([room])
            return False
        if entries:
            try:
                self._tail(room, entries)
            except Exception:
                # They are stored: connections that missed them find the gap with the next.
                _logger.exception("log: tail of room %s", room_in_log(room))
        if deeds:
            self.done.setdefault(room, []).extend(deeds)
        return is_behind

    def tell_done(self, room: str, version: str, record: Record) -> None:
        """Tell what was done in a room, whose record is this one now."""
        self._records.told(room, version)
        for deed in self.done.pop(room, ()):
            try:
                self._acted(room, record, deed)
            except Exception:
                _logger.exception("log: what was done in room %s", room_in_log(room))

    def turn(self, rooms: Iterable[str]) -> None:
        """Tell those in rooms to come back: what they were given proves nothing now."""
        rooms = tuple(rooms)
        self._followed.drop(rooms)
        self._records.drop(rooms)
        for room in rooms:
            self.done.pop(room, None)
        if rooms:
            self._replaced(rooms)


class Watch:
    """The comparison of Redis with what was given out. Each method raises RedisError."""

    def __init__(
        self,
        servers: Servers,
        followed: Followed,
        records: KnownRecords,
        condition: Condition,
        out: Out,
        *,
        place: str,
        replicas: int,
    ) -> None:
        """Prepare; with `replicas`, what they do not have yet is not given out."""
        self._servers = servers
        self._followed = followed
        self._records = records
        self._condition = condition
        self._out = out
        self._place = place
        self._replicas = replicas
        self.epochs = [""] * PARTITIONS  # as they were when they were looked at last

    def look_at_epochs(self, partitions: Collection[int]) -> None:
        """Learn the epochs of partitions; one that has none gets one.

        Raises LogError for a log that is being moved there.
        """
        asked = [(each, scripts.epoch(each)) for each in partitions]
        found = dict(zip(partitions, self._servers.ask_strictly(asked), strict=True))
        missing = [each for each, epoch in found.items() if epoch is None]
        asked = [(each, scripts.new_epoch(each, secrets.token_urlsafe(9))) for each in missing]
        found.update(zip(missing, self._servers.ask_strictly(asked), strict=True))
        if any(value.startswith(scripts.UNFINISHED.encode()) for value in found.values()):
            raise LogError(
                f"{self._place} has a log that `python -m chat migrate` has not finished: run it "
                "again"
            )
        rooms = self._followed.by_partition()
        asked_about = self._records.by_partition()
        for partition, value in found.items():
            epoch, before = value.decode(), self.epochs[partition]
            self.epochs[partition] = epoch
            if before and epoch != before:
                self._condition.say("%s", f"{self._place} has lost its log, or has another one")
                here = (*rooms.get(partition, ()), *asked_about.get(partition, ()))
                self._out.turn(dict.fromkeys(here))

    def look_at_heads(self) -> list[str]:
        """Find the rooms whose log is another one; give those of which something is missing."""
        asked = [
            (partition, rooms[begin : begin + _HEADS_LIMIT])
            for partition, rooms in self._followed.by_partition().items()
            for begin in range(0, len(rooms), _HEADS_LIMIT)
        ]
        commands = [(partition, scripts.heads(partition, rooms)) for partition, rooms in asked]
        behind: list[str] = []
        gone: list[str] = []
        replies = self._servers.ask_strictly(commands, replicas=self._replicas)
        for (_, rooms), values in zip(asked, replies, strict=True):
            for room, value in zip(rooms, values, strict=True):
                given, head = self._followed.head(room), scripts.head(value)
                if given is None or head == given:
                    continue
                (behind if head.seq > given.seq else gone).append(room)
                if head.seq > given.seq + _BEHIND_LIMIT:
                    self._out.turn((room,))  # it is given the newest ones
        if gone:  # perhaps all of it, since the epochs were looked at
            self.look_at_epochs({partition_of(room) for room in gone})
            gone = [room for room in gone if room in self._followed]
        if gone:
            self._condition.say("%s", f"{self._place} has lost entries: an older copy was put back")
            self._out.turn(gone)
        return behind

    def catch_up(self, rooms: Collection[str]) -> None:
        """Read what is missing of rooms, and give it out."""
        left = list(rooms)
        while left:
            left = left[_READ_ROOMS:] + self._read(left[:_READ_ROOMS])

    def _read(self, rooms: list[str]) -> list[str]:
        """Read some of what is missing of rooms, and give it out; give those of which more is."""
        more: list[str] = []
        heads = {room: head for room in rooms if (head := self._followed.head(room)) is not None}
        commands = [
            (partition_of(room), reading_scripts.after(room, head, head.seq, _READ_LIMIT))
            for room, head in heads.items()
        ]
        replies = self._servers.ask(commands, replicas=self._replicas)
        for (room, head), reply in zip(heads.items(), replies, strict=True):
            try:
                share = reading_scripts.read(reply).share
            except Diverged:
                self._out.turn([room])
                continue
            except EpochGone:
                continue  # the next look finds it out
            if not (share.entries and share.first == head.seq + 1):
                self._out.turn([room])  # an entry that is gone
            elif not self._out.give(room, share) and len(share.entries) == _READ_LIMIT:
                more.append(room)
        return more

    def look_at_records(self) -> None:
        """Find the rooms whose record is another one than what was told here."""
        partitions = list(self._records.by_partition())
        asked = [(each, record_scripts.versions(each, ())) for each in partitions]
        replies = self._servers.ask_strictly(asked, replicas=self._replicas)
        newest = {
            each: record_scripts.version(value)
            for each, (value,) in zip(partitions, replies, strict=True)
        }
        parts = [
            (partition, rooms[begin : begin + _HEADS_LIMIT])
            for partition, rooms in self._records.to_compare(newest).items()
            for begin in range(0, len(rooms), _HEADS_LIMIT)
        ]
        commands = [(each, record_scripts.versions(each, rooms)) for each, rooms in parts]
        replies = self._servers.ask_strictly(commands, replicas=self._replicas)
        for (partition, rooms), (_, *values) in zip(parts, replies, strict=True):
            for room, value in zip(rooms, values, strict=True):
                version = record_scripts.version(value)
                if not self._records.compare(room, version, newest[partition]):
                    self._out.done.setdefault(room, [None])

    def tell_done(self) -> None:
        """Read the records of the rooms in which something was done, and tell it."""
        rooms = list(self._out.done)
        commands = [(partition_of(room), record_scripts.read(room)) for room in rooms]
        replies = self._servers.ask_strictly(commands, replicas=self._replicas)
        for room, reply in zip(rooms, replies, strict=True):
            with suppress(EpochGone):  # the next look finds it out
                _, version, record = record_scripts.record(reply)
                self._out.tell_done(room, version, record)

    def find_trouble(self) -> str | None:
        """Say why nothing could be stored now; None if it could."""
        # One partition of each server: a write shows a full memory, a full disk, and a replica.
        asked = {self._servers.server_of(each): each for each in range(PARTITIONS)}
        probes = [(partition, scripts.probe(partition)) for partition in asked.values()]
        for reply in self._servers.ask(probes):
            if isinstance(reply, OutOfMemoryError):
                return FULL
            if isinstance(reply, ResponseError):
                return f"{self._place} stores nothing: {reply}"
            if isinstance(reply, RedisError):
                raise reply
        return None
