"""How many people, connections and rooms there are at all workers, who exchange that on Redis.

Each worker notes about once a second which members and rooms have a connection at it, as far as
that has changed. A few partitions have them, with Q for the prefix of each:

    Q users, Q rooms     hash: member id or room, behind "u" or "r" -> at how many workers
    Q counted:<worker>   set: what a worker has noted there
    Q leases             which workers are alive (leases.py)

and the first of them has `numbers`, a hash: worker -> its connections, places, and connections that
have not joined yet. What changes at this worker shows at once; what changes at others, a second
later. While Redis is away, the others' numbers stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from threading import Event, Thread
from typing import NamedTuple

from msgspec.msgpack import encode
from redis.exceptions import RedisError

from chat.redis.attempts import Attempts
from chat.redis.partitions import key, partition_of
from chat.redis.servers import WHEN_FULL, Command, Script, Servers
from chat.rooms.leases import ALIVE, Leases
from chat.rooms.registry import Registry

_logger = logging.getLogger(__name__)

_PARTS = 8  # partitions: each costs every worker a command a second
_EVERY_S = 1.0
_AT_ONCE = 1000  # names a script: others wait for it

_COMMON = (
    WHEN_FULL
    + ALIVE
    + """
local users, rooms, counted, leases = unpack(KEYS)
local call = redis.call
local function hash_of(name) return string.sub(name, 1, 1) == 'u' and users or rooms end
local function less(name)
  local hash = hash_of(name)
  if call('HINCRBY', hash, name, -1) <= 0 then call('HDEL', hash, name) end
end
"""
)
_TALLY = Script(
    _COMMON
    + """
local worker, lease_ms, is_anew, added, gone = unpack(cmsgpack.unpack(ARGV[1]))
local is_new_lease = keep_lease(leases, worker, lease_ms)
if is_anew then
  for _, name in ipairs(call('SMEMBERS', counted)) do less(name) end
  call('DEL', counted)
end
for _, name in ipairs(added) do
  if call('SADD', counted, name) == 1 then call('HINCRBY', hash_of(name), name, 1) end
end
for _, name in ipairs(gone) do
  if call('SREM', counted, name) == 1 then less(name) end
end
return {is_new_lease, call('HLEN', users), call('HLEN', rooms)}
"""
)
_GIVE_UP = Script(
    _COMMON
    + """
if is_alive(leases, ARGV[1]) then return 0 end
for _, name in ipairs(call('SPOP', counted, ARGV[2])) do less(name) end
return call('SCARD', counted)
"""
)
_NUMBERS = Script(
    WHEN_FULL
    + """
local numbers, leases = unpack(KEYS)
redis.call('HSET', numbers, ARGV[1], ARGV[2])
local sums = {0, 0, 0}
local all = redis.call('HGETALL', numbers)
for index = 1, #all, 2 do
  if redis.call('ZSCORE', leases, all[index]) then
    local place = 1
    for number in string.gmatch(all[index + 1], '%d+') do
      sums[place] = sums[place] + number
      place = place + 1
    end
  else
    redis.call('HDEL', numbers, all[index])
  end
