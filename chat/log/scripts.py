"""What the log asks of Redis: its scripts, and what their replies mean.

A room is two hashes: `log` has its entries by seq, and its floor; `ids` has the seq of each id that
was posted. The hash `heads` of a partition has the newest entry of each of its rooms, so that one
command compares many of them. An entry is its time, a tab, and a JSON array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from chat.log import Draft
from chat.protocol import Member, Message, rfc3339
from chat.redis.partitions import key, partition_of
from chat.redis.servers import NOW_MS, WHEN_FULL, Command, Script


class Head(NamedTuple):
    """The newest entry that a room was ever given."""

    seq: int  # 0 for none
    at_ms: int  # 0 for none


NO_HEAD = Head(0, 0)


class Refusal(Exception):
    """A share that Redis refused for one of the log's own reasons."""


class EpochGone(Refusal):
    """The partition has another epoch, or none any more."""


class Diverged(Refusal):
    """The room's log is not the one whose entries were given out."""


class Full(Refusal):
    """Redis has no memory for new entries; the originals of repeated drafts, by index."""

    def __init__(self, why: str, repeated: dict[int, Message]) -> None:
        super().__init__(why)
        self.repeated = repeated


class Body(msgspec.Struct, array_like=True, frozen=True):
    """An entry, without its seq and time; what later kinds add comes behind."""

    id: str
    member: str
    nick: str
    text: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[str, int, int, list[str]]).decode

#: How the epoch of a partition begins while a log is moved there: no worker serves it meanwhile.
UNFINISHED = "!"

# What the scripts have in common: a room's newest entry, and the time of an entry (nil if that is
# not known any more).
HEAD = """
local function head_of(heads, room)
  local head = redis.call('HGET', heads, room)
  if not head then return 0, '0' end
  local seq, at = string.match(head, '^(%d+):(%d+)$')
  return tonumber(seq), at
end
local function floor_of(log)
  local floor = redis.call('HGET', log, 'floor')
  if not floor then return 0, '0' end
  local seq, at = string.match(floor, '^(%d+):(%d+)$')
  return tonumber(seq), at
end
local function time_of(log, seq, head, head_at)
  if seq == head then return head_at end
  local entry = redis.call('HGET', log, seq)
  if entry then return string.match(entry, '^%d+') end
  local floor, floor_at = floor_of(log)
  if floor == seq and floor_at ~= '0' then return floor_at end
  return nil
end
"""

# Takes entries from the front of a room, up to a seq, `most` of them, and none that is younger than
# `settled`: always the first ones, so that what is kept has no hole. Gives how many are gone. An
# entry's ids have no character that JSON escapes, and to decode all of it would take up to three
# times as long.
TRIM = """
local function trim(log, ids, last, settled, most)
  local floor = floor_of(log)
  local seqs, gone, last_at = {}, {}, nil
  for seq = floor + 1, math.min(last, floor + most) do
    local entry = redis.call('HGET', log, seq)
    if not entry then break end
    local at, id, member = string.match(entry, '^(%d+)\\t%["([^"]*)",%s*"([^"]*)"')
    if not at or tonumber(at) > settled then break end
    seqs[#seqs + 1] = seq
    gone[#gone + 1] = member .. '/' .. id
    last_at = at
  end
  if #seqs == 0 then return 0 end
  redis.call('HDEL', log, unpack(seqs))
  redis.call('HDEL', ids, unpack(gone))
  redis.call('HSET', log, 'floor', (floor + #seqs) .. ':' .. last_at)
  return #seqs
end
"""

# KEYS: epoch, heads, log, ids. ARGV: epoch, room, known seq and time, worker, how many entries are
# kept, for how many milliseconds all are, the channel or nothing; then id and body of each draft.
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
if known > head or (known > 0 and time_of(KEYS[3], known, head, head_at) ~= ARGV[4]) then
  return {'diverged'}
end
if head == 0 and redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 then
  redis.call('UNLINK', KEYS[3], KEYS[4]) -- what is left of a log whose head is lost
