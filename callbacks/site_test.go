package callbacks_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

var databases = labtest.NewDatabases(postgres.Migrate)

func TestMain(m *testing.M) { os.Exit(databases.Run(m)) }

var start = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

// site is a service over a database of its own.
type site struct {
	*callbacks.Service
	db    *postgres.DB
	pool  *pgxpool.Pool // bypasses the program
	calls atomic.Int64
}

func setUp(t *testing.T) *site {
	t.Helper()
	url := databases.New(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &site{Service: callbacks.NewService(db.Callbacks(), callbacks.Options{Now: func() time.Time { return start }}), db: db, pool: pool}
}

// call stores a new call, a call-center call of support unless change says
// otherwise.
func (s *site) call(t failer, change func(c *callcenter.Call)) callcenter.Call {
	t.Helper()
	linkedID := fmt.Sprint("1.", s.calls.Add(1))
	call := callcenter.Call{
		RequestID: callcenter.NewRequestID("pbx1", linkedID), Node: "pbx1", LinkedID: linkedID,
		Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound,
		CallCenter: "support", CallCenters: []string{"support"}, RemoteNumber: "0312345678", LocalNumber: "7001",
		State: callcenter.StateActive, StartedAt: start, LastEventAt: start,
	}
	if change != nil {
		change(&call)
	}
	if call.State == callcenter.StateEnded {
		call.EndedAt, call.Outcome.Result = &start, callcenter.ResultAbandoned
	}
	if err := s.db.Calls().SaveCalls(context.Background(), []callcenter.Call{call}); err != nil {
		t.Fatal(err)
	}
	return call
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func terminal(c *callcenter.Call) {
	c.Kind, c.CallCenter, c.CallCenters = callcenter.KindTerminal, "", nil
	c.Receipt = []callcenter.Signal{{At: start, Rule: callcenter.RuleTerminalDial, Kind: callcenter.KindTerminal, Value: "PJSIP/2001"}}
}

func token(id accounts.TokenID, role accounts.Role, callCenters ...string) accounts.Principal {
	return accounts.Principal{Kind: accounts.KindToken, Name: fmt.Sprint("t", id), Role: role, CallCenters: callCenters, TokenID: id}
}

var (
	agent = token(1, accounts.RoleAgent, "support")
	admin = token(2, accounts.RoleAdmin)
)

func (s *site) lastChange(t failer) int64 {
	t.Helper()
	last, err := s.db.Feed().LastChange(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return last
}
