-- +goose Up

-- Who may play which recording for the next minutes. What is in the URL is not
-- stored, only its SHA-256 hash. A grant ends with its session, and is void
-- when the account was changed since: both are seen in one look-up.
CREATE TABLE playback_grants (
    id              bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash            bytea       NOT NULL CHECK (octet_length(hash) = 32),
    session_id      bigint      NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    account_id      bigint      NOT NULL REFERENCES accounts (id),
    account_version integer     NOT NULL,
    recording_id    bigint      NOT NULL REFERENCES recordings (id),
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,

    -- The look-up of every request for sound.
    CONSTRAINT playback_grants_hash UNIQUE (hash)
);

-- To end them with their session.
CREATE INDEX playback_grants_session ON playback_grants (session_id);
-- To keep only an account's newest.
CREATE INDEX playback_grants_account ON playback_grants (account_id, id);
-- To delete those that expired long ago.
CREATE INDEX playback_grants_expired ON playback_grants (expires_at);

-- How much sound may be sent to an account at a time, of a recording or (0) of
-- all, in nanoseconds of sound. Without a row, or with one that has no time yet,
-- it is as much as ever. All processes draw from here, several times a second
-- in a busy office, and after a crash of the database a full budget does no
-- harm: so it is not logged.
CREATE UNLOGGED TABLE playback_budgets (
    account_id   bigint      NOT NULL,
    recording_id bigint      NOT NULL,
    burst_ns     bigint      NOT NULL DEFAULT 0,
    seeks_ns     bigint      NOT NULL DEFAULT 0,
    at           timestamptz,

    PRIMARY KEY (account_id, recording_id),
    CONSTRAINT playback_budgets_amounts CHECK (burst_ns >= 0 AND seeks_ns >= 0)
) WITH (fillfactor = 50);  -- so that an update finds room on its page

-- Listening receipts (再生履歴): what an account heard of a recording by one
-- grant. They outlive the grant, the session and the sound.
CREATE TABLE listens (
    play         bigint         PRIMARY KEY,             -- the grant's id
    recording_id bigint         NOT NULL REFERENCES recordings (id),
    account_id   bigint         NOT NULL REFERENCES accounts (id),
    session_id   bigint         NOT NULL,                -- which may be gone
    address      inet,                                   -- from where it was asked for last
    began_at     timestamptz    NOT NULL,
    last_at      timestamptz    NOT NULL,
    -- In milliseconds of the sound. The parts are whole tenths of a second, so
    -- that their number is bounded by the length of the recording.
    sent         int4multirange NOT NULL CHECK (NOT isempty(sent)),  -- by the server
    heard        int4multirange NOT NULL,                -- as the page says

    CONSTRAINT listens_times CHECK (last_at >= began_at)
);

-- Who heard this recording? Newest first.
CREATE INDEX listens_by_recording ON listens (recording_id, play);
-- What did this account hear?
CREATE INDEX listens_by_account ON listens (account_id, play);

-- Receipts are never deleted, whatever asks for it.
-- +goose StatementBegin
CREATE FUNCTION keep_listens() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'listening receipts are never deleted' USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER listens_are_kept BEFORE DELETE OR TRUNCATE ON listens
FOR EACH STATEMENT EXECUTE FUNCTION keep_listens();

-- +goose Down
DROP TABLE listens;
DROP FUNCTION keep_listens();
DROP TABLE playback_budgets;
DROP TABLE playback_grants;
