"""Draw the plots of `docs/performance.md`."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # without a screen
from matplotlib import pyplot as plt

from bench.measured import Measured
from bench.shapes import GROWTH, THROUGHPUT

#: File: its description for people who cannot see it.
PLOTS = {
    "throughput.png": "Deliveries a second of each server, as ratios to Go",
    "growth.png": "Deliveries a second and CPU per delivery, one room of 10 to 9,000",
    "latency.png": "Latency at 40 messages a second into 500 connections",
}
_COLOURS = {
    "tchat": "#1a6fdf",
    "go": "#2a9d8f",
    "go-durable": "#1d5c54",
    "bare": "#999999",
    "node": "#8ab17d",
    "websockets": "#e9c46a",
    "fastapi": "#f4a261",
    "socketio": "#e76f51",
    "naive": "#b5838d",
}


def draw(measured: Measured, folder: Path) -> None:
    """Write every plot into a folder."""
    _throughput(measured, folder / "throughput.png")
    _growth(measured, folder / "growth.png")
    _latency(measured, folder / "latency.png")


def _throughput(measured: Measured, path: Path) -> None:
    shapes = [s for s in measured.shapes if s.name in THROUGHPUT]
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / max(1, len(measured.servers))
    for place, server in enumerate(measured.servers):
        for position, shape in enumerate(shapes):
            ratios = measured.ratios(shape.name, server.name, "deliveries_per_s", "go")
            if not ratios:
                continue
            median = statistics.median(ratios)
            axes.bar(
                position + (place - len(measured.servers) / 2 + 0.5) * width,
                median,
                width,
                color=_COLOURS[server.name],
                yerr=[[median - min(ratios)], [max(ratios) - median]],
                error_kw={"elinewidth": 1},
                label=server.label,
            )
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(shapes)), [shape.label for shape in shapes])
    axes.set_ylabel("deliveries a second, ratio to Go")
    axes.set_title("Throughput, closed loop")
    # Each server once, because every shape has added its own labels.
    labelled = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    place = {"loc": "outside lower center", "ncols": 4}
    figure.legend(labelled.values(), labelled.keys(), fontsize="small", **place)
    _save(figure, path)


def _growth(measured: Measured, path: Path) -> None:
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    numbers = (
        ("deliveries_per_s", "deliveries a second"),
        ("cpu_s_per_million", "CPU microseconds for a delivery"),
    )
    for axes, (number, label) in zip(panels, numbers, strict=True):
        for server in measured.servers:
            if server.name not in ("tchat", "go", "bare"):
                continue
            points = {
                count: statistics.median(values)
                for count, shape in GROWTH.items()
                if (values := measured.values(shape, server.name, number))
            }
            axes.plot(
                list(points),
                list(points.values()),
                marker="o",
                color=_COLOURS[server.name],
                label=server.label,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("connections in the room")
        axes.set_ylabel(label)
        axes.grid(visible=True, which="major", alpha=0.3)
    panels[0].legend(fontsize="small")
    _save(figure, path)


def _latency(measured: Measured, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(9, 3.5), layout="constrained")
    servers = [s for s in measured.servers if measured.values("open", s.name, "p50_ms")]
    for place, server in enumerate(reversed(servers)):
        for number, shift, alpha in (("p50_ms", 0.2, 1.0), ("p99_ms", -0.2, 0.55)):
            value = statistics.median(measured.values("open", server.name, number))
            axes.barh(place + shift, value, 0.38, color=_COLOURS[server.name], alpha=alpha)
            axes.text(value, place + shift, f" {value:.1f}", va="center", fontsize="small")
    axes.set_yticks(range(len(servers)), [server.label for server in reversed(servers)])
    axes.set_xlabel("milliseconds, p50 (dark) and p99 (light)")
    axes.set_title("Latency at 40 messages a second into 500 connections")
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    # No date and no version inside: the file changes when the plot does.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
