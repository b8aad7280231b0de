"""Upkeep on Redis: what is too much, too old or unused goes, one partition after the other.

All of it runs on the log's writer thread, like that of the embedded log, in steps of one or two
round trips. Each step holds Redis for less than a millisecond: others wait meanwhile. The rules
and their words are those of chat/log/upkeep.py; the time is Redis's own.

A worker that is at a partition has a lease on it. It only saves the others work: two workers that
prune the same room do no harm.
"""

from __future__ import annotations

import random
from itertools import islice
from threading import Lock
from typing import NamedTuple

from redis.exceptions import ResponseError

from chat.log import Proposal
from chat.log.change_scripts import Overdue, erases
from chat.log.lua import HEAD, TRIM
from chat.log.upkeep import Rules
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import NOW_MS, WHEN_FULL, Command, Script, Servers

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

_STEP_ENTRIES = 50  # deleted in one step
_STEP_ROOMS = 100  # looked at, or noted, in one step
_LEASE_MS = 30_000
_STEP_DUE = 20  # of a partition, found at once
_LOOK_MS = 3_000  # of the lease on looking for what is due
_LOOKING = key(0, "looking")
_NEVER_MS = 2**53  # every time is before it, and Lua's numbers have it
_NOTED_LIMIT = 100_000  # rooms whose use is remembered here

# Keys: the lease, the days. Arguments: the worker, the lease's milliseconds. Notes the day, and
# gives the time and the days; nothing if another worker has the lease. Also while the memory is
# full, because upkeep is what makes room then.
_BEGIN = Script(
    WHEN_FULL
    + NOW_MS
    + """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local now = now_ms()
local day = math.floor(now / 86400000)
if redis.call('GETBIT', KEYS[2], day) == 0 then redis.call('SETBIT', KEYS[2], day, 1) end
return {now, redis.call('GET', KEYS[2])}
"""
)

# Keys: logs of rooms. Gives two numbers for each: the seq of its floor, and the time of its oldest
# entry (-1 for none).
_OLDEST = Script(
    HEAD
    + """
local found = {}
for _, log in ipairs(KEYS) do
  local floor = floor_of(log)
  local entry = redis.call('HGET', log, floor + 1)
  found[#found + 1] = floor
  found[#found + 1] = entry and tonumber(string.match(entry, '^%d+')) or -1
end
return found
"""
)

# Keys: the heads, the room's log, its ids, the days on which rooms were used. Arguments: the room,
# how many entries are kept, the times before which an entry may be too many and is too old, the day
# before which a room is unused, and how many entries to delete at most. Gives how many were.
_PRUNE = Script(
    HEAD
    + TRIM
    + """
local room, keep, settled, since = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local unused_day, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local head, at = head_of(KEYS[1], room)
local last_used = tonumber(redis.call('HGET', KEYS[4], room) or 0)
if math.max(last_used, math.floor(tonumber(at) / 86400000)) < unused_day then
  since = math.huge
end
local gone = trim(KEYS[2], KEYS[3], head - keep, settled - 1, most)
if gone < most then
  gone = gone + trim(KEYS[2], KEYS[3], head, since - 1, most - gone)
end
if gone > 0 and floor_of(KEYS[2]) == head then redis.call('HDEL', KEYS[4], room) end
return gone
"""
)


