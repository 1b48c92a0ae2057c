package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

// configWithDatabase returns the path of a configuration with an empty
// database of its own, and the database's URL.
func configWithDatabase(t *testing.T) (path, url string) {
	t.Helper()
	url, err := labtest.Postgres(t, lab.PostgresOptions{}).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadFile("../../configs/testdata/traces.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "callbackd.yaml")
	if err := os.WriteFile(path, append([]byte("database: {url: '"+url+"'}\n"), rest...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, url
}

// A new site's first commands: migrate, create a token, look, revoke.
func TestMigrateAndToken(t *testing.T) {
	t.Parallel()
	config, url := configWithDatabase(t)
	call := func(args ...string) (code int, stdout, stderr string) {
		return execute(t, append(args, "--config", config)...)
	}
	want := func(wantCode int, wantOut, wantErr string, args ...string) (stdout string) {
		t.Helper()
		code, stdout, stderr := call(args...)
		if code != wantCode || !strings.Contains(stdout, wantOut) || !strings.Contains(stderr, wantErr) {
			t.Errorf("callbackd %q: exit code %d, stdout %q, stderr %q; want %d, %q, %q",
				args, code, stdout, stderr, wantCode, wantOut, wantErr)
		}
		return stdout
	}

	want(exitFailure, "", "run `callbackd migrate`", "token", "list")
	want(exitUsage, "", "the versions are 0 to", "migrate", "--to", "1000")
	want(exitOK, "from version 0 to 1.", "", "migrate", "--to", "1")
	want(exitFailure, "", "database schema is version 1,", "token", "list")
	want(exitOK, "Brought the database schema from version 1 to ", "", "migrate")
	want(exitOK, "already", "", "migrate")
	want(exitUsage, "", "leave --to out", "migrate", "--to", "1", "--grant", "serving")
	want(exitFailure, "already", `CREATE ROLE "nobody" LOGIN`, "migrate", "--grant", "nobody")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for one statement
	if _, err := conn.Exec(t.Context(), `CREATE ROLE "who serves"`); err != nil {
		t.Fatal(err)
	}
	want(exitOK, `Role "who serves" may serve.`, "", "migrate", "--grant", "who serves")

	want(exitUsage, "", `required flag(s) "name", "role" not set`, "token", "create")
	want(exitUsage, "", "the roles are agent, supervisor, admin", "token", "create", "--name", "crm", "--role", "root")
	want(exitUsage, "", "no such call center", "token", "create", "--name", "crm", "--role", "agent", "--call-center", "x")
	want(exitUsage, "", "lies in the past", "token", "create", "--name", "crm", "--role", "agent", "--expires", "-1h")
	secret := want(exitOK, "cbd_", "support, expires", "token", "create",
		"--name", "crm", "--role", "agent", "--call-center", "support", "--call-center", "support", "--expires", "1h")
	want(exitFailure, "", "name is taken", "token", "create", "--name", "crm", "--role", "admin")
	want(exitOK, "cbd_", "does not expire", "token", "create", "--name", "night\tjob", "--role", "admin")

	if list := want(exitOK, `"night\tjob"`, "", "token", "list"); strings.Contains(list, strings.TrimSpace(secret)) {
		t.Error("the list shows a secret")
	}
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tokens := accounts.NewTokens(db.Tokens(), nil)
	principal, err := tokens.Verify(t.Context(), strings.TrimSpace(secret))
	if err != nil || principal.Role != accounts.RoleAgent || len(principal.CallCenters) != 1 || principal.CallCenters[0] != "support" {
		t.Errorf("Verify of the printed token = %+v, %v", principal, err)
	}
	if list, err := tokens.List(t.Context()); err != nil || time.Until(*list[0].ExpiresAt) > time.Hour || list[1].CallCenters != nil {
		t.Errorf("tokens = %+v, %v", list, err)
	}

	want(exitUsage, "", "not a token's ID", "token", "revoke", "crm")
	want(exitFailure, "", "token not found", "token", "revoke", "77")
	want(exitOK, "", "revoked", "token", "revoke", "1")
	want(exitOK, "revoked ", "", "token", "list")
	if _, err := tokens.Verify(t.Context(), strings.TrimSpace(secret)); err == nil {
		t.Error("a revoked token is valid")
	}
}

func TestMigrate_NeedsADatabase(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"migrate"}, {"token", "list"}} {
		code, _, stderr := execute(t, append(command, "--config", "../../configs/testdata/traces.yaml")...)
		if code != exitFailure || !strings.Contains(stderr, "no database") {
			t.Errorf("callbackd %q: exit code %d, stderr %q", command, code, stderr)
		}
	}
}
