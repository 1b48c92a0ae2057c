package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

func TestCalls_GetReturnsWhatWasSaved(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	bare := callcenter.Call{
		RequestID: callcenter.NewRequestID("pbx1", "bare"), Node: "pbx1", LinkedID: "bare",
		Kind: callcenter.KindUnknown, Direction: callcenter.DirectionInternal,
		State: callcenter.StateActive, StartedAt: start, LastEventAt: start,
	}
	calls := []callcenter.Call{newCall(1), ended(newCall(2)), phoneCall(3), bare}
	save(t, db, calls...)
	for _, want := range calls {
		got, err := db.Calls().Get(t.Context(), want.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("call %s (-saved +got):\n%s", want.LinkedID, diff)
		}
		if got.StartedAt.Location() != time.UTC {
			t.Errorf("StartedAt is in %s, want UTC", got.StartedAt.Location())
		}
	}
	for _, id := range []callcenter.RequestID{"r0", "", "a\x00b", "\xff"} {
		if _, err := db.Calls().Get(t.Context(), id); !errors.Is(err, callcenter.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want ErrNotFound", id, err)
		}
	}
}

func TestCalls_SavingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	calls := []callcenter.Call{newCall(1), ended(newCall(2)), phoneCall(3)}
	save(t, db, calls...)
	if got := lastChange(t, db); got != 3 {
		t.Fatalf("last change after three new calls is %d, want 3", got)
	}
	save(t, db, calls...)
	if got := lastChange(t, db); got != 3 {
		t.Errorf("last change after saving the same is %d, want 3", got)
	}
	calls[0] = ended(calls[0])
	save(t, db, calls...)
	changes, err := db.Feed().Changes(t.Context(), 3, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 || changes[0].RequestID != calls[0].RequestID {
		t.Errorf("changes after one call ended: %+v, want only %s", changes, calls[0].RequestID)
	}
}

// Each field alone makes a call differ, so that none is forgotten in the
// statement that decides what to write.
func TestCalls_EveryFieldCounts(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	later := start.Add(time.Hour)
	mutations := map[string]func(c *callcenter.Call){
		"Kind": func(c *callcenter.Call) {
			*c = phoneCall(1)
			c.Kind = callcenter.KindCallCenter
			c.CallCenter, c.CallCenters = "support", []string{"support"}
		},
		"Direction":     func(c *callcenter.Call) { c.Direction = callcenter.DirectionOutbound },
		"CallCenter":    func(c *callcenter.Call) { c.CallCenter = "sales" },
		"CallCenters":   func(c *callcenter.Call) { c.CallCenters = []string{"support", "sales"} },
		"BusinessLabel": func(c *callcenter.Call) { c.BusinessLabel = "" },
		"RemoteNumber":  func(c *callcenter.Call) { c.RemoteNumber = "" },
		"LocalNumber":   func(c *callcenter.Call) { c.LocalNumber = "7002" },
		"Agent":         func(c *callcenter.Call) { c.Agent = "PJSIP/2002" },
		"Agents":        func(c *callcenter.Call) { c.Agents = []string{"PJSIP/2001"} },
		"State":         func(c *callcenter.Call) { *c = ended(*c) },
		"Outcome.Result": func(c *callcenter.Call) {
			*c = ended(*c)
			c.Outcome.Result = callcenter.ResultBusy
		},
		"Outcome.Reason": func(c *callcenter.Call) {
			*c = ended(*c)
			c.Outcome.Reason = ""
		},
		"StartedAt":  func(c *callcenter.Call) { c.StartedAt = c.StartedAt.Add(time.Microsecond) },
		"AnsweredAt": func(c *callcenter.Call) { c.AnsweredAt = nil },
		"EndedAt": func(c *callcenter.Call) {
			*c = ended(*c)
			c.EndedAt = &later
		},
		"Recordings":  func(c *callcenter.Call) { c.Recordings = append([]string{"a.wav"}, c.Recordings...) },
		"Receipt":     func(c *callcenter.Call) { c.Receipt = append(slices.Clone(c.Receipt), c.Receipt...) },
		"Legs":        func(c *callcenter.Call) { c.Legs = nil },
		"MergedInto":  func(c *callcenter.Call) { c.MergedInto = "r1" },
		"LastEventAt": func(c *callcenter.Call) { c.LastEventAt = later },
	}
	n := 10
	for name, mutate := range mutations {
		n++
		before := newCall(n)
		if strings.HasPrefix(name, "Outcome") || name == "EndedAt" {
			before = ended(before)
		}
		if name == "Kind" {
			before = phoneCall(n)
		}
		after := before
		mutate(&after)
		after.RequestID, after.LinkedID = before.RequestID, before.LinkedID
		save(t, db, before)
		logged := lastChange(t, db)
		save(t, db, after)
		got, err := db.Calls().Get(t.Context(), before.RequestID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(after, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-saved +got):\n%s", name, diff)
		}
		if last := lastChange(t, db); last != logged+1 {
			t.Errorf("%s: %d changes logged, want 1", name, last-logged)
		}
	}
}

