-- +goose Up

-- Whose account somebody has who logs in with another system: there it is the
-- subject that never changes and is given to nobody else, whatever the name.
CREATE TABLE account_identities (
    issuer     text        NOT NULL CHECK (issuer <> ''),
    subject    text        NOT NULL CHECK (subject <> ''),
    account_id bigint      NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL,

    -- The look-up of each login.
    CONSTRAINT account_identities_subject PRIMARY KEY (issuer, subject),
    -- Of one system, an account is one person.
    CONSTRAINT account_identities_account UNIQUE (account_id, issuer)
);

-- +goose Down
DROP TABLE account_identities;
