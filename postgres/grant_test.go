package postgres_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"callbackd/phonebook"
	"callbackd/postgres"
)

// The role that serves reads and writes rows; it neither changes tables nor
// deletes or overwrites what happened. That it can do its work is what the
// tests of the program show, which use such a role.
func TestGrant_LeastPrivilege(t *testing.T) {
	t.Parallel()
	db, address := open(t)
	owner := connect(t, address)
	exec(t, owner, `CREATE ROLE "least-privilege" LOGIN PASSWORD 'secret'`)
	for range 2 { // again, as after a migration
		if err := postgres.Grant(t.Context(), address, "least-privilege"); err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("least-privilege", "secret")
	call := newCall(1)
	save(t, db, call)
	if _, err := register(t.Context(), db, call.RequestID); err != nil {
		t.Fatal(err)
	}

	pool := connect(t, u.String())
	for _, statement := range []string{
		`DELETE FROM calls`, `DELETE FROM callbacks`, `DELETE FROM callback_history`, `UPDATE callback_history SET version = 0`,
		`DELETE FROM callback_requests`, `UPDATE callback_requests SET request_id = request_id`, `DELETE FROM listens`, `DELETE FROM gaps`,
		`DELETE FROM recording_audit`, `UPDATE recording_audit SET at = now()`, `DELETE FROM recordings`, `DELETE FROM accounts`, `DELETE FROM tokens`,
		`TRUNCATE callbacks CASCADE`, `ALTER TABLE calls DROP CONSTRAINT calls_pkey`, `ALTER TABLE callbacks DISABLE TRIGGER ALL`, `DROP TABLE callbacks`,
		`CREATE TABLE mine ()`, `UPDATE goose_db_version SET version_id = 0`, `SET session_replication_role = replica`,
	} {
		_, err := pool.Exec(t.Context(), statement)
		e, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || e.Code != "42501" {
			t.Errorf("%s: %v, want it not permitted", statement, err)
		}
	}
	serving, err := postgres.Open(t.Context(), u.String(), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer serving.Close()
	save(t, serving, ended(call), newCall(2))
	if _, err := register(t.Context(), serving, newCall(2).RequestID); err != nil {
		t.Error(err)
	}
	entry := phonebook.Record{Entry: phonebook.Entry{Number: "110", Name: "警察"}, Searchable: "110\n警察\n"}
	batch := phonebook.Batch{Records: []phonebook.Record{entry}, Replace: true, By: "test", At: start}
	if got, err := serving.Phonebook().Import(t.Context(), batch, func(int) {}); err != nil || got.Added != 1 {
		t.Errorf("import into the phone book: %+v, %v", got, err)
	}
}

func TestGrant_Refuses(t *testing.T) {
	t.Parallel()
	_, address := open(t)
	if err := postgres.Grant(t.Context(), address, `no"body`); err == nil || !strings.Contains(err.Error(), `CREATE ROLE "no""body" LOGIN`) {
		t.Errorf("a role that is not there: %v", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.Grant(t.Context(), address, u.User.Username()); err == nil || !strings.Contains(err.Error(), "the role that migrates") {
		t.Errorf("the owner: %v", err)
	}
	empty := databases.New(t)
	if _, err := postgres.MigrateTo(t.Context(), empty, 1); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*postgres.SchemaError](postgres.Grant(t.Context(), empty, "nobody")); !ok {
		t.Error("a schema of another version is not refused")
	}
}
