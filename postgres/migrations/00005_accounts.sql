-- +goose Up

-- The people who work with callbacks.
CREATE TABLE accounts (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What is recorded on changes. Without colon and space, so that it cannot
    -- pass for the signature of a token.
    name          text        NOT NULL COLLATE "C",
    display_name  text        NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 100),
    role          text        NOT NULL,
    call_centers  text[]      NOT NULL,                -- that it belongs to
    endpoint      text        CHECK (endpoint <> ''),  -- its phone, such as PJSIP/2001
    enabled       boolean     NOT NULL DEFAULT true,
    password_hash text        NOT NULL,                -- argon2id, with its own salt and cost
    -- How often all sessions were ended at once. A session can only begin in
    -- the generation in which the password was verified.
    generation    bigint      NOT NULL DEFAULT 1,
    version       integer     NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,

    CONSTRAINT accounts_name          UNIQUE (name),
    CONSTRAINT accounts_name_shape    CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{0,63}$'),
    CONSTRAINT accounts_role          CHECK (role IN ('agent', 'supervisor', 'admin')),
    CONSTRAINT accounts_password_hash CHECK (password_hash LIKE '$argon2id$%'),
    CONSTRAINT accounts_version       CHECK (version >= 1)
);

-- Whose calls are those of a phone? Only one enabled account's.
CREATE UNIQUE INDEX accounts_endpoint ON accounts (endpoint) WHERE enabled;

-- Names stay on records, so an account is never deleted and never takes
-- another name, whatever asks for it.
-- +goose StatementBegin
CREATE FUNCTION keep_accounts() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'accounts are disabled, never deleted or renamed' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER accounts_are_kept BEFORE DELETE ON accounts
FOR EACH ROW EXECUTE FUNCTION keep_accounts();

CREATE TRIGGER accounts_keep_their_names BEFORE UPDATE OF name ON accounts
FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION keep_accounts();

-- The sessions of people in the workspace. The token is not stored, only its
-- SHA-256 hash. What belongs to a session refers to it and is deleted with it.
CREATE TABLE sessions (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash         bytea       NOT NULL CHECK (octet_length(hash) = 32),
    account_id   bigint      NOT NULL REFERENCES accounts (id),
    data         bytea       NOT NULL,                 -- the session manager's own
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,                 -- right to about a minute
    expires_at   timestamptz NOT NULL,                 -- however much it is used

    -- The look-up of every request.
    CONSTRAINT sessions_hash UNIQUE (hash)
);

-- To end all sessions of an account.
CREATE INDEX sessions_account ON sessions (account_id);

-- To delete those that nobody can use any more.
CREATE INDEX sessions_expired ON sessions (expires_at);
CREATE INDEX sessions_idle ON sessions (last_used_at);

-- How often somebody tried to log in, for each account and address (key is the
-- hash of either). Of a bucket that is filled by attempts and emptied with
-- time, one number says all: when it will be empty. Without a row it is.
CREATE TABLE login_limits (
    key      bytea       PRIMARY KEY CHECK (octet_length(key) = 32),
    empty_at timestamptz NOT NULL
);

-- To delete rows that say no more than none would.
CREATE INDEX login_limits_empty ON login_limits (empty_at);

-- A token may act for accounts, within its own role and call centers.
ALTER TABLE tokens ADD COLUMN may_act_for boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE tokens DROP COLUMN may_act_for;
DROP TABLE login_limits;
DROP TABLE sessions;
DROP TABLE accounts;
DROP FUNCTION keep_accounts();
