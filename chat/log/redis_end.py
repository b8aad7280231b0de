"""Redis as an end of a move.

While it is written, each partition has a mark in the place of its epoch. So no server takes it for
a log, and whoever runs the move again knows that all of it is what an interrupted one has left.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import time_ns
from typing import Any

import msgspec
from redis.exceptions import RedisError, ResponseError

from chat.log import Contents, LogError, redis_kept, scripts
from chat.log.ends import STEP_ENTRIES, Entry, Room
from chat.log.redis_entries import Body
from chat.log.redis_watch import check_servers
from chat.log.scripts import UNFINISHED, head
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import Command, Script, Servers

_TIMEOUT_S = 30.0  # longer than a server's: nobody waits
_STEP_ROOMS = 200  # asked for in one round trip
_STEP_BYTES = 1 << 20  # sent in one round trip
_LEASE_MS = 5_000  # of a move, after its last word
_SPACE = 2  # bytes of memory for one of a file, at most (docs/scaling.md)

# Keys: the lease. Arguments: the mark of a move, and milliseconds. Gives whether the lease is its.
_LEASE = Script(
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)

# Keys: the epoch, the heads, the records. Arguments: the mark, and whether what is there may go.
# Puts the mark in the place of the epoch, unless there are rooms that may not go; gives whether it
# did.
_MARK = Script(
    """
if ARGV[2] == '0' and redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""
)

_MOVE = key(0, "move")  # the lease: one move at a time
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode


@contextmanager
def open_source(url: str, place: str) -> Iterator[RedisSource]:
    """Open a Redis whose log no worker serves; `place` names it to people. Raises LogError."""
    with _servers(url) as servers:
        source = RedisSource(servers, place)
        source.refuse_servers()
        source.refuse_unfinished()
        yield source


@contextmanager
def open_target(url: str, place: str) -> Iterator[RedisTarget]:
    """Open a Redis that has no log. Raises LogError."""
    with _servers(url) as servers:
        target = RedisTarget(servers, place)
        try:
            target.refuse_servers()
            check_servers(servers, place)
            yield target
        finally:
            target.release()


@contextmanager
def _servers(url: str) -> Iterator[Servers]:
    servers = Servers(url, timeout_s=_TIMEOUT_S)
    try:
        yield servers
    finally:
        servers.close()


