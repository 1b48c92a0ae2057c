-- +goose Up

-- The recordings of calls. Rows appear with the call that names them, in one
-- transaction, and are never deleted: of what has expired it stays known that
-- it was there.
CREATE TABLE recordings (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  text        NOT NULL REFERENCES calls (request_id),
    node        text        NOT NULL CHECK (node <> ''),
    -- The file as the PBX named it, bounded since it is indexed.
    name        text        NOT NULL COLLATE "C" CHECK (octet_length(name) BETWEEN 1 AND 1024),
    kind        text        NOT NULL DEFAULT 'call',
    callback_id bigint      REFERENCES callbacks (id),      -- of a message
    state       text        NOT NULL DEFAULT 'expected',
    cause       text,
    expected_at timestamptz NOT NULL DEFAULT now(),
    found_at    timestamptz,                                -- when the file was seen first
    changed_at  timestamptz,                                -- when it was last seen to be another size than before
    file_size   bigint,                                     -- that size
    ready_at    timestamptz,
    expired_at  timestamptz,
    duration_us bigint,
    size        bigint,                                     -- of what is played
    converted   boolean     NOT NULL DEFAULT false,         -- a copy is played

    -- A call's tracker and whoever else tells of a file mean the same one.
    CONSTRAINT recordings_once      UNIQUE (request_id, name),
    CONSTRAINT recordings_kind      CHECK (kind IN ('call', 'message')),
    CONSTRAINT recordings_callback  CHECK ((kind = 'message') = (callback_id IS NOT NULL)),
    CONSTRAINT recordings_state     CHECK (state IN ('expected', 'growing', 'ready', 'missing', 'expired')),
    CONSTRAINT recordings_cause     CHECK (cause IN ('absent', 'empty', 'header_only', 'unreadable', 'truncated',
                                        'not_audio', 'unsupported', 'out_of_reach')
                                    AND (state = 'missing') = (cause IS NOT NULL)),
    CONSTRAINT recordings_ready     CHECK (state <> 'ready'
                                    OR (ready_at IS NOT NULL AND duration_us IS NOT NULL AND size IS NOT NULL)),
    CONSTRAINT recordings_expired   CHECK ((state = 'expired') = (expired_at IS NOT NULL)),
    CONSTRAINT recordings_amounts   CHECK (duration_us >= 0 AND size >= 0 AND file_size >= 0)
);

-- The messages of callbacks.
CREATE INDEX recordings_by_callback ON recordings (callback_id) WHERE callback_id IS NOT NULL;
-- Whether a file that lies in a library belongs to a call.
CREATE INDEX recordings_by_name ON recordings (node, name);
-- What is still to come: few.
CREATE INDEX recordings_awaited ON recordings (node, id) WHERE state IN ('expected', 'growing');
-- What may yet turn up, and what is old enough to go.
CREATE INDEX recordings_missing ON recordings (node, expected_at, id) WHERE state = 'missing';
CREATE INDEX recordings_kept ON recordings (node, expected_at, id) WHERE state IN ('ready', 'missing');

-- The pictures of what is ready: apart, since lists do not show them.
CREATE TABLE recording_waveforms (
    recording_id     bigint           PRIMARY KEY REFERENCES recordings (id),
    peaks_per_second double precision NOT NULL CHECK (peaks_per_second > 0),
    peaks            bytea            NOT NULL CHECK (octet_length(peaks) <= 4000)  -- one byte each, 255 is full scale
);

-- Calls that were stored before there was this table.
INSERT INTO recordings (request_id, node, name)
SELECT DISTINCT c.request_id, c.node, r.name
FROM calls c CROSS JOIN LATERAL unnest(c.recordings) AS r (name)
WHERE octet_length(r.name) BETWEEN 1 AND 1024;

-- +goose Down
DROP TABLE recording_waveforms;
DROP TABLE recordings;
