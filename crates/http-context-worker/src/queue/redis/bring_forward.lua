-- Puts a job that waits before all others, or says that it is cancelled, or both.
-- KEYS: 1 data, 2 active, 3 retry, 4 what is known of the job, 5 cancelled, 6 scheduled
-- ARGV: 1 its task id, 2 "run" or "cancel"
-- Returns "waits", "in hand" or "gone".
local task = ARGV[1]
if redis.call('HEXISTS', KEYS[1], task) == 0 then
    return 'gone'
end
if ARGV[2] == 'cancel' then
    redis.call('HSET', KEYS[4], 'cancelled', 1)
end
if redis.call('ZREM', KEYS[3], task) == 1 or redis.call('ZREM', KEYS[6], task) == 1
    or redis.call('LREM', KEYS[2], 1, task) == 1 then
    redis.call('LPUSH', KEYS[2], task)
    return 'waits'
end
if ARGV[2] == 'cancel' then
    redis.call('ZADD', KEYS[5], redis.call('TIME')[1], task)
end
return 'in hand'
