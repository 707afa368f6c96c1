-- What every process does a few times a second for all of them.
-- KEYS: 1 workers, 2 active, 3 retry, 4 data, 5 scheduled, 6 cancelled
-- ARGV: 1 prefix of inflight, 2 prefix of worker metadata, 3 prefix of meta,
--       4 the longest wait in milliseconds, 5 for how many milliseconds a worker was silent that is returned,
--       6 how many workers this process has, 7.. these, then workers that this process takes to be gone, each with the sign of life that it saw last
-- Returns the jobs that may run now, those that may not yet, all that are not finished, how many were taken over, and the
-- workers that are silent, for longest first, each with its sign of life; and jobs that were cancelled in hand.
local clock = redis.call('TIME')
local seconds = tonumber(clock[1])
local now = seconds * 1000 + math.floor(clock[2] / 1000)

-- Says that this process lives. A worker that was taken over stays so.
local own = tonumber(ARGV[6])
local sign = clock[1] .. string.format('.%03d', math.floor(clock[2] / 1000))
for i = 7, 6 + own do
    redis.call('ZADD', KEYS[1], 'XX', sign, ARGV[i])
end

-- Gives back what workers hold that are gone, oldest first and before all that waits.
local taken = 0
for i = 7 + own, #ARGV, 2 do
    local worker = ARGV[i]
    -- One that has given a sign of life since is not gone.
    if redis.call('ZSCORE', KEYS[1], worker) == ARGV[i + 1] then
        local held = redis.call('SMEMBERS', ARGV[1] .. ':' .. worker)
        table.sort(held, function(a, b) return a > b end)
        for _, task in ipairs(held) do
            -- Each is blamed that was in hand for the first time, or is known to have begun.
            local meta = ARGV[3] .. ':' .. task
            local begun = redis.call('HDEL', meta, 'begun') == 1
            local crashes = 0
            if redis.call('EXISTS', meta) == 1 and (begun or not redis.call('HGET', meta, 'crashes')) then
                crashes = redis.call('HINCRBY', meta, 'crashes', 1)
            end
            if redis.call('HEXISTS', KEYS[4], task) == 0 then
                -- It is done already, and would stop every engine that it is handed to.
                redis.call('DEL', meta)
            elseif crashes > 1 then
                -- Whatever ends workers, it shall not do so at once.
                local wait = math.min(tonumber(ARGV[4]), 1000 * 2 ^ math.min(crashes - 2, 30))
                redis.call('ZADD', KEYS[3], now + wait, task)
            else
                redis.call('LPUSH', KEYS[2], task)
            end
        end
        taken = taken + #held
        redis.call('DEL', ARGV[1] .. ':' .. worker, ARGV[2] .. ':' .. worker)
        redis.call('ZREM', KEYS[1], worker)
    end
end

-- A clock that was set back: what lies ahead is put back to it, and a wait to the longest one.
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. sign, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', KEYS[1], sign, worker)
end
local latest = now + ARGV[4]
for _, task in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. latest, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', KEYS[3], latest, task)
end

-- Hands on what is due: for its next attempt, or at all.
for _, waits in ipairs({KEYS[5], KEYS[3]}) do
    local due = redis.call('ZRANGEBYSCORE', waits, '-inf', now, 'LIMIT', 0, 1000)
    for i = #due, 1, -1 do
        redis.call('ZREM', waits, due[i])
        redis.call('LPUSH', KEYS[2], due[i])
    end
end

-- Jobs that were cancelled are told to whoever has them in hand, until they are done.
local cancelled = {}
for _, task in ipairs(redis.call('ZRANGE', KEYS[6], 0, 99)) do
    if redis.call('HEXISTS', KEYS[4], task) == 1 then
        cancelled[#cancelled + 1] = task
    else
        redis.call('ZREM', KEYS[6], task)
    end
end

-- In a fleet that lives these are none, however many there are.
local heard = string.format('%.3f', tonumber(sign) - tonumber(ARGV[5]) / 1000)
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', heard, 'WITHSCORES', 'LIMIT', 0, 100)
local delayed = redis.call('ZCARD', KEYS[3]) + redis.call('ZCARD', KEYS[5])
return {redis.call('LLEN', KEYS[2]), delayed, redis.call('HLEN', KEYS[4]), taken, silent, cancelled}
