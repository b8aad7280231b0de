"""What Redis does for presence, each in one step: the scripts, and their keys.

A partition has, with P for its prefix:

    P leases           sorted set: each worker, and until when it is alive (ms; see leases.py)
    P held:<worker>    set: "<member id> <room>" of the people that a worker holds
    P versions         hash: room -> version; of the rooms that somebody is in
    P people:<room>    hash: member id -> person

and of each room that somebody is in, or was until lately:

    P nicks:<room>     hash: look of a nick -> "h<member id>" that has it, or "r<n>" it is kept by
    P kept:<room>      hash: n -> a reservation; "m<member id>", "a<account>" -> theirs, "n n n",
                       the oldest first; "n" -> the last n; "looks" -> how many looks are kept
    P ends:<room>      sorted set: n, and when that reservation ends (ms)
    P most:<room>      sorted set: account; who loses its oldest first has the highest score

A version is a time of Redis's clock (µs). Each change raises it, and tells all workers of the one
before: a worker that knows that one has missed nothing. So no copy of a room can be taken for one
of another history of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.msgpack import encode

from chat.redis.channels import Channels
from chat.redis.partitions import key, partition_of
from chat.redis.servers import WHEN_FULL, Command, Script
from chat.rooms.leases import ALIVE
from chat.rooms.presence import LOOKS_LIMIT, MEMBERS_RESERVATIONS

# A full Redis must not keep people from coming, and it has to let them go.
_COMMON = (
    WHEN_FULL
    + ALIVE
    + f"""
local MEMBERS_RESERVATIONS, LOOKS_LIMIT = {MEMBERS_RESERVATIONS}, {LOOKS_LIMIT}
"""
    + """
local versions, people, nicks, kept, ends, most, held, leases = unpack(KEYS)
local channel, call = ARGV[2], redis.call
-- a person
local ORDER, NICK, LOOKS, ACCOUNT, RENAMED, WORKERS = 1, 2, 3, 4, 5, 6
-- a reservation
local MEMBER, OF, ENDS, KEPT, KEPT_NICK = 1, 2, 3, 4, 5

local function clock()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Raise the room's version and tell all workers what has happened.
local function tell(room, events)
  local before = call('HGET', versions, room) or '0'
  local version = string.format('%.0f', math.max(clock(), before + 1))
  call('HSET', versions, room, version)
  local told = cmsgpack.pack({room, before, version, events})
  call('SPUBLISH', channel, 'p' .. told)
  return before, version
end

