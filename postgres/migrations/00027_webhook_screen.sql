-- +goose NO TRANSACTION
-- +goose Up

-- By which a change is refused that was made from an older version.
ALTER TABLE webhooks ADD COLUMN IF NOT EXISTS version bigint NOT NULL DEFAULT 1;

-- Built while everything goes on, and again when that has failed.
--
-- The last request of a webhook.
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_tried;
CREATE INDEX CONCURRENTLY webhook_deliveries_tried ON webhook_deliveries (webhook_id, tried_at) WHERE tried_at IS NOT NULL;
-- The list of one state. It was not to be had of what was delivered, which may
-- lie below very many that were missed.
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_of_state;
CREATE INDEX CONCURRENTLY webhook_deliveries_of_state ON webhook_deliveries (webhook_id, state, id);
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_states;

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_states;
CREATE INDEX CONCURRENTLY webhook_deliveries_states ON webhook_deliveries (webhook_id, state, id) WHERE state <> 'delivered';
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_of_state;
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_tried;
ALTER TABLE webhooks DROP COLUMN IF EXISTS version;