# Keys: the epoch, the heads, the room's log, its ids, the days on which rooms were used. Arguments:
# the epoch, the room, a seq, how many entries up to that one to delete at most. Gives how many
# were; -1 if the log is another one.
_PRUNE_TO = Script(
    HEAD
    + TRIM
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local head = head_of(KEYS[2], ARGV[2])
local gone = trim(KEYS[3], KEYS[4], math.min(head, tonumber(ARGV[3])), math.huge, tonumber(ARGV[4]))
if gone > 0 and floor_of(KEYS[3]) == head then redis.call('HDEL', KEYS[5], ARGV[2]) end
return gone
"""
)


# Keys: the lease on looking for what is due. Arguments: the worker, the lease's milliseconds. Gives
# the time; nothing if another worker looks.
_LOOK = Script(
    WHEN_FULL
    + NOW_MS
    + """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return now_ms()
"""
)

# Keys: what is due, the erases of a room. Argument: the room. Gives the erases; where there are
# none, nothing is due.
_ERASES = Script(
    """
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('ZREM', KEYS[1], 'erase:' .. ARGV[1]) end
return redis.call('HGETALL', KEYS[2])
"""
)


class _Limits(NamedTuple):
    """Times before which an entry may be too many, and is too old."""

    settled_ms: int
    since_ms: int


def prune_to(epoch: str, room: str, last: int) -> Command:
    """Give the command that deletes some of a room's oldest entries, up to and including a seq.

    Its reply is how many were deleted; -1 if the log has another epoch.
    """
    at = partition_of(room)
    kinds = [key(at, kind, room) for kind in ("log", "ids")]
    keys = [key(at, "epoch"), key(at, "heads"), *kinds, key(at, "used")]
    return _PRUNE_TO.command(keys, (epoch, room, last, _STEP_ENTRIES))


class RedisUpkeep:
    """What takes entries out of the log on Redis; on the writer's thread."""

    def __init__(self, servers: Servers, rules: Rules) -> None:
        """Prepare; nothing is asked yet."""
        self._servers = servers
        self._rules = rules
        # Each worker has an order of its own, so that they are seldom at the same place.
        self._order = random.sample(range(PARTITIONS), PARTITIONS)
        self._turns = 0  # partitions that were begun, round after round
        self._leased: int | None = None  # the partition
        self._cursor: bytes | None = None  # in the partition's rooms; None: all were looked at
        self._due: dict[str, None] = {}  # rooms of the partition that have entries to delete
        self._looks = False  # it is the one that looks for what is due
        self._now_ms = 0  # Redis's time when it was asked last
        self._unused_day = 0  # rooms that were last used before it keep nothing
        # Guards what follows.
        self._lock = Lock()
        self._used: set[str] = set()  # rooms whose use is to be noted
        self._noted: set[str] = set()  # rooms whose use of this day is on Redis

    def note_read(self, room: str) -> None:
        """Note that somebody reads a room that has entries; from any thread."""
        with self._lock:
            if room not in self._noted and len(self._used) < _NOTED_LIMIT:
                self._used.add(room)

    def step(self) -> bool:
        """Do a little of what is to be done; False if the rest is in no hurry.

        The first round is: the settings may be others than those of the last start. Raises
        RedisError.
        """
        if self._due:
            self._prune()
        else:
            self._look()
        return self._note_used() or bool(self._due) or self._turns < PARTITIONS

    def find_due(self) -> list[Proposal | Overdue]:
        """Find rooms whose end has come, and erases that nobody goes on with; one worker does.

        Raises RedisError.
        """
        lease = _LOOK.command([_LOOKING], [self._servers.worker, _LOOK_MS])
        (now_ms,) = self._servers.ask_strictly([(0, lease)])
        self._looks = now_ms is not None
        if now_ms is None:
            return []
        due = ("-inf", now_ms, "LIMIT", 0, _STEP_DUE)
        replies = self._servers.ask_strictly(
            [(at, ("ZRANGEBYSCORE", key(at, "due"), *due)) for at in range(PARTITIONS)]
        )
        found = [each.decode().partition(":") for some in replies for each in some]
        rooms = [room for what, _, room in found if what == "erase"]
        commands = []
        for room in rooms:
            at = partition_of(room)
            keys = [key(at, "due"), key(at, "erasing", room)]
            commands.append((at, _ERASES.command(keys, [room])))
        proposals = [
            erase
            for room, flat in zip(rooms, self._servers.ask_strictly(commands), strict=True)
            for erase in erases(room, flat)
        ]
        return [*proposals, *(Overdue(room) for what, _, room in found if what == "end")]

    def close(self) -> None:
        """Leave to other workers what this one is at. Raises RedisError."""
        commands: list[tuple[int, Command]] = []
        if self._leased is not None:
            commands.append((self._leased, ("DEL", key(self._leased, "upkeep"))))
        if self._looks:
            commands.append((0, ("DEL", _LOOKING)))
        self._servers.ask(commands)

    # --- which rooms are used ------------------------------------------------------------------

    def _note_used(self) -> bool:
        """Note some rooms that were read, once a day each. A post's time notes itself."""
        with self._lock:
            some = list(islice(self._used, _STEP_ROOMS)) if self._now_ms else []
        if not some:
            return False
        days: dict[int, list[str | int]] = {}
        for room in some:
            days.setdefault(partition_of(room), []).extend((room, self._now_ms // _DAY_MS))
        try:
            self._servers.ask_strictly(
                [(at, ("HSET", key(at, "used"), *pairs)) for at, pairs in days.items()]
            )
        except ResponseError:
            return False  # the memory is full: they are noted when there is some
        with self._lock:
            self._used.difference_update(some)
            if len(self._noted) < _NOTED_LIMIT:
                self._noted.update(some)
        return True

    # --- which rooms have too much -------------------------------------------------------------

    def _look(self) -> None:
        """Look at some rooms of the next partition, if no other worker is at it."""
        commands: list[tuple[int, Command]] = []
        if self._cursor is None:
            if self._leased is not None:
                commands.append((self._leased, ("DEL", key(self._leased, "upkeep"))))
                self._leased = None
            self._turns += 1
            self._cursor = b"0"
        at = self._partition
        keys = [key(at, "upkeep"), key(at, "days")]
        commands += [
            (at, _BEGIN.command(keys, [self._servers.worker, _LEASE_MS])),
            (at, ("HSCAN", key(at, "heads"), self._cursor, "COUNT", _STEP_ROOMS)),
        ]
        self._cursor = None  # whatever fails: the next partition is next
        *_, begun, (cursor, found) = self._servers.ask_strictly(commands)
        if begun is None:
            return
        self._leased = at
        self._set_time(*begun)
        self._find_due(at, dict(zip(found[::2], found[1::2], strict=True)))
        self._cursor = None if cursor == b"0" else cursor

    @property
    def _partition(self) -> int:
        return self._order[(self._turns - 1) % PARTITIONS]

    def _set_time(self, now_ms: int, days: bytes) -> None:
        if now_ms // _DAY_MS != self._now_ms // _DAY_MS:
            with self._lock:
                self._noted.clear()
        self._now_ms = now_ms
        self._unused_day = _day_before(days, self._rules.idle_days) if self._rules.idle_days else 0

    def _find_due(self, at: int, heads: dict[bytes, bytes]) -> None:
        """Find the rooms that have entries which are not to be kept."""
        rules, newest, idle = self._rules, {}, []
        for name, head in heads.items():
            room = name.decode()
            seq, at_ms = map(int, head.split(b":"))
            is_idle = at_ms // _DAY_MS < self._unused_day
            if rules.days or seq > rules.messages or is_idle:  # else it costs nothing more
                newest[room] = seq
            if is_idle:
                idle.append(room)
        if not newest:
            return
        oldest_of, days = self._servers.ask_strictly(
            [
                (at, _OLDEST.command([key(at, "log", room) for room in newest])),
                (at, ("HMGET", key(at, "used"), "", *idle)),
            ]
        )
        unused = {
            room
            for room, day in zip(idle, days[1:], strict=True)
            if int(day or 0) < self._unused_day
        }
        limits = self._limits()
        floors, times = oldest_of[::2], oldest_of[1::2]
        for (room, seq), floor, oldest_ms in zip(newest.items(), floors, times, strict=True):
            too_many = seq - floor > rules.messages and oldest_ms < limits.settled_ms
            if oldest_ms >= 0 and (too_many or oldest_ms < limits.since_ms or room in unused):
                self._due[room] = None

    def _prune(self) -> None:
        at, room, limits = self._partition, next(iter(self._due)), self._limits()
        command = _PRUNE.command(
            [key(at, "heads"), key(at, "log", room), key(at, "ids", room), key(at, "used")],
            [
                room,
                self._rules.messages,
                limits.settled_ms,
                limits.since_ms,
                self._unused_day,
                _STEP_ENTRIES,
            ],
        )
        del self._due[room]
        (deleted,) = self._servers.ask_strictly([(at, command)])
        if deleted:  # more may be
            self._due[room] = None

    def _limits(self) -> _Limits:
        rules, now_ms = self._rules, self._now_ms
        return _Limits(
            settled_ms=now_ms - rules.min_hours * _HOUR_MS if rules.min_hours else _NEVER_MS,
            since_ms=now_ms - rules.days * _DAY_MS if rules.days else 0,
        )


def _day_before(days: bytes, number: int) -> int:
    """Give the day since which a worker has run on so many days; 0 if there were not so many.

    Bit n stands for the day n since 1970; the first bit is a byte's highest.
    """
    bits = int.from_bytes(days)
    for _ in range(number):
        bits &= bits - 1  # without its lowest: the newest day
    return 8 * len(days) - (bits & -bits).bit_length() if bits else 0
