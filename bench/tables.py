"""Write numbers as Markdown: medians with their spread, in tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def three_digits(value: float) -> str:
    """Write a number with three digits, or all of a large one."""
    if abs(value) >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.{1 if abs(value) >= 10 else 2}f}"


def cell(values: Sequence[float], unit: str = "") -> str:
    """Write a median, and its spread if there is one."""
    if not values:
        return "–"
    text = f"{three_digits(statistics.median(values))}{unit}"
    if len(values) > 1:
        text += f" ({three_digits(min(values))}–{three_digits(max(values))})"
    return text


def rows(head: Sequence[str], lines: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Make a table; each line has its name and its cells."""
    table = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    table += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in lines]
    return [*table, ""]
