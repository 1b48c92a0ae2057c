-- +goose Up

-- Everything that shares one linkedid on one PBX node, as known now. One row
-- is written many times while its call runs: the fill factor leaves room for
-- the new version beside the old one, so that a save which changes no indexed
-- column touches no index.
--
-- A text that says nothing is NULL, never empty. Texts that are indexed are
-- bounded, because PostgreSQL refuses index entries above 2,700 bytes and what
-- the PBX tells may come from a hostile caller.
CREATE TABLE calls (
    request_id     text        PRIMARY KEY,
    node           text        NOT NULL,
    linked_id      text        NOT NULL,
    kind           text        NOT NULL,
    direction      text        NOT NULL,
    call_center    text,                               -- the one that the call counts for
    call_centers   text[]      NOT NULL DEFAULT '{}',  -- all that it visited, in order
    business_label text,
    remote_number  text,                               -- NULL: withheld or not known
    local_number   text,
    agent          text,
    agents         text[]      NOT NULL DEFAULT '{}',
    state          text        NOT NULL,
    result         text,
    reason         text,
    started_at     timestamptz NOT NULL,
    answered_at    timestamptz,
    ended_at       timestamptz,
    recordings     text[]      NOT NULL DEFAULT '{}',
    receipt        jsonb       NOT NULL DEFAULT '[]',
    legs           jsonb       NOT NULL DEFAULT '[]',
    merged_into    text,                               -- no foreign key: the older call may be stored after the younger
    last_event_at  timestamptz NOT NULL,
    stored_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT calls_request_id   CHECK (request_id ~ '^[0-9A-Za-z_-]{1,64}$'),
    CONSTRAINT calls_kind         CHECK (kind IN ('call_center', 'ring_group', 'terminal', 'ivr', 'unknown')),
    CONSTRAINT calls_direction    CHECK (direction IN ('inbound', 'outbound', 'internal')),
    CONSTRAINT calls_state        CHECK (state IN ('active', 'ended')),
    CONSTRAINT calls_result       CHECK (result IN ('answered', 'abandoned', 'missed', 'busy', 'failed', 'unknown')),

    -- A call has ended when its end is dated and it has a result.
    CONSTRAINT calls_ended        CHECK ((state = 'ended') = (ended_at IS NOT NULL)
                                     AND (state = 'ended') = (result IS NOT NULL)
                                     AND (state = 'ended' OR reason IS NULL)),

    -- A call-center call, and no other, counts for a call center, which it
    -- visited.
    CONSTRAINT calls_call_center  CHECK ((kind = 'call_center') = (call_center IS NOT NULL)
                                     AND (call_center IS NULL OR call_center = ANY (call_centers))),

    CONSTRAINT calls_not_empty    CHECK (node <> '' AND linked_id <> '' AND call_center <> '' AND business_label <> ''
                                     AND remote_number <> '' AND local_number <> '' AND agent <> '' AND reason <> ''
                                     AND merged_into <> ''),
    CONSTRAINT calls_bounded      CHECK (char_length(node) <= 255 AND char_length(linked_id) <= 255
                                     AND char_length(remote_number) <= 255 AND char_length(local_number) <= 255),
    CONSTRAINT calls_merged       CHECK (merged_into <> request_id),
    CONSTRAINT calls_json         CHECK (jsonb_typeof(receipt) = 'array' AND jsonb_typeof(legs) = 'array'),

    -- The request ID stands for exactly one node and linkedid.
    CONSTRAINT calls_linked_id    UNIQUE (node, linked_id),

    -- The target of the foreign key of callbacks.
    CONSTRAINT calls_request_id_kind UNIQUE (request_id, kind)
) WITH (fillfactor = 80);

-- The list of calls, newest first, and its pages.
CREATE INDEX calls_newest ON calls (started_at DESC, request_id DESC);
-- The calls that visited one of some call centers: what a principal may see,
-- and the filter by call center.
CREATE INDEX calls_by_call_center ON calls USING gin (call_centers);
-- The calls of an agent.
CREATE INDEX calls_by_agent ON calls USING gin (agents);
-- The calls whose remote or local number begins with some digits.
CREATE INDEX calls_by_remote_number ON calls (remote_number text_pattern_ops);
CREATE INDEX calls_by_local_number ON calls (local_number text_pattern_ops);
-- The calls that run now: few, however large the table is.
CREATE INDEX calls_active ON calls (node, started_at DESC, request_id DESC) WHERE state = 'active';

-- Until when the events of each PBX node are known to have been followed.
CREATE TABLE nodes (
    name      text        PRIMARY KEY CHECK (name <> ''),
    proven_at timestamptz NOT NULL
);

-- The intervals in which a node's events were not seen.
CREATE TABLE gaps (
    node    text        NOT NULL CHECK (node <> ''),
    from_at timestamptz NOT NULL,
    to_at   timestamptz,                               -- NULL: the gap lasts
    why     text        NOT NULL CHECK (why <> ''),
    PRIMARY KEY (node, from_at)
);

-- +goose Down
DROP TABLE gaps;
DROP TABLE nodes;
DROP TABLE calls;
