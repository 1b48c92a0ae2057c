package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/lab"
)

// told is what both Asterisk's call detail records and what is stored tell of a
// call.
type told struct {
	Number     string
	Agents     []string
	Start, End time.Time
	// crossed says that the caller left at the moment of the answer, so that
	// there was one, and nobody was connected.
	crossed bool
}

// differs says how a stored call differs from what Asterisk tells. Times of the
// records are whole seconds, of another thread, which may be late on a busy
// machine.
func (c *told) differs(stored *told) string {
	const late = 3 * time.Second
	var faults []string
	if c.Number != stored.Number {
		faults = append(faults, fmt.Sprintf("number %q, want %q", stored.Number, c.Number))
	}
	if !slices.Equal(c.Agents, stored.Agents) && (!stored.crossed || len(c.Agents) > 0) {
		faults = append(faults, fmt.Sprintf("agents %q, want %q", stored.Agents, c.Agents))
	}
	if stored.Start.Sub(c.Start).Abs() > late || stored.End.Sub(c.End).Abs() > late {
		faults = append(faults, fmt.Sprintf("from %v to %v, want %v to %v", stored.Start, stored.End, c.Start, c.End))
	}
	return strings.Join(faults, "; ")
}

// detailed returns what Asterisk tells, by linkedid.
func detailed(details []lab.CallDetail) map[string]*told {
	calls := map[string]*told{}
	for _, d := range details {
		c := calls[d.LinkedID]
		if c == nil {
			c = &told{Number: d.Number, Start: d.Start, End: d.End}
			calls[d.LinkedID] = c
		}
		if d.Start.Before(c.Start) {
			c.Start, c.Number = d.Start, d.Number
		}
		if d.End.After(c.End) {
			c.End = d.End
		}
		endpoint, _, _ := strings.Cut(d.Channel, "-")
		if d.Answered && strings.HasPrefix(endpoint, "PJSIP/") && !slices.Contains(c.Agents, endpoint) {
			c.Agents = append(c.Agents, endpoint)
			slices.Sort(c.Agents)
		}
	}
	return calls
}

// storedCall is a call as the database has it.
type storedCall struct {
	LinkedID string `db:"linked_id"`
	Kind     string
	Number   string
	Agents   []string
	Result   string
	Start    time.Time
	Answered time.Time
	// Left is when the caller asked to hang up; nil for never.
	Left *time.Time
	End  time.Time
}

// told is what a call tells of what Asterisk's records do.
func (c *storedCall) told() *told {
	const moment = 500 * time.Millisecond
	over := c.End
	if c.Left != nil {
		over = *c.Left // a busy Asterisk takes a while to end the call
	}
	return &told{c.Number, c.Agents, c.Start, c.End, len(c.Agents) > 0 && over.Sub(c.Answered) < moment}
}

func (b *busyWorld) storedCalls(ctx context.Context) ([]storedCall, error) {
	conn, err := pgx.Connect(ctx, b.database)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // it was for one statement
	rows, err := conn.Query(ctx, `
		SELECT linked_id, kind, coalesce(remote_number, '') AS number,
			ARRAY(SELECT a FROM unnest(agents) a ORDER BY a) AS agents,
			coalesce(result, '') AS result, started_at AS start, coalesce(answered_at, 'epoch') AS answered, coalesce(ended_at, 'epoch') AS end,
			(SELECT min((l->>'hung_up_at')::timestamptz) FROM jsonb_array_elements(legs) l WHERE NOT (l->>'dialled')::boolean) AS "left"
		FROM calls`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[storedCall])
}

