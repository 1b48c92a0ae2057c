-- +goose Up

-- Who waits for a node that another daemon follows, and how far that one has
-- come with handing it over. A table of its own: of leases, rows are locked by
-- all who write about a node.
CREATE TABLE handovers (
    node       text        PRIMARY KEY,
    heir       text        NOT NULL,                   -- one daemon's one attempt, by a random text
    heir_until timestamptz NOT NULL,                   -- when it has given up, unless it says so again
    term       bigint,                                 -- that of leases that hands over
    state      text CHECK (state IN ('offered', 'ready', 'done')),
    CONSTRAINT handovers_term CHECK ((term IS NULL) = (state IS NULL))
);

-- +goose Down
DROP TABLE handovers;
