package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/callbacks"
)

const insertCallback = `
	INSERT INTO callbacks (request_id, origin, registered_by, call_center)
	VALUES ($1, 'manual', 'import', 'support')`

// The schema holds the rule against whatever gets past the program: raw
// statements, an import, an update of either side.
func TestSchema_CallbacksOnlyForCallCenterCalls(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	desk, other, phone := newCall(1), newCall(2), phoneCall(3)
	save(t, db, desk, other, phone)
	exec(t, pool, insertCallback, desk.RequestID)

	copyIn := func(columns []string, row ...any) func() error {
		return func() error {
			_, err := pool.CopyFrom(t.Context(), pgx.Identifier{"callbacks"}, columns, pgx.CopyFromRows([][]any{row}))
			return err
		}
	}
	run := func(sql string, args ...any) func() error {
		return func() error {
			_, err := pool.Exec(t.Context(), sql, args...)
			return err
		}
	}
	columns := []string{"request_id", "origin", "registered_by", "call_center"}
	withKind := append([]string{"call_kind"}, columns...)
	tests := []struct {
		name       string
		do         func() error
		constraint string
	}{
		{"insert for a phone call", run(insertCallback, phone.RequestID), "callbacks_call"},
		{"insert for no call", run(insertCallback, "r0"), "callbacks_call"},
		{"insert with the call's own kind", run(`
			INSERT INTO callbacks (request_id, call_kind, origin, registered_by, call_center)
			VALUES ($1, 'terminal', 'manual', 'import', 'support')`, phone.RequestID), "callbacks_call_kind"},
		{"insert a second one", run(insertCallback, desk.RequestID), "callbacks_one_for_a_call"},
		{"copy for a phone call", copyIn(columns, phone.RequestID, "manual", "import", "support"), "callbacks_call"},
		{"copy with the call's own kind", copyIn(withKind, "terminal", phone.RequestID, "manual", "import", "support"), "callbacks_call_kind"},
		{"copy a second one", copyIn(columns, desk.RequestID, "manual", "import", "support"), "callbacks_one_for_a_call"},
		{"upsert for a phone call", run(insertCallback+` ON CONFLICT (id) DO NOTHING`, phone.RequestID), "callbacks_call"},
		{"insert from a query", run(`
			INSERT INTO callbacks (request_id, origin, registered_by, call_center)
			SELECT request_id, 'manual', 'import', 'support' FROM calls WHERE kind <> 'call_center'`), "callbacks_call"},

		{"weaken the call", run(`
			UPDATE calls SET kind = 'terminal', call_center = NULL WHERE request_id = $1`, desk.RequestID), "callbacks_call"},
		{"rename the call", run(`UPDATE calls SET request_id = 'r0' WHERE request_id = $1`, desk.RequestID), "callbacks_call"},
		{"delete the call", run(`DELETE FROM calls WHERE request_id = $1`, desk.RequestID), "callbacks_call"},
		{"truncate the calls", run(`TRUNCATE calls`), ""},
		{"weaken the callback", run(`UPDATE callbacks SET call_kind = 'terminal'`), "callbacks_call_kind"},
		{"forget the callback's kind", run(`UPDATE callbacks SET call_kind = NULL`), ""},
		{"move the callback to a phone call", run(`UPDATE callbacks SET request_id = $1`, phone.RequestID), "callbacks_call"},

		{"memo too long", run(`UPDATE callbacks SET memo = repeat('メ', 2001)`), "callbacks_memo"},
		{"completed by nobody", run(`UPDATE callbacks SET status = 'completed', completed_at = now()`), "callbacks_completed"},
		{"empty number", run(`UPDATE callbacks SET contact_number = ''`), "callbacks_not_empty"},
		{"call without a call center", run(`UPDATE calls SET call_center = NULL WHERE request_id = $1`, other.RequestID), "calls_call_center"},
		{"call center not visited", run(`UPDATE calls SET call_center = 'x' WHERE request_id = $1`, other.RequestID), "calls_call_center"},
		{"ended without a result", run(`UPDATE calls SET state = 'ended', ended_at = now()`), "calls_ended"},
		{"active with an end", run(`UPDATE calls SET ended_at = now()`), "calls_ended"},
		{"kind that is none", run(`UPDATE calls SET kind = 'voicemail', call_center = NULL WHERE request_id = $1`, phone.RequestID), "calls_kind"},
		{"waiting nobody knows where", run(`UPDATE calls SET phase = 'waiting', phase_since = now()`), "calls_phase"},
		{"phase that is none", run(`UPDATE calls SET phase = 'held', phase_since = now(), phase_call_center = 'x'`), "calls_phase"},
		{"phones that are no list", run(`UPDATE calls SET phones = '{}'`), "calls_phones"},
		{"a change of no node", run(`INSERT INTO changes (kind, call_centers) VALUES ('node', '{}')`), "changes_node"},
		{"a change of no call", run(`INSERT INTO changes (kind, call_centers) VALUES ('call', '{}')`), "changes_node"},
		{"a node whose state is none", run(`
			INSERT INTO nodes (name, state, state_since, connections, seen_at) VALUES ('x', 'stale', now(), 0, now())`), "nodes_state"},
		{"two calls of one linkedid", run(`UPDATE calls SET linked_id = 'x'`), "calls_linked_id"},
	}
	for _, test := range tests {
		err := test.do()
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		if !ok {
			t.Errorf("%s: %v, want it refused", test.name, err)
			continue
		}
		if test.constraint != "" && pgErr.ConstraintName != test.constraint {
			t.Errorf("%s: refused by %q (%s), want %q", test.name, pgErr.ConstraintName, pgErr.Message, test.constraint)
		}
	}

	// None of the refusals has taken a number.
	callback, err := register(t.Context(), db, other.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if callback.ID != 2 {
		t.Errorf("the second callback has ID %d, want 2", callback.ID)
	}
	wantHistory(t, pool, callback)
}

// A transaction that is rolled back, or a refused statement in it, gives the
// number back too.
func TestSchema_NumbersHaveNoHoles(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	save(t, db, newCall(1), newCall(2), newCall(3))
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), insertCallback, newCall(1).RequestID); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, pool, insertCallback, newCall(2).RequestID)
	callback, err := register(t.Context(), db, newCall(3).RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if callback.ID != 2 {
		t.Errorf("ID after a rolled back and a committed insertion is %d, want 2", callback.ID)
	}
}

