-- Queues a batch, whole or not at all.
-- $1 queue, $2 ids, $3 their lines, $4 the jobs, $5 the series, $6 the number of its batch,
-- $7 input or NULL, $8 its offset, $9 rejects or NULL, $10 their length, $11 the times of the jobs in seconds or 0,
-- $12 the token that this process left at the rejects, or NULL
-- Returns the ids that are known already, each with its line. With any of them nothing was done. Or a row of NULL when
-- another process has the rejects by now, or their record has forgotten whose it is: then neither.
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($2::bytea[], $3::bigint[], $4::bytea[], $11::bigint[])
        WITH ORDINALITY AS given (id, line, job, run_at, place)
),
-- A batch that was on its way for long, behind a later one, was queued too.
before AS MATERIALIZED (
    SELECT FROM http_context_worker.series WHERE series = $5 AND batch >= $6
),
-- Locked, so that whoever claims them comes before this batch or after it.
held AS MATERIALIZED (
    SELECT FROM http_context_worker.output
    WHERE queue = $1 AND kind = 'rejects' AND target = $9 AND token = $12 FOR UPDATE
),
claimed AS MATERIALIZED (
    SELECT WHERE $12::text IS NOT NULL AND NOT EXISTS (SELECT FROM before) AND NOT EXISTS (SELECT FROM held)
),
known AS MATERIALIZED (
    SELECT id, line FROM http_context_worker.job_id
    WHERE queue = $1 AND id = ANY ($2) AND NOT EXISTS (SELECT FROM before) AND NOT EXISTS (SELECT FROM claimed)
),
free AS MATERIALIZED (
    SELECT WHERE NOT EXISTS (SELECT FROM before) AND NOT EXISTS (SELECT FROM claimed)
        AND NOT EXISTS (SELECT FROM known)
),
new AS MATERIALIZED (
    SELECT id, line, job, to_timestamp(run_at) AS run_at, nextval('http_context_worker.ticket') AS ticket
    FROM (SELECT * FROM given WHERE EXISTS (SELECT FROM free) ORDER BY place) AS in_order
),
-- In one order, so that two who bring the same ids do not wait for each other.
ids AS (
    INSERT INTO http_context_worker.job_id (queue, id, line, ticket)
    SELECT $1, id, line, ticket FROM new ORDER BY id
),
-- The id is the ticket as a ULID. The time from which on a job may run is long ago, and keeps the order; one that
-- has a time of its own waits for it, and that is no wait that would be put back to the longest one.
queued AS (
    INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata)
    SELECT
        (
            SELECT lpad(string_agg(substr(
                '0123456789ABCDEFGHJKMNPQRSTVWXYZ', ((ticket >> (5 * digit)) & 31)::integer + 1, 1
            ), ''), 26, '0')
            FROM generate_series(12, 0, -1) AS digit
        ),
        $1,
        job,
        CASE WHEN run_at > now() THEN 'Failed' ELSE 'Pending' END,
        0,
        CASE WHEN run_at > now() THEN 0 ELSE 2147483647 END,
        CASE WHEN run_at > now() THEN run_at ELSE to_timestamp(0) + ticket * interval '1 microsecond' END,
        CASE WHEN run_at > now() THEN 2 ELSE 0 END,
        ''::hstore
    FROM new
),
batch AS (
    INSERT INTO http_context_worker.series (series, batch, added_at)
    SELECT $5, $6, now() FROM free
    ON CONFLICT (series) DO UPDATE SET batch = excluded.batch, added_at = excluded.added_at
),
read AS (
    INSERT INTO http_context_worker.input (queue, name, read_up_to)
    SELECT $1, $7, $8 FROM free WHERE $7::text IS NOT NULL
    ON CONFLICT (queue, name) DO UPDATE SET read_up_to = excluded.read_up_to
),
rejected AS (
    INSERT INTO http_context_worker.output (queue, kind, target, length)
    SELECT $1, 'rejects', $9, $10 FROM free WHERE $9::text IS NOT NULL
    ON CONFLICT (queue, kind, target) DO UPDATE SET length = excluded.length
)
SELECT id, line FROM known UNION ALL SELECT NULL, NULL FROM claimed