end
return sums
"""
)


class _Numbers(NamedTuple):
    """So many of each, of this worker or of others."""

    users: int = 0  # members
    rooms: int = 0
    connections: int = 0
    connections_max: int = 0
    waiting: int = 0  # connections that have not joined yet


class SharedCounts:
    """The numbers of all workers, from any thread."""

    def __init__(
        self, servers: Servers, leases: Leases, registry: Registry, limit: Callable[[], int]
    ) -> None:
        """Prepare, before the leases start; `limit` gives how many this worker admits."""
        self._servers = servers
        self._leases = leases
        self._registry = registry
        self._limit = limit
        self._others = _Numbers()
        self._noted: set[str] = set()  # what Redis has of this worker
        self._is_sure = False  # whether it is exactly that
        self._closed = Event()
        self._thread: Thread | None = None
        leases.on_lost(self._lost)
        leases.on_dead(self._give_up)

    def start(self) -> None:
        """Start the thread; after the servers."""
        self._thread = Thread(target=self._run, name="counts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Count this worker no more; a Redis that is away does so when its lease has ended."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(_EVERY_S)

    def connected_users(self) -> int:
        """Count members, each once, and connections that have not joined yet."""
        return self._registry.connected_users() + self._others.users + self._others.waiting

    def members(self) -> int:
        """Count members with a connection, each once."""
        return len(self._registry.counted().members) + self._others.users

    def connections(self) -> int:
        """Count open WebSockets."""
        return len(self._registry.connections()) + self._others.connections

    def connections_max(self) -> int:
        """Give how many WebSockets are admitted at most."""
        return self._limit() + self._others.connections_max

    def rooms(self) -> int:
        """Count the rooms that have a connection."""
        return self._registry.rooms_count() + self._others.rooms

    def exchange(self, *, is_last: bool = False) -> None:
        """Note what has changed here, and learn the numbers of all. Raises RedisError."""
        members, rooms, waiting, connections = self._registry.counted()
        names = {f"u{each}" for each in members} | {f"r{each}" for each in rooms}
        mine = _Numbers(len(members), len(rooms), connections, self._limit(), waiting)
        if is_last:
            names, mine = set(), _Numbers()
        is_anew, self._is_sure = not self._is_sure, True  # unless the lease is lost meanwhile
        try:
            commands = self._tallies(names, is_anew)
            replies = self._servers.ask_strictly([*commands, self._numbers_command(mine)])
        except RedisError:
            self._is_sure = False
            raise
        self._noted = names
        users = rooms_count = 0
        for index, (part, _) in enumerate(commands):
            is_new_lease, users_there, rooms_there = replies[index]
            self._leases.keep(part, is_new=bool(is_new_lease))
            if index + 1 == len(commands) or commands[index + 1][0] != part:  # the last one there
                users += users_there
                rooms_count += rooms_there
        of_all = _Numbers(users, rooms_count, *replies[-1])
        self._others = _Numbers._make(
            max(0, there - here) for there, here in zip(of_all, mine, strict=True)
        )

    # --- on the counts' thread, or that of the leases --------------------------------------------

    def _run(self) -> None:
        attempts = Attempts(_logger, "counts")
        is_last = False
        while not is_last:
            is_last = self._closed.is_set()
            attempts.make(partial(self.exchange, is_last=is_last))
            self._closed.wait(_EVERY_S)

    def _tallies(self, names: set[str], is_anew: bool) -> list[tuple[int, Command]]:
        """Give the commands that note what has changed; those of a part beside each other."""
        added = _by_part(names if is_anew else names - self._noted)
        gone = _by_part([] if is_anew else self._noted - names)
        commands = []
        for part in range(_PARTS):
            longest = max(len(added[part]), len(gone[part]), 1)
            for begin in range(0, longest, _AT_ONCE):
                given = (
                    self._servers.worker,
                    self._leases.lease_ms,
                    is_anew and begin == 0,
                    added[part][begin : begin + _AT_ONCE],
                    gone[part][begin : begin + _AT_ONCE],
                )
                keys = _keys(part, self._servers.worker)
                commands.append((part, _TALLY.command(keys, (encode(given),))))
        return commands

    def _numbers_command(self, mine: _Numbers) -> tuple[int, Command]:
        text = f"{mine.connections} {mine.connections_max} {mine.waiting}"
        keys = (key(0, "numbers"), key(0, "leases"))
        return 0, _NUMBERS.command(keys, (self._servers.worker, text))

    def _lost(self, partition: int) -> None:
        if partition < _PARTS:
            self._is_sure = False

    def _give_up(self, partition: int, worker: str) -> None:
        """Forget what a dead worker has noted in a partition. Raises RedisError."""
        command = _GIVE_UP.command(_keys(partition, worker), (worker, _AT_ONCE))
        while partition < _PARTS and self._servers.ask_strictly([(partition, command)])[0]:
            pass


def _by_part(names: Iterable[str]) -> list[list[str]]:
    parts: list[list[str]] = [[] for _ in range(_PARTS)]
    for name in names:
        parts[partition_of(name) % _PARTS].append(name)
    return parts


def _keys(part: int, worker: str) -> tuple[str, ...]:
    names = (("users",), ("rooms",), ("counted", worker), ("leases",))
    return tuple(key(part, *name) for name in names)
