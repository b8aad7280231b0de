"""How a room's record and its audit list are read from Redis. change_scripts.py writes them.

A partition has, with P for its prefix:

    P records         hash: room -> version of its record; "" -> the newest version of them all
    P record:<room>   hash: rules (JSON), pin ("<seq>:<time>", so that it is none in another log),
                      owner, title, ended (ms), deeds (their last number)
    P bars:<room>     hash: "mute/<member>", "put_out/<member>" -> "<until>:<nick>", and
                      "from/<digest>" -> "<until>:<salt>:<member who was put out>"
    P deeds:<room>    hash: number -> a line of the audit list
    P known:<room>    set: ids of members who are no newcomers
    P erasing:<room>  hash: "<member>/<id>" of an erase -> how far it is, and whose messages go
    P reports         sorted set: "<number>:<room>" of each report, by its time
    P due             sorted set: what is to be done, and when (ms): upkeep looks at it

A version is a time of Redis's clock (µs), never a count: a Redis that lost something has others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from chat.log import AddressBar, Bar, Record, redis_entries
from chat.log.lua import HEAD
from chat.log.scripts import word_of
from chat.protocol import Deed, Member, Rules, rfc3339
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import NOW_MS, Command, Script

REPORTS_LIMIT = 1000  # of a partition, which are found without asking its rooms

_decode_rules = msgspec.json.Decoder(Rules).decode

# KEYS: epoch, records, record, bars, log, heads. ARGV: room. Gives the epoch, the version, the
# fields of the record and the bars, the time, and whether the message that is pinned is there.
_RECORD = Script(
    NOW_MS
    + HEAD
    + """
local record = redis.call('HGETALL', KEYS[3])
local pinned = 0
for index = 1, #record, 2 do
  if record[index] == 'pin' then
    local seq, at = string.match(record[index + 1], '^(%d+):?(%d*)$')
    local entry = redis.call('HGET', KEYS[5], seq)
    if entry and (at == '' or string.match(entry, '^%d+') == at) then
      pinned = tonumber(seq) <= head_of(KEYS[6], ARGV[1]) and 1 or 0
    end
  end
end
return {redis.call('GET', KEYS[1]), redis.call('HGET', KEYS[2], ARGV[1]), record,
        redis.call('HGETALL', KEYS[4]), now_ms(), pinned}
"""
)

# KEYS: record, deeds. ARGV: a number or 0, and a limit. Gives number, line, number, line …
_DEEDS = Script(
    """
