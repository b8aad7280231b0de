"""What a log must be, whoever was told of it: in order, written by somebody, and true to itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.support.history import Entry, Kind, Record
from tests.support.versions import NO_RULES, Versions


def commands_of(records: Sequence[Record]) -> dict[str, Record]:
    """Give each command by its id, in the order of writing; of a repeated one, the first."""
    commands: dict[str, Record] = {}
    for record in records:
        if record.kind in (Kind.POST, Kind.CHANGE):
            commands.setdefault(record.id, record)
    return commands


def problems_of(records: Sequence[Record], log: Sequence[Entry]) -> list[str]:
    """Give what is wrong with a log, by what its clients wrote."""
    commands = commands_of(records)
    owners = {each.client for each in records if each.what == "owner"}
    return [
        *_disorder(records, commands, log),
        *_strange_entries(commands, owners, log),
        *_untrue_rows(log, Versions(log, commands)),
    ]


def writer(command_id: str) -> str:
    """Give who wrote a command."""
    return command_id.partition("/")[0]


# --- numbers, ids and order ----------------------------------------------------------------


def _disorder(
    records: Sequence[Record], commands: Mapping[str, Record], log: Sequence[Entry]
) -> list[str]:
    problems = [
        f"the log has {entry.seq} where {number} is due"
        for number, entry in enumerate(log, 1)
        if entry.seq != number
    ]
    times = Counter(entry.id for entry in log)
    problems += [f"the log has {each} {n} times" for each, n in times.items() if n > 1]
    numbers = {command_id: number for number, command_id in enumerate(commands)}
    overtaken = _refused(records)
    last: dict[str, Entry] = {}
    for entry in log:
        if entry.id in overtaken or _is_of_an_erase(entry, commands) or _is_never(entry):
            continue
        before = last.get(writer(entry.id), entry)
        if numbers.get(entry.id, -1) < numbers.get(before.id, -1):
            problems.append(f"the log has {entry.id} after {before.id}, which was written later")
        last[writer(entry.id)] = entry
    return problems


def _is_of_an_erase(entry: Entry, commands: Mapping[str, Record]) -> bool:
    """Tell whether an entry is one of many of an erase, which is done little by little."""
    command = commands.get(entry.id)
    return "." in entry.id or (command is not None and command.what == "erase")


def _is_never(entry: Entry) -> bool:
    """Tell whether an entry uses up the id of a post that never came."""
    return entry.what == "removed" and entry.target == 0


def _refused(records: Sequence[Record]) -> set[str]:
    """Find the commands that were refused, and those whose refusal may have been lost."""
    refused = {record.id for record in records if record.kind is Kind.REFUSED}
    if refused:
        under_way: dict[str, set[str]] = {}
        for record in records:
            sent = under_way.setdefault(record.client, set())
            match record.kind:
                case Kind.POST | Kind.CHANGE:
                    sent.add(record.id)
                case Kind.ACKNOWLEDGED:
                    sent.discard(record.id)
                case Kind.DROP:
                    refused |= sent
                    sent.clear()
    return refused


# --- each entry and its command --------------------------------------------------------------


def _strange_entries(
    commands: Mapping[str, Record], owners: set[str], log: Sequence[Entry]
) -> list[str]:
    """Find entries that nobody asked for, that ask for too much, or that come too late."""
    withdrawn = {each.of for each in commands.values() if each.what == "removed" and each.of}
    messages: dict[int, Entry] = {}
    removed: set[int] = set()
    rules = NO_RULES
    problems = []
    for entry in log:
        command = commands.get(entry.id.partition(".")[0])
        name = f"the log has {entry.what} {entry.id}"
        if _is_never(entry):
            if entry.id not in withdrawn:
                problems.append(f"{name}, and nobody took that back")
            continue
        if command is None or not _becomes(command, entry):
            problems.append(f"{name}, which nobody wrote")
            continue
        if entry.what == "message":
            messages[entry.seq] = entry
            if entry.reply and (entry.reply not in messages or entry.reply in removed):
                problems.append(f"{name}, an answer to {entry.reply}, which was no message then")
        elif entry.what == "rules":
            if json.loads(entry.text) != {**json.loads(rules), **json.loads(command.text)}:
                problems.append(f"{name} as {entry.text}, after {rules} and {command.text}")
            rules = entry.text
        elif entry.target:
            target = messages.get(entry.target)
            if target is None or entry.target in removed:
                problems.append(f"{name} of {entry.target}, which was no message then")
            elif command.of not in ("", target.id):
                problems.append(f"{name} of {target.id}, which was meant for {command.of}")
            elif writer(target.id) != command.client and not _may_touch(command, owners):
                problems.append(f"{name} of {target.id}, which is another's")
            if entry.what == "removed":
                removed.add(entry.target)
        if entry.what in ("pinned", "rules") and command.client not in owners:
            problems.append(f"{name}, and {command.client} is no owner")
    return problems


def _becomes(command: Record, entry: Entry) -> bool:
    """Tell whether a command may become an entry."""
    if command.kind is Kind.POST:
        return entry.what == "message" and (entry.removed or entry.reply == command.reply)
    if command.what == "erase":
        return entry.what == "removed"
    return entry.what == command.what and command.target in (0, entry.target)


def _may_touch(command: Record, owners: set[str]) -> bool:
    """Tell whether a command may be about another's message."""
    return command.what in ("removed", "pinned") and command.client in owners


# --- the rows of the messages ----------------------------------------------------------------


def _untrue_rows(log: Sequence[Entry], versions: Versions) -> list[str]:
    """Find messages that are not what their entries have made of them."""
    problems = []
    for entry in log:
        if entry.what != "message":
            continue
        course = versions.texts[entry.seq]
        name = f"the log has {entry.text!r} as {entry.id}"
        if course.last is None:
            if entry.text or not entry.removed:
                problems.append(f"{name}, which was removed")
        elif entry.removed:
            problems.append(f"{name}, as removed, and nothing has removed it")
        elif entry.text != course.last:
            problems.append(f"{name}, which is {course.last!r}")
        elif entry.edited != (len(course) > 1):
            problems.append(f"{name}, {'' if entry.edited else 'not '}as edited")
    return problems
