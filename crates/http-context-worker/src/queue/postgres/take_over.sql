-- Gives back what a worker holds that is gone, before all that waits. The worker is locked.
-- $1 the worker, $2 the longest wait in seconds
WITH held AS MATERIALIZED (
    SELECT
        id,
        -- Each is blamed that was in hand for the first time, or is known to have begun.
        coalesce((metadata -> 'crashes')::integer, 0)
            + CASE WHEN metadata ? 'begun' OR NOT metadata ? 'crashes' THEN 1 ELSE 0 END AS crashes,
        metadata ? 'begun' AND metadata ? 'crashes' AS is_blamed_again
    FROM apalis.jobs WHERE lock_by = $1 ORDER BY id FOR UPDATE
)
-- Whatever ends workers, it shall not do so at once.
UPDATE apalis.jobs SET
    status = CASE WHEN held.is_blamed_again THEN 'Failed' ELSE 'Pending' END,
    max_attempts = CASE WHEN held.is_blamed_again THEN jobs.attempts ELSE 2147483647 END,
    run_at = CASE
        WHEN held.is_blamed_again
        THEN now() + least($2, 2 ^ least(held.crashes - 2, 30)) * interval '1 second'
        ELSE jobs.run_at
    END,
    priority = 1,
    lock_by = NULL,
    lock_at = NULL,
    metadata = delete(jobs.metadata, 'begun') || hstore('crashes', held.crashes::text)
FROM held WHERE jobs.id = held.id