local last = tonumber(redis.call('HGET', KEYS[1], 'deeds') or 0)
local before, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
if before > 0 then last = math.min(last, before - 1) end
local found = {}
for number = last, math.max(1, last - limit + 1), -1 do
  local line = redis.call('HGET', KEYS[2], number)
  if not line then break end
  found[#found + 1] = number
  found[#found + 1] = line
end
return found
"""
)

# KEYS: heads, log. ARGV: room, a seq, how many entries are looked at. Gives the seq down to which
# it looked, whether that was the first entry, and the members of those entries.
_MEMBERS = Script(
    HEAD
    + """
local last = math.min(head_of(KEYS[1], ARGV[1]), tonumber(ARGV[2]) - 1)
local floor = floor_of(KEYS[2])
local low = math.max(floor + 1, last - tonumber(ARGV[3]) + 1)
local seqs, members, found = {}, {}, {}
for seq = last, low, -1 do seqs[#seqs + 1] = seq end
for _, entry in ipairs(#seqs > 0 and redis.call('HMGET', KEYS[2], unpack(seqs)) or {}) do
  local member = entry and string.match(entry, '^%d+\\t%["[^"]*",%s*"([^"]*)"')
  if member and not found[member] then
    found[member] = true
    members[#members + 1] = member
  end
end
return {low, low <= floor + 1 and 1 or 0, members}
"""
)


def versions(partition: int, rooms: Sequence[str]) -> Command:
    """Give the command that reads the newest version of a partition, and those of some rooms."""
    return ("HMGET", key(partition, "records"), "", *rooms)


def version(value: bytes | None) -> str:
    """Give the meaning of one version; it is empty where nothing is known."""
    return (value or b"").decode()


def read(room: str) -> Command:
    """Give the command that reads a room's record."""
    at = partition_of(room)
    keys = (
        key(at, "epoch"),
        key(at, "records"),
        key(at, "record", room),
        key(at, "bars", room),
        key(at, "log", room),
        key(at, "heads"),
    )
    return _RECORD.command(keys, (room,))


def record(reply: Any) -> tuple[str, str, Record]:
    """Give the epoch, the version and the record that were read.

    Raises EpochGone, or the error that Redis replied.
    """
    epoch = word_of(reply).decode()
    _, found_version, flat, flat_bars, now_ms, is_pinned = reply
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    found = version(found_version)
    if not fields and not flat_bars:
        return epoch, found, Record()
    if ended := fields.get(b"ended"):
        return epoch, found, Record(ended_at=rfc3339(int(ended)))
    rules, owner = fields.get(b"rules"), fields.get(b"owner")
    bars, addresses = _bars(flat_bars, now_ms)
    record = Record(
        Rules() if rules is None else _decode_rules(rules),
        int(fields[b"pin"].partition(b":")[0]) if is_pinned else None,
        None if owner is None else bytes.fromhex(owner.decode()),
        fields.get(b"title", b"").decode(),
        None,
        bars,
        addresses,
    )
    return epoch, found, record


def _bars(flat: Sequence[bytes], now_ms: int) -> tuple[tuple[Bar, ...], tuple[AddressBar, ...]]:
    """Give the bars that hold, those that end first first."""
    bars: list[Bar] = []
    addresses: list[AddressBar] = []
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        what, _, who = field.decode().partition("/")
        until, _, rest = value.decode().partition(":")
        if int(until) <= now_ms:
            continue
        if what == "from":
            salt = rest.partition(":")[0]
            addresses.append(AddressBar(bytes.fromhex(salt), bytes.fromhex(who), int(until)))
        else:
            bars.append(Bar(Member(who, rest), what, int(until)))
    bars.sort(key=lambda each: (each.until_ms, each.member.id, each.what))
    addresses.sort(key=lambda each: (each.until_ms, each.digest))
    return tuple(bars), tuple(addresses)


def knows(room: str, member: str) -> Command:
    """Give the command that tells whether a member is no newcomer."""
    return ("SISMEMBER", key(partition_of(room), "known", room), member)


def members(room: str, seq: int, most: int) -> Command:
    """Give the command that finds the members of `most` entries before a seq."""
    at = partition_of(room)
    return _MEMBERS.command((key(at, "heads"), key(at, "log", room)), (room, seq, most))


def deeds(room: str, before: int | None, limit: int) -> Command:
    """Give the command that reads the newest lines of an audit list, before a number."""
    at = partition_of(room)
    keys = (key(at, "record", room), key(at, "deeds", room))
    return _DEEDS.command(keys, (before or 0, limit))


def deeds_read(reply: Sequence[Any]) -> list[Deed]:
    """Give the lines that were read, newest first."""
    numbered = zip(reply[::2], reply[1::2], strict=True)
    return [redis_entries.deed(number, raw) for number, raw in numbered]


def reports(limit: int) -> list[tuple[int, Command]]:
    """Give the commands that find the newest reports of each partition."""
    wanted = ("ZREVRANGE", 0, limit - 1, "WITHSCORES")
    return [(at, (wanted[0], key(at, "reports"), *wanted[1:])) for at in range(PARTITIONS)]


def newest_reports(replies: Sequence[Any], limit: int) -> list[tuple[str, int, int]]:
    """Give the rooms, numbers and times of the newest reports of all partitions."""
    found: list[tuple[str, int, int]] = []
    for flat in replies:
        for place, at_ms in zip(flat[::2], flat[1::2], strict=True):
            number, _, room = place.decode().partition(":")
            found.append((room, int(number), int(at_ms)))
    found.sort(key=lambda each: each[2], reverse=True)
    return found[:limit]


def report(room: str, number: int) -> tuple[int, Command]:
    """Give the command that reads a report."""
    at = partition_of(room)
    return at, ("HGET", key(at, "deeds", room), number)


def report_read(room: str, number: int, at_ms: int, raw: bytes | None) -> Deed | None:
    """Give a report with its room; None if that line is gone, or another one."""
    if raw is None or not raw.startswith(b"%d\t" % at_ms):
        return None
    return redis_entries.deed(number, raw, room)
