"""The commands about rooms and what is in them: rooms, stats, remove, prune, import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from chat.cli.operator import Operator, operator
from chat.cli.people import member_of
from chat.cli.plain import local_time, plain_line
from chat.cli.shown import NAMES, shown, table
from chat.config import read_settings

_PAGE = 500  # rooms in one answer
_AT_ONCE = 100  # messages that are imported with one request
_BARS = " ▁▂▃▄▅▆▇█"

Message = dict[str, Any]


def all_rooms(asking: Operator) -> Iterator[dict[str, Any]]:
    """Give all rooms, in the order of their names."""
    after, more = "", True
    while more:
        found = asking.ask("GET", "rooms", after=after, limit=_PAGE)
        yield from found["rooms"]
        more = found["more"]
        after = found["rooms"][-1]["room"] if found["rooms"] else after


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def rooms(as_json: bool) -> None:
    """List all rooms: their name, entries, newest entry, and what they are."""
    with operator(read_settings()) as asking:
        found = list(all_rooms(asking))
    if as_json:
        for room in found:
            click.echo(json.dumps(room, ensure_ascii=False))
        return
    rows = [
        (plain_line(each["room"]), f"{each['entries']:,}", _when(each["at"]), _what(each))
        for each in found
    ]
    table(("ROOM", "ENTRIES", "NEWEST", ""), rows)


def _what(room: dict[str, Any]) -> str:
    words = ["made"] if room["made"] else []
    words += [f"« {plain_line(room['title'])} »"] if room["title"] else []
    words += [f"ended {_when(room['ended_at'])}"] if room["ended_at"] else []
    return ", ".join(words)


def _when(written: str | None) -> str:
    if written is None:
        return "-"
    return local_time(written)


# --- stats ----------------------------------------------------------------------------------------


@click.command()
def stats() -> None:
    """Show the week: how much was posted in each hour, and where."""
    with operator(read_settings()) as asking:
        week = asking.ask("GET", "activity")
        found = list(all_rooms(asking))
        here = len(asking.ask("GET", "people")["people"])
    posts = {
        datetime.fromisoformat(each["at"]).astimezone().replace(minute=0): each["posts"]
        for each in week["hours"]
    }
    for line in _picture(posts, datetime.now(UTC).astimezone()):
        click.echo(line)
    click.echo(f"\n{sum(posts.values()):,} posts in seven days; {here} people are here now.")
    if not week["is_whole"]:
        click.echo("More was posted than is counted here: only the newest of each room.")
    busiest = sorted(found, key=lambda each: -each["entries"])[:5]
    if busiest:
        click.echo()
        rows = [(plain_line(each["room"]), f"{each['entries']:,}") for each in busiest]
        table(("ROOM", "ENTRIES"), rows)


def _picture(posts: dict[datetime, int], now: datetime) -> Iterator[str]:
    """Draw a line a day, a column an hour; the highest bar is the busiest hour."""
    most = max(posts.values(), default=0)
    yield f"           {'0':<6}{'6':<6}{'12':<6}{'18':<6}"
    for back in range(6, -1, -1):
        day = (now - timedelta(days=back)).date()
        of_day = {at.hour: count for at, count in posts.items() if at.date() == day}
        bars = "".join(_bar(of_day.get(hour, 0), most) for hour in range(24))
        yield f"{day:%a %m-%d}  {bars}  {sum(of_day.values()):,}"


def _bar(count: int, most: int) -> str:
    """Choose a bar: none for nothing, at least the lowest for anything."""
    return _BARS[-(-count * (len(_BARS) - 1) // most)] if most else _BARS[0]


# --- remove ---------------------------------------------------------------------------------------


@click.group()
def remove() -> None:
    """Remove a message, all messages of a person, or a room."""


_yes = click.option("--yes", is_flag=True, help="Do not ask first.")


@remove.command("message", context_settings=NAMES)
@click.argument("room")
@click.argument("seq", type=click.IntRange(min=1))
def remove_message(room: str, seq: int) -> None:
    """Remove the message with the number SEQ from ROOM; `tchat export` shows the numbers."""
    with operator(read_settings()) as asking:
        path = ("rooms", room, "messages")
        found = asking.ask("GET", *path, before=seq + 1, limit=1)["messages"]
        if not found or found[0]["seq"] != seq:
            raise click.ClickException(f"there is no message {seq} in {plain_line(room)}")
        message = found[0]
        asking.ask("DELETE", *path, message["id"], member=message["member"]["id"])
    click.echo(f"Message {seq} of {plain_line(room)} is removed.")


@remove.command("person", context_settings=NAMES)
@click.argument("person")
@click.option("--room", help="Only from this room; without it, from all.")
@_yes
def remove_person(person: str, room: str | None, yes: bool) -> None:
    """Remove all messages of PERSON: the nick of somebody who is here, or a member's id."""
    with operator(read_settings()) as asking:
        member = member_of(asking, person, room)
        where = "all rooms" if room is None else plain_line(room)
        if not yes:
            click.confirm(f"Remove all messages of {plain_line(person)} from {where}?", abort=True)
        for each in [room] if room is not None else _with_entries(asking):
            asking.ask("DELETE", "rooms", each, "people", member, "messages")
    click.echo(f"All messages of {plain_line(person)} are removed from {where}.")


def _with_entries(asking: Operator) -> list[str]:
    return [each["room"] for each in all_rooms(asking) if each["entries"] and not each["ended_at"]]


@remove.command("room", context_settings=NAMES)
@click.argument("room")
@_yes
def remove_room(room: str, yes: bool) -> None:
    """End ROOM: all that was said there is deleted, and nobody can come in any more."""
    with operator(read_settings()) as asking:
        if not yes:
            click.confirm(f"Delete all of {plain_line(room)}?", abort=True)
        asking.ask("DELETE", "rooms", room)
    click.echo(f"{plain_line(room)} has ended, and all that was said there is deleted.")


