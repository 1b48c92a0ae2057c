-- +goose Up

-- The ID of the callback that was registered last. A sequence would lose the
-- number of every insertion that is refused or rolled back, and hand numbers
-- out in another order than that of the commits; this row is locked from the
-- moment a number is drawn until the transaction ends, and rolls back with
-- it. Callbacks are registered by people, so one at a time is fast enough.
CREATE TABLE callback_numbers (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    last_id  bigint  NOT NULL CHECK (last_id >= 0)
);
INSERT INTO callback_numbers (last_id) VALUES (0);

-- +goose StatementBegin
CREATE FUNCTION next_callback_id() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    UPDATE callback_numbers SET last_id = last_id + 1 RETURNING last_id
$$;
-- +goose StatementEnd

-- The calls that must be returned.
CREATE TABLE callbacks (
    id             bigint      PRIMARY KEY DEFAULT next_callback_id(),
    request_id     text        NOT NULL,
    call_kind      text        NOT NULL DEFAULT 'call_center',
    origin         text        NOT NULL,
    status         text        NOT NULL DEFAULT 'open',
    assignee       text,
    memo           text        NOT NULL DEFAULT '',
    registered_at  timestamptz NOT NULL DEFAULT now(),
    registered_by  text        NOT NULL,
    completed_at   timestamptz,
    completed_by   text,
    remote_number  text,                               -- NULL: withheld
    contact_number text,                               -- NULL: not known
    call_center    text        NOT NULL,               -- the one that the call counted for when it was registered
    business_label text,
    local_number   text,
    version        integer     NOT NULL DEFAULT 1,

    -- The rule that everything turns on, for whatever inserts a row: there is
    -- a callback only for a call that is a call-center call. call_kind can
    -- hold nothing else, and the foreign key finds the call only while it is
    -- of that kind; nor can the call become of another kind afterwards.
    CONSTRAINT callbacks_call_kind      CHECK (call_kind = 'call_center'),
    CONSTRAINT callbacks_call           FOREIGN KEY (request_id, call_kind) REFERENCES calls (request_id, kind),
    -- And only one.
    CONSTRAINT callbacks_one_for_a_call UNIQUE (request_id),

    CONSTRAINT callbacks_id             CHECK (id > 0),
    CONSTRAINT callbacks_origin         CHECK (origin IN ('manual', 'automatic')),
    CONSTRAINT callbacks_status         CHECK (status IN ('open', 'completed')),
    CONSTRAINT callbacks_completed      CHECK ((status = 'completed') = (completed_at IS NOT NULL)
                                           AND (status = 'completed') = (completed_by IS NOT NULL)),
    CONSTRAINT callbacks_memo           CHECK (char_length(memo) <= 2000),
    CONSTRAINT callbacks_version        CHECK (version >= 1),
    CONSTRAINT callbacks_not_empty      CHECK (assignee <> '' AND registered_by <> '' AND completed_by <> ''
                                           AND remote_number <> '' AND contact_number <> '' AND call_center <> ''
                                           AND business_label <> '' AND local_number <> '')
);

-- How many other open callbacks a number has.
CREATE INDEX callbacks_open_by_number ON callbacks (remote_number) WHERE status = 'open';

-- Every change of a callback: who, when, from what, to what. Rows are only
-- ever inserted.
CREATE TABLE callback_history (
    callback_id bigint      NOT NULL REFERENCES callbacks (id),
    version     integer     NOT NULL CHECK (version >= 1),  -- the one that the change made
    action      text        NOT NULL,
    changed_at  timestamptz NOT NULL,
    changed_by  text        NOT NULL CHECK (changed_by <> ''),
    from_values jsonb       NOT NULL CHECK (jsonb_typeof(from_values) = 'object'),
    to_values   jsonb       NOT NULL CHECK (jsonb_typeof(to_values) = 'object'),

    PRIMARY KEY (callback_id, version),
    CONSTRAINT callback_history_action CHECK (action IN ('register')),
    -- A registration is the first version, and the first is a registration.
    CONSTRAINT callback_history_first  CHECK ((action = 'register') = (version = 1))
);

-- What requests with an idempotency key led to.
CREATE TABLE idempotency_keys (
    scope       text        NOT NULL CHECK (scope <> ''),  -- the principal that chose the key
    key         text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),  -- SHA-256 of the request
    callback_id bigint      NOT NULL REFERENCES callbacks (id),
    other_open  integer     NOT NULL CHECK (other_open >= 0),
    created_at  timestamptz NOT NULL,

    PRIMARY KEY (scope, key)
);

-- +goose Down
DROP TABLE idempotency_keys;
DROP TABLE callback_history;
DROP TABLE callbacks;
DROP FUNCTION next_callback_id();
DROP TABLE callback_numbers;
