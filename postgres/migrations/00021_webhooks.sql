-- +goose Up

-- Subscriptions of other systems to changes. The secrets must be had to sign
-- with, so they are stored as they are; see docs/security.md.
CREATE TABLE webhooks (
    id               bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    url              text        NOT NULL CHECK (char_length(url) <= 2000),
    kinds            text[]      NOT NULL CHECK (kinds <@ ARRAY['call', 'callback', 'node'] AND cardinality(kinds) > 0),
    call_centers     text[]      CHECK (cardinality(call_centers) > 0),  -- NULL: all
    state            text        NOT NULL CHECK (state IN ('active', 'inactive', 'disabled')),
    reason           text        CHECK (reason IN ('gone', 'failing')),
    disabled_at      timestamptz,
    failing_since    timestamptz,           -- NULL: the last try did not fail
    since            bigint      NOT NULL,  -- the change after which it begins
    secret           bytea       NOT NULL,
    old_secret       bytea,
    old_secret_until timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    created_by       text        NOT NULL,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    updated_by       text        NOT NULL,
    deleted_at       timestamptz,           -- its deliveries go little by little, and it with the last

    CONSTRAINT webhooks_disabled CHECK ((state = 'disabled') = (reason IS NOT NULL) AND (state = 'disabled') = (disabled_at IS NOT NULL)),
    CONSTRAINT webhooks_old_secret CHECK ((old_secret IS NULL) = (old_secret_until IS NULL))
);

-- What was, and is to be, sent. The record itself is not here: it is read when
-- it is sent.
CREATE TABLE webhook_deliveries (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id     bigint      NOT NULL REFERENCES webhooks (id),
    -- The receiver's key. Not the id, which a restored backup gives out again.
    message        text        NOT NULL DEFAULT 'msg_' || replace(gen_random_uuid()::text, '-', ''),
    change         bigint,                 -- NULL: of no change, a ping
    kind           text        NOT NULL CHECK (kind IN ('call', 'callback', 'node', 'ping')),
    happened_at    timestamptz NOT NULL,
    -- What is sent in order: the request ID of a call, with its callback, or
    -- node: and a node's name, or ping.
    subject        text        NOT NULL,
    request_id     text,
    callback_id    bigint,
    node           text,
    state          text        NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'missed')),
    tries          integer     NOT NULL DEFAULT 0,
    first_tried_at timestamptz,
    tried_at       timestamptz,
    -- When a pending delivery may be tried again: after the pause, or when
    -- whoever tries it now must have ended. NULL: it was not tried yet, and its
    -- job is on its way, or it comes after another of its subject.
    next_try_at    timestamptz,
    settled_at     timestamptz,
    outcome        text,
    status         integer,
    took_us        bigint,

    CONSTRAINT webhook_deliveries_ping    CHECK ((kind = 'ping') = (change IS NULL)),
    CONSTRAINT webhook_deliveries_settled CHECK ((state = 'pending') = (settled_at IS NULL) AND (state = 'pending' OR next_try_at IS NULL)),
    -- A change is sent to a webhook once, whoever fans it out.
    CONSTRAINT webhook_deliveries_once UNIQUE (webhook_id, change)
);

-- The first of a subject that is to be sent.
CREATE INDEX webhook_deliveries_next ON webhook_deliveries (webhook_id, subject, id) WHERE state = 'pending';
-- What is due again.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_try_at) WHERE next_try_at IS NOT NULL;
-- The oldest that is to be sent.
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (id) WHERE state = 'pending';
-- The lists of a webhook, all or of one state, newest first.
CREATE INDEX webhook_deliveries_list ON webhook_deliveries (webhook_id, id);
CREATE INDEX webhook_deliveries_states ON webhook_deliveries (webhook_id, state, id) WHERE state <> 'delivered';
-- What may go.
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (settled_at) WHERE settled_at IS NOT NULL;

-- Up to which change of the log there are deliveries. While there are no
-- webhooks it stays behind; then each begins where it was made.
CREATE TABLE webhook_position (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    change bigint  NOT NULL
);
INSERT INTO webhook_position (change) VALUES (0);

-- +goose Down
DROP TABLE webhook_position;
DROP TABLE webhook_deliveries;
DROP TABLE webhooks;
