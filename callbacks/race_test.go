package callbacks_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callbacks"
)

// Of 64 agents who claim one callback at once, one gets it; the others get the
// winner's record, and nothing else has happened.
func TestService_ClaimRace(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	const agents = 64
	c := s.registered(t)
	people := make([]accounts.Principal, agents)
	for i := range people {
		people[i] = person(fmt.Sprintf("agent%d", i), accounts.RoleAgent, "support")
		s.account(t, people[i], true)
	}
	results := make([]callbacks.ChangeResult, agents)
	errs := make([]error, agents)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i, by := range people {
		wg.Go(func() {
			<-begin
			results[i], errs[i] = s.Claim(t.Context(), by, c.ID, c.Version, "")
		})
	}
	close(begin)
	wg.Wait()
	now, err := s.Get(t.Context(), admin, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	winners := 0
	for i, err := range errs {
		stale, refused := errors.AsType[*callbacks.StaleError](err)
		switch {
		case err == nil:
			winners++
			if diff := cmp.Diff(now, results[i].Callback); diff != "" || now.Assignee != people[i].Name {
				t.Errorf("the winner %s (-now +got):\n%s", people[i].Name, diff)
			}
		case !refused:
			t.Errorf("%s: %v", people[i].Name, err)
		default:
			if diff := cmp.Diff(now, stale.Current); diff != "" {
				t.Errorf("%s was told (-now +got):\n%s", people[i].Name, diff)
			}
		}
	}
	if winners != 1 {
		t.Errorf("%d agents won, want 1", winners)
	}
	s.wantHistory(t, now)
}

// request is an operation on a callback, as porcupine sees it.
type request struct {
	callback callbacks.ID
	by       accounts.Principal
	claims   bool
	patch    callbacks.Patch
}

// answer is what it gave: the record after it, or as it was when the request
// was refused for it.
type answer struct {
	record callbacks.Callback
	err    string
}

// model is one callback on which requests are carried out one after another.
var model = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := map[callbacks.ID][]porcupine.Operation{}
		for _, op := range history {
			id := op.Input.(request).callback
			parts[id] = append(parts[id], op)
		}
		var list [][]porcupine.Operation
		for _, part := range parts {
			list = append(list, part)
		}
		return list
	},
	// The state is not known before the first answer with a record: all
	// callbacks of the test begin alike.
	Init: func() any { return callbacks.Callback{} },
	Step: func(state, input, output any) (bool, any) {
		current, in, out := state.(callbacks.Callback), input.(request), output.(answer)
		if current.ID == 0 {
			current = fresh(in.callback)
		}
		next, err := in.carryOut(current)
		want := answerOf(next, err)
		out.record = bare(out.record)
		if err != nil {
			next = current
		}
		return want.err == out.err && cmp.Equal(want.record, out.record), next
	},
	Equal: func(a, b any) bool { return cmp.Equal(a, b) },
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("%+v -> %+v", input, output)
	},
}

// fresh is a callback of the test as it was registered, bare.
func fresh(id callbacks.ID) callbacks.Callback {
	return callbacks.Callback{ID: id, Status: callbacks.StatusOpen, CallCenters: []string{"support"}, Version: 1}
}

// bare leaves of a record what requests change.
func bare(c callbacks.Callback) callbacks.Callback {
	return callbacks.Callback{
		ID: c.ID, Status: c.Status, Assignee: c.Assignee, Memo: c.Memo, CallCenters: c.CallCenters, Version: c.Version,
		CompletedAt: c.CompletedAt, CompletedBy: c.CompletedBy,
	}
}

// carryOut is what the request makes of a record by the rules.
func (r *request) carryOut(current callbacks.Callback) (callbacks.Callback, error) {
	if r.claims {
		return callbacks.Claim(current, r.patch.Version, r.by)
	}
	return r.patch.Apply(current, r.by, start)
}

func answerOf(record callbacks.Callback, err error) answer {
	stale, isStale := errors.AsType[*callbacks.StaleError](err)
	switch {
	case err == nil:
		return answer{record: bare(record)}
	case isStale:
		return answer{record: bare(stale.Current), err: "stale"}
	case errors.Is(err, callbacks.ErrUnassigned):
		return answer{err: "unassigned"}
	case errors.Is(err, accounts.ErrForbidden):
		return answer{err: "forbidden"}
	default:
		return answer{err: err.Error()}
	}
}

