-- +goose Up

-- A callback's history now also has what happens after the registration.
ALTER TABLE callback_history DROP CONSTRAINT callback_history_action;
ALTER TABLE callback_history ADD CONSTRAINT callback_history_action CHECK (action IN ('register', 'claim', 'change'));

-- Callbacks are never deleted and their history is never changed, whatever
-- asks for it.
-- +goose StatementBegin
CREATE FUNCTION keep_callbacks() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'callbacks are never deleted, and their history is never changed' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER callbacks_are_kept BEFORE DELETE OR TRUNCATE ON callbacks
FOR EACH STATEMENT EXECUTE FUNCTION keep_callbacks();
CREATE TRIGGER callback_history_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON callback_history
FOR EACH STATEMENT EXECUTE FUNCTION keep_callbacks();

-- What readers of the list ask first: how many callbacks are new since they
-- looked. The first registration after a number of the change log gives the
-- smallest new ID, as both numbers are given in the order of the commits.
ALTER TABLE changes ADD COLUMN registered boolean NOT NULL DEFAULT false;
UPDATE changes SET registered = true
WHERE number IN (SELECT min(number) FROM changes WHERE kind = 'callback' GROUP BY callback_id);
ALTER TABLE changes ADD CONSTRAINT changes_registered CHECK (NOT registered OR kind = 'callback');
CREATE INDEX changes_registered ON changes (number) INCLUDE (callback_id) WHERE registered;

-- What callbacks are found by. Each form of a number is digits, perhaps after
-- +, as people write it without separators; the program writes them, as only
-- it knows the region. The key is common to all forms of one number.
ALTER TABLE callbacks
    ADD COLUMN call_centers  text[] NOT NULL DEFAULT '{}',  -- those of the call
    ADD COLUMN remote_key    text,
    ADD COLUMN remote_forms  text[] NOT NULL DEFAULT '{}',
    ADD COLUMN contact_forms text[] NOT NULL DEFAULT '{}',
    ADD COLUMN search        text   NOT NULL DEFAULT '';    -- what 絞り込み looks at, folded

