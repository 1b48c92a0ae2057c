-- +goose NO TRANSACTION
-- +goose Up

-- The open callbacks that one of some call centers sees: few, in whatever
-- order. Built while everything goes on, and again when that has failed.
DROP INDEX CONCURRENTLY IF EXISTS callbacks_open_by_visibility;
CREATE INDEX CONCURRENTLY callbacks_open_by_visibility ON callbacks USING gin (call_centers) WITH (fastupdate = off) WHERE status = 'open';

-- +goose Down
DROP INDEX CONCURRENTLY IF EXISTS callbacks_open_by_visibility;
