-- Settles attempts, whole or not at all.
-- KEYS: 1 data, 2 active, 3 retry, 4 scheduled, 5 what is recorded of the results, 6.. what was handed out to this process
-- ARGV: 1 prefix of meta, 2 token of this settlement, 3 length before, 4 length now, 5 sums,
--       6 the longest wait in milliseconds, behind which a job is scheduled,
--       7 the token that this process left there last,
--       then for each job: task id, what becomes of it
--       ("done", or the attempts made, a colon and the milliseconds until the next one)
-- Returns {"settled"}; {"others", task ids that are not in this process's hands}; {"forgotten", length}
-- when the record is not as this process left it; or {"claimed"} when another process has it by now, or the
-- record has forgotten whose it is. With the last three nothing was done.
local recorded = redis.call('HMGET', KEYS[5], 'token', 'length')
if recorded[1] == ARGV[2] then
    return {'settled'}
end
if recorded[2] ~= ARGV[3] then
    return {'forgotten', recorded[2] or ''}
end
-- Where no line is added none can be lost, and several processes may share what takes lines that are not cut.
if ARGV[3] ~= ARGV[4] and (recorded[1] or '') ~= ARGV[7] then
    return {'claimed'}
end
local holders = {}
local others = {'others'}
for i = 8, #ARGV, 2 do
    for k = 6, #KEYS do
        if redis.call('SISMEMBER', KEYS[k], ARGV[i]) == 1 then
            holders[i] = KEYS[k]
        end
    end
    if not holders[i] then
        others[#others + 1] = ARGV[i]
    end
end
if #others > 1 then
    return others
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 8, #ARGV, 2 do
    local task, disposition = ARGV[i], ARGV[i + 1]
    local meta = ARGV[1] .. ':' .. task
    redis.call('SREM', holders[i], task)
    if disposition == 'done' then
        redis.call('HDEL', KEYS[1], task)
        redis.call('DEL', meta)
    else
        local attempts, wait = string.match(disposition, '^(%d+):(%d+)$')
        redis.call('HSET', meta, 'attempts', attempts)
        redis.call('HDEL', meta, 'crashes', 'begun')
        if wait == '0' then
            redis.call('LPUSH', KEYS[2], task)
        else
            redis.call('ZADD', KEYS[tonumber(wait) > tonumber(ARGV[6]) and 4 or 3], now + wait, task)
        end
    end
end
redis.call('HSET', KEYS[5], 'length', ARGV[4], 'sums', ARGV[5], 'token', ARGV[2])
return {'settled'}