// Agents, supervisors and an administrator claim, assign, complete, reopen and
// write at once, each from what it saw last. What all of them were told is
// what one after another would have been told, in an order that agrees with
// the clock; and no change is lost.
func TestService_Linearizable(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	var people []accounts.Principal
	for i := range 6 {
		people = append(people, person(fmt.Sprintf("agent%d", i), accounts.RoleAgent, "support"))
	}
	people = append(people, person("lead0", accounts.RoleSupervisor, "support"), person("lead1", accounts.RoleSupervisor, "support"), root)
	for _, p := range people {
		s.account(t, p, true)
	}
	const each = 60
	records := make([]callbacks.Callback, 5)
	for i := range records {
		records[i] = s.registered(t)
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	began := time.Now()
	var wg sync.WaitGroup
	for client, by := range people {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(client)))
			seen := map[callbacks.ID]callbacks.Callback{}
			for _, c := range records {
				seen[c.ID] = c
			}
			for range each {
				r := drawRequest(random, by, seen[records[random.IntN(len(records))].ID])
				call := time.Since(began)
				out := answerOf(s.send(&r))
				operation := porcupine.Operation{
					ClientId: client, Input: r, Call: call.Nanoseconds(), Output: out, Return: time.Since(began).Nanoseconds(),
				}
				if out.record.ID != 0 {
					seen[out.record.ID] = out.record
				}
				mu.Lock()
				history = append(history, operation)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
		t.Errorf("the history of %d requests is %s, want it linearizable", len(history), result)
	}
	changes := 0
	for _, op := range history {
		if op.Output.(answer).err == "" {
			changes++
		}
	}
	for _, c := range records {
		now, err := s.Get(t.Context(), admin, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.wantHistory(t, now)
		t.Logf("callback %d has version %d", now.ID, now.Version)
	}
	if changes == 0 || changes == len(history) {
		t.Errorf("%d of %d requests succeeded: there was no race", changes, len(history))
	}
}

// drawRequest draws what somebody asks of a callback that they saw.
func drawRequest(random *rand.Rand, by accounts.Principal, seen callbacks.Callback) request {
	r := request{callback: seen.ID, by: by, patch: callbacks.Patch{Version: seen.Version}}
	switch random.IntN(6) {
	case 0, 1:
		r.claims = by.Role != accounts.RoleAdmin
	case 2:
		to := []string{"", "agent0", "agent1", "lead0"}[random.IntN(4)]
		r.patch.Assignee = &to
	case 3, 4:
		r.patch.Status = &callbacks.Statuses[random.IntN(2)]
	}
	if !r.claims && random.IntN(2) == 0 {
		r.patch.Memo = new(fmt.Sprintf("%s %d", by.Name, random.IntN(1000)))
	}
	return r
}

// send carries the request out for real.
func (s *site) send(r *request) (callbacks.Callback, error) {
	if r.claims {
		result, err := s.Claim(context.Background(), r.by, r.callback, r.patch.Version, "")
		return result.Callback, err
	}
	result, err := s.Change(context.Background(), r.by, r.callback, r.patch)
	return result.Callback, err
}

// The check itself finds a lost change: two claims from one version that both
// succeed.
func TestLinearizable_FindsLostChanges(t *testing.T) {
	t.Parallel()
	won := func(by accounts.Principal) porcupine.Operation {
		c := fresh(1)
		c.Assignee, c.Version = by.Name, 2
		return porcupine.Operation{
			Input: request{callback: 1, by: by, claims: true, patch: callbacks.Patch{Version: 1}}, Output: answer{record: c}, Return: 10,
		}
	}
	if porcupine.CheckOperations(model, []porcupine.Operation{won(sato), won(kato)}) {
		t.Error("two winners pass for linearizable")
	}
	if !porcupine.CheckOperations(model, []porcupine.Operation{won(sato)}) {
		t.Error("one winner does not pass for linearizable")
	}
}

// Disabling an account and assigning to it do not cross: whoever was assigned
// was enabled at that moment, and an assignment that begins after the
// disabling has ended is refused.
func TestService_AssignWhileDisabling(t *testing.T) {
	t.Parallel()
	s := staff(t)
	c := s.registered(t)
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `UPDATE accounts SET enabled = false WHERE name = 'sato'`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Claim(t.Context(), sato, c.ID, 1, "")
		done <- err
	}()
	s.awaitLock(t)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !isAssignee(err) {
		t.Errorf("a claim that met the disabling = %v, want it refused", err)
	}
	now, err := s.Get(t.Context(), admin, c.ID)
	if diff := cmp.Diff(c, now); err != nil || diff != "" {
		t.Errorf("after the refusal: %v (-want +got):\n%s", err, diff)
	}
}

// awaitLock waits until somebody waits for a lock.
func (s *site) awaitLock(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var waiting bool
		err := s.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
	}
	t.Fatal("nobody waits for a lock")
}
