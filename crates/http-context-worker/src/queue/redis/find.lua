-- Looks for a job by its id, among some hundreds of those that are not finished.
-- KEYS: 1 data
-- ARGV: 1 where to go on, "0" at first, 2 the id
-- Returns where to go on, "0" at the end, and the task id of the job where it was found.
local found = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
for i = 1, #found[2], 2 do
    local read, job = pcall(cjson.decode, found[2][i + 1])
    if read and type(job) == 'table' and job.id == ARGV[2] then
        return {'0', found[2][i]}
    end
end
return {found[1]}
