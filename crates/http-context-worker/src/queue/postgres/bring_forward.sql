-- Puts a job that waits before all others, or says that it is cancelled, or both.
-- $1 its id, $2 whether it is cancelled
-- Returns whether it is in hand; no row when it is not in the queue.
UPDATE apalis.jobs SET
    status = CASE WHEN lock_by IS NULL THEN 'Pending' ELSE status END,
    max_attempts = CASE WHEN lock_by IS NULL THEN 2147483647 ELSE max_attempts END,
    run_at = CASE WHEN lock_by IS NULL THEN to_timestamp(0) ELSE run_at END,
    priority = CASE WHEN lock_by IS NULL THEN 3 ELSE priority END,
    metadata = CASE WHEN $2 THEN metadata || hstore('cancelled', '1') ELSE metadata END
WHERE id = $1
RETURNING lock_by IS NOT NULL
