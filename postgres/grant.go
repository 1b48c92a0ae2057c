package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// undefinedObject is the SQLSTATE of a statement about a role that does not
// exist.
const undefinedObject = "42704"

// errOwnRole says that nothing is gained by granting.
var errOwnRole = errors.New("it is the role that migrates; give another one, by which the program is then to serve")

// grants are what a role needs that serves, and no more. It reads and writes
// rows; it changes no table, and what it cannot delete or overwrite is kept
// whatever the program does.
const grants = `
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %[1]s;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM %[1]s;

GRANT USAGE ON SCHEMA public TO %[1]s;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO %[1]s;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO %[1]s;

-- Which version the schema has.
REVOKE INSERT, UPDATE ON goose_db_version, schema_compatibility FROM %[1]s;
-- What happened.
REVOKE UPDATE ON callback_history, callback_requests, recording_audit FROM %[1]s;
-- What passes, old changes and keys, names that people take out of the phone book, and whose an account is elsewhere.
GRANT DELETE ON callback_wishes, changes, idempotency_keys, sessions, login_limits, playback_grants, playback_budgets, recording_waveforms, phonebook_entries,
	webhooks, webhook_deliveries, account_identities TO %[1]s;
DO $$
DECLARE
	jobs regclass;
BEGIN
	FOR jobs IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname LIKE 'river\_%%' LOOP
		EXECUTE format('GRANT DELETE ON %%s TO %%s', jobs, %[2]s);
	END LOOP;
END
$$;`

// Grant gives a role what the program needs to serve, in a database of the
// program's version, and takes everything else away. The database is one by
// whose URL the tables belong to whoever connects.
func Grant(ctx context.Context, url, role string) error {
	pool, err := openPool(ctx, url, map[string]string{"application_name": "callbackd migrate"})
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := checkOwnSchema(ctx, pool); err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	name := pgx.Identifier{role}.Sanitize()
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		own, err := scalar[bool](ctx, tx, `SELECT current_user = @role`, pgx.StrictNamedArgs{"role": role})
		if err != nil {
			return err
		}
		if own {
			return errOwnRole
		}
		quoted, err := scalar[string](ctx, tx, `SELECT quote_literal(@name::text)`, pgx.StrictNamedArgs{"name": name})
		if err != nil {
			return err
		}
		// Several statements, which none that is prepared can be.
		_, err = tx.Exec(ctx, fmt.Sprintf(grants, name, quoted), pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == undefinedObject {
		return fmt.Errorf("grant: there is no role %s: create it by CREATE ROLE %s LOGIN PASSWORD '…'", name, name)
	}
	if err != nil {
		return fmt.Errorf("grant to role %s: %w", name, err)
	}
	return nil
}
