package postgres_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/postgres"
)

// TestOpen_NewerSchema: a program that runs goes on, and can be started, while
// the database is migrated for a newer one that takes nothing away from it.
func TestOpen_NewerSchema(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	use := func(db *postgres.DB, holder string, n int) {
		t.Helper()
		lease := take(t, db, holder)
		calls := lease.Calls()
		call := newCall(n)
		save(t, db, call)
		ctx := t.Context()
		_, registered := register(ctx, db, call.RequestID)
		_, listed := calls.CallsByID(ctx, []callcenter.RequestID{call.RequestID})
		_, active := calls.ActiveCalls(ctx, "pbx1")
		_, _, paged := calls.List(ctx, callcenter.CallFilter{Limit: 10})
		_, _, gaps := calls.Gaps(ctx, callcenter.GapFilter{Limit: 10})
		_, node := db.Monitor([]string{"pbx1"}).Nodes(ctx)
		for what, err := range map[string]error{
			"ready": db.Ready(ctx), "register": registered, "read a call": listed, "read active calls": active, "list calls": paged,
			"list gaps": gaps, "read nodes": node,
			"save a gap":      calls.SaveGap(ctx, callcenter.Gap{Node: "pbx1", From: time.Now().UTC(), Why: "test"}),
			"save what is":    calls.SaveNode(ctx, callcenter.NodeReport{Node: "pbx1", State: callcenter.NodeConnected, Since: time.Now()}),
			"save the proof":  calls.SaveProven(ctx, "pbx1", time.Now().UTC()),
			"let go":          lease.Release(ctx),
			"stand by":        second(lease.StandBy(ctx)),
			"hand over":       second(lease.HandOver(ctx)),
			"read what ended": second(calls.EndedCalls(ctx, "pbx1", time.Now())),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	use(db, "a", 1)
	pool := connect(t, url)
	exec(t, pool, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`)
	exec(t, pool, `
		CREATE TABLE later (id bigint PRIMARY KEY);
		DO $$
		DECLARE name text;
		BEGIN
			FOR name IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ '^(goose|river)' LOOP
				EXECUTE 'ALTER TABLE ' || name || ' ADD COLUMN later_too text NOT NULL DEFAULT ''''';
			END LOOP;
		END $$`)
	use(db, "a", 2)
	again, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	use(again, "b", 3)
}

func second[T any](_ T, err error) error { return err }

// sinceCompatible is the first version of the schema that programs go on with
// when it is not theirs.
const sinceCompatible = 22

// TestMigrations_LeaveRunningProgramsAlone: a migration takes nothing away from
// programs that run, and holds no lock for long; or it says that they cannot
// work with it.
func TestMigrations_LeaveRunningProgramsAlone(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"ALTER TABLE calls DROP COLUMN kind":                             "takes away",
		"ALTER TABLE calls RENAME COLUMN kind TO sort":                   "takes away",
		"DROP TABLE gaps":                                                "takes away",
		"ALTER TABLE calls ALTER COLUMN kind TYPE varchar":               "takes away",
		"ALTER TABLE calls ADD COLUMN x integer NOT NULL":                "cannot insert",
		"ALTER TABLE calls ALTER COLUMN label SET NOT NULL":              "cannot insert",
		"ALTER TABLE calls ADD COLUMN x integer NOT NULL DEFAULT 0":      "",
		"CREATE INDEX x ON calls (kind)":                                 "locks",
		"CREATE INDEX CONCURRENTLY x ON calls (kind)":                    "",
		"CREATE TABLE t (id bigint NOT NULL); CREATE INDEX x ON t (id)":  "",
		"ALTER TABLE calls ADD CONSTRAINT x CHECK (true)":                "locks",
		"ALTER TABLE calls ADD CONSTRAINT x CHECK (true) NOT VALID":      "",
		"DROP TABLE gaps; UPDATE schema_compatibility SET oldest = 30":   "",
		"CREATE TABLE t (id int); ALTER TABLE t ADD CHECK (id > 0)":      "",
		"-- DROP TABLE gaps\nCREATE TABLE t (id int)":                    "",
		"ALTER TABLE gaps ADD COLUMN x int, ADD COLUMN y int NOT NULL":   "cannot insert",
		"ALTER TABLE gaps ADD COLUMN x int NOT NULL DEFAULT 0, DROP why": "takes away",
	} {
		if got := disturbs(sql); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	paths, err := filepath.Glob("migrations/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	for _, path := range paths {
		number, _, _ := strings.Cut(filepath.Base(path), "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		if why := disturbs(up); n > sinceCompatible && why != "" {
			t.Errorf("%s %s", path, why)
		}
	}
}

var (
	sqlComment   = regexp.MustCompile(`--[^\n]*`)
	spaces       = regexp.MustCompile(`\s+`)
	incompatible = regexp.MustCompile(`(?i)UPDATE schema_compatibility SET oldest`)
	madeTable    = regexp.MustCompile(`(?i)CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)`)
	takesAway    = regexp.MustCompile(`(?i)\bDROP (?:TABLE|COLUMN|SCHEMA|VIEW|FUNCTION|TYPE)\b|ALTER TABLE .*\bDROP (?:CONSTRAINT\b)?\w|\bRENAME\b|\bALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE\b`)
	newColumn    = regexp.MustCompile(`(?i)\bADD COLUMN [^,;]*NOT NULL[^,;]*`)
	setNotNull   = regexp.MustCompile(`(?i)\bSET NOT NULL\b`)
	newIndex     = regexp.MustCompile(`(?i)CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?.*?\bON (?:ONLY )?(\w+)`)
	alteredName  = regexp.MustCompile(`(?i)ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+)`)
	newRule      = regexp.MustCompile(`(?i)\bADD (?:CONSTRAINT|CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY)\b`)
)

// disturbs says what of a migration a program would meet that runs meanwhile
// and was made before; "" when nothing.
func disturbs(sql string) string {
	sql = sqlComment.ReplaceAllString(sql, "")
	if incompatible.MatchString(sql) {
		return ""
	}
	made := map[string]bool{}
	for _, m := range madeTable.FindAllStringSubmatch(sql, -1) {
		made[strings.ToLower(m[1])] = true
	}
	for statement := range strings.SplitSeq(sql, ";") {
		statement = spaces.ReplaceAllString(statement, " ")
		if m := newIndex.FindStringSubmatch(statement); m != nil && m[1] == "" && !made[strings.ToLower(m[2])] {
			return "locks a table while it makes an index: make it CONCURRENTLY"
		}
		if takesAway.MatchString(statement) {
			return "takes away what programs use that run: set schema_compatibility.oldest, or do it a version later"
		}
		m := alteredName.FindStringSubmatch(statement)
		if m == nil || made[strings.ToLower(m[1])] {
			continue
		}
		if setNotNull.MatchString(statement) {
			return "adds what older programs cannot insert: leave NOT NULL out"
		}
		for _, column := range newColumn.FindAllString(statement, -1) {
			if !strings.Contains(strings.ToUpper(column), "DEFAULT") {
				return "adds what older programs cannot insert: give it a default"
			}
		}
		if newRule.MatchString(statement) && !strings.Contains(strings.ToUpper(statement), "NOT VALID") {
			return "locks a table while it looks at all rows: add it NOT VALID"
		}
	}
	return ""
}
