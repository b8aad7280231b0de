"""The commands about people: who, put-out."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import click

from chat.cli.operator import Operator, operator
from chat.cli.plain import plain_line
from chat.cli.shown import NAMES, table
from chat.config import read_settings
from chat.names.keys import is_member_id

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FOR = re.compile(r"(\d{1,9})([smhd]?)")


class Span(click.ParamType[int]):
    """A time span: `90`, `10m`, `2h`, `30d`; in seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        """Give the seconds."""
        if isinstance(value, int):
            return value
        found = _FOR.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not a time like 90, 10m, 2h or 30d", param, context)
        return int(found[1]) * _UNITS[found[2] or "s"]


@click.command()
@click.option("--room", help="Only who is in this room.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def who(room: str | None, as_json: bool) -> None:
    """List who is here: nick, room, since when, and the member's id."""
    with operator(read_settings()) as asking:
        people = present(asking, room)
    if as_json:
        for person in people:
            click.echo(json.dumps(person, ensure_ascii=False))
        return
    rows = [
        (plain_line(each["nick"]), plain_line(each["room"]), _since(each["since"]), each["id"])
        for each in people
    ]
    table(("NICK", "ROOM", "SINCE", "MEMBER"), rows)


@click.command("put-out", context_settings=NAMES)
@click.argument("person")
@click.option("--room", default="general", show_default=True, help="Out of which room.")
@click.option("--for", "for_s", type=Span(), default="1h", show_default=True, help="How long.")
def put_out(person: str, room: str, for_s: int) -> None:
    """Put PERSON out of a room for a time; 0 lets it come again.

    PERSON is the nick of somebody who is there, or the id of a member (`tchat who`).
    """
    with operator(read_settings()) as asking:
        member = member_of(asking, person, room)
        path = ("rooms", room, "people", member, "put-out")
        asking.ask("PUT", *path, body={"for_s": for_s})
    done = "may come again" if not for_s else f"is out for {for_s} seconds"
    click.echo(f"{plain_line(person)} {done} ({plain_line(room)}).")


def present(asking: Operator, room: str | None) -> list[dict[str, Any]]:
    """List who is in a room, or in any, each with its room."""
    if room is not None:
        found = asking.ask("GET", "rooms", room, "people")
        return [{"room": room, **each} for each in found["people"]]
    people: list[dict[str, Any]] = asking.ask("GET", "people")["people"]
    return people


def member_of(asking: Operator, person: str, room: str | None) -> str:
    """Give the id of a member that is named, or whose nick somebody has who is here.

    Raises ClickException where that is nobody, or several.
    """
    here = {each["id"] for each in present(asking, room) if each["nick"] == person}
    if len(here) == 1:
        return str(here.pop())
    if here:
        raise click.ClickException(f"several people are called {person}: name one by its id")
    if is_member_id(person):
        return person
    raise click.ClickException(f"nobody here is called {person}: name the member by its id")


def _since(written: str) -> str:
    came = datetime.fromisoformat(written).astimezone()
    return f"{came:%Y-%m-%d %H:%M} ({_ago(datetime.now(UTC) - came)})"


def _ago(span: Any) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
