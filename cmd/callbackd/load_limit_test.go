package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// callColumns are the columns of calls, but when a row was stored.
const callColumns = `request_id, node, linked_id, kind, direction, call_center, call_centers, business_label,
	remote_number, local_number, agent, agents, state, result, reason, started_at, answered_at, ended_at,
	recordings, receipt, legs, merged_into, last_event_at, phase, phase_call_center, phase_since, phones`

// keepVersions has the database keep each version of a call that is written.
const keepVersions = `
	CREATE TABLE versions (n bigint GENERATED ALWAYS AS IDENTITY, LIKE calls);
	CREATE FUNCTION keep_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		INSERT INTO versions (` + callColumns + `, stored_at) SELECT ` + callColumns + `, stored_at FROM (SELECT NEW.*) c;
		RETURN NULL;
	END $$;
	CREATE TRIGGER keep_version AFTER INSERT OR UPDATE ON calls FOR EACH ROW EXECUTE FUNCTION keep_version()`

// capture returns the versions of so many calls at once, in the order in which the
// daemon writes them, as values of callColumns.
func (l *loadWorld) capture(t *testing.T, calls int) [][]any {
	t.Helper()
	l.sql(t, keepVersions)
	l.flood(t, calls)
	conn := l.connect(t)
	defer conn.Close(t.Context()) //nolint:errcheck // it only asked
	_, columns := writeCall("")
	rows, err := conn.Query(t.Context(), "SELECT "+strings.Join(columns, "::text, ")+"::text FROM versions ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil {
		t.Fatal(err)
	}
	l.sql(t, "DROP TRIGGER keep_version ON calls")
	return versions
}

// writeCall returns the statement that writes a call's values of callColumns to a
// table, and the columns' names.
func writeCall(table string) (statement string, names []string) {
	var values, updates []string
	for i, name := range strings.FieldsFunc(callColumns, func(r rune) bool { return strings.ContainsRune(", \n\t", r) }) {
		names, values = append(names, name), append(values, fmt.Sprintf("$%d", i+1))
		updates = append(updates, name+" = excluded."+name)
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + `)
		ON CONFLICT (request_id) DO UPDATE SET stored_at = now(), ` + strings.Join(updates, ", "), names
}

// limit writes versions of calls, each with its entry in the change log, into the
// same tables by plain batches, one transaction each, and returns how many a
// second it came to.
func (l *loadWorld) limit(t *testing.T, versions [][]any, size int) (rate float64) {
	t.Helper()
	conn := l.connect(t)
	defer conn.Close(t.Context()) //nolint:errcheck // it was for this
	insert, _ := writeCall("calls")
	l.limits++ // each time as other calls
	began := time.Now()
	for some := range slices.Chunk(versions, size) {
		var batch pgx.Batch
		var ids []string
		for _, version := range some {
			row := slices.Clone(version)
			row[0], row[2] = fmt.Sprintf("%s-%d", row[0], l.limits), fmt.Sprintf("%s-%d", row[2], l.limits)
			ids = append(ids, row[0].(string))
			batch.Queue(insert, row...)
		}
		batch.Queue(`INSERT INTO changes (kind, request_id, call_centers)
			SELECT 'call', request_id, call_centers FROM calls JOIN unnest($1::text[]) AS id ON request_id = id`, ids)
		if err := conn.SendBatch(t.Context(), &batch).Close(); err != nil {
			t.Fatal(err)
		}
	}
	return float64(len(versions)) / time.Since(began).Seconds()
}

// saturate makes more calls at once than can be stored as they come, in turns with
// writing the same versions of as many without the daemon. A machine that does
// other things, too, does not do them all the time: the best of each counts.
func (l *loadWorld) saturate(t *testing.T, calls, turns int) {
	t.Helper()
	versions := l.capture(t, calls)
	var reached, limit, core float64
	var best int
	for range turns {
		r := l.flood(t, calls)
		reached = max(reached, float64(r.rows)/r.took.Seconds())
		core = max(core, float64(r.events)/r.cpu.Seconds())
		t.Logf("%d calls at once: %.0f rows a second, %.1f a call, %.0f events a second; %d gaps",
			calls, float64(r.rows)/r.took.Seconds(), float64(r.rows)/float64(calls), float64(r.events)/r.took.Seconds(), r.gaps)
		if r.gaps > 0 {
			t.Errorf("%d calls at once came to %d gaps", calls, r.gaps)
		}
		for _, size := range []int{20, 100, 500} {
			of := l.limit(t, versions, size)
			t.Logf("limit by batches of %d: %.0f rows a second", size, of)
			if of > limit {
				limit, best = of, size
			}
		}
	}
	t.Logf("%.0f rows a second are %.0f %% of the limit, %.0f by batches of %d; %.0f events a second of a core",
		reached, 100*reached/limit, limit, best, core)
}
