-- +goose Up

-- given_up counts, within a term, the writes whose daemon gave up waiting for
-- the answer. They may come to the server later than what it wrote since, with
-- all that they need to be committed: a write that began before the last of
-- them fails.
ALTER TABLE leases ADD COLUMN given_up bigint NOT NULL DEFAULT 0;

-- As hold_lease(of_node, in_term), which programs of the version before call. It
-- fails with LE002 when the write began, as after_giving_up says, before others
-- were given up. Giving up waits for the lock, too.
-- +goose StatementBegin
CREATE FUNCTION hold_lease(of_node text, in_term bigint, after_giving_up bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    so_far bigint;
BEGIN
    SELECT given_up INTO so_far FROM leases WHERE node = of_node AND term = in_term FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another daemon has taken node % over', of_node USING ERRCODE = 'LE001';
    ELSIF after_giving_up < so_far THEN
        RAISE EXCEPTION 'what was to be written about node % was given up', of_node USING ERRCODE = 'LE002';
    END IF;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION hold_lease(text, bigint, bigint);
ALTER TABLE leases DROP COLUMN given_up;
