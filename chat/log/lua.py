"""What the scripts of the log have in common: functions in Lua, to be put before a script."""

# A room's newest entry, and the time of an entry (nil if that is not known any more); and whether
# the log has not the entry that was given out last (a seq, 0 for none, and its time).
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
local function diverges(log, known, known_at, head, head_at)
  return known > 0 and (known > head or time_of(log, known, head, head_at) ~= known_at)
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

# What an entry is, without decoding its JSON: that of a plain post ends with its text, every other
# one with five numbers. And the entries that others are about, as seq, entry, seq, entry …
PARTS = """
local function numbers_of(entry)
  if string.byte(entry, -2) == 34 then return 0, 0, 0, 0, 0 end
  local kind, reply, target, edited, removed =
    string.match(string.sub(entry, -90), ',(%d+),(%d+),(%d+),(%d+),(%d+)%]$')
  return tonumber(kind), tonumber(reply), tonumber(target), tonumber(edited), tonumber(removed)
end
local function about(entries, entry_of)
  local flat, found = {}, {}
  local function add(seq)
    if seq == 0 then return nil end
    if found[seq] == nil then
      found[seq] = entry_of(seq) or false
      if found[seq] then
        flat[#flat + 1] = seq
        flat[#flat + 1] = found[seq]
      end
    end
    return found[seq]
  end
  for _, entry in ipairs(entries) do
    if entry and string.byte(entry, -2) ~= 34 then
      local kind, reply, target = numbers_of(entry)
      if kind == 0 then
        add(reply)
      elseif kind == 1 then
        add(target)
      elseif kind == 3 then
        local pinned = add(target)
        if pinned then
          local _, answered = numbers_of(pinned)
          add(answered)
        end
      end
    end
  end
  return flat
end
"""

# Gives the entry for which an id was used, if it is still there. (After a loss, the mark of an id
# may stand for an entry of another one.)
ORIGINAL = """
local function original(log, mark, seq)
  local entry = redis.call('HGET', log, seq)
  if not entry then return nil end
  local id, member = string.match(entry, '^%d+\\t%["([^"]*)",%s*"([^"]*)"')
  if id and member .. '/' .. id == mark then return entry end
  return nil
end
"""
