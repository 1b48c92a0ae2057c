-- +goose Up

-- The change log: one row for each change of a call or a callback, written in
-- the transaction that makes the change. Readers remember the last number
-- they saw and ask for what is larger, so numbers must become visible in
-- their own order: a number that turns up below one that was already seen is
-- skipped for ever.
--
-- A sequence alone does not give that, since transactions commit in another
-- order than they draw numbers. So the trigger below takes a lock before the
-- statement draws its first number, and holds it until the transaction has
-- ended: numbers are drawn in the order of the commits. The price is that
-- transactions which write here commit one after another; therefore they
-- write their changes as their last statement and save calls in batches.
--
-- The other way, to note each row's transaction ID and to read only below
-- the oldest transaction that still runs (pg_snapshot_xmin), needs no lock.
-- But then one transaction left open anywhere in the server, a backup or
-- somebody's psql in another database, holds up every reader until it ends.
CREATE TABLE changes (
    -- The identity's sequence must not cache numbers: a session would hand
    -- out, later, numbers that it drew before.
    number       bigint      GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    kind         text        NOT NULL,
    request_id   text        NOT NULL CHECK (request_id <> ''),  -- the call that changed, or whose callback did
    callback_id  bigint,
    call_centers text[]      NOT NULL,                           -- that the call had visited: who may be told

    CONSTRAINT changes_kind     CHECK (kind IN ('call', 'callback')),
    CONSTRAINT changes_callback CHECK ((kind = 'callback') = (callback_id IS NOT NULL))
);

-- A trigger for each statement runs before the statement's first row is made,
-- that is before the identity's default draws a number. It also wakes the
-- readers up, when the transaction commits; the notification says nothing,
-- and may be lost.
-- +goose StatementBegin
CREATE FUNCTION order_changes() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('callbackd.changes'), 0);
    PERFORM pg_notify('callbackd_changes', '');
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER changes_in_commit_order BEFORE INSERT ON changes
FOR EACH STATEMENT EXECUTE FUNCTION order_changes();

-- Also in sessions that apply replicated or restored data.
ALTER TABLE changes ENABLE ALWAYS TRIGGER changes_in_commit_order;

-- +goose Down
DROP TABLE changes;
DROP FUNCTION order_changes();
