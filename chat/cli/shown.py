"""What commands show: progress, tables, and numbers in words."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from chat.log import Contents, Progress


def counted(contents: Contents) -> str:
    """Say how many messages and rooms there are."""
    messages = "1 message" if contents.messages == 1 else f"{contents.messages:,} messages"
    rooms = "1 room" if contents.rooms == 1 else f"{contents.rooms:,} rooms"
    return f"{messages} in {rooms}"


#: For commands that are given a member's id or a room, which may begin with a hyphen.
NAMES = {"ignore_unknown_options": True}


@contextmanager
def shown() -> Iterator[Progress]:
    """Give a function that shows progress: a bar on a terminal, else a line for each step."""
    bar: Any = None

    def show(step: str, done: int, total: int) -> None:
        nonlocal bar
        if bar is None or bar.label != step:
            if bar is not None:
                bar.render_finish()
            bar = click.progressbar(length=total, label=step, file=sys.stderr)
            bar.render_progress()
        bar.update(done - bar.pos)

    try:
        yield show
    finally:
        if bar is not None:
            bar.render_finish()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show rows under a head, each column as wide as it has to be."""
    widths = [max(map(width, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def width(text: str) -> int:
    """Count the columns that a text takes: letters of Chinese take two, marks none."""
    return sum(
        0
        if unicodedata.category(each)[0] == "M"
        else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )
