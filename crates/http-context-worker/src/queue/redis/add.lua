-- Queues a batch, whole or not at all.
-- KEYS: 1 data, 2 active, 3 ids, 4 inputs, 5 what is recorded of the rejects, 6 the last batch of the series,
--       7 scheduled
-- ARGV: 1 prefix of meta, 2 number of the batch, 3 input or "", 4 its offset, 5 length of the rejects or "",
--       6 the token that this process left at the rejects, or "",
--       then for each job: id, line, task id, job, its time in seconds or 0
-- Returns the ids that are known already, each with its line. With any of them nothing was done. Or {"claimed"} when
-- another process has the rejects by now, or their record has forgotten whose it is: then neither.
-- A batch that was on its way for long, behind a later one, was queued too.
if tonumber(redis.call('GET', KEYS[6]) or -1) >= tonumber(ARGV[2]) then
    return {}
end
if ARGV[6] ~= '' and redis.call('HGET', KEYS[5], 'token') ~= ARGV[6] then
    return {'claimed'}
end
local known = {}
for i = 7, #ARGV, 5 do
    local line = redis.call('HGET', KEYS[3], ARGV[i])
    if line then
        known[#known + 1] = ARGV[i]
        known[#known + 1] = line
    end
end
if #known > 0 then
    return known
end
local now = tonumber(redis.call('TIME')[1])
for i = 7, #ARGV, 5 do
    local task = ARGV[i + 2]
    redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    redis.call('HSET', KEYS[1], task, ARGV[i + 3])
    redis.call('HSET', ARGV[1] .. ':' .. task, 'attempts', 0, 'max_attempts', 2147483647, 'status', 'Pending')
    local run_at = tonumber(ARGV[i + 4])
    if run_at > now then
        redis.call('ZADD', KEYS[7], run_at * 1000, task)
    else
        redis.call('RPUSH', KEYS[2], task)
    end
end
if ARGV[3] ~= '' then
    redis.call('HSET', KEYS[4], ARGV[3], ARGV[4])
end
if ARGV[5] ~= '' then
    redis.call('HSET', KEYS[5], 'length', ARGV[5])
end
redis.call('SET', KEYS[6], ARGV[2], 'EX', 86400)
return {}
