"""What the log asks of Redis: its scripts, and what their replies mean.

A room is two hashes: `log` has its entries by seq, and its floor; `ids` has the seq of each id that
was used for an entry. The hash `heads` of a partition has the newest entry of each of its rooms, so
that one command compares many of them. Reading is in reading_scripts.py; all that is done
besides posting, in change_scripts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from chat.log import Draft, redis_entries, refusals
from chat.log.lua import HEAD, ORIGINAL, PARTS, TRIM
from chat.log.redis_entries import NO_HEAD, Head, Share, line, lines
from chat.protocol import Done, Entry, Made, Message, Refused, rfc3339
from chat.redis.partitions import key, partition_of
from chat.redis.servers import NOW_MS, WHEN_FULL, Command, Script


class Refusal(Exception):
    """A share that Redis refused for one of the log's own reasons."""


class EpochGone(Refusal):
    """The partition has another epoch, or none any more."""


class Diverged(Refusal):
    """The room's log is not the one whose entries were given out."""


#: What became of a draft or a proposal that did not become a new entry.
Outcome = Entry | Done | Made | Refused


class Full(Refusal):
    """Redis has no memory for new entries; what became of repeated drafts, by index."""

    def __init__(self, why: str, repeated: dict[int, Outcome]) -> None:
        super().__init__(why)
        self.repeated = repeated


_encode = msgspec.json.Encoder().encode
_pack = msgspec.msgpack.Encoder().encode

#: How the epoch of a partition begins while a log is moved there: no worker serves it meanwhile.
UNFINISHED = "!"

# KEYS: epoch, heads, log, ids; for posts with a time of their own, `used` and `past`. ARGV: epoch,
# room, known seq and time, worker, how many entries are kept, for how many milliseconds all are,
# the channel or nothing, that time of their own or nothing; then id and body of each draft.
# No other write may come before the first HSET: without memory, Redis refuses that one alone. (What
# is left of a lost log is small: it makes room for the post that comes after it.)
_APPEND = Script(
    NOW_MS
    + HEAD
    + TRIM
    + """
local epoch, room, known, worker = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[5]
if redis.call('GET', KEYS[1]) ~= epoch then return {'epoch'} end
local head, head_at = head_of(KEYS[2], room)
if diverges(KEYS[3], known, ARGV[4], head, head_at) then return {'diverged'} end
if head == 0 and redis.call('EXISTS', KEYS[3]) > 0 then
  redis.call('UNLINK', KEYS[3], KEYS[4]) -- what is left of a log whose head is lost
end
local now = now_ms()
local at = ARGV[9] ~= '' and ARGV[9] or string.format('%.0f', now)
local ids = {}
for index = 10, #ARGV, 2 do ids[#ids + 1] = ARGV[index] end
ids[#ids + 1] = '!'
local seen = redis.call('HMGET', KEYS[4], unpack(ids))
if seen[#ids] then return {'ended'} end
ids[#ids] = nil
local originals, context = {}, nil
for index = 1, #ids do
  if seen[index] then context = {} end
end
if context then -- functions that are seldom needed take time to make
"""
    + PARTS
    + ORIGINAL
    + """
  local found = {}
  for index, id in ipairs(ids) do
    if seen[index] and string.byte(seen[index]) ~= 100 then -- else a deed, which is no entry
      local entry = original(KEYS[3], id, seen[index])
      originals[index] = entry
      found[#found + 1] = entry
      if not entry then seen[index] = false end -- somebody deleted it: the post is a new one
    end
  end
  context = about(found, function(each) return redis.call('HGET', KEYS[3], each) end)
end
local seq, entries, marks, bodies, repeated, mine = head, {}, {}, {}, {}, {}
for index, id in ipairs(ids) do
  local before = mine[id] or seen[index]
  if before then
    repeated[#repeated + 1] = index - 1
    repeated[#repeated + 1] = tonumber(before) or -1
    repeated[#repeated + 1] = originals[index] or false
  else
    seq = seq + 1
    mine[id] = seq
    local body = ARGV[9 + 2 * index]
    entries[#entries + 1] = seq
    entries[#entries + 1] = at .. '\\t' .. body
    marks[#marks + 1] = id
    marks[#marks + 1] = seq
    bodies[#bodies + 1] = body
  end
end
if seq > head then
  local failed = redis.pcall('HSET', KEYS[3], unpack(entries))
  if type(failed) == 'table' then
    if string.sub(failed.err, 1, 4) ~= 'OOM ' then return failed end
    return {'full', failed.err, repeated, context}
  end
  redis.call('HSET', KEYS[4], unpack(marks))
  redis.call('HSET', KEYS[2], room, seq .. ':' .. at)
  if ARGV[9] ~= '' then
    redis.call('HSET', KEYS[5], room, math.floor(now / 86400000))
    redis.call('HSET', KEYS[6], room, seq)
  end
  if ARGV[8] ~= '' then
    redis.call('SPUBLISH', ARGV[8], 'm' .. worker .. string.char(#room) .. room
               .. cmsgpack.pack({epoch, head + 1, tonumber(at), bodies}))
  end
  local keep = tonumber(ARGV[6])
  if seq > keep then
    trim(KEYS[3], KEYS[4], seq - keep, now - tonumber(ARGV[7]), 2 * #bodies + 100)
  end
end
return {'stored', head + 1, tonumber(at), repeated, context}
"""
)

