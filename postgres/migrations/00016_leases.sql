-- +goose Up

-- Which daemon follows which node. Whoever takes a node over begins a new
-- term; what a daemon writes about a node holds its term, so that one that was
-- paused and wakes up late writes nothing.
CREATE TABLE leases (
    node       text        PRIMARY KEY,
    term       bigint      NOT NULL CHECK (term > 0),
    holder     text        NOT NULL,                   -- host/process, for people
    taken_at   timestamptz NOT NULL,
    held_until timestamptz NOT NULL                    -- by this database's clock, as are all
);

-- +goose Down
DROP TABLE leases;
