-- What every process does a few times a second for all of them.
-- $1 queue, $2 the workers of this process, $3 the longest wait in microseconds, $4 for how many microseconds a
-- worker was silent that is returned
-- Returns whether jobs may run now; the workers of others that are silent, for longest first, each with its sign of
-- life; and the jobs in the hands of this process that were cancelled.
WITH latest AS MATERIALIZED (
    SELECT now() + $3 * interval '1 microsecond' AS at
),
-- Says that this process lives, in time for it not to be taken for silent: each time costs an entry in every index.
-- A worker that was taken over stays so.
own AS (
    UPDATE apalis.workers SET last_seen = clock_timestamp()
    WHERE id = ANY ($2) AND last_seen NOT BETWEEN now() - 0.4 * $4 * interval '1 microsecond' AND now()
),
-- Hands on what is due: for its next attempt, or at all.
due AS (
    UPDATE apalis.jobs SET status = 'Pending', max_attempts = 2147483647, priority = 1
    WHERE id IN (
        SELECT id FROM apalis.jobs WHERE job_type = $1 AND status = 'Failed' AND run_at <= now()
        ORDER BY run_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
    RETURNING id
),
-- A clock that was set back: a wait is put back to the longest one. What is scheduled waits for its moment.
bounded AS (
    UPDATE apalis.jobs SET run_at = (SELECT at FROM latest)
    WHERE id IN (
        SELECT id FROM apalis.jobs WHERE job_type = $1 AND status = 'Failed' AND priority = 1 AND run_at > (SELECT at FROM latest)
        LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
),
-- In a fleet that lives these are none, however many there are: each range is looked up by the index of its own.
-- Signs lie ahead where the clock was set back.
signs AS (
    (
        SELECT id, extract(epoch FROM last_seen)::text AS sign FROM apalis.workers
        WHERE worker_type = $1 AND id <> ALL ($2) AND last_seen <= now() - $4 * interval '1 microsecond'
        ORDER BY last_seen LIMIT 100
    )
    UNION ALL
    (
        SELECT id, extract(epoch FROM last_seen)::text FROM apalis.workers
        WHERE worker_type = $1 AND id <> ALL ($2) AND last_seen > now() + interval '1 second'
        ORDER BY last_seen LIMIT 100
    )
)
SELECT
    EXISTS (SELECT FROM due) OR EXISTS (
        SELECT FROM apalis.jobs
        WHERE job_type = $1 AND (status = 'Pending' OR (status = 'Failed' AND attempts < max_attempts))
            AND run_at < now()
    ),
    coalesce((SELECT array_agg(id) FROM signs), '{}'),
    coalesce((SELECT array_agg(sign) FROM signs), '{}'),
    coalesce((
        SELECT array_agg(id) FROM apalis.jobs WHERE lock_by = ANY ($2) AND metadata ? 'cancelled'
    ), '{}')
