-- +goose Up

-- How often a callback was asked for, and when last; NULL for when it was
-- registered. So no row has to be rewritten.
ALTER TABLE callbacks
    ADD COLUMN requests          integer NOT NULL DEFAULT 1,
    ADD COLUMN last_requested_at timestamptz,
    ADD CONSTRAINT callbacks_requests CHECK (requests >= 1 AND (requests > 1) = (last_requested_at IS NOT NULL));

-- Which callback the automatic request of a call led to: its own, or one of
-- the number that was open. The rule of callbacks holds for requests, too; and
-- a call makes one, so that repeating it after a fault counts nothing twice.
CREATE TABLE callback_requests (
    request_id   text        PRIMARY KEY,
    call_kind    text        NOT NULL DEFAULT 'call_center',
    callback_id  bigint      NOT NULL REFERENCES callbacks (id),
    requested_at timestamptz NOT NULL,

    CONSTRAINT callback_requests_call_kind CHECK (call_kind = 'call_center'),
    CONSTRAINT callback_requests_call      FOREIGN KEY (request_id, call_kind) REFERENCES calls (request_id, kind)
);
CREATE INDEX callback_requests_of_callback ON callback_requests (callback_id);
CREATE TRIGGER callback_requests_are_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON callback_requests
FOR EACH STATEMENT EXECUTE FUNCTION keep_callbacks();

ALTER TABLE callback_history DROP CONSTRAINT callback_history_action;
ALTER TABLE callback_history ADD CONSTRAINT callback_history_action CHECK (action IN ('register', 'claim', 'change', 'request'));

-- The open callback of a number, by the number to call; by the remote number
-- there is an index.
CREATE INDEX callbacks_open_by_contact ON callbacks ((contact_forms[1]), call_center) WHERE status = 'open';
-- The calls that were abandoned lately.
CREATE INDEX calls_abandoned ON calls (ended_at) WHERE result = 'abandoned' AND kind = 'call_center';

-- +goose Down
DROP INDEX calls_abandoned;
DROP INDEX callbacks_open_by_contact;
-- Without requests these were changes.
ALTER TABLE callback_history DROP CONSTRAINT callback_history_action;
DROP TRIGGER callback_history_is_kept ON callback_history;
UPDATE callback_history SET action = 'change' WHERE action = 'request';
CREATE TRIGGER callback_history_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON callback_history
FOR EACH STATEMENT EXECUTE FUNCTION keep_callbacks();
ALTER TABLE callback_history ADD CONSTRAINT callback_history_action CHECK (action IN ('register', 'claim', 'change'));
DROP TABLE callback_requests;
ALTER TABLE callbacks
    DROP COLUMN requests,
    DROP COLUMN last_requested_at;
