"""The forms of an exported room: text, NDJSON, one HTML file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

import click

from chat.serving.language import language_here, spoken_here
from chat.web.shell import DIST, read_shell

_PACKAGE = Path(__file__).parent.parent

Message = dict[str, Any]
#: Writes messages into a file; the text is what their room is called.
Write = Callable[[TextIO, Iterable[Message], str], None]


def _write_ndjson(file: TextIO, messages: Iterable[Message], _title: str) -> None:
    file.writelines(map(line_of, messages))


def _write_text(file: TextIO, messages: Iterable[Message], _title: str) -> None:
    for message in messages:
        if not message.get("removed"):
            text = message["text"].replace("\n", "\n    ")
            when = f"{_local(message):%Y-%m-%d %H:%M}"
            file.write(f"{when} {message['member']['nick']}: {text}\n")


def _write_html(file: TextIO, messages: Iterable[Message], title: str) -> None:
    # Only this form needs them.
    from babel.dates import format_date, format_datetime, format_time
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    language = language_here()
    words = spoken_here()
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


def _local(message: Message) -> datetime:
    return datetime.fromisoformat(message["at"]).astimezone()


def line_of(value: dict[str, Any]) -> str:
    """Give a line of NDJSON."""
    return json.dumps(value, ensure_ascii=False) + "\n"


FORMS: dict[str, Write] = {
    "text": _write_text,
    "ndjson": _write_ndjson,
    "html": _write_html,
}
_ENDINGS = {".txt": "text", ".ndjson": "ndjson", ".jsonl": "ndjson", ".html": "html"}


def form_of(path: Path, form: str | None) -> Write:
    """Choose how a file is written. Raises ClickException."""
    chosen = form or _ENDINGS.get(path.suffix.lower())
    if chosen is None:
        raise click.ClickException(f"{path}: name the form: --format text, ndjson or html")
    return FORMS[chosen]
