"""What each command does to a room on Redis: the middle part of the script of change_lua.py."""

from __future__ import annotations

# What each command does: a function gives the words of its result, or nothing if it has become an
# entry.
ACT = """
local ERASE_ENTRIES, ERASE_MESSAGES = 500, 100
local act = {}

function act.post(item)
  if item.reply == 0 then
    add(item.start .. ']', item.mark)
  elseif present(item.reply) then
    add(item.start .. ',0,' .. int(item.reply) .. ',0,0,0]', item.mark)
  else
    return 'refused', 'target_unknown'
  end
end

function act.edit(item)
  local entry, member, reply = present(item.target)
  if not entry then return 'refused', 'target_unknown' end
  if member ~= item.member then return 'refused', 'not_yours' end
  if now > tonumber(string.match(entry, '^%d+')) + item.within then return 'refused', 'too_late' end
  put(item.target, rewritten(entry, item.text, reply, now, '0'))
  add(item.start .. ',1,0,' .. int(item.target) .. ',0,0]', item.mark)
end

local function remove(item, number)
  local entry, member, reply, edited = present(number)
  if not entry then return 'refused', 'target_unknown' end
  if member ~= item.member and not item.owns then return 'refused', 'not_yours' end
  if member ~= item.member then
    note(item.deed .. author_of(entry) .. ',"target":' .. int(number))
  end
  take_away(number, entry, reply, edited)
  add(item.start .. ',2,0,' .. int(number) .. ',0,0]', item.mark)
end

function act.remove(item)
  if item.target > 0 then return remove(item, item.target) end
  if not item.post then return 'refused', 'target_unknown' end
  local before = used[item.post] or call('HGET', ids, item.post)
  local entry = before and string.byte(before) ~= 100
    and (entries[tonumber(before)] or original(log, item.post, before))
  if not before or (not entry and string.byte(before) ~= 100) then
    add(item.post_start .. ',2,0,0,0,0]', item.post) -- so that it never becomes a message
    return
  end
  if not entry then return 'refused', 'target_unknown' end
  local kind, _, target = numbers_of(entry)
  if kind == 2 and target == 0 then return 'entry', tonumber(before) end
  return remove(item, tonumber(before))
end

function act.pin(item)
  local entry = item.target > 0 and present(item.target)
  if item.target > 0 and not entry then return 'refused', 'target_unknown' end
  set('pin', entry and int(item.target) .. ':' .. string.match(entry, '^%d+'))
  note(item.deed .. (item.target > 0 and ',"target":' .. int(item.target) or ''))
  add(item.start .. ',3,0,' .. int(item.target) .. ',0,0]', item.mark)
end

function act.rules(item)
  local rules = rules_now()
  local was_locked = rules.locked
  if item.write then rules.write = item.write end
  if item.pace then rules.pace_s = item.pace end
  if item.locked ~= nil then rules.locked = item.locked end
  if item.ends then
    rules.ends_at = item.ends > 0 and item.ends_at or cjson.null
    set_end(item.ends)
  end
  local written = set_rules(rules)
  if rules.locked then
    if not was_locked then known_new, known_anew = {}, true end
    know(item.known)
  end
  note(item.deed .. ',"rules":' .. written)
  add(item.start .. ',' .. cjson.encode(written) .. ',4,0,0,0,0]', item.mark)
end

function act.bar(item)
  bars_changed = true
  local name = item.bar .. '/' .. item.whom
  local until_ms = item['for'] > 0 and now + item['for'] or 0
  barred[name] = until_ms
  if until_ms > 0 then
    write('HSET', bars, name, int(until_ms) .. ':' .. item.nick)
    know(item.known)
  else
    write('HDEL', bars, name)
    if item.bar == 'put_out' then
      later[#later + 1] = function()
        local all = call('HGETALL', bars)
        for index = 1, #all, 2 do
          local whom = string.match(all[index + 1], '^%d+:%x*:(.*)$')
          if string.sub(all[index], 1, 5) == 'from/' and whom == item.whom then
            call('HDEL', bars, all[index])
          end
        end
      end
    end
  end
  note(item.deed, item.mark)
  return 'done'
end

-- Bars addresses of who was put out, unless that may come in again already.
function act.addresses(item)
  local name = 'put_out/' .. item.whom
  local ends = barred[name]
  if not ends then ends = tonumber(string.match(call('HGET', bars, name) or '0', '^%d+')) end
  if ends > now then
    bars_changed, is_touched = true, true
    for _, address in ipairs(item.addresses) do
      write('HSET', bars, 'from/' .. address[1],
            int(address[3]) .. ':' .. address[2] .. ':' .. item.whom)
    end
  end
  return 'done'
end

function act.report(item)
  local entry = present(item.target)
  if not entry then return 'refused', 'target_unknown' end
  local text = item.text ~= '' and ',"text":' .. item.text or ''
  local number = note(item.deed .. author_of(entry) .. ',"target":' .. int(item.target) .. text,
                      item.mark)
  write('ZADD', reports, at, int(number) .. ':' .. room)
  write('ZREMRANGEBYRANK', reports, 0, -(REPORTS_LIMIT + 1))
  return 'done'
end

-- Takes away some of the messages of a member, by itself or an owner, that are no later than the
-- erase; upkeep goes on with it if nobody else does.
function act.erase(item)
  local going = call('HGET', erasing, item.mark)
  local before = used[item.mark] or seen[item.index]
  if before and not going then return 'done' end
  if not before and item.of and not item.owns then return 'refused', 'not_owner' end
  local whose = item.of or item.member
  local first, last, count = 1, seq, 0
  if going then
    first, last, count = string.match(going, '^(%d+):(%d+):(%d+)')
    first, last, count = tonumber(first), tonumber(last), tonumber(count)
  else
    note(item.deed, item.mark)
  end
  first = math.max(first, floor_of(log) + 1)
  local stop = math.min(last, first + ERASE_ENTRIES - 1)
  local numbers, taken = {}, 0
  for number = first, stop do numbers[#numbers + 1] = int(number) end
  local found = #numbers > 0 and call('HMGET', log, unpack(numbers)) or {}
  for index, entry in ipairs(found) do
    local number = first + index - 1
    entry = entries[number] or entry
    local member = entry and string.match(entry, '^%d+\\t%["[^"]*",%s*"([^"]*)"')
    if member == whose then
      local _, _, reply, edited = present(number)
      if reply then
        if taken == ERASE_MESSAGES then
          stop = number - 1
          break
        end
        take_away(number, entry, reply, edited)
        local id = count == 0 and item.id or item.id .. '.' .. int(number)
        -- The command's own id is the deed's already.
        add('["' .. id .. '",' .. item.whose .. ',2,0,' .. int(number) .. ',0,0]',
            count > 0 and item.member .. '/' .. id)
        taken, count = taken + 1, count + 1
      end
    end
  end
  if stop < last then
    write('HSET', erasing, item.mark,
          int(stop + 1) .. ':' .. int(last) .. ':' .. int(count)
          .. (item.of and '/' .. item.of or '') .. ':' .. item.nick)
    write('ZADD', due, int(now + ERASE_MS), 'erase:' .. room)
    return 'on'
  end
  if going then
    write('HDEL', erasing, item.mark)
    later[#later + 1] = function()
      if call('EXISTS', erasing) == 0 then call('ZREM', due, 'erase:' .. room) end
    end
  end
  return 'done'
end

function act.rekey(item)
  set('owner', item.owner)
  note(item.deed, item.mark)
  return 'done'
end

function act.make(item)
  local owner = field('owner')
  if owner == item.owner then return 'made' end
  if owner or seq > 0 or item.general or is_occupied == 1 or call('EXISTS', people) == 1 then
    return 'refused', 'room_exists'
  end
  set('owner', item.owner)
  if item.title ~= '' then set('title', item.title) end
  set_rules({write = item.write, pace_s = 0, locked = false,
             ends_at = item.ends > 0 and item.ends_at or cjson.null})
  set_end(item.ends)
  return 'made'
end

act['end'] = function(item)
  is_touched, is_ended, is_ending = true, true, true
  return 'done'
end

function act.overdue(item)
  local due_at = call('ZSCORE', due, 'end:' .. room)
  if due_at and tonumber(due_at) <= now then
    is_touched = true
    if is_ended then is_forgotten = true else is_ended, is_ending = true, true end
  end
  return 'done'
end

function act.refused(item) return 'refused', item.why end

for index, item in ipairs(items) do
  item.index = index
  local before = used[item.mark] or seen[index]
  local word, what
  if is_ended and not is_ending and item['do'] == 'overdue' then
    word = act.overdue(item)
  elseif is_ended then
    if item['do'] == 'end' or item['do'] == 'overdue' then word = 'done'
    else word, what = 'refused', 'room_ended' end
  elseif before and string.byte(before) == 100 and item['do'] ~= 'erase' then
    word = 'done'
  elseif before and string.byte(before) ~= 100
         and (used[item.mark] or original(log, item.mark, before)) then
    word, what = 'entry', tonumber(before)
  else
    word, what = act[item['do']](item)
  end
  if word then
    local result = {index - 1, word, what}
    results[#results + 1] = result
    if seen[index] and (word == 'done' or (word == 'entry' and what <= head)) then
      repeated[#repeated + 1] = result
    end
  end
end
"""
