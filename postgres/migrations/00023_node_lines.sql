-- +goose Up

-- A node's SIP addresses and whether anybody answers there, as its daemon
-- found last; null when nobody asks.
ALTER TABLE nodes ADD COLUMN lines jsonb CONSTRAINT nodes_lines CHECK (jsonb_typeof(lines) = 'array');

-- +goose Down
ALTER TABLE nodes DROP COLUMN lines;