# --- prune ----------------------------------------------------------------------------------------


@click.command()
@click.option("--room", help="Only this room; without it, all.")
@click.option("--keep", type=click.IntRange(min=0), help="Keep so many of the newest entries.")
@click.option("--before", help="Delete what is older than this day or time: 2026-01-31.")
@_yes
def prune(room: str | None, keep: int | None, before: str | None, yes: bool) -> None:
    """Delete the oldest entries, and give the disk its space back."""
    if (keep is None) == (before is None):
        raise click.UsageError("Say either --keep or --before.")
    until = None if before is None else _time(before)
    with operator(read_settings()) as asking:
        found = [each for each in all_rooms(asking) if room is None or each["room"] == room]
        if room is not None and not found:
            raise click.ClickException(f"there is no room {plain_line(room)}")
        if not yes:
            what = f"all but the newest {keep}" if until is None else f"what is older than {before}"
            where = "all rooms" if room is None else plain_line(room)
            click.confirm(f"Delete {what} from {where}?", abort=True)
        gone = 0
        with shown() as progress:
            for number, each in enumerate(found, 1):
                last = each["head"] - keep if keep is not None else _last(asking, each, until)
                if last > each["head"] - each["entries"]:
                    path = ("rooms", each["room"], "prune")
                    gone += asking.ask("POST", *path, body={"last": last})["entries"]
                progress("Pruning", number, len(found))
    click.echo(f"{gone:,} entries are deleted. The server gives the space back when it is idle.")


def _time(written: str) -> datetime:
    try:
        return datetime.fromisoformat(written).astimezone()
    except ValueError:
        raise click.BadParameter(f"{written!r} is not a day like 2026-01-31") from None


def _last(asking: Operator, room: dict[str, Any], until: datetime | None) -> int:
    """Find the newest entry before a time, by halves; the one before the first for none."""
    assert until is not None
    low, high = room["head"] - room["entries"], room["head"]  # the last before, and the one sought
    while low < high:
        middle = (low + high + 1) // 2
        path = ("rooms", room["room"], "messages")
        entries = asking.ask("GET", *path, after=str(middle - 1), limit=1)["entries"]
        if not entries or datetime.fromisoformat(entries[0]["at"]) >= until:
            high = middle - 1
        else:
            low = middle
    return int(low)


# --- import ---------------------------------------------------------------------------------------


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--room", required=True, help="Into which room.")
@click.option("--append", is_flag=True, help="Behind what is there already.")
def import_room(file: Path, room: str, append: bool) -> None:
    """Put the messages of FILE, an export as NDJSON, into a room, with their people and times.

    If it is interrupted, the same command goes on where it was.
    """
    messages = list(_read(file))
    if not messages:
        raise click.ClickException(f"{file} has no messages")
    with operator(read_settings()) as asking, shown() as progress:
        if not append:
            _refuse_others(asking, room, messages[0])
        new = _Import(asking, room, messages).run(progress)
    already = len(messages) - new
    words = f", {already:,} were there already" if already else ""
    click.echo(f"{new:,} messages are now in {plain_line(room)}{words}.")


def _read(file: Path) -> Iterator[Message]:
    """Read the messages of an export that have a text. Raises ClickException."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                message = json.loads(line)
                if not message.get("removed"):
                    yield {
                        "seq": int(message["seq"]),
                        "id": str(message["id"]),
                        "member": {name: str(message["member"][name]) for name in ("id", "nick")},
                        "text": str(message["text"]),
                        "at": str(message["at"]),
                        "reply": (message.get("reply") or {}).get("seq"),
                    }
            except (ValueError, KeyError, TypeError, AttributeError):
                raise click.ClickException(f"line {number} of {file} is no message") from None


def _refuse_others(asking: Operator, room: str, first: Message) -> None:
    """Refuse a room in which something else was said. Raises ClickException."""
    entries = asking.ask("GET", "rooms", room, "messages", after="0", limit=1)["entries"]
    if entries and (entries[0]["id"], entries[0].get("member", {}).get("id")) != (
        first["id"],
        first["member"]["id"],
    ):
        raise click.ClickException(
            f"something else was said in {plain_line(room)}: name another room, or use --append"
        )


class _Import:
    """Messages on their way into a room: what answers an earlier one needs its number there."""

    def __init__(self, asking: Operator, room: str, messages: list[Message]) -> None:
        self._asking = asking
        self._path = ("rooms", room)
        self._messages = messages
        self._by_seq = {each["seq"]: each for each in messages}  # as the export numbers them
        self._batch: list[Message] = []
        self._new = 0

    def run(self, progress: Callable[[str, int, int], None]) -> int:
        """Store them; give how many were not there before."""
        for number, message in enumerate(self._messages, 1):
            target = self._by_seq.get(message["reply"])
            if target is not None and target in self._batch:
                self._store()
            self._batch.append(message)
            if len(self._batch) == _AT_ONCE or number == len(self._messages):
                self._store()
                progress("Importing messages", number, len(self._messages))
        return self._new

    def _store(self) -> None:
        messages = [{**each, "reply": self._number(each["reply"])} for each in self._batch]
        body = {"messages": messages}
        self._new += self._asking.ask("POST", *self._path, "past", body=body)["messages"]
        self._batch = []

    def _number(self, seq: int | None) -> int | None:
        """Give the number that a message has in the room; None if it is not there."""
        target = None if seq is None else self._by_seq.get(seq)
        if target is None:
            return None
        path = (*self._path, "messages", target["id"])
        return int(self._asking.ask("GET", *path, member=target["member"]["id"])["seq"])
