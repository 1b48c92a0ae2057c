-- +goose Up

-- The oldest program that can work with this schema, by the version of the
-- schema that it was made for. A migration that takes away what older programs
-- use sets it; all others leave it alone, so that these programs go on.
CREATE TABLE schema_compatibility (
    oldest bigint NOT NULL CHECK (oldest > 0)
);
INSERT INTO schema_compatibility VALUES (22);

-- +goose Down
DROP TABLE schema_compatibility;
