package postgres_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"callbackd/postgres"
)

// empty gives databases that nothing has prepared.
func empty(t *testing.T) string {
	t.Helper()
	url := databases.New(t)
	pool := connect(t, url)
	exec(t, pool, `DROP SCHEMA public CASCADE`)
	exec(t, pool, `CREATE SCHEMA public`)
	pool.Close()
	return url
}

func TestSchemaVersion_IsTheLastMigration(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	const inCode = 1 // the job queue's
	if len(files)+inCode != postgres.SchemaVersion {
		t.Errorf("SchemaVersion is %d, but there are %d migrations", postgres.SchemaVersion, len(files)+inCode)
	}
}

func TestOpen_RefusesOtherSchemas(t *testing.T) {
	t.Parallel()
	url := empty(t)
	tests := []struct {
		name    string
		prepare func()
		have    int64
		want    string // in the message
	}{
		{"none", func() {}, 0, "run `callbackd migrate`"},
		{"older", func() { migrateTo(t, url, postgres.SchemaVersion-1) }, postgres.SchemaVersion - 1, "run `callbackd migrate`"},
		{"newer", func() {
			migrateTo(t, url, postgres.SchemaVersion)
			exec(t, connect(t, url), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`)
			exec(t, connect(t, url), `UPDATE schema_compatibility SET oldest = 99`)
		}, 99, "run a newer callbackd"},
	}
	for _, test := range tests {
		test.prepare()
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		schemaErr, ok := errors.AsType[*postgres.SchemaError](err)
		if !ok || schemaErr.Have != test.have || schemaErr.Want != postgres.SchemaVersion {
			t.Errorf("%s: Open = %v, want a SchemaError with version %d", test.name, err, test.have)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Open says %q, want it to say %q", test.name, err, test.want)
		}
	}
	if _, err := postgres.MigrateTo(t.Context(), url, postgres.SchemaVersion); err == nil {
		t.Error("MigrateTo of a newer database succeeded")
	}
}

func migrateTo(t *testing.T, url string, version int64) (from int64) {
	t.Helper()
	from, err := postgres.MigrateTo(t.Context(), url, version)
	if err != nil {
		t.Fatal(err)
	}
	return from
}

func TestMigrate_DownAndUpAgain(t *testing.T) {
	t.Parallel()
	url := empty(t)
	migrateTo(t, url, postgres.SchemaVersion)
	for version := int64(postgres.SchemaVersion) - 1; version >= 0; version-- {
		if from := migrateTo(t, url, version); from != version+1 {
			t.Errorf("migrated down from %d, want %d", from, version+1)
		}
	}
	var left int
	err := connect(t, url).QueryRow(t.Context(), `
		SELECT count(*) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose%'`).Scan(&left)
	if err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d relations are left below the first version, want none", left)
	}
	migrateTo(t, url, postgres.SchemaVersion)
	for _, version := range []int64{-1, postgres.SchemaVersion + 1} {
		if _, err := postgres.MigrateTo(t.Context(), url, version); err == nil {
			t.Errorf("MigrateTo(%d) succeeded", version)
		}
	}
}

func TestMigrate_SeveralAtOnce(t *testing.T) {
	t.Parallel()
	url := empty(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := postgres.Migrate(t.Context(), url); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}

func TestOpen_NobodyThere(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, url := range []string{"postgres://u:" + secret + "@127.0.0.1:1/x", "postgres://u:" + secret + "@127.0.0.1:x/x"} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err == nil {
			t.Fatalf("Open of nothing succeeded")
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("Ready = %v", err)
	}
	exec(t, connect(t, url), `DELETE FROM goose_db_version WHERE version_id = $1`, postgres.SchemaVersion)
	if _, ok := errors.AsType[*postgres.SchemaError](db.Ready(t.Context())); !ok {
		t.Error("Ready after the schema changed is not a SchemaError")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ready with a cancelled context = %v", err)
	}
}