end
local now = now_ms()
local at = string.format('%.0f', now)
local ids = {}
for index = 9, #ARGV, 2 do ids[#ids + 1] = ARGV[index] end
local seen = redis.call('HMGET', KEYS[4], unpack(ids))
local seq, entries, marks, bodies, repeated, mine = head, {}, {}, {}, {}, {}
for index, id in ipairs(ids) do
  local before, entry = mine[id], false
  if not before and seen[index] then
    entry = redis.call('HGET', KEYS[3], seen[index])
    if entry then before = seen[index] end -- else somebody deleted it: the post is a new one
  end
  if before then
    repeated[#repeated + 1] = index - 1
    repeated[#repeated + 1] = tonumber(before)
    repeated[#repeated + 1] = entry
  else
    seq = seq + 1
    mine[id] = seq
    local body = ARGV[8 + 2 * index]
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
    return {'full', failed.err, repeated}
  end
  redis.call('HSET', KEYS[4], unpack(marks))
  redis.call('HSET', KEYS[2], room, seq .. ':' .. at)
  if ARGV[8] ~= '' then
    redis.call('SPUBLISH', ARGV[8], 'm' .. worker .. string.char(#room) .. room
               .. cmsgpack.pack({epoch, head + 1, now, bodies}))
  end
  local keep = tonumber(ARGV[6])
  if seq > keep then
    trim(KEYS[3], KEYS[4], seq - keep, now - tonumber(ARGV[7]), 2 * #bodies + 100)
  end
end
return {'stored', head + 1, now, repeated}
"""
)

# KEYS: epoch, heads, log. ARGV: room, a seq, a limit, and whether entries before it are asked for.
# The reply has the epoch, the newest seq and its time, the time of that seq, and the entries.
_READ = Script(
    HEAD
    + """
local room, seq, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local head, head_at = head_of(KEYS[2], room)
local floor, first, last = floor_of(KEYS[3]), nil, nil
if ARGV[4] == 'before' then
  last = math.min(head, seq - 1)
  first = math.max(floor + 1, last - limit + 1)
else
  first = math.max(floor, seq) + 1
  last = math.min(head, first + limit - 1)
end
local seqs, entries = {}, {}
for each = first, last do seqs[#seqs + 1] = each end
if #seqs > 0 then entries = redis.call('HMGET', KEYS[3], unpack(seqs)) end
local at = false
if seq > 0 and seq <= head then at = time_of(KEYS[3], seq, head, head_at) or false end
return {redis.call('GET', KEYS[1]), head, head_at, at, first, entries}
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


class Share(NamedTuple):
    """Consecutive messages of one room."""

    messages: list[Message]
    at_ms: int  # of the last one


class Stored(NamedTuple):
    """What became of a room's share of a batch."""

    new: Share | None
    repeated: dict[int, Message]  # by index: the drafts that were stored before


class Read(NamedTuple):
    """What a room's log has, read at one moment."""

    epoch: str
    head: Head
    at_ms: int | None  # of the entry with the seq that was asked for; None if that is not known
    share: Share  # oldest first


# --- commands, and the meaning of their replies ---------------------------------------------


def append(
    epoch: str,
    room: str,
    known: Head,
    worker: str,
    keep: int,
    settled_for_ms: int,
    channel: str,
    drafts: Sequence[Draft],
) -> Command:
    """Give the command that stores a room's share of a batch, all or nothing, and publishes it.

    `known` is what was given out of the room; a log that does not have it is refused. Without a
    channel, nothing is published.
    """
    partition = partition_of(room)
    keys = (*_keys(partition, room), key(partition, "ids", room))
    pairs: list[str | bytes] = []
    for _, post_id, member, text in drafts:
        pairs += (f"{member.id}/{post_id}", _encode((post_id, member.id, member.nick, text)))
    return _APPEND.command(
        keys,
        (epoch, room, known.seq, known.at_ms, worker, keep, settled_for_ms, channel, *pairs),
    )


def stored(reply: Any, drafts: Sequence[Draft]) -> Stored:
    """Give what `append` did. Raises Refusal, or the error that Redis replied."""
    if isinstance(reply, Exception):
        raise reply
    word = reply[0]
    if word == b"epoch":
        raise EpochGone("the log on Redis is gone, or another one")
    if word == b"diverged":
        raise Diverged("the log on Redis has lost entries, or has others")
    if word == b"full":
        raise Full(reply[1].decode(), _repeated(reply[2], drafts, {}))
    _, first, at_ms, found = reply
    indexes = set(found[::3])
    at = rfc3339(at_ms)
    fresh = (draft for index, draft in enumerate(drafts) if index not in indexes)
    messages = [
        Message(seq, draft.id, draft.member, draft.text, at)
        for seq, draft in enumerate(fresh, first)
    ]
    repeated = _repeated(found, drafts, {message.seq: message for message in messages})
    return Stored(Share(messages, at_ms) if messages else None, repeated)


def publication(worker: str, epoch: str, room: str, share: Share) -> bytes:
    """Give what is published of messages that were stored."""
    bodies = [
        _encode((message.id, message.member.id, message.member.nick, message.text)).decode()
        for message in share.messages
    ]
    name = room.encode()
    head = b"m" + worker.encode() + bytes((len(name),)) + name
    return head + _pack((epoch, share.messages[0].seq, share.at_ms, bodies))


def published_room(payload: bytes, worker: str) -> str | None:
    """Give the room of what a worker published; None if it was this worker."""
    begin = len(worker) + 1
    if payload.startswith(worker.encode()):
        return None
    return payload[begin : begin + payload[begin - 1]].decode()


def published(payload: bytes, worker: str) -> tuple[str, Share]:
    """Give the epoch and the messages of what a worker published.

    Raises ValueError for what cannot be read. All workers' names are as long as this one's.
    """
    begin = len(worker) + 1
    epoch, first, at_ms, bodies = _unpack(payload[begin + payload[begin - 1] :])
    at = rfc3339(at_ms)
    return epoch, Share([_message(seq, at, body) for seq, body in enumerate(bodies, first)], at_ms)


def after(room: str, seq: int, limit: int) -> Command:
    """Give the command that reads the first `limit` entries after a seq."""
    return _READ.command(_keys(partition_of(room), room), (room, seq, limit, "after"))


def before(room: str, seq: int, limit: int) -> Command:
    """Give the command that reads the last `limit` entries before a seq."""
    return _READ.command(_keys(partition_of(room), room), (room, seq, limit, "before"))


def read(reply: Any, *, newest: bool = False) -> Read:
    """Give what was read. Raises EpochGone, or the error that Redis replied.

    Where an entry is missing that nobody pruned, what comes after it is left out; or what comes
    before it, if the `newest` are asked for.
    """
    if isinstance(reply, Exception):
        raise reply
    epoch, head, head_at, at_ms, first, entries = reply
    if epoch is None:
        raise EpochGone("the log on Redis is gone")
    if None in entries:
        missing = [index for index, entry in enumerate(entries) if entry is None]
        begin, end = (missing[-1] + 1, None) if newest else (0, missing[0])
        first, entries = first + begin, entries[begin:end]
    messages, last_ms = [], 0
    for seq, entry in enumerate(entries, first):
        time, _, body = entry.partition(b"\t")
        last_ms = int(time)
        messages.append(_message(seq, rfc3339(last_ms), body))
    return Read(
        epoch.decode(),
        Head(head, int(head_at)),
        None if at_ms is None else int(at_ms),
        Share(messages, last_ms),
    )


def recent_nicks(reply: Any, since_ms: int) -> list[tuple[Member, int]]:
    """Give who posted since a time, of entries that were read, with the last time of each nick."""
    times: dict[Member, int] = {}
    for entry in reply[5]:
        if entry is not None:
            time, _, body = entry.partition(b"\t")
            if (at_ms := int(time)) >= since_ms:
                fields = _decode(body)
                member = Member(fields.member, fields.nick)
                times.pop(member, None)
                times[member] = at_ms
    return list(times.items())


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


def _keys(partition: int, room: str) -> tuple[str, str, str]:
    return key(partition, "epoch"), key(partition, "heads"), key(partition, "log", room)


def _repeated(
    found: Sequence[Any], drafts: Sequence[Draft], new: dict[int, Message]
) -> dict[int, Message]:
    """Give the originals of repeated drafts, by index; `new` has what the same batch stored."""
    originals = {}
    for index, seq, entry in zip(found[::3], found[1::3], found[2::3], strict=True):
        if seq in new:
            originals[index] = new[seq]
        elif entry is not None:
            time, _, body = entry.partition(b"\t")
            originals[index] = _message(seq, rfc3339(int(time)), body)
    return originals


def _message(seq: int, at: str, body: bytes | str) -> Message:
    fields = _decode(body)
    return Message(seq, fields.id, Member(fields.member, fields.nick), fields.text, at)
