"""What is known of a room besides its entries, on Redis, read and written as a whole, for a move.

record_scripts.py says where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from chat.log import ENDED_KEPT_S, AddressBar, Bar, redis_entries
from chat.log.ends import Kept
from chat.protocol import Deed, Member, Rules, read_time
from chat.redis.partitions import key, partition_of
from chat.redis.servers import Command

#: The keys of a room that have it, and those of a partition that have something of all rooms.
KINDS_OF_ROOM = ("record", "bars", "deeds", "known", "erasing")
KINDS = ("records", "reports", "due")

_json = msgspec.json.Encoder().encode
_decode_rules = msgspec.json.Decoder(Rules).decode


def read(room: str) -> list[tuple[int, Command]]:
    """Give the commands whose replies `kept` understands."""
    at = partition_of(room)
    kinds = ("record", "bars", "deeds")
    commands: list[Command] = [("HGETALL", key(at, kind, room)) for kind in kinds]
    commands.append(("SMEMBERS", key(at, "known", room)))
    return [(at, command) for command in commands]


def kept(replies: Sequence[Any]) -> Kept:
    """Give what is known of a room that has a record."""
    flat, flat_bars, flat_deeds, known = replies
    fields = _pairs(flat)
    if ended := fields.get(b"ended"):
        return Kept(ended_ms=int(ended))
    rules, pin, owner = (fields.get(name) for name in (b"rules", b"pin", b"owner"))
    bars: list[Bar] = []
    addresses: list[tuple[str, AddressBar]] = []
    for name, value in _pairs(flat_bars).items():
        what, _, who = name.decode().partition("/")
        until, _, rest = value.decode().partition(":")
        if what == "from":
            salt, _, member = rest.partition(":")
            address = AddressBar(bytes.fromhex(salt), bytes.fromhex(who), int(until))
            addresses.append((member, address))
        else:
            bars.append(Bar(Member(who, rest), what, int(until)))
    lines = sorted((int(number), line) for number, line in _pairs(flat_deeds).items())
    return Kept(
        Rules() if rules is None else _decode_rules(rules),
        None if pin is None else int(pin.partition(b":")[0]),
        None if owner is None else bytes.fromhex(owner.decode()),
        fields.get(b"title", b"").decode(),
        None,
        tuple(sorted(bars, key=lambda bar: (bar.member.id, bar.what))),
        tuple(sorted(addresses, key=lambda each: each[1].digest)),
        tuple(sorted(member.decode() for member in known)),
        tuple((_act_id(line), redis_entries.deed(number, line)) for number, line in lines),
    )


def write(room: str, known: Kept, version: int) -> Iterator[Command]:
    """Give the commands that write it. Its version comes first: whoever clears up finds it by that.

    A version is a time in microseconds.
    """
    at = partition_of(room)
    record, due, ids = key(at, "record", room), key(at, "due"), key(at, "ids", room)
    yield ("HSET", key(at, "records"), room, version, "", version)
    if known.ended_ms is not None:
        yield ("HSET", record, "ended", known.ended_ms)
        yield ("HSET", ids, "!", known.ended_ms)
        yield ("ZADD", due, known.ended_ms + ENDED_KEPT_S * 1000, f"end:{room}")
        return
    yield ("HSET", record, "rules", _json(known.rules), *_fields(known))
    if known.rules.ends_at is not None:
        yield ("ZADD", due, read_time(known.rules.ends_at), f"end:{room}")
    for bar in known.bars:
        value = f"{bar.until_ms}:{bar.member.nick}"
        yield ("HSET", key(at, "bars", room), f"{bar.what}/{bar.member.id}", value)
    for member, address in known.addresses:
        value = f"{address.until_ms}:{address.salt.hex()}:{member}"
        yield ("HSET", key(at, "bars", room), f"from/{address.digest.hex()}", value)
    if known.known:
        yield ("SADD", key(at, "known", room), *known.known)
    for act_id, deed in known.deeds:
        mark = f"{deed.by.id}/{act_id}" if act_id else ""
        at_ms = read_time(deed.at)
        line = _json(msgspec.structs.replace(deed, number=0, at=""))
        yield (
            "HSET",
            key(at, "deeds", room),
            deed.number,
            b"%d\t%s\t%s" % (at_ms, mark.encode(), line),
        )
        if mark:
            yield ("HSET", ids, mark, f"d{deed.number}")
        if deed.what == "report":
            yield ("ZADD", key(at, "reports"), at_ms, f"{deed.number}:{room}")


def _fields(known: Kept) -> Iterator[str | int]:
    if known.pin is not None:
        yield from ("pin", known.pin)
    if known.owner is not None:
        yield from ("owner", known.owner.hex())
    if known.title:
        yield from ("title", known.title)
    if known.deeds:
        yield from ("deeds", known.deeds[-1][1].number)


def marks(known: Kept | None) -> set[str]:
    """Give the marks of the ids that became no entry."""
    deeds: Sequence[tuple[str, Deed]] = () if known is None else known.deeds
    return {f"{deed.by.id}/{act_id}" for act_id, deed in deeds if act_id}


def _act_id(line: bytes) -> str:
    return line.split(b"\t", 2)[1].decode().rpartition("/")[2]


def _pairs(flat: Sequence[Any]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
