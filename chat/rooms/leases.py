"""The leases of workers: who is alive, so that what a dead worker held can be given up.

In each partition a sorted set has the workers that hold something there, and the time until which
each is alive, by Redis's clock. A lease and what is held under it are in one partition, so they
are lost together, if Redis loses them.

After Redis was away, all leases have ended. So a worker is taken for dead only when somebody has
seen its lease ended, and the same, for a while: who lives has renewed it by then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic

from redis.exceptions import RedisError

from chat.redis.attempts import Attempts
from chat.redis.partitions import PARTITIONS, key
from chat.redis.servers import NOW_MS, WHEN_FULL, Script, Servers

_logger = logging.getLogger(__name__)

_RENEW_S = 3.0
_LEASE = 3  # times that, for which a lease is given
_DOUBT = 3  # times that, for which an ended lease has to stay as it is: see above
_SETTLED = 4  # times that, within which whoever lives has found out that Redis lost something
_OTHERS = 4  # partitions in which nothing is held here are looked at once in so many rounds

#: What a script contains that needs to know who is alive; `keep_lease` gives 1 for a new lease.
ALIVE = (
    NOW_MS
    + """
local function is_alive(leases, worker)
  local until_ms = redis.call('ZSCORE', leases, worker)
  return until_ms and tonumber(until_ms) > now_ms()
end
local function keep_lease(leases, worker, lease_ms)
  if is_alive(leases, worker) then return 0 end
  redis.call('ZADD', leases, string.format('%.0f', now_ms() + lease_ms), worker)
  return 1
end
"""
)
_LOOK = Script(
    WHEN_FULL
    + ALIVE
    + """
local worker, lease_ms = ARGV[1], tonumber(ARGV[2])
local is_lost = 0
if lease_ms > 0 then
  if not is_alive(KEYS[1], worker) then is_lost = 1 end
  redis.call('ZADD', KEYS[1], string.format('%.0f', now_ms() + lease_ms), worker)
end
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'WITHSCORES', 'LIMIT', 0, 20)
return {is_lost, ended}
"""
)
_BURY = Script(
    WHEN_FULL
    + """
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end
"""
)

#: Is given a partition, in which all that this worker held may have been given up.
Lost = Callable[[int], None]

#: Gives up what a dead worker held in a partition; raises RedisError. Several may do it at once.
Dead = Callable[[int, str], None]


class Leases:
    """This worker's leases, and a look at those of all others; from any thread."""

    def __init__(self, servers: Servers, *, renew_s: float = _RENEW_S) -> None:
        """Prepare; a worker is taken for dead after at most eight times `renew_s`: 24 s."""
        self.lease_ms = int(renew_s * _LEASE * 1000)
        self.settled_s = renew_s * _SETTLED
        self._renew_s = renew_s
        self._servers = servers
        self._lost: list[Lost] = []
        self._dead: list[Dead] = []
        self._closed = Event()
        # Guards _renewed.
        self._lock = Lock()
        self._renewed: set[int] = set()  # partitions in which this worker has a lease
        # The leases' thread's: leases that have ended, by partition and worker: the end, and since
        # when that is known (monotonic seconds).
        self._ended: dict[tuple[int, str], tuple[bytes, float]] = {}
        self._round = 0

    def on_lost(self, handler: Lost) -> None:
        """Tell a handler where this worker's lease was lost, and is there again; before `start`."""
        self._lost.append(handler)

    def on_dead(self, handler: Dead) -> None:
        """Let a handler give up what dead workers held; before `start`, on the leases' thread."""
        self._dead.append(handler)

    def start(self) -> None:
        """Start the thread; once, after the last fork."""
        Thread(target=self._run, name="leases", daemon=True).start()

    def close(self) -> None:
        """Renew nothing any more."""
        self._closed.set()

    def keep(self, partition: int, *, is_new: bool) -> None:
        """Renew the lease that a script has found, or given to this worker because it had none."""
        with self._lock:
            is_lost = is_new and partition in self._renewed
            self._renewed.add(partition)
        if is_lost:
            self._tell_lost(partition)

    def look(self) -> None:
        """Renew the leases, and give up what dead workers held. Raises RedisError."""
        self._round += 1
        with self._lock:
            renewed = set(self._renewed)
        others = range(self._round % _OTHERS, PARTITIONS, _OTHERS)
        partitions = sorted(renewed.union(others))
        replies = self._servers.ask(
            [
                (
                    each,
                    _LOOK.command(
                        (key(each, "leases"),),
                        (self._servers.worker, self.lease_ms if each in renewed else 0),
                    ),
                )
                for each in partitions
            ]
        )
        problem: RedisError | None = None
        dead = []
        for partition, reply in zip(partitions, replies, strict=True):
            if isinstance(reply, RedisError):
                problem = reply
                continue
            is_lost, ended = reply
            if is_lost:
                self._tell_lost(partition)
            dead += self._doubt(partition, ended)
        for partition, worker, end in dead:
            self._bury(partition, worker, end)
        if problem is not None:
            raise problem

    # --- on the leases' thread ---------------------------------------------------------------

    def _run(self) -> None:
        attempts = Attempts(_logger, "leases")
        while not self._closed.wait(self._renew_s):
            attempts.make(self.look)

    def _tell_lost(self, partition: int) -> None:
        for handler in self._lost:
            handler(partition)

    def _doubt(self, partition: int, ended: list[bytes]) -> list[tuple[int, str, bytes]]:
        """Note whose leases have ended in a partition; give those who are dead by now."""
        now = monotonic()
        ends = {worker.decode(): end for worker, end in zip(ended[::2], ended[1::2], strict=True)}
        for known in [each for each in self._ended if each[0] == partition]:
            if ends.get(known[1]) != self._ended[known][0]:
                del self._ended[known]
        dead = []
        for worker, end in ends.items():
            _, since = self._ended.setdefault((partition, worker), (end, now))
            if now - since >= self._renew_s * _DOUBT:
                dead.append((partition, worker, end))
        return dead

    def _bury(self, partition: int, worker: str, end: bytes) -> None:
        """Give up all that a dead worker held. Raises RedisError."""
        for handler in self._dead:
            handler(partition, worker)
        bury = _BURY.command((key(partition, "leases"),), (worker, end))
        self._servers.ask_strictly([(partition, bury)])
