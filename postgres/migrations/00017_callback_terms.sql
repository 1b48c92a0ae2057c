-- +goose NO TRANSACTION
-- +goose Up

-- Indexes are built while everything goes on, so each statement is a
-- transaction of its own, and all may be run again when one has failed. The
-- default of 64 MB makes a GIN index twice as slow.
SET maintenance_work_mem = '512MB';

-- The terms of callbacks (see callback_terms) are made in a third of the time,
-- by a loop in place of a query, and their blocks are twice as large. There are
-- more: every four and seven digits in a row; the beginnings of the remote
-- number's forms (N) and of the local number (M), 1 to 4, 6 and 8 characters;
-- and W with the pair of a call center that sees the callback and the one that
-- it counts for, in its block and, after *, in all of them.
--
-- They have a function of their own: a program of the version before that still
-- runs must not look for its blocks among others.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION callback_block_terms(id bigint, status text, origin text, assignee text, call_center text,
    business_label text, call_centers text[], search text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    block     text := to_hex(id >> 15);
    blank     text := block || ' ';
    terms     text[] := ARRAY[block || 'S' || status, block || 'O' || origin, block || 'A' || coalesce(assignee, ''),
        block || 'C' || left(call_center, 200)];
    value     text;
    character text;
    code      integer;
    before    text := '';  -- the character before; empty where a field begins
    digits    text := '';  -- the digits in a row that end here, at most seven
    kind      text;        -- N or M where a number begins, else NULL
BEGIN
    IF business_label IS NOT NULL THEN
        terms := terms || (block || 'L' || left(business_label, 200));
    END IF;
    FOREACH value IN ARRAY call_centers LOOP
        terms := terms || (block || 'V' || left(value, 200));
        value := 'W' || left(value, 100) || E'\x1e' || left(call_center, 100);
        terms := terms || (block || value) || ('*' || value);
    END LOOP;
    FOREACH character IN ARRAY string_to_array(search, NULL) LOOP
        code := ascii(character);
        IF code = 31 THEN
            before := '';
            digits := '';
            kind := NULL;
            CONTINUE;
        ELSIF code < 3 THEN
            kind := CASE code WHEN 1 THEN 'N' ELSE 'M' END;
            value := '';
            CONTINUE;
        END IF;
        IF kind IS NOT NULL THEN
            value := value || character;
            IF length(value) IN (1, 2, 3, 4, 6, 8) THEN
                terms := terms || (block || kind || value);
            END IF;
        END IF;
        IF code > 32 THEN
            terms := terms || (blank || character);
        END IF;
        IF before <> '' THEN
            terms := terms || (blank || before || character);
        END IF;
        IF code BETWEEN 48 AND 57 THEN
            digits := right(digits, 6) || character;
            IF length(digits) > 2 THEN
                terms := terms || (blank || right(digits, 3));
            END IF;
            IF length(digits) > 3 THEN
                terms := terms || (blank || right(digits, 4));
            END IF;
            IF length(digits) > 6 THEN
                terms := terms || (blank || digits);
            END IF;
        ELSE
            digits := '';
        END IF;
        before := character;
    END LOOP;
    RETURN terms;
END
$$;
-- +goose StatementEnd
DROP INDEX CONCURRENTLY IF EXISTS callbacks_by_block_term;
CREATE INDEX CONCURRENTLY callbacks_by_block_term ON callbacks USING gin
    (callback_block_terms(id, status, origin, assignee, call_center, business_label, call_centers, search) COLLATE "C")
    WITH (fastupdate = off);
ALTER INDEX callbacks_by_block_term ALTER COLUMN 1 SET STATISTICS 0;
DROP INDEX CONCURRENTLY IF EXISTS callbacks_by_term;
RESET maintenance_work_mem;

-- Open callbacks, which are looked at most and are few, in each order.
DROP INDEX IF EXISTS callbacks_open_by_id, callbacks_open_by_assignee, callbacks_open_by_call_center;
CREATE INDEX CONCURRENTLY callbacks_open_by_id ON callbacks (id) WHERE status = 'open';
CREATE INDEX CONCURRENTLY callbacks_open_by_assignee ON callbacks (coalesce(assignee, ''), id) INCLUDE (assignee) WHERE status = 'open';
CREATE INDEX CONCURRENTLY callbacks_open_by_call_center ON callbacks (call_center, id) WHERE status = 'open';

-- The display name as 絞り込み looks at it.
ALTER TABLE accounts ADD COLUMN IF NOT EXISTS search text NOT NULL GENERATED ALWAYS AS (fold(display_name)) STORED;

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS callbacks_by_term;
CREATE INDEX CONCURRENTLY callbacks_by_term ON callbacks USING gin
    (callback_terms(id, status, origin, assignee, call_center, business_label, call_centers, search) COLLATE "C")
    WITH (fastupdate = off);
ALTER INDEX callbacks_by_term ALTER COLUMN 1 SET STATISTICS 0;
DROP INDEX CONCURRENTLY IF EXISTS callbacks_by_block_term;
DROP FUNCTION IF EXISTS callback_block_terms(bigint, text, text, text, text, text, text[], text);
DROP INDEX IF EXISTS callbacks_open_by_id, callbacks_open_by_assignee, callbacks_open_by_call_center;
ALTER TABLE accounts DROP COLUMN IF EXISTS search;