-- Fold takes away differences of width and of ASCII case. It does not depend
-- on the database's locale; callbacks.Fold does the same.
-- +goose StatementBegin
CREATE FUNCTION fold(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN translate(normalize(value, NFKC), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');
-- +goose StatementEnd

-- Whatever writes a callback: it shows in lists to those who may see it, and
-- is found.
--
-- In the searched text, U+001F ends every field, U+0001 begins a form of the
-- remote number and U+0002 the local number, so that nothing is found across
-- two fields and a beginning of a number is told from its middle.
-- +goose StatementBegin
CREATE FUNCTION prepare_callback() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- The row lock of callback_numbers, which the default of the ID has
        -- taken, lets one registration in at a time; so the last one is
        -- visible here, and with its time the order of IDs is that of times,
        -- even when the clocks of two daemons differ.
        SELECT greatest(NEW.registered_at, b.registered_at) INTO NEW.registered_at
        FROM (SELECT max(id) AS id FROM callbacks WHERE id < NEW.id) last LEFT JOIN callbacks b USING (id);
        SELECT c.call_centers INTO NEW.call_centers FROM calls c WHERE c.request_id = NEW.request_id;
        NEW.call_centers := coalesce(NEW.call_centers, '{}');
    END IF;
    IF NEW.remote_number IS NULL THEN
        NEW.remote_key := NULL;
        NEW.remote_forms := '{}';
    ELSIF NEW.remote_key IS NULL THEN
        NEW.remote_key := nullif(regexp_replace(fold(NEW.remote_number), '[^0-9+*#]', '', 'g'), '');
        NEW.remote_forms := array_remove(ARRAY[NEW.remote_key], NULL);
    END IF;
    IF NEW.contact_number IS NULL THEN
        NEW.contact_forms := '{}';
    ELSIF NEW.contact_forms = '{}' OR (TG_OP = 'UPDATE' AND NEW.contact_number <> OLD.contact_number
            AND NEW.contact_forms = OLD.contact_forms) THEN
        NEW.contact_forms := ARRAY[regexp_replace(fold(NEW.contact_number), '[^0-9+*#]', '', 'g')];
    END IF;
    NEW.search := fold(concat_ws(E'\x1f', NEW.id, NEW.remote_number, NEW.contact_number,
        NEW.call_center, NEW.business_label, NEW.assignee, NEW.memo)) || E'\x1f\x02' || fold(coalesce(NEW.local_number, '')) || E'\x1f'
        || (SELECT coalesce(string_agg(E'\x01' || f || E'\x1f', ''), '') FROM unnest(NEW.remote_forms) f)
        || array_to_string(NEW.contact_forms, E'\x1f') || E'\x1f';
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER callbacks_prepare BEFORE INSERT OR UPDATE ON callbacks
FOR EACH ROW EXECUTE FUNCTION prepare_callback();
-- Also in sessions that apply replicated or restored data.
ALTER TABLE callbacks ENABLE ALWAYS TRIGGER callbacks_prepare;

-- A call may visit further call centers while it already has a callback.
-- +goose StatementBegin
CREATE FUNCTION show_callback_to_call_centers() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE callbacks SET call_centers = NEW.call_centers WHERE request_id = NEW.request_id;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER calls_show_callback AFTER UPDATE OF call_centers ON calls
FOR EACH ROW WHEN (OLD.call_centers IS DISTINCT FROM NEW.call_centers)
EXECUTE FUNCTION show_callback_to_call_centers();

UPDATE callbacks b SET call_centers = c.call_centers FROM calls c WHERE c.request_id = b.request_id;

-- The terms by which the index below finds a callback: every character and
-- pair of characters of the searched text, every three digits in a row, and
-- the values of the columns that lists are filtered by. pg_trgm would need
-- three characters, of a locale that takes Japanese ones for letters.
--
-- Each term begins with the callback's block: 16,384 IDs in a row. So the
-- index answers 'the callbacks of this block with these terms', and a page of
-- a list is read block by block in the order of the IDs until it is full. The
-- cost of a page is thus bounded by a block's, not by how many callbacks in
-- all have the terms.
--
-- A term is the block, what kind of term it is, and the value: a blank for
-- parts of the text, else S for status, O for origin, A for assignee (empty
-- for none), C for call center, L for business label, V for each call center
-- that sees the callback.
--
-- The function calls only what is built in: an index's expression that finds
-- functions by the search_path cannot be restored from a dump.
-- +goose StatementBegin
CREATE FUNCTION callback_terms(id bigint, status text, origin text, assignee text, call_center text,
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

-- Without a list of pending entries, which every search would have to read.
CREATE INDEX callbacks_by_term ON callbacks USING gin
    (callback_terms(id, status, origin, assignee, call_center, business_label, call_centers, search) COLLATE "C")
    WITH (fastupdate = off);
-- Statistics would be costly to gather, and there is no choice that they
-- would decide.
ALTER INDEX callbacks_by_term ALTER COLUMN 1 SET STATISTICS 0;

-- The period of registration, as a range of IDs.
CREATE INDEX callbacks_by_registration ON callbacks (registered_at, id);
-- The lists that are sorted by something else than the ID.
CREATE INDEX callbacks_by_status ON callbacks (status, id);
CREATE INDEX callbacks_by_assignee ON callbacks (coalesce(assignee, ''), id);
CREATE INDEX callbacks_by_call_center ON callbacks (call_center, id);
-- The callbacks of the numbers that have a name, and how many of a number are
-- open.
CREATE INDEX callbacks_by_number ON callbacks (remote_key, id);
DROP INDEX callbacks_open_by_number;
CREATE INDEX callbacks_open_by_number ON callbacks (remote_key, call_center) WHERE status = 'open';

-- +goose Down
DROP INDEX callbacks_open_by_number;
CREATE INDEX callbacks_open_by_number ON callbacks (remote_number) WHERE status = 'open';
DROP INDEX callbacks_by_number;
DROP INDEX callbacks_by_call_center;
DROP INDEX callbacks_by_assignee;
DROP INDEX callbacks_by_status;
DROP INDEX callbacks_by_registration;
DROP INDEX callbacks_by_term;
DROP FUNCTION callback_terms(bigint, text, text, text, text, text, text[], text);
DROP TRIGGER calls_show_callback ON calls;
DROP FUNCTION show_callback_to_call_centers();
DROP TRIGGER callbacks_prepare ON callbacks;
DROP FUNCTION prepare_callback();
DROP FUNCTION fold(text);
ALTER TABLE callbacks
    DROP COLUMN call_centers,
    DROP COLUMN remote_key,
    DROP COLUMN remote_forms,
    DROP COLUMN contact_forms,
    DROP COLUMN search;
DROP INDEX changes_registered;
ALTER TABLE changes DROP COLUMN registered;
DROP TRIGGER callbacks_are_kept ON callbacks;
DROP TRIGGER callback_history_is_kept ON callback_history;
DROP FUNCTION keep_callbacks();
-- Later changes cannot be kept where only registrations are known.
DELETE FROM callback_history WHERE action <> 'register';
ALTER TABLE callback_history DROP CONSTRAINT callback_history_action;
ALTER TABLE callback_history ADD CONSTRAINT callback_history_action CHECK (action IN ('register'));
