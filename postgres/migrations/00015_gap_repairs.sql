-- +goose Up

-- How far what happened in a gap was looked up in Asterisk's channel event
-- log, and how the gap was settled.
ALTER TABLE gaps
    ADD COLUMN repaired_until timestamptz,            -- by the PBX's clock; NULL: nothing was looked up yet
    ADD COLUMN repaired       integer NOT NULL DEFAULT 0 CHECK (repaired >= 0),  -- changes of calls
    ADD COLUMN settled_at     timestamptz,
    ADD COLUMN settled        text,
    ADD COLUMN calls          integer NOT NULL DEFAULT 0 CHECK (calls >= 0),     -- that overlap it, when it was settled
    ADD COLUMN unknown        integer NOT NULL DEFAULT 0 CHECK (unknown BETWEEN 0 AND calls);

-- Gaps from before there was a repair stay as they are.
UPDATE gaps SET settled_at = now(), settled = 'unrepaired' WHERE to_at IS NOT NULL;

ALTER TABLE gaps ADD CONSTRAINT gaps_settled CHECK (
    settled IN ('cel', 'unrepaired') AND settled_at IS NOT NULL AND to_at IS NOT NULL
    OR settled IS NULL AND settled_at IS NULL);

-- What is still to be settled: hardly ever anything. Also which calls may
-- still change.
CREATE INDEX gaps_unsettled ON gaps (node, from_at) WHERE settled_at IS NULL;

-- +goose Down
DROP INDEX gaps_unsettled;
ALTER TABLE gaps
    DROP COLUMN repaired_until,
    DROP COLUMN repaired,
    DROP COLUMN settled_at,
    DROP COLUMN settled,
    DROP COLUMN calls,
    DROP COLUMN unknown;
