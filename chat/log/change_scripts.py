"""What Redis does with a room's share of a batch in which there is more than plain posts.

One script does all of it, or nothing. What is refused of it, like an edit that comes too late, is a
result like any other. The script first finds out what is to be written; nothing is before the first
write, which Redis refuses when its memory is full. record_scripts.py names the keys.

An id that was used for what is no entry stands in `ids` with "d" and the number in the audit list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from chat.log import (
    BARS_LIMIT,
    DEEDS_LIMIT,
    ENDED_KEPT_S,
    KNOWN_LIMIT,
    Draft,
    Proposal,
    redis_entries,
    refusals,
)
from chat.log.change_lua import CHANGE
from chat.log.record_scripts import REPORTS_LIMIT
from chat.log.redis_entries import line, lines
from chat.log.scripts import Full, Outcome, Stored, Where, word_of
from chat.names.keys import owner_hash
from chat.protocol import (
    Deed,
    Done,
    Edit,
    End,
    Erase,
    ErrorCode,
    Made,
    Make,
    Member,
    Mute,
    Pin,
    PutOut,
    Refused,
    Rekey,
    Remove,
    Report,
    SetRules,
    name_of,
    read_time,
    rfc3339,
)
from chat.redis.partitions import key, partition_of
from chat.redis.servers import Command, Script

_json = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode

_ERASE_S = 30  # after the last step of an erase, until upkeep goes on with it

_CHANGE = Script(
    f"""
local BARS_LIMIT, DEEDS_LIMIT, KNOWN_LIMIT, REPORTS_LIMIT =
  {BARS_LIMIT}, {DEEDS_LIMIT}, {KNOWN_LIMIT}, {REPORTS_LIMIT}
