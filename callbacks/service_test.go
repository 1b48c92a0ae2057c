package callbacks_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

func TestService_Register(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	call := s.call(t, nil)
	result, err := s.Register(t.Context(), agent, call.RequestID, callbacks.Registration{Memo: "急ぎ"})
	if err != nil {
		t.Fatal(err)
	}
	want := callbacks.Callback{
		ID: 1, RequestID: call.RequestID, Origin: callbacks.OriginManual, Status: callbacks.StatusOpen, Memo: "急ぎ",
		RegisteredAt: start, RegisteredBy: "token:t1", RemoteNumber: "0312345678", ContactNumber: "0312345678",
		CallCenter: "support", CallCenters: []string{"support"}, LocalNumber: "7001",
		Requests: 1, LastRequestedAt: start, Version: 1,
	}
	if diff := cmp.Diff(callbacks.RegisterResult{Callback: want}, result); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
	got, err := s.Get(t.Context(), agent, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	for _, id := range []callbacks.ID{0, -1, 2, 1 << 62} {
		if _, err := s.Get(t.Context(), admin, id); !errors.Is(err, callbacks.ErrNotFound) {
			t.Errorf("Get(%d) = %v, want ErrNotFound", id, err)
		}
	}
}

// Each refusal says why, changes nothing and takes no number.
func TestService_Refusals(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	registered, desk := s.call(t, nil), s.call(t, nil)
	phone := s.call(t, terminal)
	if _, err := s.Register(t.Context(), agent, registered.RequestID, callbacks.Registration{IdempotencyKey: "used"}); err != nil {
		t.Fatal(err)
	}
	nobody := token(3, accounts.RoleAgent)
	nobody.CallCenters = []string{}
	notFound := func(err error) bool { return errors.Is(err, callcenter.ErrNotFound) }
	field := func(names ...string) func(err error) bool {
		return func(err error) bool {
			for _, name := range names {
				if !strings.Contains(err.Error(), name+": ") {
					return false
				}
			}
			_, ok := errors.AsType[*callbacks.FieldError](err)
			return ok
		}
	}
	tests := []struct {
		name string
		by   accounts.Principal
		call callcenter.RequestID
		reg  callbacks.Registration
		is   func(err error) bool
	}{
		{"a phone call", admin, phone.RequestID, callbacks.Registration{}, func(err error) bool {
			e, ok := errors.AsType[*callbacks.NotCallCenterCallError](err)
			return ok && e.Call.Kind == callcenter.KindTerminal && cmp.Equal(e.Call.Receipt, phone.Receipt)
		}},
		{"a phone call that the agent may not see", agent, phone.RequestID, callbacks.Registration{}, notFound},
		{"a second callback", admin, registered.RequestID, callbacks.Registration{}, func(err error) bool {
			e, ok := errors.AsType[*callbacks.ExistsError](err)
			return ok && e.ID == 1
		}},
		{"no call", admin, "r0", callbacks.Registration{}, notFound},
		{"a request ID that is none", admin, "\x00'", callbacks.Registration{}, notFound},
		{"another call center's call", token(3, accounts.RoleSupervisor, "sales"), desk.RequestID, callbacks.Registration{}, notFound},
		{"an agent of no call center", nobody, desk.RequestID, callbacks.Registration{}, notFound},
		{"a principal without a role", accounts.Principal{}, desk.RequestID, callbacks.Registration{}, notFound},
		{"the key of another request", agent, desk.RequestID, callbacks.Registration{IdempotencyKey: "used"}, func(err error) bool {
			return errors.Is(err, callbacks.ErrKeyReused)
		}},
		{"bad memo and key", agent, desk.RequestID, callbacks.Registration{Memo: strings.Repeat("メ", 2001), IdempotencyKey: "\n"}, field("memo", "Idempotency-Key")},
		{"memo not UTF-8", agent, desk.RequestID, callbacks.Registration{Memo: "\xff"}, field("memo")},
		{"memo with NUL", agent, desk.RequestID, callbacks.Registration{Memo: "\x00"}, field("memo")},
		{"key too long", agent, desk.RequestID, callbacks.Registration{IdempotencyKey: strings.Repeat("k", 256)}, field("Idempotency-Key")},
	}
	last := s.lastChange(t)
	for _, test := range tests {
		result, err := s.Register(t.Context(), test.by, test.call, test.reg)
		if err == nil || !test.is(err) || result.Callback.ID != 0 {
			t.Errorf("%s: %+v, %v", test.name, result, err)
		}
	}
	if after := s.lastChange(t); after != last {
		t.Errorf("the refusals logged %d changes", after-last)
	}
	result, err := s.Register(t.Context(), agent, desk.RequestID, callbacks.Registration{
		Memo: strings.Repeat("メ", callbacks.MaxMemoLength), IdempotencyKey: strings.Repeat("k", callbacks.MaxKeyLength),
	})
	if err != nil || result.Callback.ID != 2 {
		t.Errorf("the registration after the refusals: %+v, %v, want ID 2", result, err)
	}
}

func TestService_SeenByTheCallCentersOfTheCall(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	call := s.call(t, func(c *callcenter.Call) { c.CallCenters = []string{"sales", "support"} })
	result, err := s.Register(t.Context(), token(1, accounts.RoleAgent, "sales"), call.RequestID, callbacks.Registration{})
	if err != nil {
		t.Fatal(err)
	}
	if result.Callback.CallCenter != "support" {
		t.Errorf("call center = %q, want the one that the call counts for", result.Callback.CallCenter)
	}
	for _, test := range []struct {
		by   accounts.Principal
		sees bool
	}{
		{token(2, accounts.RoleAgent, "support"), true},
		{token(3, accounts.RoleSupervisor, "sales"), true},
		{token(4, accounts.RoleSupervisor, "orders"), false},
		{token(5, accounts.RoleAdmin, "orders"), false},
		{admin, true},
		{accounts.Principal{}, false},
	} {
		_, err := s.Get(t.Context(), test.by, result.Callback.ID)
		if sees := err == nil; sees != test.sees || (err != nil && !errors.Is(err, callbacks.ErrNotFound)) {
			t.Errorf("%s of %q: %v, want it seen: %t", test.by.Role, test.by.CallCenters, err, test.sees)
		}
	}
}

func TestService_OtherOpen(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	register := func(by accounts.Principal, want int, change func(c *callcenter.Call)) {
		t.Helper()
		result, err := s.Register(t.Context(), by, s.call(t, change).RequestID, callbacks.Registration{})
		if err != nil {
			t.Fatal(err)
		}
		if result.OtherOpen != want {
			t.Errorf("callback %d: %d other open ones, want %d", result.Callback.ID, result.OtherOpen, want)
		}
	}
	withheld := func(c *callcenter.Call) { c.RemoteNumber = "" }
	register(agent, 0, nil)
	register(agent, 1, nil)
	register(agent, 0, func(c *callcenter.Call) { c.RemoteNumber = "0399999999" })
	register(agent, 0, withheld)
	register(agent, 0, withheld)
	// Those of other call centers are not told to an agent.
	register(admin, 2, func(c *callcenter.Call) { c.CallCenter, c.CallCenters = "sales", []string{"sales"} })
	register(agent, 2, nil)
	register(admin, 4, nil)
}

func TestService_IdempotencyKey(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	first, second := s.call(t, nil), s.call(t, nil)
	reg := callbacks.Registration{Memo: "急ぎ", IdempotencyKey: "k1"}
	if _, err := s.Register(t.Context(), agent, s.call(t, nil).RequestID, callbacks.Registration{}); err != nil {
		t.Fatal(err)
	}
	want, err := s.Register(t.Context(), agent, first.RequestID, reg)
	if err != nil {
		t.Fatal(err)
	}
	want.Replayed = true
	if _, err := s.Register(t.Context(), agent, second.RequestID, callbacks.Registration{}); err != nil {
		t.Fatal(err)
	}
	last := s.lastChange(t)
	got, err := s.Register(t.Context(), agent, first.RequestID, reg)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the same request again (-first +again):\n%s", diff)
	}
	if after := s.lastChange(t); after != last {
		t.Errorf("a replay logged %d changes", after-last)
	}

	reg.Memo = "other"
	if _, err := s.Register(t.Context(), agent, first.RequestID, reg); !errors.Is(err, callbacks.ErrKeyReused) {
		t.Errorf("the key with another memo: %v, want ErrKeyReused", err)
	}
	// Another client's key of the same name is another key.
	third := s.call(t, nil)
	if result, err := s.Register(t.Context(), admin, third.RequestID, callbacks.Registration{IdempotencyKey: "k1"}); err != nil || result.Replayed {
		t.Errorf("another token's key: %+v, %v", result, err)
	}
	// A token that lost the call center does not get the record.
	moved := agent
	moved.CallCenters = []string{"sales"}
	reg.Memo = "急ぎ"
	if _, err := s.Register(t.Context(), moved, first.RequestID, reg); !errors.Is(err, callcenter.ErrNotFound) {
		t.Errorf("replay after the call center was taken away: %v, want ErrNotFound", err)
	}
	// A refused request is not remembered.
	phone := s.call(t, terminal)
	retry := callbacks.Registration{IdempotencyKey: "k2"}
	if _, err := s.Register(t.Context(), admin, phone.RequestID, retry); err == nil {
		t.Fatal("a phone call was registered")
	}
	phone.Kind, phone.CallCenter, phone.CallCenters = callcenter.KindCallCenter, "support", []string{"support"}
	if err := s.db.Calls().SaveCalls(t.Context(), []callcenter.Call{phone}); err != nil {
		t.Fatal(err)
	}
	if result, err := s.Register(t.Context(), admin, phone.RequestID, retry); err != nil || result.Replayed {
		t.Errorf("the request again when the call has become a call-center call: %+v, %v", result, err)
	}
}

