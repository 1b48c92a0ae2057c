-- +goose Up

-- API tokens. The secret is not stored, only its SHA-256 hash.
CREATE TABLE tokens (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    hash         bytea       NOT NULL CHECK (octet_length(hash) = 32),
    role         text        NOT NULL,
    call_centers text[],                               -- NULL: not limited
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,                          -- right to about a minute
    revoked_at   timestamptz,

    CONSTRAINT tokens_role CHECK (role IN ('agent', 'supervisor', 'admin')),
    -- A name is used once, for it stays on the records that the token made.
    CONSTRAINT tokens_name UNIQUE (name),
    -- The look-up of every request.
    CONSTRAINT tokens_hash UNIQUE (hash)
);

-- +goose Down
DROP TABLE tokens;
