-- +goose NO TRANSACTION
-- +goose Up

-- The index is built while everything goes on, so each statement is a
-- transaction of its own, and all may be run again when one has failed.
SET maintenance_work_mem = '512MB';

-- Whose names hold a text, with space or without: 佐藤 太郎 is written 佐藤太郎
-- as well. Programs of the version before look into
-- phonebook_entries_by_name_gram, which is left for them.
DROP INDEX CONCURRENTLY IF EXISTS phonebook_entries_by_letters;
CREATE INDEX CONCURRENTLY phonebook_entries_by_letters ON phonebook_entries
    USING gin (phonebook_grams(replace(split_part(search, E'\n', 2), ' ', '')));
RESET maintenance_work_mem;

-- What follows an import: the new grams are sorted into the indexes, and
-- counted. Only the tables' owner may, which the role that serves is not.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION sort_in_phonebook() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM gin_clean_pending_list('public.phonebook_entries_by_gram');
    PERFORM gin_clean_pending_list('public.phonebook_entries_by_letters');
    ANALYZE public.phonebook_entries;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION IF EXISTS sort_in_phonebook();
DROP INDEX CONCURRENTLY IF EXISTS phonebook_entries_by_letters;
