"""What Redis does with what workers tell of their ledgers (ledger_exchange.py)."""

from __future__ import annotations

from chat.redis.servers import NOW_MS, Script

# KEYS: the workers of the partition; then the budgets and the rooms of each account.
# ARGV: this worker, its lease, how long places are kept; then all reports, packed.
# All times are milliseconds: since 1970 in Redis, and from now on what is told.
REPORT = Script(
    """
    local time = redis.call('TIME')
    local now = time[1] * 1000 + time[2] / 1000
    local worker, lease, places_kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
    local own = 'w:' .. worker

    local alive, workers = {}, redis.call('HGETALL', KEYS[1])
    for i = 1, #workers, 2 do
        if tonumber(workers[i + 1]) > now then
            alive[workers[i]] = true
        else
            redis.call('HDEL', KEYS[1], workers[i])
        end
    end
    local was_alive = alive[worker] or false
    redis.call('HSET', KEYS[1], worker, string.format('%.0f', now + lease))
    redis.call('PEXPIRE', KEYS[1], lease)

    -- When all of a budget is back, if `add` of it was used within `age`. `level` is what is used
    -- as far as the worker knows. All of it counts where Redis knows nothing (more); elsewhere
    -- only what the worker itself has used: some of that may have come back meanwhile.
    local function used(at, add, level, age)
        local least = at and math.min(add, level) or level
        return math.max(math.max(at or 0, now - age) + add, now + least)
    end

    local replies = {}
    for i, report in ipairs(cmsgpack.unpack(ARGV[4])) do
        local number, age, sockets, websockets, cool, budgets, posts, is_first = unpack(report)
        local account, rooms = KEYS[2 * i], KEYS[2 * i + 1]
        local kept, writes = {}, {}
        local function write(field, value)
            kept[field] = value
            writes[#writes + 1] = field
            writes[#writes + 1] = value
        end
        local fields = redis.call('HGETALL', account)
        for j = 1, #fields, 2 do
            kept[fields[j]] = fields[j + 1]
        end

        -- A report that comes again, because its answer was lost, is counted once.
        local is_new = tonumber(string.match(kept[own] or '0', '^%d+')) < number
        if is_new then
            write(own, string.format('%.0f:%d:%d', number, sockets, websockets))
            if cool > 0 then
                write('cool', string.format('%.0f', math.max(kept.cool or 0, now + cool)))
            end
        elseif number == 0 and kept[own] then  -- the account has another hash now
            redis.call('HDEL', account, own)
        end
        for _, budget in ipairs(budgets) do
            local field = 'b:' .. budget[1]
            local at = tonumber(kept[field])
            if is_new or not at then
                write(field, string.format('%.3f', used(at, budget[2], budget[3], age)))
            end
        end

        local levels, longest = {}, 1000
        local sockets_elsewhere, websockets_elsewhere = 0, 0
        for field, value in pairs(kept) do
            local kind, name = string.sub(field, 1, 2), string.sub(field, 3)
            if kind == 'b:' then
                local level = math.max(value - now, 0)
                longest = math.max(longest, level)
                levels[#levels + 1] = {name, level}
            elseif kind == 'w:' and name ~= worker then
                if alive[name] then
                    local s, w = string.match(value, ':(%d+):(%d+)$')
                    sockets_elsewhere = sockets_elsewhere + s
                    websockets_elsewhere = websockets_elsewhere + w
                else
                    redis.call('HDEL', account, field)
                end
            end
        end
        local cool_level = math.max((kept.cool or 0) - now, 0)
        longest = math.max(longest, cool_level)
        if sockets + websockets + sockets_elsewhere + websockets_elsewhere > 0 then
            longest = math.max(longest, places_kept)
        end
        if #writes > 0 then
            redis.call('HSET', account, unpack(writes))
            redis.call('PEXPIRE', account, math.ceil(longest))
        end

        local shares, last = {}, 0
        for _, room in ipairs(posts) do
            local at = tonumber(redis.call('HGET', rooms, room[1]) or nil)
            if (is_new or not at) and (room[2] > 0 or room[3] > 0) then
                at = used(at, room[2], room[3], age)
                redis.call('HSET', rooms, room[1], string.format('%.0f', at))
                last = math.max(last, at - now)
            end
            if not is_first and at then
                shares[#shares + 1] = {room[1], math.max(at - now, 0)}
            end
        end
        if last > 0 then
            last = math.max(last, redis.call('PTTL', rooms))
            redis.call('PEXPIRE', rooms, math.ceil(last))
        end
        if is_first or redis.call('HLEN', rooms) > 500 then  -- the whole ones tell nothing
            local all = redis.call('HGETALL', rooms)
            for j = 1, #all, 2 do
                if tonumber(all[j + 1]) <= now then
                    redis.call('HDEL', rooms, all[j])
                elseif is_first then
                    shares[#shares + 1] = {all[j], all[j + 1] - now}
                end
            end
        end
        replies[i] = {sockets_elsewhere, websockets_elsewhere, cool_level, levels, shares}
    end
    return cmsgpack.pack({was_alive, replies})
    """
)

# KEYS: the salts. ARGV: a new salt; how long a day is, how many salts there may be, how long one is
# kept after it was needed; the salt of today as this worker knows it, and its age; the salts that
# this worker needs. Gives the age of today's salt, and all salts.
SALTS = Script(
    NOW_MS
    + """
    local now = now_ms()
    local day, most, kept = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
    local salts, fields, needed = {}, redis.call('HGETALL', KEYS[1]), {}
    for i = 7, #ARGV do
        needed[ARGV[i]] = true
    end
    for i = 1, #fields, 2 do
        local begun, used = string.match(fields[i + 1], '^(%d+):(%d+)$')
        local salt = {fields[i], tonumber(begun), tonumber(used)}
        if needed[salt[1]] then
            salt[3] = now
        end
        salts[#salts + 1] = salt
    end
    if #salts == 0 then  -- the first worker, or Redis has lost them
        salts[1] = {ARGV[5], now - ARGV[6], now}
    end
    table.sort(salts, function(one, other) return one[2] > other[2] end)
    if now - salts[1][2] >= day then
        table.insert(salts, 1, {ARGV[1], now, now})
    end
    local reply = {now - salts[1][2]}
    redis.call('DEL', KEYS[1])
    for i, salt in ipairs(salts) do
        if i <= 2 or (i <= most and now - salt[3] < kept) then
            redis.call('HSET', KEYS[1], salt[1], string.format('%.0f:%.0f', salt[2], salt[3]))
            reply[#reply + 1] = salt[1]
        end
    end
    redis.call('PEXPIRE', KEYS[1], 2 * day)
    return reply
    """
)
