"""The command `export`: one room as text, as NDJSON, or as one HTML file.

The messages are fetched page by page into a file beside, with the place that each page leads to. So
an export that was interrupted goes on where it was. What was edited or removed meanwhile comes as
an entry behind, and is put right when the file is written.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from chat.cli.forms import FORMS, Message, Write, form_of, line_of
from chat.cli.operator import Operator, operator
from chat.cli.plain import plain_line
from chat.cli.shown import shown
from chat.config import read_settings
from chat.log import Progress
from chat.names.rooms import is_private

_PAGE = 500  # entries
_PLACE = b'{"place"'


@click.command()
@click.argument("file", default="-")
@click.option("--room", default="general", show_default=True, help="Which room.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "ndjson", "html"]),
    help="What FILE becomes; without it, what its name says (.txt, .ndjson, .html), or text.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
def export(file: str, room: str, form: str | None, force: bool) -> None:
    """Write the conversation of a room into FILE, also while the server runs.

    If it is interrupted, the same command goes on where it was. Without FILE, or for `-`, it is
    written to standard output.
    """
    path = Path(file)
    write = FORMS[form or "text"] if file == "-" else form_of(path, form)
    if file != "-" and path.exists() and not force:
        raise click.ClickException(f"{file} exists: name another file, or use --force")
    with operator(read_settings()) as asking, shown() as progress:
        title = _title(asking, room)
        try:
            if file == "-":
                _print(asking, room, write, title, progress)
                return
            parts = _Parts(path.with_name(f"{path.name}.part"))
            _fetch(asking, room, parts, progress)
            count = _finish(path, parts, write, title)
        except OSError as error:
            raise click.ClickException(f"{file} cannot be written: {error}") from None
    messages = "1 message" if count == 1 else f"{count:,} messages"
    click.echo(f"{file} has {messages} of {plain_line(title)}.")


def _print(asking: Operator, room: str, write: Write, title: str, progress: Progress) -> None:
    """Write to standard output. Raises OSError."""
    with TemporaryDirectory() as folder:
        parts = _Parts(Path(folder) / "part")
        _fetch(asking, room, parts, progress)
        write(sys.stdout, parts.messages(), title)
        sys.stdout.flush()


def _title(asking: Operator, room: str) -> str:
    """Give what a room is called: a private one's name is its key."""
    title = str(asking.ask("GET", "rooms", room)["title"])
    return title or ("Tchat" if is_private(room) else room)


def _fetch(asking: Operator, room: str, parts: _Parts, progress: Progress) -> None:
    """Fetch the entries of a room that are not there yet."""
    path = ("rooms", room, "messages")
    head = _seq(asking.ask("GET", *path, limit=1)["next"])
    more = True
    while more:
        found = asking.ask("GET", *path, after=parts.place or "0", limit=_PAGE)
        if found["gap"] in ("lost", "changed"):
            parts.clear()  # the log is another one
            continue
        parts.add(found["entries"], found["next"])
        more = found["more"]
        if head:
            progress("Fetching messages", min(_seq(parts.place), head), head)


def _seq(place: str) -> int:
    return int(place.partition("~")[0])


class _Parts:
    """What was fetched, in a file beside: entries, and the place after them, a line each."""

    def __init__(self, path: Path) -> None:
        """Begin, or go on after the last place that an earlier export has left."""
        self.path = path
        self.place = ""
        end = offset = 0
        # Like all that people wrote, for their own user alone.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        with open(descriptor, "r+b") as file:  # noqa: PTH123 -- it is open
            for line in file:
                offset += len(line)
                if line.startswith(_PLACE) and line.endswith(b"\n"):
                    self.place, end = json.loads(line)["place"], offset
            file.truncate(end)

    def clear(self) -> None:
        """Begin anew."""
        self.place = ""
        os.truncate(self.path, 0)

    def add(self, entries: Iterable[dict[str, Any]], place: str) -> None:
        """Add entries, and the place after them."""
        lines = (*map(line_of, entries), line_of({"place": place}))
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        self.place = place

    def messages(self) -> Iterator[Message]:
        """Give the messages, oldest first, as the last entries that were fetched leave them."""
        changes: dict[int, dict[str, Any]] = {}
        for entry in self._entries():
            if entry["type"] in ("edited", "removed") and entry["target"]:
                changes[entry["target"]] = entry
        for entry in self._entries():
            if entry["type"] == "message":
                message = {name: each for name, each in entry.items() if name != "type"}
                change = changes.get(message["seq"])
                if change is not None and not message.get("removed"):
                    message |= _changed(change)
                yield message

    def _entries(self) -> Iterator[dict[str, Any]]:
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                if "type" in entry:
                    yield entry


def _changed(change: dict[str, Any]) -> dict[str, Any]:
    """Give what a change has made of its message."""
    if change["type"] == "removed" or change.get("text") is None:
        return {"text": "", "removed": True}
    return {"text": change["text"], "edited": change["at"]}


def _finish(path: Path, parts: _Parts, write: Write, title: str) -> int:
    """Write the file, all or nothing; give how many messages it has."""
    count = 0

    def counted() -> Iterator[Message]:
        nonlocal count
        for message in parts.messages():
            count += 1
            yield message

    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 -- it is open
        write(file, counted(), title)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    parts.path.unlink()
    return count