// Of many registrations for each of several calls one succeeds; the others
// learn its ID; the IDs have no holes.
func TestService_Race(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	const calls, registrations = 4, 32
	type outcome struct {
		call       callcenter.RequestID
		registered callbacks.ID // 0 when refused
		told       callbacks.ID
	}
	outcomes := make(chan outcome, calls*registrations)
	var wg sync.WaitGroup
	for range calls {
		call := s.call(t, nil)
		for range registrations {
			wg.Go(func() {
				result, err := s.Register(t.Context(), agent, call.RequestID, callbacks.Registration{})
				exists, refused := errors.AsType[*callbacks.ExistsError](err)
				switch {
				case err == nil:
					outcomes <- outcome{call.RequestID, result.Callback.ID, result.Callback.ID}
				case refused:
					outcomes <- outcome{call.RequestID, 0, exists.ID}
				default:
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	close(outcomes)
	told := map[callcenter.RequestID]map[callbacks.ID]int{}
	var ids []callbacks.ID
	for o := range outcomes {
		if told[o.call] == nil {
			told[o.call] = map[callbacks.ID]int{}
		}
		told[o.call][o.told]++
		if o.registered != 0 {
			ids = append(ids, o.registered)
		}
	}
	slices.Sort(ids)
	if want := []callbacks.ID{1, 2, 3, 4}; !slices.Equal(ids, want) {
		t.Errorf("IDs = %v, want %v", ids, want)
	}
	for call, answers := range told {
		if len(answers) != 1 {
			t.Errorf("call %s: IDs told %v, want one", call, answers)
		}
	}
}

// Requests with one key at the same time are one registration.
func TestService_RaceWithOneKey(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	call := s.call(t, nil)
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			result, err := s.Register(t.Context(), agent, call.RequestID, callbacks.Registration{IdempotencyKey: "k"})
			if err != nil || result.Callback.ID != 1 {
				t.Errorf("Register = %+v, %v", result, err)
			}
			if !result.Replayed {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if got := fresh.Load(); got != 1 {
		t.Errorf("%d requests were the first, want 1", got)
	}
}

// Whoever asks for whatever call: a callback comes about exactly when the
// principal may see the call and the call is a call-center call; everything
// else changes nothing.
func TestService_Property(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	var next callbacks.ID = 1
	rapid.Check(t, func(t *rapid.T) {
		call := s.call(t, func(c *callcenter.Call) {
			drawn := callOf(c.RequestID).Draw(t, "call")
			c.Kind, c.Direction, c.State = drawn.Kind, drawn.Direction, drawn.State
			c.CallCenter, c.CallCenters = drawn.CallCenter, drawn.CallCenters
		})
		by := token(accounts.TokenID(1), rapid.SampledFrom(append([]accounts.Role{""}, accounts.Roles...)).Draw(t, "role"))
		if rapid.Bool().Draw(t, "limited") {
			by.CallCenters = rapid.SliceOfDistinct(rapid.SampledFrom(desks), rapid.ID[string]).Draw(t, "limit")
		}
		visible := by.Role != "" && (by.CallCenters == nil || slices.ContainsFunc(by.CallCenters, func(id string) bool {
			return slices.Contains(call.CallCenters, id)
		}))
		last := s.lastChange(t)

		result, err := s.Register(context.Background(), by, call.RequestID, callbacks.Registration{})

		_, wrongKind := errors.AsType[*callbacks.NotCallCenterCallError](err)
		switch {
		case !visible:
			if !errors.Is(err, callcenter.ErrNotFound) {
				t.Fatalf("Register = %v, want ErrNotFound", err)
			}
		case call.Kind != callcenter.KindCallCenter:
			if !wrongKind {
				t.Fatalf("Register = %v, want NotCallCenterCallError", err)
			}
		case err != nil:
			t.Fatalf("Register = %v, want a callback", err)
		default:
			if result.Callback.ID != next {
				t.Fatalf("ID = %d, want %d", result.Callback.ID, next)
			}
			next++
			last++
		}
		if got := s.lastChange(t); got != last {
			t.Fatalf("last change is %d, want %d", got, last)
		}
	})
}
