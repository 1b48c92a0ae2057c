-- +goose Up

-- The terms of callbacks (see 00007) are made in a third of the time, by a
-- loop in place of a query, and there are more: every four digits in a row;
-- the beginnings of the remote number's forms (N) and of the local number (M),
-- 1 to 4, 6 and 8 characters; and W with the pair of a call center that sees
-- the callback and the one that it counts for, in its block and, after *, in
-- all of them.
DROP INDEX callbacks_by_term;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION callback_terms(id bigint, status text, origin text, assignee text, call_center text,
    business_label text, call_centers text[], search text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    block     text := to_hex(id >> 14);
    blank     text := block || ' ';
    terms     text[] := ARRAY[block || 'S' || status, block || 'O' || origin, block || 'A' || coalesce(assignee, ''),
        block || 'C' || left(call_center, 200)];
    value     text;
    character text;
    code      integer;
    before    text := '';    -- the characters before, at most three; empty where a field begins
    digits    integer := 0;  -- how many of them are digits in a row
    kind      text;          -- N or M where a number begins, else NULL
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
            digits := 0;
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
            terms := terms || (blank || right(before, 1) || character);
        END IF;
        IF code BETWEEN 48 AND 57 THEN
            IF digits > 1 THEN
                terms := terms || (blank || right(before, 2) || character);
            END IF;
            IF digits > 2 THEN
                terms := terms || (blank || before || character);
            END IF;
            digits := digits + 1;
        ELSE
            digits := 0;
        END IF;
        before := right(before, 2) || character;
    END LOOP;
    RETURN terms;
END
$$;
-- +goose StatementEnd
CREATE INDEX callbacks_by_term ON callbacks USING gin
    (callback_terms(id, status, origin, assignee, call_center, business_label, call_centers, search) COLLATE "C")
    WITH (fastupdate = off);
ALTER INDEX callbacks_by_term ALTER COLUMN 1 SET STATISTICS 0;

-- Whose names hold a text, without those whose numbers do.
CREATE INDEX phonebook_entries_by_name_gram ON phonebook_entries USING gin (phonebook_grams(split_part(search, E'\n', 2)));

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
CREATE FUNCTION call_terms(started_at timestamptz, kind text, direction text, call_centers text[],
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
CREATE INDEX calls_by_term ON calls USING gin
    (call_terms(started_at, kind, direction, call_centers, agents, remote_number, local_number) COLLATE "C")
    WITH (fastupdate = off);
-- Statistics would be costly to gather, and there is no choice that they
-- would decide.
ALTER INDEX calls_by_term ALTER COLUMN 1 SET STATISTICS 0;
DROP INDEX calls_by_call_center;
DROP INDEX calls_by_agent;

-- +goose Down
DROP INDEX phonebook_entries_by_name_gram;
CREATE INDEX calls_by_agent ON calls USING gin (agents);
CREATE INDEX calls_by_call_center ON calls USING gin (call_centers);
DROP INDEX calls_by_term;
DROP FUNCTION call_terms(timestamptz, text, text, text[], text[], text, text);
DROP INDEX callbacks_by_term;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION callback_terms(id bigint, status text, origin text, assignee text, call_center text,
    business_label text, call_centers text[], search text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 AS $$
DECLARE
    block text := to_hex(id >> 14);
BEGIN
    RETURN (
        SELECT array_agg(block || term)
        FROM (
            SELECT unnest(ARRAY[
                CASE WHEN x > 32 THEN ' ' || a END,
                CASE WHEN x <> 31 AND y <> 31 THEN ' ' || a || b END,
                CASE WHEN x BETWEEN 48 AND 57 AND y BETWEEN 48 AND 57 AND z BETWEEN 48 AND 57 THEN ' ' || a || b || c END
            ]) AS term
            FROM (
                SELECT a, ascii(a) AS x, lead(a) OVER w AS b, ascii(lead(a) OVER w) AS y,
                    lead(a, 2) OVER w AS c, ascii(lead(a, 2) OVER w) AS z
                FROM unnest(string_to_array(search, NULL)) WITH ORDINALITY AS characters (a, n)
                WINDOW w AS (ORDER BY n)
            ) AS neighbours
            UNION
            SELECT unnest(ARRAY['S' || status, 'O' || origin, 'A' || coalesce(assignee, ''),
                'C' || left(call_center, 200), 'L' || left(business_label, 200)])
            UNION
            SELECT 'V' || left(visited, 200) FROM unnest(call_centers) AS visited
        ) AS terms
        WHERE term IS NOT NULL
    );
END
$$;
-- +goose StatementEnd
CREATE INDEX callbacks_by_term ON callbacks USING gin
    (callback_terms(id, status, origin, assignee, call_center, business_label, call_centers, search) COLLATE "C")
    WITH (fastupdate = off);
ALTER INDEX callbacks_by_term ALTER COLUMN 1 SET STATISTICS 0;
