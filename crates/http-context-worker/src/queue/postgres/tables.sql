-- What is ours in the database, beside what is the engine's in the schema `apalis`.
CREATE SCHEMA IF NOT EXISTS http_context_worker;
-- The formats of what is ours and of what is the engine's: written last, so that what has it is complete.
CREATE TABLE http_context_worker.format (
    one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    ours INTEGER NOT NULL,
    engine BIGINT NOT NULL
);
-- Jobs are numbered over all queues, as the engine keys its table by their ids alone.
CREATE SEQUENCE http_context_worker.ticket AS BIGINT;
-- Every id that was ever queued, with its line and its number. The bytes of a text, which may be any.
CREATE TABLE http_context_worker.job_id (
    queue TEXT NOT NULL,
    id BYTEA NOT NULL,
    line BIGINT NOT NULL,
    ticket BIGINT NOT NULL,
    PRIMARY KEY (queue, id)
);
-- How far files of jobs were read, by host and path.
CREATE TABLE http_context_worker.input (
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    read_up_to TEXT NOT NULL,
    PRIMARY KEY (queue, name)
);
-- The recorded length of each output file, by host and path, its sums and the token of the last settlement.
CREATE TABLE http_context_worker.output (
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    length BIGINT NOT NULL,
    sums TEXT,
    token TEXT,
    PRIMARY KEY (queue, kind, target)
) WITH (fillfactor = 50);
-- The last batch of each series in which batches are queued one after another.
CREATE TABLE http_context_worker.series (
    series TEXT PRIMARY KEY,
    batch BIGINT NOT NULL,
    added_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);
-- How many jobs there are, as one of the workers has counted it last.
CREATE TABLE http_context_worker.jobs (
    queue TEXT PRIMARY KEY,
    waiting BIGINT NOT NULL DEFAULT 0,
    delayed BIGINT NOT NULL DEFAULT 0,
    unfinished BIGINT NOT NULL DEFAULT 0,
    counted_at TIMESTAMPTZ NOT NULL DEFAULT '-infinity',
    valid_for INTERVAL NOT NULL DEFAULT '0'
) WITH (fillfactor = 50);
-- Jobs that may not run yet. The engine's own index has those that may run now.
CREATE INDEX http_context_worker_delayed ON apalis.jobs (job_type, run_at) WHERE status = 'Failed';
