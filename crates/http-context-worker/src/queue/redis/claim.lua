-- Makes what is recorded of an output this process's: no commit of an earlier one that is still on its way adds to it
-- any more.
-- KEYS: 1 what is recorded of the output
-- ARGV: 1 a token of this process
-- Returns length and sums; or nothing when nothing is recorded.
local recorded = redis.call('HMGET', KEYS[1], 'length', 'sums')
if not recorded[1] then
    return {}
end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
return {recorded[1], recorded[2] or ''}
