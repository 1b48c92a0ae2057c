package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/postgres"
)

// busySite fills a database with 10,000 calls that run, each with two phones,
// among 100,000 that ended, 10,000 open callbacks, and 500 agents.
func busySite(b *testing.B) *postgres.DB {
	b.Helper()
	const active, over, open_ = 10_000, 100_000, 10_000
	db, url := open(b)

	pool := connect(b, url)
	exec(b, pool, `
		INSERT INTO accounts (name, display_name, role, call_centers, endpoint, password_hash, created_at)
		SELECT 'agent-' || n, 'エージェント ' || n, 'agent', ARRAY['support'], 'PJSIP/' || 20000 + n, '$argon2id$', now()
		FROM generate_series(1, 500) n`)
	batch := make([]callcenter.Call, 0, 1000)
	for n := range active + over {
		call := newCall(n)
		call.CallCenter = fmt.Sprintf("desk-%d", n%20)
		call.CallCenters = []string{call.CallCenter}
		call.Receipt[0].CallCenter = call.CallCenter
		call.Legs = append(call.Legs, call.Legs[0], call.Legs[0])
		// Calls that run lie among those that ended.
		if n%11 == 0 {
			call.Activity = callcenter.Activity{
				Phase: callcenter.Phases[n%2], CallCenter: call.CallCenter, Since: call.StartedAt,
				Phones: []callcenter.Phone{
					{Endpoint: fmt.Sprintf("PJSIP/%d", 20000+n/11), State: callcenter.PhoneTalking, Since: call.StartedAt},
					{Endpoint: fmt.Sprintf("PJSIP/%d", 40000+n/11), State: callcenter.PhoneRinging, Since: call.StartedAt},
				},
			}
		} else {
			call = ended(call)
		}
		if batch = append(batch, call); len(batch) == cap(batch) {
			save(b, db, batch...)
			batch = batch[:0]
		}
	}
	exec(b, pool, `
		INSERT INTO callbacks (id, request_id, origin, registered_by, remote_number, call_center)
		SELECT row_number() OVER (), request_id, 'manual', 'test', remote_number, call_center
		FROM calls LIMIT $1`, open_)
	exec(b, pool, `VACUUM ANALYZE`)
	saveNodeB(b, db)
	return db
}

func saveNodeB(b *testing.B, db *postgres.DB) {
	b.Helper()
	err := db.Calls().SaveNode(b.Context(), callcenter.NodeReport{Node: "pbx1", State: callcenter.NodeConnected, Since: start})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMonitor_Situation reads what goes on at a busy site, beside a read
// of one call by its key.
func BenchmarkMonitor_Situation(b *testing.B) {
	db := busySite(b)
	monitor := db.Monitor([]string{"pbx1"})
	key := newCall(11).RequestID
	var byKey, situation []time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, err := db.Calls().Get(b.Context(), key); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		s, err := monitor.Situation(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		byKey, situation = append(byKey, middle.Sub(begin)), append(situation, time.Since(middle))
		if len(s.Desks) != 20 || len(s.Agents) != 500 {
			b.Fatalf("%d desks and %d agents, want 20 and 500", len(s.Desks), len(s.Agents))
		}
	}
	for name, took := range map[string][]time.Duration{"key": byKey, "situation": situation} {
		slices.Sort(took)
		b.ReportMetric(float64(took[0].Microseconds()), "min-µs/"+name)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs/"+name)
	}
}
