-- Says that an attempt begins at a job which was in hand when a worker ended.
-- KEYS: 1 what is known of the job, 2.. what was handed out to this process
-- ARGV: 1 its task id
-- Returns whether it is in this process's hands.
for k = 2, #KEYS do
    if redis.call('SISMEMBER', KEYS[k], ARGV[1]) == 1 then
        redis.call('HSET', KEYS[1], 'begun', 1)
        return 1
    end
end
return 0
