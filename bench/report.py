"""Turn a run's results into the tables of `docs/performance.md`: medians and ratios.

A ratio compares two measurements of one repetition, which are seconds apart. The median and the
spread are those of the ratios. `python -m bench.report [FOLDER]` makes the page again from the
last full run.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.measured import BUSY, FULL, Measured, Results
from bench.plots import PLOTS, draw
from bench.servers import ROOT
from bench.shapes import CROWD_UNDER_WAY, GROWTH, STEPS, THROUGHPUT, VISITS, VISITS_UNDER_WAY
from bench.tables import cell, rows, three_digits

_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"
FULL_RESULTS = ROOT / "bench" / "results" / "full.json"


def _throughput(measured: Measured, title: str, write: Callable[[str, str], str]) -> list[str]:
    shapes = [s for s in measured.shapes if s.name in THROUGHPUT]
    lines = []
    for server in measured.servers:
        cells = []
        for shape in shapes:
            text = write(shape.name, server.name)
            busy = text != "–" and measured.load_was_busy(shape.name, server.name)
            cells.append(text + ("\\*" if busy else ""))
        lines.append((server.label, cells))
    return [f"**{title}**", "", *rows(["", *(s.label for s in shapes)], lines)]


def _compared(
    measured: Measured, shape: str, columns: Sequence[tuple[str, str, str | None]]
) -> list[str]:
    """Make a table of several numbers; a column: its head, the number, what it is a ratio to."""
    lines = []
    for server in measured.servers:
        cells = []
        for _, number, to in columns:
            if to is None:
                cells.append(cell(measured.values(shape, server.name, number)))
            else:
                cells.append(cell(measured.ratios(shape, server.name, number, to), "×"))
        if any(text != "–" for text in cells):
            busy = "\\*" if measured.load_was_busy(shape, server.name) else ""
            lines.append((server.label + busy, cells))
    return rows(["", *(head for head, _, _ in columns)], lines)


def _growth(measured: Measured, number: str) -> list[str]:
    counts = [count for count, shape in GROWTH.items() if measured.has(shape)]
    lines = []
    for server in measured.servers:
        cells = []
        for count in counts:
            text = cell(measured.values(GROWTH[count], server.name, number))
            busy = text != "–" and measured.load_was_busy(GROWTH[count], server.name)
            cells.append(text + ("\\*" if busy else ""))
        if server.name in ("tchat", "go", "bare"):
            lines.append((server.label, cells))
    return rows(["", *(f"{count:,}" for count in counts)], lines)


def _steps(measured: Measured) -> list[str]:
    """Make the tables of what one more connection costs."""
    text = []
    for title, number, to in (
        ("Joined a second", "joins_per_s", None),
        ("The same, to Go", "joins_per_s", "go"),
        ("Milliseconds of server CPU for one more", "cpu_ms", None),
        ("KiB for an idle one", "kib", None),
    ):
        text += [f"**{title}**", ""]
        columns = [(f"{count:,}", f"{number}_{count}", to) for count in STEPS]
        text += _compared(measured, "connecting", columns)
    return text


def _door(measured: Measured) -> list[str]:
    """Make the tables of first visits."""
    text = []
    if measured.has("door"):
        loaded = ", ".join(
            f"{server.label} {three_digits(kib[0])}"
            for server in measured.servers
            if (kib := measured.values("door", server.name, "kib_per_visit"))
        )
        text += [f"KiB of files that a visitor gets: {loaded}.", ""]
        text += [f"**{VISITS} visits, {VISITS_UNDER_WAY} at a time**", ""]
        text += _compared(
            measured,
            "door",
            (
                ("ms of server CPU a visit", "cpu_ms_per_visit", None),
                ("to Go", "cpu_ms_per_visit", "go"),
                ("visits a second", "visits_per_s", None),
                ("to Go", "visits_per_s", "go"),
            ),
        )
    if measured.has("door-1000"):
        text += [f"**1,000 together, {CROWD_UNDER_WAY} at a time**", ""]
        text += _compared(
            measured,
            "door-1000",
            (
                ("seconds until the last is in the room", "last_in_s", None),
                ("to Go", "last_in_s", "go"),
                ("ms of server CPU a visit", "cpu_ms_per_visit", None),
                ("to Go", "cpu_ms_per_visit", "go"),
            ),
        )
    return text


def table(results: Results) -> str:
    """Write all tables, in Markdown."""
    measured = Measured(results)
    text: list[str] = []
    if any(measured.has(shape) for shape in THROUGHPUT):
        text += ["### Throughput, closed loop", ""]
        for title, write in (
            (
                "Ratio to Go",
                lambda s, n: cell(measured.ratios(s, n, "deliveries_per_s", "go"), "×"),
            ),
            (
                "Ratio to durable Go",
                lambda s, n: cell(measured.ratios(s, n, "deliveries_per_s", "go-durable"), "×"),
            ),
            (
                "Ratio to the bare limit",
                lambda s, n: cell(measured.ratios(s, n, "deliveries_per_s", "bare"), "×"),
            ),
            (
                "Deliveries a second",
                lambda s, n: cell(measured.values(s, n, "deliveries_per_s")),
            ),
        ):
            text += _throughput(measured, title, write)
    if measured.has("open"):
        text += ["### Fixed rate: 40 messages a second into 500 connections", ""]
        text += ["**Server CPU for a million deliveries**", ""]
        text += _compared(
            measured,
            "open",
            (
                ("CPU seconds", "cpu_s_per_million", None),
                ("to Go", "cpu_s_per_million", "go"),
                ("to durable Go", "cpu_s_per_million", "go-durable"),
                ("to the bare limit", "cpu_s_per_million", "bare"),
            ),
        )
        text += ["**Latency, milliseconds from the post to the last byte received**", ""]
        text += _compared(
            measured,
            "open",
            (
                ("p50", "p50_ms", None),
                ("p50 to Go", "p50_ms", "go"),
                ("p50 to the bare limit", "p50_ms", "bare"),
                ("p99", "p99_ms", None),
                ("p99 to Go", "p99_ms", "go"),
                ("p99 to the bare limit", "p99_ms", "bare"),
            ),
        )
    if measured.has("lone"):
        text += ["### One person posts alone: a commit for each message", ""]
        text += _compared(
            measured,
            "lone",
            (
                ("KiB written for a post", "written_kib", None),
                ("to durable Go", "written_kib", "go-durable"),
            ),
        )
    if measured.has("idle"):
        text += ["### Connections", ""]
        text += _compared(
            measured,
            "idle",
            (
                ("joined a second", "joins_per_s", None),
                ("to Go", "joins_per_s", "go"),
                ("KiB for an idle one", "kib_per_connection", None),
                ("to Go", "kib_per_connection", "go"),
            ),
        )
    if measured.has("connecting"):
        text += ["### Growth: 1,000 to 9,000 connections, in rooms of 100", ""]
        text += _steps(measured)
    if measured.has("door") or measured.has("door-1000"):
        text += ["### First visits, until they are in the room", ""]
        text += _door(measured)
    if measured.has("comeback"):
        text += ["### 1,000 clients come back after the server was killed", ""]
        text += _compared(
            measured,
            "comeback",
            (
                ("seconds", "back_s", None),
                ("to Go", "back_s", "go"),
                ("with the server's start", "back_with_start_s", None),
                ("to Go", "back_with_start_s", "go"),
            ),
        )
    if any(measured.has(shape) for shape in ("room-10", "room-9000")):
        text += ["### Growth: one room of 10 to 9,000", "", "**Deliveries a second**", ""]
        text += _growth(measured, "deliveries_per_s")
        text += ["**Server CPU seconds for a million deliveries**", ""]
        text += _growth(measured, "cpu_s_per_million")
    if any(
        measured.load_was_busy(sh.name, se.name)
        for sh in measured.shapes
        for se in measured.servers
    ):
        text += [
            f"\\* The load was the bottleneck (over {BUSY:.0%} of its core, and the server below "
            f"{FULL:.0%} of its own): the server may be faster.",
            "",
        ]
    if results["notices"]:
        text += [*(f"- {' '.join(notice.split())[:300]}" for notice in results["notices"]), ""]
    return "\n".join(text)


def page(results: Results) -> str:
    """Write the part of `docs/performance.md` between its two marks."""
    machine = results["machine"]
    spread = "median (smallest–largest)" if results["repetitions"] > 1 else "one run only"
    lines = [
        f"Measured on {results['started']} with "
        f"`make bench{' FULL=1' if results['full'] else ''}`, "
        f"{results['repetitions']} repetitions, windows of {results['window_s']:g} s, in "
        f"{results['seconds'] / 60:.0f} minutes. Each cell: {spread}.",
        "",
        *(f"![{alt}]({name})" for name, alt in PLOTS.items()),
        "",
        table(results),
        "### Machine and versions",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
    ]
    return "\n".join(lines)


def write(results: Results, folder: Path = ROOT / "docs") -> None:
    """Put tables and plots into `performance.md`, and keep the text around them."""
    draw(Measured(results), folder)
    path = folder / "performance.md"
    text = path.read_text() if path.exists() else f"# Performance\n\n{_BEGIN}\n{_END}\n"
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{path} has lost its marks {_BEGIN} and {_END}")
    path.write_text(f"{before}{_BEGIN}\n{page(results)}\n{_END}{after}")


if __name__ == "__main__":
    write(json.loads(FULL_RESULTS.read_text()), *map(Path, sys.argv[1:2]))