// compare holds the stored calls against Asterisk's own records, call for call.
// It returns how many there are, and how many are not right and why, the first
// of them.
func (b *busyWorld) compare(t *testing.T, crashed bool) (calls, lost int, why error) {
	t.Helper()
	details, err := b.pbx.CallDetails()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := b.storedCalls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	complain := func(id, what string) {
		if lost++; why == nil {
			why = fmt.Errorf("call %s: %s", id, what)
			b.wrong = id
		}
	}
	want := detailed(details)
	calls = len(want)
	for i := range stored {
		c := &stored[i]
		w := want[c.LinkedID]
		delete(want, c.LinkedID)
		if b.forgotten[c.LinkedID] || crashed && c.Result == "unknown" {
			// The PBX had it when it died, and so no record of it, or half.
			b.forgotten[c.LinkedID] = true
			continue
		}
		if w == nil {
			complain(c.LinkedID, fmt.Sprintf("stored, and not in Asterisk's records: %+v", *c))
			continue
		}
		if what := w.differs(c.told()); what != "" {
			complain(c.LinkedID, what)
		} else if what := b.misjudged(c); what != "" {
			complain(c.LinkedID, what)
		}
	}
	for id, w := range want {
		complain(id, fmt.Sprintf("in Asterisk's records, and not stored: %+v", *w))
	}
	return calls, lost, why
}

// account is all that is known of a call, for people.
func (b *busyWorld) account(t *testing.T, linkedID string) string {
	t.Helper()
	var text strings.Builder
	details, err := b.pbx.CallDetails()
	for _, d := range details {
		if d.LinkedID == linkedID {
			fmt.Fprintf(&text, "record: %+v\n", d)
		}
	}
	fmt.Fprintln(&text, "stored:", b.rows(t, b.database, "SELECT to_jsonb(c) FROM calls c WHERE linked_id = $1", linkedID), err)
	fmt.Fprintln(&text, "channel events:", b.rows(t, b.cfg.PBX[0].CEL.Database.URL.Reveal(), `
		SELECT concat_ws(' ', eventtime, eventtype, channame, uniqueid, appname, appdata, extra)
		FROM cel WHERE linkedid = $1 ORDER BY eventtime`, linkedID))
	fmt.Fprintln(&text, "gaps:", b.rows(t, b.database, "SELECT concat_ws(' ', from_at, to_at, why) FROM gaps ORDER BY from_at"))
	return text.String()
}

// rows returns what a query gives, one text a row.
func (b *busyWorld) rows(t *testing.T, database, query string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for one statement
	rows, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return "\n\t" + strings.Join(texts, "\n\t")
}

// misjudged says what is wrong about what a call is said to be.
func (b *busyWorld) misjudged(c *storedCall) string {
	kind, ok := b.traffic.kind(c.Number)
	switch {
	case !ok:
		return fmt.Sprintf("nobody with the number %q called", c.Number)
	case c.Kind == "unknown" && kind == "ivr": // hung up before the greeting
	case c.Kind != kind:
		return fmt.Sprintf("kind %s, want %s", c.Kind, kind)
	}
	if c.Result == "" || c.Result == "unknown" || (c.Result == "answered") != (len(c.Agents) > 0) {
		return fmt.Sprintf("outcome %q, and agents %q", c.Result, c.Agents)
	}
	return ""
}

// holdsRegistrations holds the callbacks that were acknowledged against those
// that are stored.
func (b *busyWorld) holdsRegistrations(t *testing.T) (lost int) {
	t.Helper()
	acknowledged := b.registrar.acknowledged()
	conn, err := pgx.Connect(t.Context(), b.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it was for one statement
	rows, err := conn.Query(t.Context(), "SELECT request_id, id FROM callbacks")
	if err != nil {
		t.Fatal(err)
	}
	type callback struct {
		RequestID string `db:"request_id"`
		ID        int64
	}
	callbacks, err := pgx.CollectRows(rows, pgx.RowToStructByName[callback])
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string][]int64{}
	for _, c := range callbacks {
		stored[c.RequestID] = append(stored[c.RequestID], c.ID)
	}
	for call, id := range acknowledged {
		if !slices.Equal(stored[call], []int64{id}) {
			t.Errorf("callback %d of call %s was acknowledged, stored are %v", id, call, stored[call])
			lost++
		}
	}
	return lost
}
