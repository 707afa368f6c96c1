-- What every process does a few times a second for all of them.
-- KEYS: 1 workers, 2 active, 3 retry, 4 data
-- ARGV: 1 prefix of inflight, 2 prefix of worker metadata, 3 seconds of silence after which a worker is
--       taken to be gone, 4.. this process's workers
-- Returns the jobs that may run now, all that are not finished, and how many were taken over.
local clock = redis.call('TIME')
local seconds = tonumber(clock[1])
local now = seconds * 1000 + math.floor(clock[2] / 1000)

-- Says that this process lives. A worker that was taken over stays so.
for i = 4, #ARGV do
    redis.call('ZADD', KEYS[1], 'XX', seconds, ARGV[i])
end

-- Gives back what workers hold that are gone, oldest first and before all that waits.
local taken = 0
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds - ARGV[3], 'LIMIT', 0, 10)) do
    local held = redis.call('SMEMBERS', ARGV[1] .. ':' .. worker)
    table.sort(held, function(a, b) return a > b end)
    for _, task in ipairs(held) do
        redis.call('LPUSH', KEYS[2], task)
    end
    taken = taken + #held
    redis.call('DEL', ARGV[1] .. ':' .. worker, ARGV[2] .. ':' .. worker)
    redis.call('ZREM', KEYS[1], worker)
end

-- Hands on what is due for its next attempt.
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 1000)
for i = #due, 1, -1 do
    redis.call('ZREM', KEYS[3], due[i])
    redis.call('LPUSH', KEYS[2], due[i])
end

return {redis.call('LLEN', KEYS[2]), redis.call('HLEN', KEYS[4]), taken}
