"""The run: every shape with every server in turn, several times."""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from bench import report
from bench.crowd import LoadFailed
from bench.machine import describe, raise_file_limit
from bench.process import LOAD_CORE, SERVER_CORE
from bench.runs import can_run, undisturbed
from bench.servers import BUILD, ROOT, SERVERS, Server
from bench.shapes import SHAPES, Shape

_RESULTS = Path(__file__).parent / "results"
_QUICK_SERVERS = ("tchat", "go", "go-durable", "naive", "bare")


def main() -> None:
    """Run the shapes and print the table."""
    options = _options()
    if not sys.platform.startswith("linux"):
        raise SystemExit("The bench needs Linux: it uses epoll, /proc and pinned cores.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no server is left behind
    raise_file_limit()
    os.sched_setaffinity(0, {LOAD_CORE})
    BUILD.mkdir(parents=True, exist_ok=True)
    notices: list[str] = []
    servers = [
        server
        for server in SERVERS
        if not options.servers or server.name in options.servers.split(",")
        if (options.full or options.servers or server.name in _QUICK_SERVERS)
        if can_run(server, notices)
    ]
    shapes = [
        shape
        for shape in SHAPES
        if not options.shapes or shape.name in options.shapes.split(",")
        if options.full or options.shapes or shape.quick
    ]
    if SERVER_CORE == LOAD_CORE:
        notices.append("One core only: server and load share it, and nothing here is reliable.")
    repetitions = options.repetitions or (5 if options.full else 1)
    window_s = options.window or (1.5 if options.full else 0.8)
    results = {
        "full": options.full,
        "started": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "machine": describe(),
        "repetitions": repetitions,
        "window_s": window_s,
        "notices": notices,
        "runs": [],
    }
    began = time.monotonic()
    for repetition in range(repetitions):
        for shape in shapes:
            results["runs"] += _run_shape(shape, servers, repetition, window_s, notices)
    results["seconds"] = time.monotonic() - began
    _RESULTS.mkdir(exist_ok=True)
    # The tables of a partial run must not replace those of a full run.
    whole = options.full and not (options.servers or options.shapes)
    path = _RESULTS / ("full.json" if whole else "quick.json")
    path.write_text(json.dumps(results, indent=1))
    print(report.table(results))
    print(f"{results['seconds']:.0f} s; the numbers are in {path.relative_to(Path.cwd())}")
    if whole:
        report.write(results, options.docs)


def _run_shape(
    shape: Shape, servers: list[Server], repetition: int, window_s: float, notices: list[str]
) -> list[dict[str, object]]:
    """Measure every server in one shape, one right after the other, as ratios need that."""
    runs: list[dict[str, object]] = []
    for server in random.sample(servers, len(servers)):
        reason = shape.skipped(server)
        if reason is not None:
            notice = f"{server.label}, {shape.label}: left out, {reason}."
            if reason and notice not in notices:
                notices.append(notice)
            continue
        began = time.monotonic()
        run: dict[str, object] = {
            "shape": shape.name,
            "server": server.name,
            "repetition": repetition,
        }
        try:
            run["numbers"] = undisturbed(partial(shape.measure, server, window_s))
        except (LoadFailed, RuntimeError, OSError, subprocess.TimeoutExpired) as failure:
            run["failure"] = str(failure)
            notices.append(f"{server.label}, {shape.label}: failed. {failure}")
        run["seconds"] = time.monotonic() - began
        print(f"{repetition + 1} {shape.name:12} {server.name:10} {_brief(run)}", file=sys.stderr)
        runs.append(run)
    return runs


def _brief(run: dict[str, object]) -> str:
    numbers = run.get("numbers")
    if not isinstance(numbers, dict):
        return f"failed: {run['failure']}"
    values = "  ".join(f"{name} {value:,.4g}" for name, value in numbers.items())
    return f"{run['seconds']:4.1f} s  {values}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="all servers, all shapes, 5 times")
    parser.add_argument("--servers", help="only these, separated by commas")
    parser.add_argument("--shapes", help="only these, separated by commas")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--window", type=float, help="seconds measured each time")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where --full writes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