-- Whose reservations there are, as `field` says: "m<member id>" or "a<account>".
local function of(field)
  local numbers = {}
  for n in string.gmatch(call('HGET', kept, field) or '', '%d+') do
    numbers[#numbers + 1] = n
  end
  return numbers
end

local function note(field, numbers)
  if #numbers > 0 then
    call('HSET', kept, field, table.concat(numbers, ' '))
  else
    call('HDEL', kept, field)
  end
  if string.sub(field, 1, 1) == 'a' then
    local account = string.sub(field, 2)
    if #numbers > 0 then -- the most; of those who have as many, the one with the oldest
      call('ZADD', most, string.format('%.0f', #numbers * 1e10 - numbers[1]), account)
    else
      call('ZREM', most, account)
    end
  end
end

local function add(field, n)
  local numbers = of(field)
  numbers[#numbers + 1] = n
  note(field, numbers)
end

local function drop(field, n)
  local left = {}
  for _, each in ipairs(of(field)) do
    if each ~= n then left[#left + 1] = each end
  end
  note(field, left)
end

local function reservation(n)
  local packed = call('HGET', kept, n)
  return packed and cmsgpack.unpack(packed)
end

local function forget(n)
  local found = reservation(n)
  if not found then return end
  for _, look in ipairs(found[KEPT]) do
    if call('HGET', nicks, look) == 'r' .. n then
      call('HDEL', nicks, look)
      call('HINCRBY', kept, 'looks', -1)
    end
  end
  call('HDEL', kept, n)
  call('ZREM', ends, n)
  drop('m' .. found[MEMBER], n)
  drop('a' .. found[OF], n)
end

-- Take a look out of the reservation that has it, which stays for its other looks.
local function take(look)
  local value = call('HGET', nicks, look)
  if not value or string.sub(value, 1, 1) ~= 'r' then return end
  call('HDEL', nicks, look)
  call('HINCRBY', kept, 'looks', -1)
  local n = string.sub(value, 2)
  local found = reservation(n)
  for _, other in ipairs(found and found[KEPT] or {}) do
    if call('HGET', nicks, other) == value then return end
  end
  forget(n)
end

local function hold(looks, member)
  for _, look in ipairs(looks) do
    take(look)
    call('HSET', nicks, look, 'h' .. member)
  end
end

local function reserve(nick, looks, member, account, ends_at)
  for _, look in ipairs(looks) do take(look) end
  local mine = of('m' .. member)
  if #mine >= MEMBERS_RESERVATIONS then forget(mine[1]) end
  local n = string.format('%.0f', call('HINCRBY', kept, 'n', 1))
  call('HSET', kept, n, cmsgpack.pack({member, account, ends_at, looks, nick}))
  call('ZADD', ends, string.format('%.0f', ends_at), n)
  add('m' .. member, n)
  add('a' .. account, n)
  for _, look in ipairs(looks) do call('HSET', nicks, look, 'r' .. n) end
  local count = call('HINCRBY', kept, 'looks', #looks)
  while count > LOOKS_LIMIT do
    local greediest = call('ZREVRANGE', most, 0, 0)[1]
    if not greediest then break end
    forget(of('a' .. greediest)[1])
    count = tonumber(call('HGET', kept, 'looks'))
  end
end

local function is_taken(looks, member, now)
  for _, look in ipairs(looks) do
    local value = call('HGET', nicks, look)
    if value then
      local who = string.sub(value, 2)
      if string.sub(value, 1, 1) == 'h' then
        if who ~= member then return true end
      else
        local found = reservation(who)
        if found and found[MEMBER] ~= member and found[ENDS] > now then return true end
      end
    end
  end
  return false
end

-- For how long a room is remembered that nobody is in; nil: for as long as somebody is.
local function remember(ms)
  for _, each in ipairs({nicks, kept, ends, most}) do
    if ms then call('PEXPIRE', each, math.max(1, math.ceil(ms))) else call('PERSIST', each) end
  end
end

local function forget_expired(now)
  for _, n in ipairs(call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 20)) do forget(n) end
end

-- Know the nicks that are reserved in a room; of a new one `recent` tells them, if it is given.
local function knows_room(recent, reservation_ms)
  if call('EXISTS', kept) == 1 then return true end
  if type(recent) ~= 'table' then return false end
  call('HSET', kept, 'n', 0)
  for _, each in ipairs(recent) do reserve(each[4], each[2], each[1], each[1], each[3]) end
  remember(reservation_ms)
  return true
end
"""
)

#: Hold a member for a worker: let it in, or give it another nick.
_HOLD = Script(
    _COMMON
    + """
local now, worker, lease_ms, room, member, turn, nick, looks, is_wanted, every_ms, reservation_ms,
  order, account, wants_people, recent = unpack(cmsgpack.unpack(ARGV[1]))

if not knows_room(recent, reservation_ms) then return {'unknown'} end
local packed = call('HGET', people, member)
local person = packed and cmsgpack.unpack(packed)
local is_known = (person or call('HEXISTS', kept, 'm' .. member) == 1) and 1 or 0
if person and not is_wanted then nick, looks = person[NICK], person[LOOKS] end
local was = person and person[NICK]
if was ~= nick then
  if person then
    local wait_ms = person[RENAMED] + every_ms - now
    if person[RENAMED] > 0 and wait_ms > 0 then return {'wait', math.ceil(wait_ms)} end
  end
  if is_taken(looks, member, now) then return {'taken'} end
end

local is_new_lease = keep_lease(leases, worker, lease_ms)
local before = call('HGET', versions, room) or '0'
local version, event = before, nil
if not person then
  if call('EXISTS', people) == 0 then remember(nil) end
  hold(looks, member)
  if order == 0 then order = math.max(clock(), before + 1) end
  person = {order, nick, looks, account, 0, {}}
  event = {'joined', member, nick, '', order}
elseif was ~= nick then
  hold(looks, member)
  if table.concat(person[LOOKS], '\\n') ~= table.concat(looks, '\\n') then
    reserve(person[NICK], person[LOOKS], member, person[ACCOUNT], now + reservation_ms)
    hold(looks, member) -- the two nicks may have a look in common
  end
  person[NICK], person[LOOKS], person[RENAMED] = nick, looks, now
  event = {'renamed', member, nick, was, person[ORDER]}
end
person[WORKERS][worker] = math.max(turn, person[WORKERS][worker] or 0)
call('HSET', people, member, cmsgpack.pack(person))
call('SADD', held, member .. ' ' .. room)
if event then before, version = tell(room, {event}) end
return {'held', before, version, cmsgpack.pack({event}), nick, is_known, is_new_lease,
  wants_people and call('HGETALL', people) or {}}
"""
)

#: Keep a nick for a member that need not be in the room; who is there has the one that it has.
_VISIT = Script(
    _COMMON
    + """
local now, room, member, nick, looks, is_wanted, account, reservation_ms, recent =
  unpack(cmsgpack.unpack(ARGV[1]))
if not knows_room(recent, reservation_ms) then return {'unknown'} end
local packed = call('HGET', people, member)
if packed then return {'visits', cmsgpack.unpack(packed)[NICK]} end
if not is_wanted then -- the last one that is kept for it, if all of it is
  local numbers = of('m' .. member)
  local last = #numbers > 0 and reservation(numbers[#numbers])
  if last and last[KEPT_NICK] and last[ENDS] > now and not is_taken(last[KEPT], member, now) then
    nick, looks = last[KEPT_NICK], last[KEPT]
  end
end
if is_taken(looks, member, now) then return {'taken'} end
forget_expired(now)
reserve(nick, looks, member, account, now + reservation_ms)
if call('EXISTS', people) == 0 then remember(reservation_ms) end
return {'visits', nick}
"""
)

#: Let go of members that a worker holds: they leave unless another one holds them too.
_LET_GO = Script(
    _COMMON
    + """
local now, worker, is_dead, room, members, reservation_ms = unpack(cmsgpack.unpack(ARGV[1]))
if is_dead and is_alive(leases, worker) then return 'alive' end
forget_expired(now)
local events = {}
for _, each in ipairs(members) do
  local member, turn = each[1], each[2]
  local packed = call('HGET', people, member)
  local person = packed and cmsgpack.unpack(packed)
  local its = person and person[WORKERS][worker]
  if its and not is_dead and its > turn then
    -- It has come back meanwhile.
  else
    call('SREM', held, member .. ' ' .. room)
    if its then
      person[WORKERS][worker] = nil
      if next(person[WORKERS]) then
        call('HSET', people, member, cmsgpack.pack(person))
      else
        call('HDEL', people, member)
        for _, look in ipairs(person[LOOKS]) do call('HDEL', nicks, look) end
        reserve(person[NICK], person[LOOKS], member, person[ACCOUNT], now + reservation_ms)
        events[#events + 1] = {'left', member, person[NICK], '', person[ORDER]}
      end
    end
  end
end
if #events > 0 then
  tell(room, events)
  if call('EXISTS', people) == 0 then
    call('HDEL', versions, room)
    remember(reservation_ms)
  end
end
return #events
"""
)

#: Find the first of some nicks that is no other member's.
_CHOOSE = Script(
    _COMMON
    + """
local now, member, nicks_looks = unpack(cmsgpack.unpack(ARGV[1]))
for index, looks in ipairs(nicks_looks) do
  if not is_taken(looks, member, now) then return index - 1 end
end
return -1
"""
)

#: Read who is in a room, and which version of it that is.
_LOAD = Script(
    WHEN_FULL
    + "return {redis.call('HGET', KEYS[1], ARGV[1]) or '0', redis.call('HGETALL', KEYS[2])}"
)


#: Who spoke lately: member, looks of its nick, end of its reservation (ms), nick.
Recent = tuple[str, Sequence[str], int, str]


class PeopleScripts:
    """The commands of presence, for one worker."""

    def __init__(self, channels: Channels, worker: str, lease_ms: int, reservation_ms: int) -> None:
        self._channels = channels
        self._worker = worker
        self._lease_ms = lease_ms
        self._reservation_ms = reservation_ms

    def hold(
        self,
        room: str,
        member_id: str,
        *,
        now_ms: int,
        turn: int,
        nick: str,
        looks: Sequence[str],
        is_wanted: bool,
        every_ms: int = 0,
        order: int = 0,
        account: str = "",
        wants_people: bool = False,
        recent: Sequence[Recent] | None = None,
    ) -> tuple[int, Command]:
        """Hold a member, under a nick; one that is not `is_wanted` is for whoever has none.

        `turn` tells this hold from others of the worker: `let_go` ends those until its turn.
        `recent` has who spoke lately; without it, the reply is `unknown` where the room is.
        """
        given = (
            now_ms,
            self._worker,
            self._lease_ms,
            room,
            member_id,
            turn,
            nick,
            looks,
            is_wanted,
            every_ms,
            self._reservation_ms,
            order,
            account or member_id,
            wants_people,
            False if recent is None else recent,
        )
        return self._command(_HOLD, room, self._worker, given)

    def visit(
        self,
        room: str,
        member_id: str,
        *,
        now_ms: int,
        nick: str,
        looks: Sequence[str],
        is_wanted: bool,
        account: str,
        recent: Sequence[Recent] | None,
    ) -> tuple[int, Command]:
        """Keep a nick for a member that need not be in the room; the rest is as in `hold`."""
        given = (
            now_ms,
            room,
            member_id,
            nick,
            looks,
            is_wanted,
            account or member_id,
            self._reservation_ms,
            False if recent is None else recent,
        )
        return self._command(_VISIT, room, self._worker, given)

    def let_go(
        self,
        room: str,
        members: Sequence[tuple[str, int]],
        *,
        now_ms: int,
        dead: str | None = None,
    ) -> tuple[int, Command]:
        """Let go of members, each until a turn of this worker; or of those of a dead one."""
        given = (
            now_ms,
            dead or self._worker,
            dead is not None,
            room,
            members,
            self._reservation_ms,
        )
        return self._command(_LET_GO, room, dead or self._worker, given)

    def choose(
        self, room: str, member_id: str, nicks_looks: Sequence[Sequence[str]], *, now_ms: int
    ) -> tuple[int, Command]:
        """Find the first of some nicks, given by their looks, that is free; else -1."""
        return self._command(_CHOOSE, room, self._worker, (now_ms, member_id, nicks_looks))

    def load(self, room: str) -> tuple[int, Command]:
        """Read a room: its version, and its people."""
        partition = partition_of(room)
        keys = (key(partition, "versions"), key(partition, "people", room))
        return partition, _LOAD.command(keys, (room,))

    def _command(
        self, script: Script, room: str, worker: str, given: tuple[Any, ...]
    ) -> tuple[int, Command]:
        partition = partition_of(room)
        keys = (
            key(partition, "versions"),
            *(key(partition, name, room) for name in ("people", "nicks", "kept", "ends", "most")),
            held(partition, worker),
            key(partition, "leases"),
        )
        return partition, script.command(keys, (encode(given), self._channels.channel(partition)))


def held(partition: int, worker: str) -> str:
    """Name the set of the people that a worker holds in a partition."""
    return key(partition, "held", worker)
