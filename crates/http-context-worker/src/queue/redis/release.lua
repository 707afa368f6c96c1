-- Gives back what was handed out to a worker and is not in hand, oldest first and before all that waits.
-- KEYS: 1 workers, 2 active, 3 what was handed out to it, 4 its metadata, 5 data
-- ARGV: 1 the worker, 2 prefix of meta, 3.. tasks in hand
-- Returns how many it still has. A worker that has none is struck off.
local in_hand = {}
for i = 3, #ARGV do
    in_hand[ARGV[i]] = true
end
local held = redis.call('SMEMBERS', KEYS[3])
table.sort(held, function(a, b) return a > b end)
local kept = 0
for _, task in ipairs(held) do
    if in_hand[task] then
        kept = kept + 1
    else
        redis.call('SREM', KEYS[3], task)
        -- One that is done already would stop every engine that it is handed to.
        if redis.call('HEXISTS', KEYS[5], task) == 1 then
            redis.call('LPUSH', KEYS[2], task)
            redis.call('HDEL', ARGV[2] .. ':' .. task, 'begun')
        end
    end
end
if kept == 0 then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('DEL', KEYS[4])
end
return kept
