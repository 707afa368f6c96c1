-- Whether our tables are there. Not by `to_regclass`: that answers by what this connection knew when its transaction
-- began, and who has waited for another one's tables since then would make them once more. Who reads a table is told
-- of all others first.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS schema ON schema.oid = relation.relnamespace
    WHERE schema.nspname = 'http_context_worker' AND relation.relname = 'format'
)