func TestCalls_CallCenterCallNeverWeakens(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	strong := newCall(1)
	save(t, db, strong)
	weak := ended(phoneCall(1))
	weak.Receipt = nil
	save(t, db, weak)
	got, err := db.Calls().Get(t.Context(), strong.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	want := weak
	want.Kind, want.CallCenter, want.CallCenters, want.Receipt = strong.Kind, strong.CallCenter, strong.CallCenters, strong.Receipt
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("call saved as a phone call afterwards (-want +got):\n%s", diff)
	}
	last := lastChange(t, db)
	save(t, db, weak)
	if again := lastChange(t, db); again != last {
		t.Errorf("saving the weaker call again logged %d changes, want none", again-last)
	}
}

func TestCalls_LastStateInABatchCounts(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	save(t, db, newCall(1), newCall(2), ended(newCall(1)))
	got, err := db.Calls().Get(t.Context(), newCall(1).RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != callcenter.StateEnded {
		t.Errorf("state is %s, want ended", got.State)
	}
	if last := lastChange(t, db); last != 2 {
		t.Errorf("%d changes logged, want 2", last)
	}
}

// What a hostile caller sends must neither be lost nor keep the other calls
// of its batch from being stored.
func TestCalls_HostileTextIsStored(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	hostile := newCall(1)
	long := strings.Repeat("9", 100_000)
	hostile.RemoteNumber, hostile.LocalNumber = long, "\x00\xff"+long
	hostile.Agent, hostile.Agents = long, []string{long, "a\x00", `{"quoted"}, \ '; DROP TABLE calls; --`}
	hostile.Recordings = []string{"\xff", "NULL", ""}
	hostile.Receipt[0].Value = "\x00" + long
	hostile.Legs[0].Endpoint, hostile.Legs[0].Channel = "PJSIP/\x00", "\xff"
	save(t, db, hostile, newCall(2))
	got, err := db.Calls().Get(t.Context(), hostile.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	if want := long[:255]; got.RemoteNumber != want {
		t.Errorf("remote number has %d characters, want %d", len(got.RemoteNumber), len(want))
	}
	if want := []string{"\uFFFD", "NULL", ""}; !slices.Equal(got.Recordings, want) {
		t.Errorf("recordings = %q, want %q", got.Recordings, want)
	}
	if want := hostile.Agents[2]; got.Agents[2] != want {
		t.Errorf("agent = %q, want %q", got.Agents[2], want)
	}
	if want := "\uFFFD" + long; got.Receipt[0].Value != want {
		t.Errorf("receipt's value begins %q, want %q", got.Receipt[0].Value[:5], want[:5])
	}
	last := lastChange(t, db)
	save(t, db, hostile)
	if again := lastChange(t, db); again != last {
		t.Errorf("saving it again logged %d changes, want none", again-last)
	}
}

// A call that the schema refuses is named, and does not keep the others from
// being stored.
func TestCalls_RefusedCallLeavesTheOthers(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	var batch []callcenter.Call
	for n := range 11 {
		batch = append(batch, newCall(n))
	}
	batch[3].CallCenter = "elsewhere"                                   // not visited
	batch[5].LastEventAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) // cannot be written as JSON
	batch[7].State = callcenter.StateEnded                              // without a result
	err := db.Calls().SaveCalls(t.Context(), batch)
	report, ok := errors.AsType[*callcenter.RefusedError](err)
	if !ok {
		t.Fatalf("the refused calls are not reported: %v", err)
	}
	for n, call := range batch {
		refused := n == 3 || n == 5 || n == 7
		if named := slices.Contains(report.Calls, call.RequestID); named != refused {
			t.Errorf("call %d is named in %q: %t, want %t", n, err, named, refused)
		}
		if _, err := db.Calls().Get(t.Context(), call.RequestID); errors.Is(err, callcenter.ErrNotFound) != refused {
			t.Errorf("call %d: Get = %v", n, err)
		}
	}
	if last := lastChange(t, db); last != 8 {
		t.Errorf("%d changes logged, want 8", last)
	}
}

// Batches that share calls, in other orders, do not wait for each other in a
// circle.
func TestCalls_ConcurrentBatches(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	const writers, rounds = 6, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for round := range rounds {
				var batch []callcenter.Call
				for n := range 20 {
					call := newCall(n)
					call.LastEventAt = start.Add(time.Duration(w*rounds+round) * time.Second)
					batch = append(batch, call)
				}
				if w%2 == 1 {
					slices.Reverse(batch)
				}
				if err := db.Calls().SaveCalls(t.Context(), batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCalls_ActiveCalls(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	other := newCall(4)
	other.Node = "pbx2"
	other.RequestID = callcenter.NewRequestID(other.Node, other.LinkedID)
	save(t, db, newCall(1), ended(newCall(2)), newCall(3), other)
	got, err := db.Calls().ActiveCalls(t.Context(), "pbx1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]callcenter.Call{newCall(3), newCall(1)}, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("active calls of pbx1 (-want +got):\n%s", diff)
	}
}

// new: calls that were not stored; changed: calls that were, with one field
// that differs; same: nothing to do. plain is the limit: new rows in a pgx
// batch of INSERT statements, without the change log.
func BenchmarkCalls_SaveCalls(b *testing.B) {
	const batch = 500
	report := func(b *testing.B) {
		b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "calls/s")
	}
	for _, bench := range []struct {
		name string
		call func(n int) callcenter.Call
	}{
		{"new", newCall},
		{"changed", func(n int) callcenter.Call {
			call := newCall(n % batch)
			call.LastEventAt = start.Add(time.Duration(n) * time.Second)
			return call
		}},
		{"same", func(n int) callcenter.Call { return newCall(n % batch) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			db, _ := open(b)
			n := 0
			for b.Loop() {
				calls := make([]callcenter.Call, batch)
				for i := range calls {
					calls[i] = bench.call(n)
					n++
				}
				save(b, db, calls...)
			}
			report(b)
		})
	}
	b.Run("plain", func(b *testing.B) {
		_, url := open(b)
		pool := connect(b, url)
		n := 0
		for b.Loop() {
			var inserts pgx.Batch
			for range batch {
				c := newCall(n)
				n++
				inserts.Queue(`
					INSERT INTO calls (request_id, node, linked_id, kind, direction, call_center, call_centers,
						business_label, remote_number, local_number, agent, agents, state,
						started_at, answered_at, recordings, receipt, legs, last_event_at)
					VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
					c.RequestID, c.Node, c.LinkedID, c.Kind, c.Direction, c.CallCenter, c.CallCenters,
					c.BusinessLabel, c.RemoteNumber, c.LocalNumber, c.Agent, c.Agents, c.State,
					c.StartedAt, c.AnsweredAt, c.Recordings, c.Receipt, c.Legs, c.LastEventAt)
			}
			err := pgx.BeginFunc(b.Context(), pool, func(tx pgx.Tx) error {
				return tx.SendBatch(b.Context(), &inserts).Close()
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
}
