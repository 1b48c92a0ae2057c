-- +goose Up

-- What callers want who are being asked about it, so that it is not lost when
-- the daemon that asks them dies and they leave. A row goes when that is over.
CREATE TABLE callback_wishes (
    node           text        NOT NULL,
    channel        text        NOT NULL,
    keeper         text        NOT NULL, -- who talks to the caller, by a random text
    request_id     text        NOT NULL, -- the call may not be stored yet
    call_center    text        NOT NULL,
    contact_number text        NOT NULL, -- empty: the call's own
    asked_at       timestamptz NOT NULL,
    PRIMARY KEY (node, channel)
);

-- +goose Down
DROP TABLE callback_wishes;
