-- +goose NO TRANSACTION
-- +goose Up

-- Indexes are built while everything goes on, so each statement is a
-- transaction of its own, and all may be run again when one has failed. The
-- default of 64 MB makes a GIN index twice as slow.
SET maintenance_work_mem = '512MB';

-- The terms of calls (see call_terms), and more: every two of a call's kind,
-- direction, call centers and agents, the lesser first, parted by U+001E. The
-- calls of an agent, and those of a call center, may be thousands in three
-- months, of which hardly any are both's; the index took long to compare them.
-- And all beginnings of the numbers of 1 to 8 characters.
--
-- A call of very many call centers and agents has the term * in place of the
-- pairs, so that nobody who has himself transferred all day makes thousands
-- of terms.
--
-- They have a function of their own: an index must not hold the terms of two
-- versions of one function.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION call_block_terms(started_at timestamptz, kind text, direction text, call_centers text[],
    agents text[], remote_number text, local_number text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    number bigint := floor(date_part('epoch', started_at) / 131072);
    block  text;
    value  text;
    other  text;
    all_of text[] := ARRAY['K' || kind, 'D' || direction];
    terms  text[] := '{}';
    pairs  text[] := '{}';
BEGIN
    FOREACH value IN ARRAY call_centers LOOP
        all_of := all_of || ('V' || left(value, 200));
    END LOOP;
    FOREACH value IN ARRAY agents LOOP
        all_of := all_of || ('A' || left(value, 200));
    END LOOP;
    IF cardinality(all_of) > 10 THEN
        pairs := '{*}';
    ELSE
        FOREACH value IN ARRAY all_of LOOP
            FOREACH other IN ARRAY all_of LOOP
                IF value < other COLLATE "C" THEN
                    pairs := pairs || (value || E'\x1e' || other);
                END IF;
            END LOOP;
        END LOOP;
    END IF;
    FOREACH value IN ARRAY ARRAY[remote_number, local_number] LOOP
        IF value IS NOT NULL THEN
            FOR length IN 1 .. least(length(value), 8) LOOP
                all_of := all_of || ('N' || left(value, length));
            END LOOP;
        END IF;
    END LOOP;
    FOREACH block IN ARRAY ARRAY[to_hex(number), 's' || to_hex(number >> 6)] LOOP
        FOREACH value IN ARRAY all_of || pairs LOOP
            terms := terms || (block || value);
        END LOOP;
    END LOOP;
    RETURN terms;
END
$$;
-- +goose StatementEnd

-- Without a list of pending entries, which every search would have to read.
DROP INDEX CONCURRENTLY IF EXISTS calls_by_block_term;
CREATE INDEX CONCURRENTLY calls_by_block_term ON calls USING gin
    (call_block_terms(started_at, kind, direction, call_centers, agents, remote_number, local_number) COLLATE "C")
    WITH (fastupdate = off);
-- Statistics would be costly to gather, and there is no choice that they
-- would decide.
ALTER INDEX calls_by_block_term ALTER COLUMN 1 SET STATISTICS 0;
DROP INDEX CONCURRENTLY IF EXISTS calls_by_term;
RESET maintenance_work_mem;

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS calls_by_term;
CREATE INDEX CONCURRENTLY calls_by_term ON calls USING gin
    (call_terms(started_at, kind, direction, call_centers, agents, remote_number, local_number) COLLATE "C")
    WITH (fastupdate = off);
ALTER INDEX calls_by_term ALTER COLUMN 1 SET STATISTICS 0;
DROP INDEX CONCURRENTLY IF EXISTS calls_by_block_term;
DROP FUNCTION IF EXISTS call_block_terms(timestamptz, text, text, text[], text[], text, text);
