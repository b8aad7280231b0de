"""Turn a run of `bench.scaling` into the tables of `docs/scaling.md`.

`python -m bench.scaling_report [DOCUMENT COSTS]` puts those of the last whole run into the
document, with what `bench.model` reckons from them, and keeps the text around them.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import model
from bench.costs import ABOUT, Results, costs_of, write
from bench.costs import FILE as COSTS
from bench.servers import ROOT
from bench.tables import cell, rows, three_digits

FILE = Path(__file__).parent / "results" / "scaling.json"  # the last whole run
DOCUMENT = ROOT / "docs" / "scaling.md"
_BASE = "embedded"


class _Measured:
    """The numbers of a run, by shape, fleet and repetition."""

    def __init__(self, results: Results) -> None:
        self.labels: dict[str, str] = results["fleets"]
        self.workers: dict[str, int] = results["workers"]
        self._runs: dict[tuple[str, str], dict[int, dict[str, float]]] = {}
        for run in results["runs"]:
            if "numbers" in run:
                key = run["shape"], run["fleet"]
                self._runs.setdefault(key, {})[run["repetition"]] = run["numbers"]

    def has(self, shape: str) -> bool:
        """Tell whether a shape was measured at all."""
        return any(key[0] == shape for key in self._runs)

    def values(self, shape: str, fleet: str, number: str) -> list[float]:
        """Give one number of every repetition."""
        runs = self._runs.get((shape, fleet), {}).values()
        return [numbers[number] for numbers in runs if number in numbers]

    def pairs(self, shape: str, fleet: str, number: str, to: str) -> list[tuple[float, float]]:
        """Give one number of every repetition, with the same of another fleet."""
        others = self._runs.get((shape, to), {})
        return [
            (numbers[number], others[repetition][number])
            for repetition, numbers in self._runs.get((shape, fleet), {}).items()
            if repetition in others
        ]

    def ratios(self, shape: str, fleet: str, number: str, to: str = _BASE) -> list[float]:
        """Give one number of every repetition, divided by the same of another fleet."""
        return [own / other for own, other in self.pairs(shape, fleet, number, to) if other]

    def carried(self, shape: str, fleet: str) -> list[float]:
        """Give what all workers deliver in a second if each has a core of its own."""
        return [self.workers[fleet] * 1e6 / us for us in self.values(shape, fleet, "workers_us")]


_Column = tuple[str, Callable[[str], str]]  # its head, and how a fleet's cell is written


def _by_fleet(measured: _Measured, shape: str, columns: Sequence[_Column]) -> list[str]:
    lines = []
    for fleet, label in measured.labels.items():
        cells = [write_cell(fleet) for _, write_cell in columns]
        if any(text != "–" for text in cells):
            lines.append((label, cells))
    return rows(["", *(head for head, _ in columns)], lines) if measured.has(shape) else []


def tables(results: Results) -> list[str]:
    """Write all that was measured, in Markdown."""
    measured = _Measured(results)
    return [
        *_closed(measured, results),
        *_paced(measured, results),
        *_lone(measured),
        *_joining(measured),
        *_idle(measured),
        *(f"- {' '.join(notice.split())[:300]}" for notice in results["notices"]),
    ]


def _closed(measured: _Measured, results: Results) -> list[str]:
    text = []
    for shape in ("closed-rooms", "closed-room"):
        if not measured.has(shape):
            continue
        text += [f"**{_capital(results['shapes'][shape])}: as much as goes**", ""]
        text += _by_fleet(
            measured,
            shape,
            (
                ("deliveries a second", _value(measured, shape, "deliveries_per_s")),
                ("µs of workers a delivery", _value(measured, shape, "workers_us")),
                ("to embedded", _ratio(measured, shape, "workers_us")),
                ("µs of Redis", _value(measured, shape, "redis_us")),
                (
                    "deliveries a second, if each worker had a core",
                    lambda fleet, shape=shape: cell(measured.carried(shape, fleet)),
                ),
                ("messages out of order", _share(measured, shape, "disorder")),
            ),
        )
    return text


def _paced(measured: _Measured, results: Results) -> list[str]:
    text = []
    for shape in ("paced-rooms", "paced-room"):
        if not measured.has(shape):
            continue
        text += [f"**{_capital(results['shapes'][shape])}**", ""]
        text += _by_fleet(
            measured,
            shape,
            (
                ("µs of workers a delivery", _value(measured, shape, "workers_us")),
                ("to embedded", _ratio(measured, shape, "workers_us")),
                ("µs of Redis", _value(measured, shape, "redis_us")),
                ("p50, ms", _value(measured, shape, "p50_ms")),
                ("p99, ms", _value(measured, shape, "p99_ms")),
                ("Redis commands a message", _value(measured, shape, "redis_commands_per_message")),
                ("requests a message", _value(measured, shape, "redis_reads_per_message")),
            ),
        )
    return text


def _lone(measured: _Measured) -> list[str]:
    if not measured.has("lone"):
        return []
    return [
        "**One person posts, and posts again when the message is back: the cost of an append**",
        "",
        *_by_fleet(
            measured,
            "lone",
            (
                ("ms until it is back", _value(measured, "lone", "ms")),
                ("µs of workers", _value(measured, "lone", "workers_us_per_message")),
                ("µs of Redis", _value(measured, "lone", "redis_us_per_message")),
                ("requests to Redis", _value(measured, "lone", "redis_reads_per_message")),
                ("commands sent", _value(measured, "lone", "commands_sent_per_message")),
                (
                    "commands run, those of scripts too",
                    _value(measured, "lone", "redis_commands_per_message"),
                ),
            ),
        ),
    ]


def _joining(measured: _Measured) -> list[str]:
    if not measured.has("joining"):
        return []
    shape = "joining"
    return [
        "**A connection with its join, in rooms of 100**",
        "",
        *_by_fleet(
            measured,
            shape,
            (
                ("µs of workers", _value(measured, shape, "workers_us_per_message")),
                ("to embedded", _ratio(measured, shape, "workers_us_per_message")),
                ("µs of Redis", _value(measured, shape, "redis_us_per_message")),
                ("requests to Redis", _value(measured, shape, "redis_reads_per_message")),
                ("commands run", _value(measured, shape, "redis_commands_per_message")),
                ("KiB for an idle one", _value(measured, shape, "kib_per_connection")),
            ),
        ),
    ]


def _idle(measured: _Measured) -> list[str]:
    lines = []
    for shape, rooms in (("idle-10", 10), ("idle-10000", 10_000)):
        for fleet, label in measured.labels.items():
            numbers = [
                _value(measured, shape, number)(fleet)
                for number in (
                    "redis_reads_per_s",
                    "redis_commands_per_s",
                    "redis_received_per_s",
                    "redis_us_per_s",
                    "workers_us_per_s",
                )
            ]
            if any(text != "–" for text in numbers):
                lines.append((f"{label}, {rooms:,} rooms", numbers))
    head = (
        "",
        "requests a second",
        "commands a second",
        "bytes a second to Redis",
        "µs of Redis a second",
        "µs of workers a second",
    )
    text = ["**Nothing happens: one person in each room**", "", *rows(head, lines)]
    return text if lines else []


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _value(measured: _Measured, shape: str, number: str) -> Callable[[str], str]:
    return lambda fleet: cell(measured.values(shape, fleet, number))


def _share(measured: _Measured, shape: str, number: str) -> Callable[[str], str]:
    return lambda fleet: cell([100 * v for v in measured.values(shape, fleet, number)], " %")


def _ratio(measured: _Measured, shape: str, number: str) -> Callable[[str], str]:
    return lambda fleet: cell(measured.ratios(shape, fleet, number), "×")


def goals(results: Results) -> list[str]:
    """Write the goals beside what was measured."""
    measured = _Measured(results)
    labels = results["shapes"]
    lines: list[tuple[str, Sequence[str]]] = []

    def add(
        what: str, goal: str, values: list[float], unit: str, met: Callable[[float], bool]
    ) -> None:
        verdict = "not measured"
        if values:
            verdict = "met" if met(statistics.median(values)) else "not met"
        lines.append((what, [goal, cell(values, unit), verdict]))

    for shape in ("paced-rooms", "paced-room"):
        add(
            f"CPU of a worker a delivery, beside embedded: {labels[shape]}",
            "at most 1.15×",
            measured.ratios(shape, "redis-1", "workers_us"),
            "×",
            lambda ratio: ratio <= 1.15,
        )
    add(
        "round trips for a batch",
        "at most 2",
        measured.values("lone", "redis-2", "redis_reads_per_message"),
        "",
        lambda trips: trips <= 2.05,  # the workers ask some things by themselves meanwhile
    )
    for shape in ("paced-rooms", "paced-room"):
        pairs = measured.pairs(shape, "redis-2", "p99_ms", _BASE)
        add(
            f"p99 with two workers, later than embedded: {labels[shape]}",
            "at most 10 ms",
            [own - base for own, base in pairs],
            " ms",
            lambda later: later <= 10,
        )
    for shape in ("closed-rooms", "closed-room"):
        ratios = measured.ratios(shape, "redis-2", "workers_us", "redis-1")
        add(
            f"two workers beside one, each with a core: {labels[shape]}",
            "at least 1.6×",
            [2 / ratio for ratio in ratios],
            "×",
            lambda more: more >= 1.6,
        )
        add(
            f"the same, if load and Redis have the same {results['cores']} cores: {labels[shape]}",
            "at least 1.6×",
            measured.ratios(shape, "redis-2", "deliveries_per_s", "redis-1"),
            "×",
            lambda more: more >= 1.6,
        )
    return rows(["", "goal", "measured", ""], lines)


def parameters(results: Results) -> list[str]:
    """Write the costs that the model reckons with."""
    lines = [
        (ABOUT[name], [f"{three_digits(value)} {name.rpartition('_')[2].replace('us', 'µs')}"])
        for name, value in asdict(costs_of(results)).items()
    ]
    return rows(["", "measured"], lines)


def fill(results: Results, document: Path = DOCUMENT, costs_file: Path = COSTS) -> None:
    """Put all tables between their marks in the document, and keep the costs."""
    costs = costs_of(results)
    write(costs, costs_file)
    minutes = results["seconds"] / 60
    measured = [
        f"Measured on {results['started']} with `make scaling`: {results['repetitions']} "
        f"repetitions, windows of {results['window_s']:g} s and longer, in {minutes:.0f} minutes. "
        "Each cell: median (smallest–largest).",
        "",
        *tables(results),
        "",
        *(f"- {name}: {value}" for name, value in results["machine"].items()),
    ]
    people = model.People()
    parts = {
        "goals": goals(results),
        "measured": measured,
        "costs": parameters(results),
        "assumed": model.assumptions(people),
        "plan": model.tables(people, costs),
    }
    text = document.read_text()
    for name, lines in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{document} has lost its marks {begin} and {end}")
        text = f"{before}{begin}\n" + "\n".join(lines).rstrip() + f"\n{end}{after}"
    document.write_text(text)


if __name__ == "__main__":
    fill(json.loads(FILE.read_text()), *map(Path, sys.argv[1:3]))
