package postgres_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/accounts"
	"callbackd/ari"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }

// open returns a migrated database for this test alone, and its address.
func open(t testing.TB) (*postgres.DB, string) {
	t.Helper()
	url := databases.New(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, url
}

// connect returns connections that bypass the program.
func connect(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

var (
	start = time.Date(2026, 4, 1, 9, 0, 0, 123456000, time.UTC)
	admin = accounts.Principal{Kind: accounts.KindToken, Name: "test", Role: accounts.RoleAdmin, TokenID: 1}
)

// newCall returns a running call-center call with everything set, the n-th
// of its node, n seconds after start.
func newCall(n int) callcenter.Call {
	linkedID := fmt.Sprintf("1700000000.%d", n)
	at := start.Add(time.Duration(n) * time.Second)
	answered := at.Add(5 * time.Second)
	return callcenter.Call{
		RequestID:     callcenter.NewRequestID("pbx1", linkedID),
		Node:          "pbx1",
		LinkedID:      linkedID,
		Kind:          callcenter.KindCallCenter,
		Direction:     callcenter.DirectionInbound,
		CallCenter:    "support",
		CallCenters:   []string{"sales", "support"},
		BusinessLabel: "repairs",
		RemoteNumber:  fmt.Sprintf("0312%06d", n),
		LocalNumber:   "7001",
		Agent:         "PJSIP/2001",
		Agents:        []string{"PJSIP/2002", "PJSIP/2001"},
		State:         callcenter.StateActive,
		StartedAt:     at,
		AnsweredAt:    &answered,
		Recordings:    []string{"/var/spool/asterisk/monitor/" + linkedID + ".wav"},
		Receipt: []callcenter.Signal{{
			At: at, Event: "ChannelDialplan", Channel: ari.ChannelID(linkedID),
			Rule: callcenter.RuleCallCenterQueue, Kind: callcenter.KindCallCenter, CallCenter: "support", Value: "support",
		}},
		Legs: []callcenter.Leg{{
			Channel: ari.ChannelID(linkedID), Endpoint: "PJSIP/trunk", Trunk: true, StartedAt: at, AnsweredAt: &answered,
		}},
		LastEventAt: answered,
	}
}

// phoneCall returns a call between phones, which met nothing else.
func phoneCall(n int) callcenter.Call {
	call := newCall(n)
	call.Kind, call.Direction = callcenter.KindTerminal, callcenter.DirectionInternal
	call.CallCenter, call.CallCenters, call.BusinessLabel = "", []string{}, ""
	call.Receipt[0].Rule, call.Receipt[0].Kind, call.Receipt[0].CallCenter = callcenter.RuleTerminalDial, callcenter.KindTerminal, ""
	return call
}

// ended returns the call with its end.
func ended(call callcenter.Call) callcenter.Call {
	at := call.StartedAt.Add(time.Minute)
	call.State, call.EndedAt, call.LastEventAt = callcenter.StateEnded, &at, at
	call.Outcome = callcenter.Outcome{Result: callcenter.ResultAnswered, Reason: "caller-hung-up"}
	return call
}

func save(t testing.TB, db *postgres.DB, calls ...callcenter.Call) {
	t.Helper()
	if err := db.Calls().SaveCalls(t.Context(), calls); err != nil {
		t.Fatal(err)
	}
}

func lastChange(t testing.TB, db *postgres.DB) int64 {
	t.Helper()
	last, err := db.Feed().LastChange(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// register registers a callback as an administrator.
func register(ctx context.Context, db *postgres.DB, id callcenter.RequestID) (callbacks.Callback, error) {
	result, err := callbacks.NewService(db.Callbacks(), callbacks.Options{}).Register(ctx, admin, id, callbacks.Registration{})
	return result.Callback, err
}