func wantHistory(t *testing.T, pool *pgxpool.Pool, callback callbacks.Callback) {
	t.Helper()
	var version int
	var action, by, status string
	err := pool.QueryRow(t.Context(), `
		SELECT version, action, changed_by, to_values ->> 'status'
		FROM callback_history WHERE callback_id = $1`, callback.ID).Scan(&version, &action, &by, &status)
	if err != nil {
		t.Fatalf("history of callback %d: %v", callback.ID, err)
	}
	if version != 1 || action != "register" || by != callback.RegisteredBy || status != "open" {
		t.Errorf("history of callback %d: version %d, %s by %s to %s", callback.ID, version, action, by, status)
	}
}

// Nor does a call that is no call-center call ask for a callback, and what was
// asked for stays.
func TestSchema_RequestsOnlyOfCallCenterCalls(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	desk, phone := newCall(1), phoneCall(2)
	save(t, db, desk, phone)
	exec(t, pool, insertCallback, desk.RequestID)
	insert := `INSERT INTO callback_requests (request_id, callback_id, requested_at) VALUES ($1, 1, now())`
	exec(t, pool, insert, desk.RequestID)
	for name, tt := range map[string]struct {
		sql  string
		args []any
		code string
	}{
		"of a phone's call":          {insert, []any{phone.RequestID}, "23503"},
		"with the phone's own kind":  {`INSERT INTO callback_requests (request_id, call_kind, callback_id, requested_at) VALUES ($1, 'terminal', 1, now())`, []any{phone.RequestID}, "23514"},
		"a call's second":            {insert, []any{desk.RequestID}, "23505"},
		"deleted":                    {`DELETE FROM callback_requests`, nil, "23001"},
		"changed":                    {`UPDATE callback_requests SET requested_at = now()`, nil, "23001"},
		"without a time of the last": {`UPDATE callbacks SET requests = 2`, nil, "23514"},
	} {
		_, err := pool.Exec(t.Context(), tt.sql, tt.args...)
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != tt.code {
			t.Errorf("%s: %v, want code %s", name, err, tt.code)
		}
	}
}
