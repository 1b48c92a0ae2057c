-- +goose Up

-- The grams of a text: its characters and its pairs of neighbours, one or two
-- code points to a number. A text is part of another only if all its grams
-- are among the other's, which an index answers for texts of any length in
-- any script. pg_trgm would need three characters, of a locale that takes
-- Japanese ones for letters.
--
-- Single ASCII characters have no gram: nearly every text has them, so the
-- index would be larger and no help. Nor have pairs with a control character,
-- as these part fields.
--
-- The function calls only what is built in: an index's expression that finds
-- functions by the search_path cannot be restored from a dump. A loop takes
-- half the time of a query.
-- +goose StatementBegin
CREATE FUNCTION phonebook_grams(value text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    grams     bigint[] := '{}';
    character text;
    before    bigint := 0;
    code      bigint;
BEGIN
    FOREACH character IN ARRAY string_to_array(value, NULL) LOOP
        code := ascii(character);
        IF code >= 128 THEN
            grams := grams || code;
        END IF;
        IF before >= 32 AND code >= 32 THEN
            grams := grams || (before << 32 | code);
        END IF;
        before := code;
    END LOOP;
    RETURN grams;
END
$$;
-- +goose StatementEnd

-- The shared phone book: whose a number is. The program normalises numbers, as
-- only it knows the region.
CREATE TABLE phonebook_entries (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number     text        NOT NULL,                -- E.164, or an extension or service number as it is dialled
    name       text        NOT NULL,
    note       text        NOT NULL DEFAULT '',
    -- What searches go through, folded: the number's forms, parted by tabs; on
    -- the next line the name; on the third the note.
    search     text        NOT NULL,
    version    integer     NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text        NOT NULL,

    -- A number has one name. The look-up of the numbers of a page.
    CONSTRAINT phonebook_entries_number     UNIQUE (number),
    -- A length in the pattern would make it ten times slower.
    CONSTRAINT phonebook_entries_normalised CHECK (number ~ '^\+?[0-9*#]*[0-9][0-9*#]*$' AND char_length(number) <= 255),
    CONSTRAINT phonebook_entries_name       CHECK (char_length(name) BETWEEN 1 AND 100),
    CONSTRAINT phonebook_entries_note       CHECK (char_length(note) <= 500),
    CONSTRAINT phonebook_entries_search     CHECK (search <> ''),
    CONSTRAINT phonebook_entries_version    CHECK (version >= 1),
    CONSTRAINT phonebook_entries_updated_by CHECK (updated_by <> '')
);

-- The list and its pages, in an order that no locale changes.
CREATE INDEX phonebook_entries_by_name ON phonebook_entries (name COLLATE "C", id);
-- Searches for a part of a number, name or note; also for callbacks by name.
CREATE INDEX phonebook_entries_by_gram ON phonebook_entries USING gin (phonebook_grams(search));

-- +goose Down
DROP TABLE phonebook_entries;
DROP FUNCTION phonebook_grams(text);
