"""How a room's entries are read from Redis: scripts, and what their replies mean."""

from __future__ import annotations

from typing import Any, NamedTuple

from chat.log import redis_entries
from chat.log.lua import HEAD, ORIGINAL, PARTS
from chat.log.redis_entries import Head, Line, Share, entries, line, lines
from chat.log.scripts import word_of
from chat.protocol import Message, rfc3339
from chat.redis.partitions import key, partition_of
from chat.redis.servers import Command, Script

# KEYS: epoch, heads, log. ARGV: room, known seq and time, a seq, a limit. Gives the first entries
# after the seq: the epoch, the newest seq and its time, the time of that seq, the first seq, the
# entries, and what these are about.
_AFTER = Script(
    HEAD
    + PARTS
    + """
local room, seq, limit = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local head, head_at = head_of(KEYS[2], room)
if diverges(KEYS[3], tonumber(ARGV[2]), ARGV[3], head, head_at) then return {'diverged'} end
local first = math.max(floor_of(KEYS[3]), seq) + 1
local last = math.min(head, first + limit - 1)
local seqs, entries = {}, {}
for each = first, last do seqs[#seqs + 1] = each end
if #seqs > 0 then entries = redis.call('HMGET', KEYS[3], unpack(seqs)) end
local at = false
if seq > 0 and seq <= head then at = time_of(KEYS[3], seq, head, head_at) or false end
local context = about(entries, function(each)
  return (each < first or each > last) and redis.call('HGET', KEYS[3], each)
end)
return {redis.call('GET', KEYS[1]), head, head_at, at, first, entries, context}
"""
)

# KEYS: the same. ARGV: the same, and how many entries are looked at. Gives the last messages before
# the seq: the epoch, the newest seq and its time; the messages as seq, entry, seq, entry …, newest
# first; what they are about; the seq down to which it looked; and whether that is all there is. An
# entry that is missing, although nobody pruned it, ends what there is.
_BEFORE = Script(
    HEAD
    + PARTS
    + """
local room, limit, most = ARGV[1], tonumber(ARGV[5]), tonumber(ARGV[6])
local head, head_at = head_of(KEYS[2], room)
if diverges(KEYS[3], tonumber(ARGV[2]), ARGV[3], head, head_at) then return {'diverged'} end
local floor = floor_of(KEYS[3])
local low = math.min(head + 1, tonumber(ARGV[4]))
local messages, raw, at_end = {}, {}, low <= floor + 1
while #raw < limit and most > 0 and not at_end do
  local count = math.min(limit - #raw, most, low - 1 - floor)
  local seqs = {}
  for each = low - 1, low - count, -1 do seqs[#seqs + 1] = each end
  for index, entry in ipairs(redis.call('HMGET', KEYS[3], unpack(seqs))) do
    if not entry then
      at_end = true
      break
    end
    low = seqs[index]
    if string.byte(entry, -2) == 34 or numbers_of(entry) == 0 then
      raw[#raw + 1] = entry
      messages[#messages + 1] = low
      messages[#messages + 1] = entry
    end
  end
  most = most - count
  at_end = at_end or low <= floor + 1
end
local context = about(raw, function(each) return redis.call('HGET', KEYS[3], each) end)
return {redis.call('GET', KEYS[1]), head, head_at, messages, context, low, at_end and 1 or 0}
"""
)

# KEYS: epoch, heads, log, ids. ARGV: room, known seq and time, a member and its id, as `ids` has
# them. Gives the entry for which the id was used, in the form of the script above.
_OWN = Script(
    HEAD
    + PARTS
    + ORIGINAL
    + """
local head, head_at = head_of(KEYS[2], ARGV[1])
if diverges(KEYS[3], tonumber(ARGV[2]), ARGV[3], head, head_at) then return {'diverged'} end
local seq = tonumber(redis.call('HGET', KEYS[4], ARGV[4]) or '') or 0 -- none, or that of a deed
local entry = seq > 0 and original(KEYS[3], ARGV[4], seq)
local entries = {}
if entry then entries[1] = entry end
local context = about(entries, function(each) return redis.call('HGET', KEYS[3], each) end)
return {redis.call('GET', KEYS[1]), head, head_at, false, seq, entries, context}
"""
)


class Read(NamedTuple):
    """The first entries of a room after a seq, read at one moment."""

    epoch: str
    head: Head
    at_ms: int | None  # of the entry with the seq that was asked for; None if that is not known
    share: Share


class Page(NamedTuple):
    """The last messages of a room before a seq, read at one moment."""

    epoch: str
    head: Head
    found: dict[int, Line]  # the messages by seq, newest first
    about: dict[int, Line]  # the messages that they answer
    low: int  # the seq down to which was looked
    at_end: bool  # there is nothing before that

    def message(self, seq: int) -> Message:
        """Give one of the messages."""
        at_ms, body = self.found[seq]
        return redis_entries.message(seq, rfc3339(at_ms), body, self.about)


def after(room: str, known: Head, seq: int, limit: int) -> Command:
    """Give the command that reads the first `limit` entries after a seq.

    `known` was given out of the room: of a log that does not have it, nothing is read.
    """
    return _AFTER.command(_keys(partition_of(room), room), (room, *known, seq, limit))


def own(room: str, known: Head, member_id: str, entry_id: str) -> Command:
    """Give the command that reads the entry for which a member has used an id; `known` as above."""
    partition = partition_of(room)
    keys = (*_keys(partition, room), key(partition, "ids", room))
    return _OWN.command(keys, (room, *known, f"{member_id}/{entry_id}"))


def read(reply: Any) -> Read:
    """Give what `after` read. Raises Refusal, or the error that Redis replied.

    Where an entry is missing that nobody pruned, what comes after it is left out.
    """
    epoch = word_of(reply).decode()
    _, head, head_at, at_ms, first, raw, about = reply
    if None in raw:
        raw = raw[: raw.index(None)]
    found = [line(each) for each in raw]
    shared = entries(first, found, lines(about))
    return Read(
        epoch,
        Head(head, int(head_at)),
        None if at_ms is None else int(at_ms),
        Share(first, shared, found[-1].at_ms if found else 0),
    )


def before(room: str, known: Head, seq: int, limit: int, most: int) -> Command:
    """Give the command that reads the last `limit` messages before a seq, of `most` entries.

    `known` was given out of the room: of a log that does not have it, nothing is read.
    """
    return _BEFORE.command(_keys(partition_of(room), room), (room, *known, seq, limit, most))


def page(reply: Any) -> Page:
    """Give what `before` read. Raises Refusal, or the error that Redis replied."""
    epoch = word_of(reply).decode()
    _, head, head_at, flat, about, low, at_end = reply
    return Page(epoch, Head(head, int(head_at)), lines(flat), lines(about), low, bool(at_end))


def _keys(partition: int, room: str) -> tuple[str, str, str]:
    return key(partition, "epoch"), key(partition, "heads"), key(partition, "log", room)