local ENDED_KEPT_MS, ERASE_MS = {ENDED_KEPT_S * 1000}, {_ERASE_S * 1000}
"""
    + CHANGE
)

_KINDS = ["epoch", "heads", "used", "past", "records", "reports", "due"]
_KINDS_OF_ROOM = ["log", "ids", "record", "bars", "deeds", "known", "erasing", "people"]


class Overdue(NamedTuple):
    """A room whose end has come, or whose end is long enough ago to be forgotten."""

    room: str


Item = Draft | Proposal | Overdue


def change(where: Where, items: Sequence[Item], *, is_occupied: bool) -> Command:
    """Give the command that stores a room's share of a batch, all or nothing, and publishes it.

    `is_occupied` tells of this worker.
    """
    room = where.room
    at = partition_of(room)
    keys = [key(at, kind) for kind in _KINDS]
    keys += [key(at, kind, room) for kind in _KINDS_OF_ROOM]
    known = where.known
    about = (*where[:2], known.seq, str(known.at_ms), *where[3:], int(is_occupied))
    return _CHANGE.command(keys, (_pack(about), _pack([_packed(item) for item in items])))


def stored(reply: Any, items: Sequence[Item]) -> Stored:
    """Give what `change` did. Raises Refusal, or the error that Redis replied."""
    word = word_of(reply)
    if word == b"full":
        raise Full(reply[1].decode(), _outcomes(reply[2], reply[3], items))
    _, told, results, about = reply
    new = redis_entries.told(told)[1] if told else None
    unfinished = [index for index, outcome, *_ in results if outcome == b"on"]
    return Stored(new, _outcomes(results, about, items), told, unfinished)


def erases(room: str, flat: Sequence[bytes]) -> list[Proposal]:
    """Give the erases of a room that have not come to their end, as they were proposed."""
    proposals = []
    for mark, value in zip(flat[::2], flat[1::2], strict=True):
        member, _, act_id = mark.decode().partition("/")
        # "<next seq>:<last seq>:<removed>:<nick>", by an owner "…:<removed>/<whose>:<nick>"
        _, _, count, nick = value.decode().split(":", 3)
        whose = count.partition("/")[2]
        whom = Member(whose, "") if whose else None
        erase = Proposal(room, Member(member, nick), Erase(act_id), bool(whose), whom=whom)
        proposals.append(erase)
    return proposals


def _outcomes(
    results: Sequence[Any], about: Sequence[Any], items: Sequence[Item]
) -> dict[int, Outcome]:
    known = lines(about)
    outcomes: dict[int, Outcome] = {}
    for index, word, *rest in results:
        item = items[index]
        if word == b"entry":
            seq, raw = rest
            at_ms, body = line(raw)
            outcomes[index] = redis_entries.entry(seq, rfc3339(at_ms), body, known)
        elif word == b"refused":
            outcomes[index] = _REFUSALS[rest[0].decode()]()
        elif word == b"made":
            assert isinstance(item, Proposal)
            assert isinstance(item.command, Make)
            outcomes[index] = Made(item.room, item.command.owner or "")
        elif word == b"done":
            outcomes[index] = Done(_id(item))
    return outcomes


def _id(item: Item) -> str:
    if isinstance(item, Draft):
        return item.id
    if isinstance(item, Overdue) or isinstance(item.command, Make):
        return ""
    return item.command.id


def _bad_time() -> Refused:
    return Refused(ErrorCode.BAD_COMMAND, "That time cannot be.")


_REFUSALS: dict[str, Callable[[], Refused]] = {
    "target_unknown": refusals.target_unknown,
    "not_yours": refusals.not_yours,
    "not_owner": refusals.not_owner,
    "too_late": refusals.too_late,
    "room_exists": refusals.room_exists,
    "room_ended": refusals.room_ended,
    "bad_time": _bad_time,
}


# --- what the script is given ----------------------------------------------------------------


def _packed(item: Item) -> dict[str, Any]:
    """Give an item as the script understands it: with parts of JSON, to be completed there."""
    if isinstance(item, Overdue):
        return {"do": "overdue", "mark": ""}
    if isinstance(item, Draft):
        member = item.member
        start = _open((item.id, member.id, member.nick, item.text))
        mark = f"{member.id}/{item.id}"
        return {"do": "post", "mark": mark, "start": start, "reply": item.reply or 0}
    command, member = item.command, item.member
    if isinstance(command, Make):
        return _made(item, command)
    packed: dict[str, Any] = {
        "do": name_of(type(command)),
        "mark": f"{member.id}/{command.id}",
        "member": member.id,
        "start": _open((command.id, member.id, member.nick, "")),
        "deed": _open_deed(Deed(0, "", member, name_of(type(command)))),
    }
    match command:
        case Edit():
            packed["target"], packed["within"] = command.target, item.within_s * 1000
            packed["text"] = _json(command.text).decode()
        case Remove():
            packed["owns"], packed["target"] = item.is_owner, command.target or 0
            if command.target is None and command.post is not None:
                packed["post"] = f"{member.id}/{command.post}"
                packed["post_start"] = _open((command.post, member.id, member.nick, ""))
        case Pin():
            packed["target"] = command.target or 0
        case SetRules():
            packed |= _rules(item, command)
        case Mute() | PutOut():
            packed |= _bar(item, command)
        case Report():
            packed["target"] = command.target
            packed["text"] = _json(command.text).decode() if command.text else ""
        case Erase():
            packed["id"], packed["nick"] = command.id, member.nick
            packed["whose"] = _open((member.id, member.nick, ""))[1:]
            if item.whom is not None:
                packed["of"], packed["owns"] = item.whom.id, item.is_owner
                packed["deed"] = _open_deed(Deed(0, "", member, "erase", item.whom))
        case Rekey():
            packed["owner"] = owner_hash(command.owner).hex()
        case End():
            pass
    return packed


def _made(item: Proposal, command: Make) -> dict[str, Any]:
    ends_ms = _time(command.ends_at)
    if ends_ms is None:
        return {"do": "refused", "mark": "", "why": "bad_time"}
    return {
        "do": "make",
        "mark": "",
        "owner": owner_hash(command.owner or "").hex(),
        "title": command.title,
        "write": command.write.value,
        "ends": ends_ms,
        "ends_at": rfc3339(ends_ms) if ends_ms else "",
        "general": item.room == "general",
    }


def _rules(item: Proposal, command: SetRules) -> dict[str, Any]:
    """Give what changes; what is not given stays as it is."""
    member = item.member
    packed: dict[str, Any] = {"start": _open((command.id, member.id, member.nick))}
    if command.write is not UNSET:
        packed["write"] = command.write.value
    if command.pace_s is not UNSET:
        packed["pace"] = command.pace_s
    if command.locked is not UNSET:
        packed["locked"] = command.locked
    if command.ends_at is not UNSET:
        ends_ms = _time(command.ends_at)
        if ends_ms is None:
            return {"do": "refused", "why": "bad_time"}
        packed["ends"], packed["ends_at"] = ends_ms, rfc3339(ends_ms) if ends_ms else ""
    packed["known"] = list(item.known)
    return packed


def _bar(item: Proposal, command: Mute | PutOut) -> dict[str, Any]:
    if item.addresses:
        addresses = [[each.digest.hex(), each.salt.hex(), each.until_ms] for each in item.addresses]
        return {"do": "addresses", "mark": "", "whom": command.member, "addresses": addresses}
    whom = item.whom or Member(command.member, "")
    bar = name_of(type(command))
    whole = Deed(0, "", item.member, bar, whom, for_s=command.for_s)
    return {
        "do": "bar",
        "bar": bar,
        "whom": whom.id,
        "nick": whom.nick,
        "for": command.for_s * 1000,
        "known": list(item.known),
        "deed": _open_deed(whole),
    }


def _time(written: str | None) -> int | None:
    """Give a time in milliseconds since 1970, 0 for none; None for what is no time."""
    if written is None:
        return 0
    try:
        at_ms = read_time(written)
        rfc3339(at_ms)
    except (Refused, ValueError, OverflowError):
        return None
    return at_ms


def _open(array: tuple[str, ...]) -> str:
    """Give a JSON array without its end, so that more can be appended."""
    return _json(array)[:-1].decode()


def _open_deed(deed: Deed) -> str:
    return _json(deed)[:-1].decode()