class RedisSource:
    """The log on a Redis."""

    def __init__(self, servers: Servers, place: str) -> None:
        """Prepare; nothing is asked yet."""
        self._servers = servers
        self._place = place

    def refuse_servers(self) -> None:
        """Raise LogError while a worker serves the log."""
        (workers,) = self._ask([(0, scripts.serving())])
        if workers:
            said = "a worker serves" if workers == 1 else f"{workers} workers serve"
            raise LogError(
                f"{said} {self._place}: stop the server first. One that was killed is forgotten "
                "after ten seconds"
            )

    def refuse_unfinished(self) -> None:
        """Raise LogError while messages are to be removed whose members have asked for it."""
        found = self._ask(
            [(each, ("ZRANGE", key(each, "due"), 0, -1)) for each in range(PARTITIONS)]
        )
        for at, due in enumerate(found):
            rooms = [each[6:].decode() for each in due if each.startswith(b"erase:")]
            if any(self._ask([(at, ("EXISTS", key(at, "erasing", room))) for room in rooms])):
                raise LogError(
                    f"{self._place} has messages that are still to be removed: start a server on "
                    "it once, which removes them"
                )

    def contents(self) -> Contents:
        """Count what it has."""
        rooms = messages = size = 0
        for found in self._some_rooms():
            rooms += len(found)
            messages += sum(room.seq - room.floor for room in found)
            logs = [(at := partition_of(room.name), key(at, "log", room.name)) for room in found]
            sizes = self._ask([(at, ("MEMORY", "USAGE", log)) for at, log in logs])
            size += sum(each or 0 for each in sizes)
        return Contents(rooms, messages, size)

    def epochs(self) -> list[str]:
        """Give the epoch of each partition. Raises LogError where there is no log."""
        found = self._ask([(each, ("GET", key(each, "epoch"))) for each in range(PARTITIONS)])
        if not any(found):
            raise LogError(f"{self._place} has no log")
        epochs = [(value or b"").decode() for value in found]
        if any(epoch.startswith(UNFINISHED) for epoch in epochs):
            raise LogError(f"{self._place} has what an interrupted move has left: run that again")
        return [epoch or secrets.token_hex(8) for epoch in epochs]

    def days(self) -> set[int]:
        """Give the days on which workers ran, and looked after all partitions."""
        days = self._ask([(each, ("GET", key(each, "days"))) for each in range(PARTITIONS)])
        return set.intersection(*(_days_of(value or b"") for value in days))

    def rooms(self) -> Iterator[Room]:
        """Give all rooms that ever had an entry, or of which something is known."""
        for found in self._some_rooms():
            yield from found

    def entries(self, room: Room) -> Iterator[list[Entry]]:
        """Give a room's entries in order."""
        at = partition_of(room.name)
        for first in range(room.floor + 1, room.seq + 1, STEP_ENTRIES):
            seqs = range(first, min(first + STEP_ENTRIES, room.seq + 1))
            (values,) = self._ask([(at, ("HMGET", key(at, "log", room.name), *seqs))])
            # One that is missing is noticed by whoever counts.
            yield [_entry(seq, value) for seq, value in zip(seqs, values, strict=True) if value]

    def _some_rooms(self) -> Iterator[list[Room]]:
        """Give the rooms of one partition after the other, some at a time."""
        for at in range(PARTITIONS):
            heads = self._heads(at)
            for names in _in_parts(sorted(heads)):
                yield self._records(at, {name: heads[name] for name in names})

    def _heads(self, at: int) -> dict[str, bytes | None]:
        """Give the newest entries of a partition's rooms; None for one that has only a record."""
        heads = self._scan(at, "heads")
        records = dict.fromkeys(self._scan(at, "records"))
        records.pop("", None)
        return records | heads

    def _scan(self, at: int, kind: str) -> dict[str, bytes | None]:
        fields: dict[str, bytes | None] = {}  # HSCAN may give one twice
        cursor = None
        while cursor != b"0":
            scan = ("HSCAN", key(at, kind), cursor or b"0", "COUNT", _STEP_ROOMS)
            ((cursor, found),) = self._ask([(at, scan)])
            names = (name.decode() for name in found[::2])
            fields.update(zip(names, found[1::2], strict=True))
        return fields

    def _records(self, at: int, heads: dict[str, bytes | None]) -> list[Room]:
        used, versions, *floors = self._ask(
            [
                (at, ("HMGET", key(at, "used"), *heads)),
                (at, ("HMGET", key(at, "records"), *heads)),
                *((at, ("HGET", key(at, "log", name), "floor")) for name in heads),
            ]
        )
        known = {
            name: redis_kept.kept(self._ask(redis_kept.read(name)))
            for name, version in zip(heads, versions, strict=True)
            if version is not None
        }
        rooms = []
        for (name, value), floor, day in zip(heads.items(), floors, used, strict=True):
            kept = known.get(name)
            is_ended = kept is not None and kept.ended_ms is not None
            used_day = 0 if is_ended else int(day or 0)
            rooms.append(Room(name, *head(value), *head(floor), used_day, kept))
        return rooms

    def _ask(self, commands: Sequence[tuple[int, Command]]) -> list[Any]:
        try:
            return self._servers.ask_strictly(commands)
        except ResponseError as error:
            raise LogError(f"{self._place}: {error}") from error


