"""What the workers of a machine count together, in memory that they share."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry

from chat.metrics import ROWS, Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """Read a number as a scrape does."""
    registry = CollectorRegistry()
    registry.register(metrics)
    found = registry.get_sample_value(name, labels)
    assert found is not None
    return found


def as_worker(metrics: Metrics, row: int, work: Callable[[], None]) -> None:
    """Do something in a fork that has a row, to its end."""
    if not (child := os.fork()):
        metrics.take_row(row)
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_what_all_workers_have_counted_is_added_up() -> None:
    metrics = Metrics()
    for row in (0, 1, 7, ROWS - 2):
        as_worker(metrics, row, partial(metrics.posts.add, row + 1))
    metrics.take_row(3)
    metrics.posts.add(10)

    assert value(metrics, "tchat_posts_total") == 1 + 2 + 8 + (ROWS - 1) + 10


def test_worker_goes_on_with_what_the_one_before_it_has_counted() -> None:
    metrics = Metrics()
    for _ in range(3):
        as_worker(metrics, 5, lambda: metrics.resets.add(1, "lost"))

    assert value(metrics, "tchat_resets_total", gap="lost") == 3
    assert value(metrics, "tchat_resets_total", gap="changed") == 0


def test_what_was_of_one_moment_ends_with_its_worker() -> None:
    metrics = Metrics()
    as_worker(metrics, 2, lambda: metrics.outbox_bytes.set(5000))
    metrics.outbox_bytes.set(70)
    assert value(metrics, "tchat_outbox_bytes") == 5070

    metrics.worker_ended(2)

    assert value(metrics, "tchat_outbox_bytes") == 70


def test_workers_beyond_the_rows_share_the_last_one() -> None:
    metrics = Metrics()
    for row in (ROWS - 1, ROWS, ROWS + 100):
        as_worker(metrics, row, metrics.joins.add)

    assert value(metrics, "tchat_joins_total") == 3


def test_no_count_is_lost_among_threads() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(20_000):
            metrics.deliveries.add(3)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert value(metrics, "tchat_deliveries_total") == 4 * 20_000 * 3


@pytest.mark.parametrize(
    ("observed", "low", "high"),
    [(0.0, "", "0.001"), (0.001, "", "0.001"), (0.0011, "0.001", "0.0025"), (9.0, "5.0", "+Inf")],
)
def test_histogram_puts_each_value_below_its_bound(observed: float, low: str, high: str) -> None:
    metrics = Metrics()
    metrics.commit_seconds.observe(observed)

    assert value(metrics, "tchat_commit_seconds_bucket", le=high) == 1
    assert not low or value(metrics, "tchat_commit_seconds_bucket", le=low) == 0
    assert value(metrics, "tchat_commit_seconds_count") == 1
    assert value(metrics, "tchat_commit_seconds_sum") == observed


def test_value_that_a_label_does_not_have_is_a_bug_and_counts_nowhere() -> None:
    metrics = Metrics()

    with pytest.raises(KeyError):
        metrics.refusals.add(1, "somebody's room")
