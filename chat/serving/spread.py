"""How peers spread over the workers of one machine.

All workers accept from one listening socket: who waits there when a worker stops is let in by
another one. But the kernel wakes all of them for each peer, and whoever is first takes it, or takes
all of a crowd. So each worker tells the others how many connections it has, in memory that they
share, and the one that has more leaves the next peers to them for a moment.
"""

from __future__ import annotations

from mmap import mmap

from chat.metrics import ROWS

FULL = 2**30  # connections: more than any worker has that is not full

_AHEAD = 8  # so many connections more than another worker, and a 32nd, are nothing
_PLACES = ROWS - 1  # for workers; one that finds none takes whoever comes
_NOBODY = 2**31 - 1  # in a place: nobody who could let peers in
_BYTES = 4


class Spread:
    """The places of all workers of one master; made before the first fork."""

    def __init__(self) -> None:
        self.counts = memoryview(mmap(-1, _PLACES * _BYTES)).cast("i")
        for index in range(_PLACES):
            self.counts[index] = _NOBODY
        self.free = set(range(_PLACES))

    def give(self) -> Place | None:
        """Give a worker that will be forked its place; None when all are taken."""
        return Place(self, self.free.pop()) if self.free else None


class Place:
    """Where one worker tells the others how many connections it has."""

    def __init__(self, spread: Spread, index: int) -> None:
        self._spread = spread
        self.index = index

    def tell(self, connections: int) -> None:
        """Tell the others how many connections this worker has."""
        self._spread.counts[self.index] = connections

    def leave(self) -> None:
        """Tell the others that this worker lets nobody in."""
        self._spread.counts[self.index] = _NOBODY

    def give_back(self) -> None:
        """Let another worker have the place; the master does it when this one has ended."""
        self.leave()
        self._spread.free.add(self.index)

    def count_workers(self) -> int:
        """Count the workers that let peers in."""
        return sum(count != _NOBODY for count in self._spread.counts.tolist())

    def is_ahead(self) -> bool:
        """Tell whether another worker has clearly fewer connections, and should have the next."""
        counts = self._spread.counts.tolist()
        own = counts[self.index]
        fewest = min(counts)
        return own > fewest + _AHEAD + fewest // 32
