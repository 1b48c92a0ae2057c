-- +goose Up

-- What was known before there was a row for it is as old as its call.
UPDATE recordings r SET expected_at = c.started_at
FROM calls c
WHERE c.request_id = r.request_id AND c.started_at < r.expected_at;

ALTER TABLE recordings
    ADD COLUMN purged_at timestamptz,  -- when no file of it was left that is ours to remove
    ADD CONSTRAINT recordings_purged CHECK (purged_at IS NULL OR state = 'expired');

-- How many there are of each state.
CREATE INDEX recordings_by_state ON recordings (node, state, cause);
-- Of what there are still files.
CREATE INDEX recordings_to_purge ON recordings (node, id) WHERE state = 'expired' AND purged_at IS NULL;

-- What was done to recordings without anybody asking, and what was found out
-- about them: for those who must show that data is removed in time.
CREATE TABLE recording_audit (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    action       text        NOT NULL CHECK (action IN ('expire', 'purge', 'sweep')),
    node         text        NOT NULL CHECK (node <> ''),
    recording_id bigint      REFERENCES recordings (id),
    details      jsonb       NOT NULL CHECK (jsonb_typeof(details) = 'object'),

    CONSTRAINT recording_audit_of CHECK ((action = 'sweep') = (recording_id IS NULL))
);
-- What became of a recording.
CREATE INDEX recording_audit_by_recording ON recording_audit (recording_id) WHERE recording_id IS NOT NULL;
-- The last sweep of a node.
CREATE INDEX recording_audit_sweeps ON recording_audit (node, id) WHERE action = 'sweep';

-- +goose Down
DROP TABLE recording_audit;
DROP INDEX recordings_to_purge;
DROP INDEX recordings_by_state;
ALTER TABLE recordings DROP COLUMN purged_at;
