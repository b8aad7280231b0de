"""What a room's record says of a person: may it come in, may it write."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from time import time

from chat.log import AddressBar, Record
from chat.protocol import ErrorCode, Refused, Write, read_time
from chat.rooms.amounts import rounded_up

MUTE, PUT_OUT = "mute", "put_out"  # what a bar keeps somebody from


def now_ms() -> int:
    """Give the time: milliseconds since 1970."""
    return int(time() * 1000)


def barred_until(record: Record, member_id: str, what: str, now: int) -> int | None:
    """Give until when a member may not write, or not come in; None if it may."""
    until = [
        bar.until_ms
        for bar in record.bars
        if bar.member.id == member_id and bar.what == what and bar.until_ms > now
    ]
    return max(until, default=None)


def refuse_ended(record: Record, now: int) -> None:
    """Raise Refused (`room_ended`) if a room has ended, or is to end and is only late."""
    ends_at = record.rules.ends_at
    if record.ended_at is not None or (ends_at is not None and read_time(ends_at) <= now):
        raise Refused(ErrorCode.ROOM_ENDED, "This conversation has ended.")


def refuse_writing(record: Record, member_id: str, now: int) -> None:
    """Raise Refused (`muted`, `read_only`) for somebody who is no owner and may not write."""
    if record.bars and (until := barred_until(record, member_id, MUTE, now)):
        wait_s = rounded_up((until - now) / 1000)
        raise Refused(ErrorCode.MUTED, "You may not write here now.", retry_after=wait_s)
    if record.rules.write is Write.OWNERS:
        raise Refused(ErrorCode.READ_ONLY, "Only the owners of this room write here.")


def refuse_put_out(record: Record, member_id: str, now: int) -> None:
    """Raise Refused (`banned`) for somebody who was put out."""
    if record.bars and (until := barred_until(record, member_id, PUT_OUT, now)):
        raise banned(until, now)


def banned(until_ms: int, now: int) -> Refused:
    """Make the refusal of somebody who may not come in."""
    wait_s = rounded_up((until_ms - now) / 1000)
    return Refused(ErrorCode.BANNED, "You may not come in here now.", retry_after=wait_s)


def address_barred_until(record: Record, address: str, now: int) -> int | None:
    """Give until when no newcomer may come in from an address; None if they may."""
    holding = (each for each in record.addresses if each.until_ms > now)
    return max((each.until_ms for each in holding if _is(each, address)), default=None)


def bars_for(record: Record, addresses: Iterable[str], until_ms: int) -> list[AddressBar]:
    """Make the bars for those addresses that have none until that time."""
    now = now_ms()
    missing = [
        each for each in addresses if (address_barred_until(record, each, now) or 0) < until_ms
    ]
    salts = [secrets.token_bytes(16) for _ in missing]
    return [
        AddressBar(salt, _digest(salt, each), until_ms)
        for salt, each in zip(salts, missing, strict=True)
    ]


def _is(bar: AddressBar, address: str) -> bool:
    return compare_digest(bar.digest, _digest(bar.salt, address))


def _digest(salt: bytes, address: str) -> bytes:
    return blake2b(address.encode(), key=salt, digest_size=16, person=b"tchat bar").digest()
