-- +goose NO TRANSACTION
-- +goose Up

-- Indexes are built while everything goes on: ten million calls take some
-- minutes, in which as many events want to be stored. So each statement is a
-- transaction of its own, and all may be run again when one has failed. The
-- default of 64 MB makes a GIN index twice as slow.
SET maintenance_work_mem = '512MB';

-- Whose names hold a text, without those whose numbers do.
DROP INDEX CONCURRENTLY IF EXISTS phonebook_entries_by_name_gram;
CREATE INDEX CONCURRENTLY phonebook_entries_by_name_gram ON phonebook_entries USING gin (phonebook_grams(split_part(search, E'\n', 2)));

-- The terms by which the index below finds a call: what lists of calls are
-- filtered by. As those of callbacks (see callback_terms), each begins with
-- its block, here a span of 2^17 seconds, about a day and a half, in which the
-- call began. So the index answers 'the calls of this block with these terms',
-- and a list is read block by block, newest first, until its page is full.
-- Each term is there once more for the 64 blocks around it, three months,
-- which tells whether any of these need be looked into.
--
-- The indexes that it replaces answered 'all calls of this agent', of which
-- the newest were then found by sorting all of them.
--
-- A term is the block, or s and the 64 blocks' number; what kind of term it
-- is; and the value: K for kind, D for direction, V for each call center that
-- the call visited, A for each agent, N for the beginnings of both numbers: 1
-- to 4, 6 and 8 characters.
--
-- The function calls only what is built in: an index's expression that finds
-- functions by the search_path cannot be restored from a dump. That of a time
-- depends on no setting, as the seconds since 1970 are the same in all zones.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION call_terms(started_at timestamptz, kind text, direction text, call_centers text[],
    agents text[], remote_number text, local_number text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    number bigint := floor(date_part('epoch', started_at) / 131072);
    block  text;
    value  text;
    terms  text[] := '{}';
BEGIN
    FOREACH block IN ARRAY ARRAY[to_hex(number), 's' || to_hex(number >> 6)] LOOP
        terms := terms || (block || 'K' || kind) || (block || 'D' || direction);
        FOREACH value IN ARRAY call_centers LOOP
            terms := terms || (block || 'V' || left(value, 200));
        END LOOP;
        FOREACH value IN ARRAY agents LOOP
            terms := terms || (block || 'A' || left(value, 200));
        END LOOP;
        FOREACH value IN ARRAY ARRAY[remote_number, local_number] LOOP
            IF value IS NOT NULL THEN
                block := block || 'N';
                terms := terms || ARRAY[block || left(value, 1), block || left(value, 2), block || left(value, 3),
                    block || left(value, 4), block || left(value, 6), block || left(value, 8)];
                block := left(block, -1);
            END IF;
        END LOOP;
    END LOOP;
    RETURN terms;
END
$$;
-- +goose StatementEnd

-- Without a list of pending entries, which every search would have to read.
DROP INDEX CONCURRENTLY IF EXISTS calls_by_term;
CREATE INDEX CONCURRENTLY calls_by_term ON calls USING gin
    (call_terms(started_at, kind, direction, call_centers, agents, remote_number, local_number) COLLATE "C")
    WITH (fastupdate = off);
-- Statistics would be costly to gather, and there is no choice that they
-- would decide.
ALTER INDEX calls_by_term ALTER COLUMN 1 SET STATISTICS 0;
DROP INDEX CONCURRENTLY IF EXISTS calls_by_call_center;
DROP INDEX CONCURRENTLY IF EXISTS calls_by_agent;
RESET maintenance_work_mem;

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS phonebook_entries_by_name_gram;
DROP INDEX CONCURRENTLY IF EXISTS calls_by_agent;
CREATE INDEX CONCURRENTLY calls_by_agent ON calls USING gin (agents);
DROP INDEX CONCURRENTLY IF EXISTS calls_by_call_center;
CREATE INDEX CONCURRENTLY calls_by_call_center ON calls USING gin (call_centers);
DROP INDEX CONCURRENTLY IF EXISTS calls_by_term;
DROP FUNCTION IF EXISTS call_terms(timestamptz, text, text, text[], text[], text, text);
