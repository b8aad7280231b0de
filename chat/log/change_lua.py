"""The script of change_scripts.py: what it finds out, and what it writes; act_lua.py is between."""

from __future__ import annotations

from chat.log.act_lua import ACT
from chat.log.lua import HEAD, ORIGINAL, PARTS, TRIM
from chat.redis.servers import NOW_MS

# The state of the share: entries that are new or changed, by seq; what is written later.
_STATE = """
local epochs, heads, days_used, pasts, records, reports, due, log, ids, record, bars, deeds,
  known_ids, erasing, people = unpack(KEYS)
local call = redis.call
local epoch, room, known, known_at, worker, keep, settled_for, channel, past, is_occupied =
  unpack(cmsgpack.unpack(ARGV[1]))
local items = cmsgpack.unpack(ARGV[2])

if call('GET', epochs) ~= epoch then return {'epoch'} end
local head, head_at = head_of(heads, room)
if diverges(log, known, known_at, head, head_at) then return {'diverged'} end
if head == 0 and call('EXISTS', log) > 0 then
  call('UNLINK', log, ids) -- what is left of a log whose head is lost
end

local function int(number) return string.format('%.0f', number) end

local now = now_ms()
local at = past ~= '' and past or int(now)
local seq = head
local entries, changed = {}, {}     -- by seq; the seqs of those that are to be written
local used, marks = {}, {}          -- seq or deed of each id; the same, to be written
local later = {}                    -- other commands that write
local fields = {}                   -- of the record, false for one that goes
local done_deeds = {}               -- number, line, number, line ...
local results, repeated = {}, {}    -- index, word ...; those of what was done before this share
local is_touched, is_ended, is_ending, is_forgotten = false, false, false, false
local bars_changed, barred = false, {}  -- until when, by field

local wanted = {}
for index, item in ipairs(items) do wanted[index] = item.mark end
wanted[#wanted + 1] = '!'
local seen = call('HMGET', ids, unpack(wanted))
is_ended = seen[#wanted] and true

local function entry_of(number)
  return entries[number] or call('HGET', log, int(number)) or nil
end
local function put(number, entry)
  if not entries[number] then changed[#changed + 1] = number end
  entries[number] = entry
end
local function mark(id, value)
  used[id] = value
  marks[#marks + 1] = id
  marks[#marks + 1] = value
end
local function add(body, id)
  seq = seq + 1
  put(seq, at .. '\\t' .. body)
  if id then mark(id, int(seq)) end
end
local function write(...) later[#later + 1] = {...} end

local function field(name)
  if fields[name] == nil then return call('HGET', record, name) end
  return fields[name]
end
local function set(name, value)
  fields[name] = value
  is_touched = true
end

-- The message with a seq, unless it is removed: the entry, its author, its answer, its edit.
local function present(number)
  local entry = entry_of(number)
  if not entry then return nil end
  local kind, reply, _, edited, removed = numbers_of(entry)
  if kind ~= 0 or removed ~= 0 then return nil end
  return entry, string.match(entry, '^%d+\\t%["[^"]*",%s*"([^"]*)"'), reply, edited
end
local function rewritten(entry, text, reply, edited, removed)
  local time, body = string.match(entry, '^(%d+)\\t(.*)$')
  local parts = cjson.decode(body)
  return time .. '\\t[' .. cjson.encode(parts[1]) .. ',' .. cjson.encode(parts[2]) .. ','
    .. cjson.encode(parts[3]) .. ',' .. text .. ',0,' .. int(reply) .. ',0,' .. int(edited) .. ','
    .. removed .. ']'
end
local function author_of(entry)
  local parts = cjson.decode(string.match(entry, '^%d+\\t(.*)$'))
  return ',"member":{"id":' .. cjson.encode(parts[2]) .. ',"nick":' .. cjson.encode(parts[3]) .. '}'
end

-- Adds a line to the audit list; with `id`, that of a command that becomes no entry.
local function note(line, id)
  local number = tonumber(field('deeds') or 0) + 1
  line = at .. '\\t' .. (id or '') .. '\\t' .. line .. '}'
  set('deeds', int(number))
  done_deeds[#done_deeds + 1] = number
  done_deeds[#done_deeds + 1] = line
  write('HSET', deeds, int(number), line)
  if id then mark(id, 'd' .. int(number)) end
  local oldest = int(number - DEEDS_LIMIT)
  local gone = call('HGET', deeds, oldest)
  if gone then
    local old_id = string.match(gone, '^%d+\\t([^\\t]*)')
    if call('HGET', ids, old_id) == 'd' .. oldest then write('HDEL', ids, old_id) end
    write('HDEL', deeds, oldest)
  end
  return number
end

-- Gives a message's text up; whose it was cannot be told from what is left but by its author.
local function take_away(number, entry, reply, edited)
  put(number, rewritten(entry, '""', reply, edited, '1'))
  if string.match(field('pin') or '', '^%d+') == int(number) then set('pin', false) end
end

local function rules_now()
  local found = field('rules')
  return found and cjson.decode(found)
    or {write = 'all', pace_s = 0, locked = false, ends_at = cjson.null}
end
local function set_rules(rules)
  local ends_at = rules.ends_at
  local written = '{"write":"' .. rules.write .. '","pace_s":' .. int(rules.pace_s) .. ',"locked":'
    .. tostring(rules.locked) .. ',"ends_at":'
    .. (ends_at == cjson.null and 'null' or cjson.encode(ends_at)) .. '}'
  set('rules', written)
  return written
end
local function set_end(ms)
  if ms > 0 then write('ZADD', due, int(ms), 'end:' .. room)
  else write('ZREM', due, 'end:' .. room) end
end

local known_new, known_anew = {}, false
local function know(members)
  for _, member in ipairs(members) do known_new[#known_new + 1] = member end
end
"""

