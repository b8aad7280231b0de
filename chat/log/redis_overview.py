"""What Redis has of all rooms: for whoever looks after the chat.

Others wait while Redis answers, so each round trip asks for a little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from chat.log import Activity, Listed
from chat.log.activity import HOUR_MS, Hours
from chat.log.lua import HEAD, PARTS
from chat.log.scripts import head
from chat.protocol import rfc3339
from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import Command, Script

_STEP_PARTITIONS = 8  # whose rooms are scanned in one round trip
_SCAN_ROOMS = 200  # of each of them
_STEP_ROOMS = 100  # that are read in one round trip
_STEP_PAGES = 5  # of a room each, looked at for posts in one round trip
_PAGE_ENTRIES = 100
_POSTS_ENTRIES = 100_000  # of all rooms that are looked at for posts, at most
_RECORD = ("owner", "title", "ended", "deeds", "rules")  # a record has one of these fields

# KEYS: heads, past, log. ARGV: room, a seq, how many entries before it are looked at, a time. Gives
# the seq down to which it looked, whether posts since that time may be before, at how many entries
# it looked, and the posts of each hour and member as "<hour>/<member>", number, "<hour>/<member>" …
# Where times grow with the numbers, what is before an older entry is older.
_POSTS = Script(
    HEAD
    + PARTS
    + """
local room, since = ARGV[1], tonumber(ARGV[4])
local last = math.min(head_of(KEYS[1], room), tonumber(ARGV[2]) - 1)
local past = tonumber(redis.call('HGET', KEYS[2], room) or 0)
local first = floor_of(KEYS[3]) + 1
local low = math.max(first, last - tonumber(ARGV[3]) + 1)
local more, seqs, counts, flat = low > first and 1 or 0, {}, {}, {}
for seq = last, low, -1 do seqs[#seqs + 1] = seq end
for index, entry in ipairs(#seqs > 0 and redis.call('HMGET', KEYS[3], unpack(seqs)) or {}) do
  local at = tonumber(string.match(entry or '', '^%d+') or '')
  if not at or (at < since and seqs[index] > past) then
    more = 0
    break
  end
  if at >= since and numbers_of(entry) == 0 then
    local member = string.match(entry, '^%d+\\t%["[^"]*",%s*"([^"]*)"')
    local of = math.floor(at / HOUR_MS) .. '/' .. member
    counts[of] = (counts[of] or 0) + 1
  end
end
for of, count in pairs(counts) do
  flat[#flat + 1] = of
  flat[#flat + 1] = count
end
return {low, more, #seqs, flat}
""".replace("HOUR_MS", str(HOUR_MS))
)

#: Sends commands, each to its partition, in one round trip.
Ask = Callable[[Sequence[tuple[int, Command]]], list[Any]]


def rooms(ask: Ask, after: str, limit: int) -> list[Listed]:
    """Give the rooms that ever had an entry, or have a record, in the order of their names.

    Redis has them in no order: each call looks at the names of all rooms, some 1,600 in a round
    trip, and keeps those after `after` until it ends. Only the rooms that it gives are read.
    """
    heads = _scan(ask, "records", after) | _scan(ask, "heads", after)
    names = iter(sorted(heads))
    found: list[Listed] = []
    while len(found) < limit and (some := list(islice(names, _STEP_ROOMS))):
        found += _read(ask, {name: heads[name] for name in some})
    return found[:limit]


def activity(ask: Ask, since_ms: int) -> Activity:
    """Count the posts of each hour since a time.

    It looks at 100 entries of each room, the newest ones, then at 100 more of those that may have
    more posts of that time, and so on; at _POSTS_ENTRIES in all, or a few more.
    """
    hours, left = Hours(), _POSTS_ENTRIES
    places = dict.fromkeys(_scan(ask, "heads", ""), 2**53)  # seq: what is before is to be looked at
    while places and left > 0:
        rooms = iter(tuple(places))
        while left > 0 and (some := list(islice(rooms, _STEP_PAGES))):
            replies = ask([_posts(room, places[room], since_ms) for room in some])
            for room, (low, more, looked, flat) in zip(some, replies, strict=True):
                left -= max(1, looked)
                places[room] = low
                if not more:
                    del places[room]
                for of, posts in zip(flat[::2], flat[1::2], strict=True):
                    hour, _, member = of.decode().partition("/")
                    hours.add(int(hour), member, posts)
    return Activity(hours.all(), is_whole=not places)


def _posts(room: str, before: int, since_ms: int) -> tuple[int, Command]:
    at = partition_of(room)
    keys = (key(at, "heads"), key(at, "past"), key(at, "log", room))
    return at, _POSTS.command(keys, (room, before, _PAGE_ENTRIES, since_ms))


def _scan(ask: Ask, kind: str, after: str) -> dict[str, bytes | None]:
    """Give the rooms after a name that all partitions have there; a head with each, if any."""
    found: dict[str, bytes | None] = {}  # HSCAN may give one twice
    for first in range(0, PARTITIONS, _STEP_PARTITIONS):
        cursors = dict.fromkeys(range(first, first + _STEP_PARTITIONS), b"0")
        while cursors:
            scans: list[tuple[int, Command]] = [
                (at, ("HSCAN", key(at, kind), cursor, "COUNT", _SCAN_ROOMS))
                for at, cursor in cursors.items()
            ]
            for (at, _), (cursor, flat) in zip(scans, ask(scans), strict=True):
                for raw, value in zip(flat[::2], flat[1::2], strict=True):
                    if (name := raw.decode()) > after:
                        found[name] = value if kind == "heads" else None
                if cursor == b"0":
                    del cursors[at]
                else:
                    cursors[at] = cursor
    return found


def _read(ask: Ask, heads: dict[str, bytes | None]) -> list[Listed]:
    commands: list[tuple[int, Command]] = []
    for name in heads:
        at = partition_of(name)
        commands.append((at, ("HGET", key(at, "log", name), "floor")))
        commands.append((at, ("HMGET", key(at, "record", name), *_RECORD)))
    replies = ask(commands)
    found = []
    for (name, value), floor, fields in zip(
        heads.items(), replies[::2], replies[1::2], strict=True
    ):
        newest, (owner, title, ended, *_) = head(value), fields
        if value is None and not any(fields):
            continue  # an end that is forgotten
        found.append(
            Listed(
                name,
                0 if ended else newest.seq - head(floor).seq,
                newest.seq,
                newest.at_ms if newest.seq else None,
                owner is not None,
                (title or b"").decode(),
                rfc3339(int(ended)) if ended else None,
            )
        )
    return found
