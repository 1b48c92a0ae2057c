-- +goose Up

-- What goes on in a call now, for the real-time monitor: worked out by the
-- tracker, since only a part of it can be seen in the other columns. Calls
-- that run while this is migrated have it as soon as they change. Of a call
-- that has ended it means nothing: a program that does not know these columns
-- leaves them as they were.
--
-- NOT VALID here means that rows which are there are not read, while nobody
-- could write: the columns are new, so none of them can be wrong.
ALTER TABLE calls
    ADD COLUMN phase             text,                          -- NULL: neither, or the call has ended
    ADD COLUMN phase_call_center text,
    ADD COLUMN phase_since       timestamptz,
    ADD COLUMN phones            jsonb NOT NULL DEFAULT '[]',   -- ours that talk, ring or dial in it
    ADD CONSTRAINT calls_phase CHECK ((phase IS NULL) = (phase_call_center IS NULL) AND (phase IS NULL) = (phase_since IS NULL)
        AND phase IN ('waiting', 'talking') AND phase_call_center <> '') NOT VALID,
    ADD CONSTRAINT calls_phones CHECK (jsonb_typeof(phones) = 'array') NOT VALID;

-- When the phone of an account left a call last, which is since when it is
-- idle when it is in none.
CREATE TABLE phones (
    endpoint text        PRIMARY KEY CHECK (endpoint <> ''),
    freed_at timestamptz NOT NULL
);

-- What is still to be done at each call center: an index of the open
-- callbacks alone, which answers without the table.
CREATE INDEX callbacks_open ON callbacks (call_center) INCLUDE (assignee, registered_at) WHERE status = 'open';

-- How each node is followed, as its daemon reports. seen_at is when it did so
-- last, by this database's clock: a report that is too old says that the
-- daemon is gone.
ALTER TABLE nodes
    ALTER COLUMN proven_at DROP NOT NULL,  -- NULL: it never was
    ADD COLUMN state       text,
    ADD COLUMN why         text,
    ADD COLUMN state_since timestamptz,
    ADD COLUMN connections integer CHECK (connections >= 0),
    ADD COLUMN event_at    timestamptz,    -- NULL: no event came yet
    ADD COLUMN seen_at     timestamptz,
    ADD CONSTRAINT nodes_state CHECK (state IN ('connected', 'connecting', 'disconnected', 'replaced', 'silent', 'stalled', 'stopped')),
    ADD CONSTRAINT nodes_reported CHECK ((state IS NULL) = (state_since IS NULL) AND (state IS NULL) = (connections IS NULL)
        AND (state IS NULL) = (seen_at IS NULL) AND why <> '');
-- It is written every other second: let the new version of the row stay on
-- the page of the old one.
ALTER TABLE nodes SET (fillfactor = 50);

-- The list of gaps, newest first, and its pages.
CREATE INDEX gaps_newest ON gaps (from_at DESC, node DESC);

-- A node's state is the third kind of what changes.
ALTER TABLE changes
    ALTER COLUMN request_id DROP NOT NULL,
    ADD COLUMN node text,
    DROP CONSTRAINT changes_kind,
    ADD CONSTRAINT changes_kind CHECK (kind IN ('call', 'callback', 'node')) NOT VALID,
    ADD CONSTRAINT changes_node CHECK ((kind = 'node') = (node IS NOT NULL) AND (kind = 'node') = (request_id IS NULL)
        AND node <> '') NOT VALID;

-- +goose Down
DELETE FROM changes WHERE kind = 'node';
ALTER TABLE changes
    DROP CONSTRAINT changes_node,
    DROP CONSTRAINT changes_kind,
    ADD CONSTRAINT changes_kind CHECK (kind IN ('call', 'callback')),
    DROP COLUMN node,
    ALTER COLUMN request_id SET NOT NULL;
DROP INDEX gaps_newest;
DELETE FROM nodes WHERE proven_at IS NULL;
ALTER TABLE nodes RESET (fillfactor);
ALTER TABLE nodes
    DROP COLUMN state,
    DROP COLUMN why,
    DROP COLUMN state_since,
    DROP COLUMN connections,
    DROP COLUMN event_at,
    DROP COLUMN seen_at,
    ALTER COLUMN proven_at SET NOT NULL;
DROP INDEX callbacks_open;
DROP TABLE phones;
ALTER TABLE calls
    DROP COLUMN phase,
    DROP COLUMN phase_call_center,
    DROP COLUMN phase_since,
    DROP COLUMN phones;