_WRITE = """
local function context(some)
  local raw = {}
  for _, result in ipairs(some) do
    if result[2] == 'entry' then
      result[4] = entry_of(result[3])
      raw[#raw + 1] = result[4]
    end
  end
  return about(raw, entry_of)
end

local version = ''
if is_touched then
  local time = call('TIME')
  local before = call('HGET', records, '') or 0
  version = int(math.max(time[1] * 1000000 + time[2], before + 1))
end

local function hset(name, pairs_of)
  for first = 1, #pairs_of, 2000 do
    call('HSET', name, unpack(pairs_of, first, math.min(first + 1999, #pairs_of)))
  end
end

if #changed > 0 or is_touched or #later > 0 then
  if is_ending or is_forgotten then
    call('UNLINK', bars, deeds) -- also while the memory is full
  end
  local failed
  local writes = {}
  for _, number in ipairs(changed) do
    writes[#writes + 1] = int(number)
    writes[#writes + 1] = entries[number]
  end
  if #changed > 0 then
    failed = redis.pcall('HSET', log, writes[1], writes[2])
  else
    failed = redis.pcall('HSET', records, '', version ~= '' and version
                         or call('HGET', records, '') or '0')
  end
  if type(failed) == 'table' then
    if string.sub(failed.err, 1, 4) ~= 'OOM ' then return failed end
    entries = {}
    return {'full', failed.err, repeated, context(repeated)}
  end
  hset(log, writes)
  hset(ids, marks)
  if seq > head then call('HSET', heads, room, int(seq) .. ':' .. at) end
  if seq > head and past ~= '' then
    call('HSET', days_used, room, math.floor(now / 86400000))
    call('HSET', pasts, room, int(seq))
  end
  for _, command in ipairs(later) do
    if type(command) == 'function' then command() else call(unpack(command)) end
  end
  for name, value in pairs(fields) do
    if value then call('HSET', record, name, value) else call('HDEL', record, name) end
  end
  if known_anew then call('UNLINK', known_ids) end
  if #known_new > 0 then
    local left = KNOWN_LIMIT - call('SCARD', known_ids)
    for first = 1, math.min(left, #known_new), 1000 do
      call('SADD', known_ids, unpack(known_new, first, math.min(first + 999, left, #known_new)))
    end
  end
  if version ~= '' then call('HSET', records, room, version, '', version) end
end

-- Bars whose time is over go, and those that end first, if there are too many.
if bars_changed and not is_ending then
  local all, kinds = call('HGETALL', bars), {{}, {}}
  for index = 1, #all, 2 do
    local name, ends = all[index], tonumber(string.match(all[index + 1], '^%d+'))
    if ends <= now then
      call('HDEL', bars, name)
    else
      local kind = kinds[string.sub(name, 1, 5) == 'from/' and 2 or 1]
      kind[#kind + 1] = {ends, name}
    end
  end
  for _, kind in ipairs(kinds) do
    table.sort(kind, function(one, other)
      return one[1] < other[1] or (one[1] == other[1] and one[2] < other[2])
    end)
    for index = 1, #kind - BARS_LIMIT do call('HDEL', bars, kind[index][2]) end
  end
end

local contexts = context(results)
local told = ''
if seq > head or is_touched then
  local raw, bodies = {}, {}
  for number = head + 1, seq do
    raw[#raw + 1] = entries[number]
    bodies[#bodies + 1] = string.match(entries[number], '^%d+\\t(.*)$')
  end
  told = cmsgpack.pack({epoch, head + 1, tonumber(at), bodies, about(raw, entry_of), version,
                        done_deeds})
  if channel ~= '' then
    call('SPUBLISH', channel, 'm' .. worker .. string.char(#room) .. room .. told)
  end
end

if is_ending then
  call('UNLINK', log, ids, record, bars, deeds, known_ids, erasing)
  if seq > 0 then
    call('HSET', log, 'floor', int(seq) .. ':' .. (seq > head and at or head_at))
  end
  call('HSET', ids, '!', at)
  call('HSET', record, 'ended', at)
  call('ZREM', due, 'erase:' .. room)
  call('ZADD', due, int(now + ENDED_KEPT_MS), 'end:' .. room)
elseif is_forgotten then
  call('UNLINK', ids, record)
  call('ZREM', due, 'end:' .. room)
elseif seq > keep then
  trim(log, ids, seq - keep, now - settled_for, 2 * (seq - head) + 100)
end
return {'stored', told, results, contexts}
"""

CHANGE = NOW_MS + HEAD + TRIM + PARTS + ORIGINAL + _STATE + ACT + _WRITE