# KEYS: epoch. ARGV: an epoch, which it becomes if there is none.
_EPOCH = Script("redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])")


# KEYS: the workers that serve the log, by the time until which each is taken for alive. ARGV: the
# worker, and for how many milliseconds; 0: not any more.
_SERVE = Script(
    WHEN_FULL
    + NOW_MS
    + """
local now = now_ms()
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
"""
)

# KEYS: the same. Gives how many workers are alive.
_SERVING = Script(NOW_MS + "return redis.call('ZCOUNT', KEYS[1], now_ms(), '+inf')")


class Where(NamedTuple):
    """What a script that stores is told of a room."""

    epoch: str  # of its partition
    room: str
    known: Head  # what was given out of it: a log that does not have it is refused
    worker: str
    keep: int  # entries
    settled_for_ms: int  # for which none is one too many
    channel: str  # empty: nothing is published
    past: str = ""  # when its posts were posted, if that was before: milliseconds since 1970


class Stored(NamedTuple):
    """What became of a room's share of a batch."""

    new: Share | None
    outcomes: dict[int, Outcome]  # by index, of what did not become an entry now
    told: bytes = b""  # the share as it is published; empty: `publication` gives it
    unfinished: Sequence[int] = ()  # indexes of what is to be sent again, because it goes on


# --- commands, and the meaning of their replies ---------------------------------------------


def append(where: Where, drafts: Sequence[Draft]) -> Command:
    """Give the command that stores a share of plain posts, all or nothing, and publishes it."""
    epoch, room, known, worker, keep, settled_for_ms, channel, past = where
    partition = partition_of(room)
    keys = [
        key(partition, "epoch"),
        key(partition, "heads"),
        key(partition, "log", room),
        key(partition, "ids", room),
    ]
    if past:
        keys += (key(partition, "used"), key(partition, "past"))
    pairs: list[str | bytes] = []
    for _, post_id, member, text, *_ in drafts:
        pairs += (f"{member.id}/{post_id}", _encode((post_id, member.id, member.nick, text)))
    return _APPEND.command(
        keys,
        (epoch, room, known.seq, known.at_ms, worker, keep, settled_for_ms, channel, past, *pairs),
    )


def stored(reply: Any, drafts: Sequence[Draft]) -> Stored:
    """Give what `append` did. Raises Refusal, or the error that Redis replied."""
    word = word_of(reply)
    if word == b"ended":
        return Stored(None, {index: refusals.room_ended() for index in range(len(drafts))})
    if word == b"full":
        raise Full(reply[1].decode(), _repeated(reply[2], reply[3:], drafts, {}))
    _, first, at_ms, found, *more = reply
    indexes = set(found[::3])
    at = rfc3339(at_ms)
    fresh = (draft for index, draft in enumerate(drafts) if index not in indexes)
    messages = [
        Message(seq, draft.id, draft.member, draft.text, at)
        for seq, draft in enumerate(fresh, first)
    ]
    new = Share(first, messages, at_ms) if messages else None
    if not found:
        return Stored(new, {})
    return Stored(new, _repeated(found, more, drafts, {each.seq: each for each in messages}))


