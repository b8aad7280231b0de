"""The command `export`: one room as text, as NDJSON, or as one HTML file.

The messages are fetched page by page into a file beside, with the place that each page leads to. So
an export that was interrupted goes on where it was. What was edited or removed meanwhile comes as
an entry behind, and is put right when the file is written.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import click

from chat.cli.operator import Operator, operator
from chat.cli.plain import plain_line
from chat.cli.shown import shown
from chat.config import read_settings
from chat.log import Progress
from chat.names.rooms import is_private
from chat.web.shell import DIST, LANGUAGES, read_shell

_PAGE = 500  # entries
_PLACE = b'{"place"'
_PACKAGE = Path(__file__).parent.parent

Message = dict[str, Any]
Write = Callable[[TextIO, Iterable[Message], str], None]


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
    write = _FORMS[form or "text"] if file == "-" else _form(path, form)
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
        lines = (*map(_line, entries), _line({"place": place}))
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


# --- the forms ------------------------------------------------------------------------------------


def _write_ndjson(file: TextIO, messages: Iterable[Message], _title: str) -> None:
    file.writelines(map(_line, messages))


def _write_text(file: TextIO, messages: Iterable[Message], _title: str) -> None:
    for message in messages:
        if not message.get("removed"):
            text = message["text"].replace("\n", "\n    ")
            when = f"{_local(message):%Y-%m-%d %H:%M}"
            file.write(f"{when} {message['member']['nick']}: {text}\n")


def _write_html(file: TextIO, messages: Iterable[Message], title: str) -> None:
    # Only this form needs them.
    from babel.dates import format_date, format_datetime, format_time
    from babel.support import Translations
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    language = _language()
    words = Translations.load(str(_PACKAGE / "translations"), [language])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(words)  # type: ignore[attr-defined]
    everything = list(messages)
    count = len(everything)
    about = words.ungettext(
        "Copied {when}: {count} message.", "Copied {when}: {count} messages.", count
    )
    days = (
        (
            format_date(day, "full", locale=language),
            (_shown(each, format_time(_local(each), "short", locale=language)) for each in some),
        )
        for day, some in groupby(everything, lambda each: _local(each).date())
    )
    stream = environment.get_template("export.html").stream(
        language=language,
        title=title,
        sheet=Markup(_sheet()),  # noqa: S704 -- it is ours
        about=about.format(
            when=format_datetime(datetime.now(UTC).astimezone(), locale=language), count=count
        ),
        is_cut=bool(everything) and everything[0]["seq"] > 1,
        days=days,
    )
    stream.enable_buffering(50)
    file.writelines(stream)


def _shown(message: Message, time: str) -> dict[str, Any]:
    """Give what the template shows of a message."""
    reply, member = message.get("reply"), message["member"]
    quoted = None
    if reply and reply.get("member") and not reply.get("removed"):
        quoted = {**reply, "nick": reply["member"]["nick"]}
    return {
        **message,
        "nick": member["nick"],
        "time": time,
        "initials": member["nick"][:1].upper(),
        "hue": _hue(member["id"]),
        "reply": quoted,
    }


def _hue(member_id: str) -> int:
    """Give a member's colour, as the page does (people/mark.js)."""
    digest = 0x811C9DC5
    for byte in member_id.encode():
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return digest % 12


def _sheet() -> str:
    """Give the style sheet of copies, as `make page` has built it."""
    shell = read_shell(_PACKAGE)
    return (_PACKAGE / DIST / shell.addresses["css/copy.css"]).read_text("utf-8")


def _language() -> str:
    """Give the user's language, if it is one of ours."""
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_TIME") or os.environ.get("LANG") or ""
    return next((each for each in LANGUAGES if spoken.startswith(each)), "en")


def _local(message: Message) -> datetime:
    return datetime.fromisoformat(message["at"]).astimezone()


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


_FORMS: dict[str, Write] = {
    "text": _write_text,
    "ndjson": _write_ndjson,
    "html": _write_html,
}
_ENDINGS = {".txt": "text", ".ndjson": "ndjson", ".jsonl": "ndjson", ".html": "html"}


def _form(path: Path, form: str | None) -> Write:
    """Choose how a file is written. Raises ClickException."""
    chosen = form or _ENDINGS.get(path.suffix.lower())
    if chosen is None:
        raise click.ClickException(f"{path}: name the form: --format text, ndjson or html")
    return _FORMS[chosen]
