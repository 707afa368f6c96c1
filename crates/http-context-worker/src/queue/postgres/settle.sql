-- Settles attempts, whole or not at all.
-- $1 queue, $2 results, $3 their length before, $4 their length now, $5 sums, $6 token of this settlement,
-- $7 the workers of this process, then for each job: $8 its id, $9 attempts made or NULL when it is done,
-- $10 microseconds until the next one; $11 the longest wait, behind which a job is scheduled; $12 the token that
-- this process left there last. Where no line is added none can be lost, and nobody asks for it.
-- Returns a row when it was done. Without one nothing was: asked again after a lost answer, since the record
-- is not as this process left it, or since some of the jobs are not in its hands.
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($8::text[], $9::integer[], $10::bigint[]) AS given (id, attempts, wait)
),
-- In one order, so that two who settle and take over do not wait for each other.
held AS MATERIALIZED (
    SELECT id FROM apalis.jobs WHERE id = ANY ($8) AND lock_by = ANY ($7) ORDER BY id FOR UPDATE
),
settled AS (
    UPDATE http_context_worker.output SET length = $4, sums = $5, token = $6
    WHERE queue = $1 AND kind = 'results' AND target = $2 AND length = $3 AND token IS DISTINCT FROM $6
        AND ($3 = $4 OR token IS NOT DISTINCT FROM $12)
        AND (SELECT count(*) FROM held) = cardinality($8::text[])
    RETURNING target
),
done AS (
    DELETE FROM apalis.jobs USING given
    WHERE jobs.id = given.id AND given.attempts IS NULL AND EXISTS (SELECT FROM settled)
),
-- What is tried again comes before what was never tried.
again AS (
    UPDATE apalis.jobs SET
        status = CASE WHEN given.wait = 0 THEN 'Pending' ELSE 'Failed' END,
        attempts = given.attempts,
        max_attempts = CASE WHEN given.wait = 0 THEN 2147483647 ELSE given.attempts END,
        run_at = CASE WHEN given.wait = 0 THEN jobs.run_at ELSE now() + given.wait * interval '1 microsecond' END,
        priority = CASE WHEN given.wait > $11 THEN 2 ELSE 1 END,
        lock_by = NULL,
        lock_at = NULL,
        metadata = delete(jobs.metadata, ARRAY['crashes', 'begun'])
    FROM given
    WHERE jobs.id = given.id AND given.attempts IS NOT NULL AND EXISTS (SELECT FROM settled)
)
SELECT target FROM settled
