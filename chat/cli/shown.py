"""What commands show: progress, and numbers in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from chat.log import Contents, Progress


def counted(contents: Contents) -> str:
    """Say how many messages and rooms there are."""
    messages = "1 message" if contents.messages == 1 else f"{contents.messages:,} messages"
    rooms = "1 room" if contents.rooms == 1 else f"{contents.rooms:,} rooms"
    return f"{messages} in {rooms}"


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
