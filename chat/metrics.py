"""What this machine's workers count: each number of `/metrics` that grows or is kept in step.

Every worker adds to a row of its own, in memory that all workers of one master share (it is mapped
before the first fork). So any of them can answer for the machine: it adds the rows up. A row stays
when its worker has ended, and the next worker goes on with it: nothing is lost, and nothing grows.
prometheus_client can do this too, with a folder that has files of each process that ever was.
docs/watching.md lists the metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from mmap import mmap
from threading import RLock

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from chat.protocol import CloseCode, ErrorCode, Gap

#: Rows of the memory: each worker has its own; those for whom none is left share the last one.
ROWS = 257

_CELLS = 256  # of a row; more than all metrics have
_CELL_BYTES = 8

#: Why a WebSocket is refused before it is one.
HANDSHAKE_REASONS = (
    "method",
    "upgrade",
    "http_version",
    "host",
    "origin",
    "version",
    "key",
    "stopping",
    "full",
    "address",
    "thread",
)
#: How a connection ended without a code of the server's: its peer closed it, or was gone.
LEFT = "left"

_COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_COMMIT_ENTRIES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class _Rows:
    """The shared memory: a row of cells for each worker; from any thread."""

    def __init__(self) -> None:
        self._cells = memoryview(mmap(-1, ROWS * _CELLS * _CELL_BYTES)).cast("d")
        # Guards what this process writes. A signal handler may log, and so count, while it is held.
        self.lock = RLock()
        self.taken = 0  # cells of a row
        self.own = self.row(0)

    def take(self, count: int) -> int:
        """Give the index of the first of so many new cells, the same ones in each row."""
        first, self.taken = self.taken, self.taken + count
        assert self.taken <= _CELLS
        return first

    def row(self, number: int) -> memoryview[float]:
        """Give the cells of a row."""
        return self._cells[number * _CELLS : (number + 1) * _CELLS]

    def sums(self, first: int, count: int) -> list[float]:
        """Add cells up over all rows."""
        return [sum(self._cells[cell::_CELLS]) for cell in range(first, first + count)]


class Counter:
    """A number that only grows, one for each value of its label if it has one."""

    def __init__(
        self, rows: _Rows, name: str, meaning: str, label: str = "", values: Sequence[str] = ("",)
    ) -> None:
        self._rows = rows
        self._name, self._meaning, self._label = name, meaning, label
        self._values = tuple(values)
        self._first = rows.take(len(self._values))
        self._cells = {value: self._first + index for index, value in enumerate(self._values)}

    def add(self, amount: float = 1, value: str = "") -> None:
        """Count; `value` is the label's. Raises KeyError for one that it does not have."""
        cell, rows = self._cells[value], self._rows
        with rows.lock:
            rows.own[cell] += amount

    def collect(self) -> Metric:
        """Give the sum of all workers."""
        labels = [self._label] if self._label else []
        family = CounterMetricFamily(self._name, self._meaning, labels=labels)
        sums = self._rows.sums(self._first, len(self._values))
        for value, total in zip(self._values, sums, strict=True):
            family.add_metric([value] if labels else [], total)
        return family


class Gauge:
    """A number of now, which each worker keeps in step for itself."""

    def __init__(self, rows: _Rows, name: str, meaning: str) -> None:
        self._rows = rows
        self._name, self._meaning = name, meaning
        self.cell = rows.take(1)

    def set(self, value: float) -> None:
        """Say what it is at this worker."""
        self._rows.own[self.cell] = value

    def collect(self) -> Metric:
        """Give the sum of all workers."""
        (total,) = self._rows.sums(self.cell, 1)
        return GaugeMetricFamily(self._name, self._meaning, value=total)


class Histogram:
    """How often something was how large."""

    def __init__(self, rows: _Rows, name: str, meaning: str, bounds: Sequence[float]) -> None:
        self._rows = rows
        self._name, self._meaning = name, meaning
        self._bounds = tuple(bounds)
        self._first = rows.take(len(self._bounds) + 2)  # one above all bounds, and the sum
        self._sum = self._first + len(self._bounds) + 1

    def observe(self, value: float) -> None:
        """Count one."""
        cell, rows = self._first + bisect_left(self._bounds, value), self._rows
        with rows.lock:
            rows.own[cell] += 1
            rows.own[self._sum] += value

    def collect(self) -> Metric:
        """Give the sum of all workers."""
        *counts, total = self._rows.sums(self._first, len(self._bounds) + 2)
        bounds = (*map(str, map(float, self._bounds)), "+Inf")
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        return HistogramMetricFamily(self._name, self._meaning, buckets=buckets, sum_value=total)


class Metrics(Collector):
    """What is counted, by any thread of any worker; made before the first fork."""

    def __init__(self) -> None:
        self._rows = rows = _Rows()
        self.joins = Counter(rows, "tchat_joins", "Joins of rooms")
        self.resumes = Counter(
            rows, "tchat_resumes", "Joins that were given exactly what they had missed"
        )
        self.resumed_entries = Counter(
            rows, "tchat_resumed_entries", "Entries that resumes were given"
        )
        gaps = [each.value for each in Gap]
        self.resets = Counter(
            rows, "tchat_resets", "Joins that could not resume, and why", "gap", gaps
        )
        self.reset_messages = Counter(
            rows, "tchat_reset_messages", "Messages that resets were given", "gap", gaps
        )
        self.posts = Counter(rows, "tchat_posts", "Messages that were stored")
        self.deliveries = Counter(
            rows, "tchat_deliveries", "Entries times the connections that were given them"
        )
        self.commit_seconds = Histogram(
            rows, "tchat_commit_seconds", "How long a commit took", _COMMIT_SECONDS
        )
        self.commit_entries = Histogram(
            rows, "tchat_commit_entries", "How many entries a commit stored", _COMMIT_ENTRIES
        )
        self.storage_errors = Counter(
            rows, "tchat_storage_errors", "Times that the log could not be read or written"
        )
        self.outbox_bytes = Gauge(
            rows, "tchat_outbox_bytes", "Bytes that wait for connections to take them"
        )
        self.closed = Counter(
            rows,
            "tchat_closed_connections",
            "WebSockets that have ended, by the code that the server closed them with",
            "code",
            [*(str(each.value) for each in CloseCode), LEFT],
        )
        self.refusals = Counter(
            rows,
            "tchat_refusals",
            "Commands that were refused",
            "code",
            [each.value for each in ErrorCode],
        )
        self.refused_handshakes = Counter(
            rows,
            "tchat_refused_handshakes",
            "WebSockets that were refused before they were any",
            "reason",
            HANDSHAKE_REASONS,
        )
        self.dropped_log_lines = Counter(
            rows, "tchat_dropped_log_lines", "Lines of the log that were not written"
        )

    def take_row(self, number: int) -> None:
        """Count in a row, from now on; in the worker, before it serves."""
        self._rows.own = self._rows.row(min(number, ROWS - 1))
        self.outbox_bytes.set(0)

    def worker_ended(self, number: int) -> None:
        """Forget what was of one moment at a worker that has ended; in the master."""
        self._rows.row(min(number, ROWS - 1))[self.outbox_bytes.cell] = 0

    def collect(self) -> Iterator[Metric]:
        """Give the sums of all workers of this machine."""
        for each in vars(self).values():
            if isinstance(each, Counter | Gauge | Histogram):
                yield each.collect()
