-- Counts the jobs, or reads what another worker has counted. To count is to look at each job: whoever has
-- the turn does it for all, and takes no more than a twentieth of the time for it.
-- $1 queue
-- Returns how many jobs may run now, wait for another attempt, and are not finished.
WITH turn AS MATERIALIZED (
    SELECT FROM http_context_worker.jobs
    WHERE queue = $1 AND (counted_at + valid_for <= clock_timestamp() OR counted_at > clock_timestamp())
    FOR UPDATE SKIP LOCKED
),
counted AS MATERIALIZED (
    SELECT
        count(*) FILTER (WHERE status = 'Pending') AS waiting,
        count(*) FILTER (WHERE status = 'Failed') AS delayed,
        count(*) AS unfinished
    FROM apalis.jobs WHERE job_type = $1 AND EXISTS (SELECT FROM turn)
),
kept AS (
    UPDATE http_context_worker.jobs AS jobs SET
        waiting = counted.waiting,
        delayed = counted.delayed,
        unfinished = counted.unfinished,
        counted_at = clock_timestamp(),
        valid_for = greatest(interval '200 milliseconds', 20 * (clock_timestamp() - statement_timestamp()))
    FROM counted WHERE jobs.queue = $1 AND EXISTS (SELECT FROM turn)
    RETURNING jobs.waiting, jobs.delayed, jobs.unfinished
)
SELECT waiting, delayed, unfinished FROM kept
UNION ALL
SELECT waiting, delayed, unfinished FROM http_context_worker.jobs
WHERE queue = $1 AND NOT EXISTS (SELECT FROM kept)
