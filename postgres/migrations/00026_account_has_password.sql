-- +goose Up

-- Whether anybody was given the account's password: of who came from another
-- system it is one that nobody knows, until an administrator sets one. That of
-- accounts that came before is told by their times, and by that no session was
-- ended since, as a password that is set does.
ALTER TABLE accounts ADD COLUMN has_password boolean NOT NULL DEFAULT true;
UPDATE accounts a SET has_password = false
FROM account_identities i
WHERE i.account_id = a.id AND i.created_at = a.created_at AND a.generation = 1;

-- +goose Down
ALTER TABLE accounts DROP COLUMN has_password;