def word_of(reply: Any) -> bytes:
    """Give the word, or the epoch, that begins the reply to a script.

    Raises Refusal, or the error that Redis replied.
    """
    if isinstance(reply, Exception):
        raise reply
    word: bytes | None = reply[0]
    if word is None or word == b"epoch":
        raise EpochGone("the log on Redis is gone, or another one")
    if word == b"diverged":
        raise Diverged("the log on Redis has lost entries, or has others")
    return word


def publication(worker: str, epoch: str, room: str, stored: Stored) -> bytes:
    """Give what is published of a share that was stored."""
    name = room.encode()
    head = b"m" + worker.encode() + bytes((len(name),)) + name
    share = stored.new
    if stored.told or share is None:
        return head + stored.told
    bodies = [
        _encode((each.id, each.member.id, each.member.nick, each.text)).decode()
        for each in share.entries
        if isinstance(each, Message)
    ]
    return head + _pack((epoch, share.first, share.at_ms, bodies))


def published_room(payload: bytes, worker: str) -> str | None:
    """Give the room of what a worker published; None if it was this worker."""
    begin = len(worker) + 1
    if payload.startswith(worker.encode()):
        return None
    return payload[begin : begin + payload[begin - 1]].decode()


def published(payload: bytes, worker: str) -> tuple[str, Share]:
    """Give the epoch and the share of what a worker published.

    Raises ValueError for what cannot be read. All workers' names are as long as this one's.
    """
    begin = len(worker) + 1
    return redis_entries.told(payload[begin + payload[begin - 1] :])


def epoch(partition: int) -> Command:
    """Give the command that reads a partition's epoch."""
    return ("GET", key(partition, "epoch"))


def new_epoch(partition: int, new: str) -> Command:
    """Give the command that gives a partition's epoch; it becomes `new` if there is none."""
    return _EPOCH.command((key(partition, "epoch"),), (new,))


def probe(partition: int) -> Command:
    """Give a command that fails when nothing can be stored."""
    return ("HSET", key(partition, "probe"), "at", 0)


def serve(worker: str, for_ms: int) -> Command:
    """Give the command that tells others that a worker serves the log; of partition 0."""
    return _SERVE.command((key(0, "workers"),), (worker, for_ms))


def serving() -> Command:
    """Give the command that counts the workers that serve the log; of partition 0."""
    return _SERVING.command((key(0, "workers"),))


def heads(partition: int, rooms: Sequence[str]) -> Command:
    """Give the command that reads the newest entries of rooms of one partition."""
    return ("HMGET", key(partition, "heads"), *rooms)


def head(value: bytes | None) -> Head:
    """Give the meaning of one value of `heads`."""
    if value is None:
        return NO_HEAD
    seq, _, at_ms = value.partition(b":")
    return Head(int(seq), int(at_ms))


def _repeated(
    found: Sequence[Any],
    about: Sequence[Any],  # perhaps what those are about
    drafts: Sequence[Draft],
    new: dict[int, Message],
) -> dict[int, Outcome]:
    """Give what repeated drafts became, by index; `new` has what the same batch stored."""
    outcomes: dict[int, Outcome] = {}
    known = lines(about[0]) if about else {}
    for index, seq, raw in zip(found[::3], found[1::3], found[2::3], strict=True):
        if seq in new:
            outcomes[index] = new[seq]
        elif seq < 0:
            outcomes[index] = Done(drafts[index].id)
        elif raw is not None:
            at_ms, body = line(raw)
            outcomes[index] = redis_entries.entry(seq, rfc3339(at_ms), body, known)
    return outcomes