class RedisTarget(RedisSource):
    """A new log on a Redis."""

    def __init__(self, servers: Servers, place: str) -> None:
        """Prepare; nothing is asked yet."""
        super().__init__(servers, place)
        self._mark = f"{UNFINISHED}{secrets.token_hex(8)}"
        self._is_ours = False  # the lease
        self._commands: list[tuple[int, Command]] = []  # to be sent
        self._bytes = 0  # of the entries in them
        self._room = ""  # that was written last
        self._used: set[str] = set()  # the ids in it that became no entry
        self._newest_ms = 0  # of its entries

    def release(self) -> None:
        """Let another move begin at once."""
        if self._is_ours:
            with suppress(LogError, RedisError):  # it may a little later
                self._ask([(0, ("DEL", _MOVE))])

    def begin(self, contents: Contents, days: set[int]) -> None:
        """Prepare for so much, in the place of what an interrupted move has left.

        Raises LogError when there is a log, or no space for it.
        """
        self._refuse_without_space(contents)
        self._put_marks()
        for at in range(PARTITIONS):
            for names in _in_parts(list(self._heads(at))):
                kinds = ("log", "ids", *redis_kept.KINDS_OF_ROOM)
                keys = [key(at, kind, name) for name in names for kind in kinds]
                self._ask([(at, ("UNLINK", *keys))])
            of_all = ("heads", "used", "past", "days", *redis_kept.KINDS)
            self._ask([(at, ("UNLINK", *(key(at, kind) for kind in of_all)))])
        if days:
            bits = _bits_of(days)
            self._ask([(at, ("SET", key(at, "days"), bits)) for at in range(PARTITIONS)])

    def write(self, room: Room, entries: Sequence[Entry]) -> None:
        """Write some of a room's entries; its record comes with the first."""
        at, name = partition_of(room.name), room.name
        log, ids = key(at, "log", name), key(at, "ids", name)
        if name != self._room:
            self._room, self._newest_ms = name, 0
            self._used = redis_kept.marks(room.kept)
            # The head comes first: whoever clears up later finds the rest by it.
            if room.seq:
                self._add(at, "HSET", key(at, "heads"), name, f"{room.seq}:{room.at_ms}")
            if room.kept is not None:
                for command in redis_kept.write(name, room.kept, time_ns() // 1000):
                    self._commands.append((at, command))
            if room.floor:
                self._add(at, "HSET", log, "floor", f"{room.floor}:{room.floor_at_ms}")
            if room.used_day:
                self._add(at, "HSET", key(at, "used"), name, room.used_day)
        if entries:
            values: list[int | bytes] = []
            seqs: list[int | str] = []
            past: int | None = None
            for entry in entries:
                values += (entry.seq, _value(entry))
                if entry.at_ms < self._newest_ms:  # it was posted before, and put in since
                    past = entry.seq
                self._newest_ms = max(self._newest_ms, entry.at_ms)
                mark = f"{entry.member}/{entry.id}"
                if mark not in self._used:  # what an erase has removed first has its id
                    seqs += (mark, entry.seq)
            self._add(at, "HSET", log, *values)
            if past is not None:
                self._add(at, "HSET", key(at, "past"), name, past)
            if seqs:
                self._add(at, "HSET", ids, *seqs)
            self._bytes += sum(map(len, values[1::2]))  # type: ignore[arg-type]
        if self._bytes >= _STEP_BYTES or len(self._commands) >= _STEP_ROOMS:
            self.settle()

    def settle(self) -> None:
        """Send what is left, so that everything can be read."""
        commands, self._commands, self._bytes = self._commands, [], 0
        self._ask(commands)

    def room(self, name: str) -> Room | None:
        """Give a room, if it has one of that name; one with too much or little is refused."""
        at = partition_of(name)
        value, entries, ids = self._ask(
            [
                (at, ("HGET", key(at, "heads"), name)),
                (at, ("HLEN", key(at, "log", name))),
                (at, ("HLEN", key(at, "ids", name))),
            ]
        )
        (room,) = self._records(at, {name: value})
        if value is None and room.kept is None:
            return None
        count = room.seq - room.floor
        deeds = sum(bool(act_id) for act_id, _ in room.kept.deeds) if room.kept else 0
        is_ended = room.kept is not None and room.kept.ended_ms is not None
        if entries != count + (room.floor > 0) or not count <= ids <= count + deeds + is_ended:
            raise LogError(f"{self._place} has another number of entries in the room {name!r}")
        return room

    def finish(self, epochs: list[str]) -> bool:
        """Make it a log that a server serves, with the epoch of each partition."""
        # A server waits until the first partition is finished, so that one is the last.
        for some in (range(1, PARTITIONS), range(1)):
            found = self._ask(
                [(at, ("SET", key(at, "epoch"), epochs[at], "XX", "GET")) for at in some]
            )
            if set(found) != {self._mark.encode()}:
                raise LogError(f"{self._place} was changed meanwhile: run the move again")
        return True

    def _refuse_without_space(self, contents: Contents) -> None:
        infos = self._servers.info()
        needed = contents.size * _SPACE // len(infos)
        for info in infos:
            limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
            if limit and used + needed > limit:
                raise LogError(
                    f"{self._place} has {max(0, limit - used):,} bytes of memory free, {needed:,} "
                    "may be needed: raise its maxmemory"
                )

    def _put_marks(self) -> None:
        """Put a mark in the place of each epoch; a log that is there is refused."""
        (epoch,) = self._ask([(0, ("GET", key(0, "epoch")))])
        is_left = (epoch or b"").startswith(UNFINISHED.encode())
        if not is_left and any(
            self._ask(
                [(at, ("EXISTS", key(at, "heads"), key(at, "records"))) for at in range(PARTITIONS)]
            )
        ):
            raise LogError(f"{self._place} has a log already: a move needs one that is empty")
        # The first one says for all of them that what is there may go.
        for some in (range(1), range(1, PARTITIONS)):
            marked = self._ask(
                [
                    (
                        at,
                        _MARK.command(
                            [key(at, "epoch"), key(at, "heads"), key(at, "records")],
                            [self._mark, int(is_left)],
                        ),
                    )
                    for at in some
                ]
            )
            if not all(marked):
                # What a server has written must not look like something that an interrupted move
                # has left.
                self._ask([(at, ("DEL", key(at, "epoch"))) for at in self._marked()])
                raise LogError(f"a server has begun to write {self._place}: stop it first")

    def _marked(self) -> list[int]:
        epochs = self._ask([(at, ("GET", key(at, "epoch"))) for at in range(PARTITIONS)])
        return [at for at, epoch in enumerate(epochs) if epoch == self._mark.encode()]

    def _add(self, at: int, *command: str | bytes | int) -> None:
        self._commands.append((at, command))

    def _ask(self, commands: Sequence[tuple[int, Command]]) -> list[Any]:
        lease = _LEASE.command([_MOVE], [self._mark, _LEASE_MS])
        self._is_ours, *replies = super()._ask([(0, lease), *commands])
        if not self._is_ours:
            raise LogError(
                f"another move to {self._place} goes on, or was killed less than "
                f"{_LEASE_MS // 1000} seconds ago"
            )
        return replies


def _value(entry: Entry) -> bytes:
    _, at_ms, *body = entry
    numbers = [number or 0 for number in body[4:]]
    return b"%d\t%s" % (at_ms, _encode(body[:4] + numbers if any(numbers) else body[:4]))


def _entry(seq: int, value: bytes) -> Entry:
    at_ms, _, body = value.partition(b"\t")
    fields = _decode(body)
    return Entry(
        seq,
        int(at_ms),
        fields.id,
        fields.member,
        fields.nick,
        fields.text,
        fields.kind,
        fields.reply or None,
        fields.target or None,
        fields.edited or None,
        fields.removed,
    )


def _days_of(bits: bytes) -> set[int]:
    """Give the numbers of the bits that are set; the first bit is a byte's highest."""
    return {8 * at + n for at, byte in enumerate(bits) for n in range(8) if byte & 0x80 >> n}


def _bits_of(days: set[int]) -> bytes:
    bits = bytearray(max(days) // 8 + 1)
    for day in days:
        bits[day // 8] |= 0x80 >> day % 8
    return bytes(bits)


def _in_parts(names: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(names), _STEP_ROOMS):
        yield names[begin : begin + _STEP_ROOMS]
