"""Find the numbers of a run, for the tables and the plots."""

from __future__ import annotations

import statistics
from typing import Any

from bench.servers import SERVERS
from bench.shapes import SHAPES

#: Shares of a core. From BUSY on, the load counts as the bottleneck, unless the server uses FULL or
#: more of its own core.
BUSY, FULL = 0.9, 0.97

Results = dict[str, Any]


class Measured:
    """The numbers of a run, by shape, server and repetition."""

    def __init__(self, results: Results) -> None:
        self._runs: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
        for run in results["runs"]:
            if "numbers" in run:
                key = run["shape"], run["server"]
                self._runs.setdefault(key, {})[run["repetition"]] = run["numbers"]
        self.servers = [s for s in SERVERS if any(key[1] == s.name for key in self._runs)]
        self.shapes = [s for s in SHAPES if any(key[0] == s.name for key in self._runs)]

    def has(self, shape: str) -> bool:
        """Tell whether a shape was measured at all."""
        return any(key[0] == shape for key in self._runs)

    def values(self, shape: str, server: str, number: str) -> list[float]:
        """Give one number of every repetition."""
        return [n[number] for n in self._runs.get((shape, server), {}).values()]

    def ratios(self, shape: str, server: str, number: str, to: str) -> list[float]:
        """Give one number of every repetition, divided by the same of another server."""
        others = self._runs.get((shape, to), {})
        return [
            numbers[number] / others[repetition][number]
            for repetition, numbers in self._runs.get((shape, server), {}).items()
            if others.get(repetition, {}).get(number)
        ]

    def load_was_busy(self, shape: str, server: str) -> bool:
        """Tell whether the load set the pace: its core was full and the server's was not."""
        load = self.values(shape, server, "load_share")
        own = self.values(shape, server, "server_share")
        return bool(load) and statistics.median(load) > BUSY and statistics.median(own) < FULL
