package callbacks_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

var (
	supportDesk = callcenter.CallCenter{ID: "support", Extension: "7001"}
	salesDesk   = callcenter.CallCenter{ID: "sales", Extension: "7002"}
)

// requests is a site whose numbers are those of Japan and whose clock goes a
// minute at every request.
type requests struct {
	*site
	automatic *callbacks.Service
}

func setUpRequests(t *testing.T) *requests {
	t.Helper()
	s := setUp(t)
	var mu sync.Mutex
	now := start
	return &requests{site: s, automatic: callbacks.NewService(s.db.Callbacks(), callbacks.Options{
		Numbers: callbacks.InRegion("JP"),
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(time.Minute)
			return now
		},
	})}
}

// from stores a new call from a number.
func (s *requests) from(t failer, number string) callcenter.RequestID {
	t.Helper()
	return s.call(t, func(c *callcenter.Call) { c.RemoteNumber = number }).RequestID
}

func (s *requests) ask(ctx context.Context, call callcenter.RequestID, contact string) (callbacks.RequestResult, error) {
	return s.automatic.RegisterAutomatic(ctx, callbacks.Request{
		By: accounts.System("attendant"), RequestID: call, CallCenter: supportDesk, ContactNumber: contact,
	})
}

func (s *requests) asked(t *testing.T, call callcenter.RequestID, contact string) callbacks.RequestResult {
	t.Helper()
	result, err := s.ask(t.Context(), call, contact)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestService_RegisterAutomatic(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	call := s.from(t, "0312345678")
	got := s.asked(t, call, "09012345678")
	at := start.Add(time.Minute)
	want := callbacks.Callback{
		ID: 1, RequestID: call, Origin: callbacks.OriginAutomatic, Status: callbacks.StatusOpen,
		RegisteredAt: at, RegisteredBy: "system:attendant", RemoteNumber: "0312345678", ContactNumber: "09012345678",
		CallCenter: "support", CallCenters: []string{"support"}, LocalNumber: "7001", Requests: 1, LastRequestedAt: at, Version: 1,
	}
	if diff := cmp.Diff(callbacks.RequestResult{Callback: want}, got); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}

	// The same number, in another spelling, and at the other number.
	for i, number := range []string{"+81312345678", "09012345678"} {
		again := s.asked(t, s.from(t, number), "")
		want.Requests, want.Version, want.LastRequestedAt = i+2, i+2, at.Add(time.Duration(i+1)*time.Minute)
		if diff := cmp.Diff(callbacks.RequestResult{Callback: want, Added: true}, again); diff != "" {
			t.Errorf("asked again from %s (-want +got):\n%s", number, diff)
		}
	}
	history, err := s.History(t.Context(), admin, 1)
	if err != nil {
		t.Fatal(err)
	}
	one, two := "1", "2"
	wantEntry := callbacks.HistoryEntry{
		Version: 2, Action: callbacks.HistoryRequest, At: at.Add(time.Minute), By: "system:attendant",
		Changes: []callbacks.FieldChange{{Field: "requests", From: &one, To: &two}},
	}
	if diff := cmp.Diff(wantEntry, history[1]); diff != "" || len(history) != 3 {
		t.Errorf("%d entries; the second (-want +got):\n%s", len(history), diff)
	}
	changes, err := s.db.Feed().Changes(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, c := range changes {
		if c.Kind == callbacks.ChangeCallback {
			told++
		}
	}
	if told != 3 {
		t.Errorf("%d changes of the callback were logged, want 3", told)
	}
}

// A call makes one request: what asks twice, after a fault or in another
// daemon, counts nothing twice.
func TestService_RegisterAutomaticIsIdempotent(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	first, second := s.from(t, "0312345678"), s.from(t, "0312345678")
	s.asked(t, first, "")
	before := s.asked(t, second, "")
	last := s.lastChange(t)
	after := s.asked(t, second, "")
	if diff := cmp.Diff(before.Callback, after.Callback); diff != "" || !after.Repeated || !after.Added {
		t.Errorf("asked twice: %+v (-before +after):\n%s", after, diff)
	}
	if again := s.lastChange(t); again != last {
		t.Errorf("asking twice logged %d changes", again-last)
	}
	// Another number, said by the same caller, is taken in.
	moved := s.asked(t, first, "09012345678")
	if moved.Callback.ContactNumber != "09012345678" || moved.Callback.Requests != 2 || !moved.Repeated {
		t.Errorf("another number: %+v", moved)
	}
}

// Other numbers, other call centers, and completed callbacks are other
// records.
func TestService_RegisterAutomaticKeepsApart(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	s.account(t, sato, true)
	s.asked(t, s.from(t, "0312345678"), "")
	for name, ask := range map[string]func() (callbacks.RequestResult, error){
		"another number": func() (callbacks.RequestResult, error) { return s.ask(t.Context(), s.from(t, "0399998888"), "") },
		"to another place": func() (callbacks.RequestResult, error) {
			return s.ask(t.Context(), s.from(t, "0312345678"), "08011112222")
		},
		"withheld": func() (callbacks.RequestResult, error) { return s.ask(t.Context(), s.from(t, ""), "07012345678") },
		"another call center": func() (callbacks.RequestResult, error) {
			call := s.call(t, func(c *callcenter.Call) { c.CallCenters = []string{"support", "sales"} })
			return s.automatic.RegisterAutomatic(t.Context(), callbacks.Request{
				By: accounts.System("attendant"), RequestID: call.RequestID, CallCenter: salesDesk,
			})
		},
	} {
		got, err := ask()
		if err != nil || got.Added || got.Callback.Requests != 1 {
			t.Errorf("%s: %+v, %v; want a record of its own", name, got, err)
		}
		if name == "another call center" && (got.Callback.CallCenter != "sales" || got.Callback.LocalNumber != "7002") {
			t.Errorf("%s: it is %s's, at %s", name, got.Callback.CallCenter, got.Callback.LocalNumber)
		}
		if name == "withheld" && (got.Callback.RemoteNumber != "" || got.Callback.ContactNumber != "07012345678") {
			t.Errorf("%s: %+v", name, got.Callback)
		}
	}
	done := s.asked(t, s.from(t, "0388887777"), "").Callback
	claimed, err := s.Claim(t.Context(), sato, done.ID, done.Version, "")
	if err != nil {
		t.Fatal(err)
	}
	completed := callbacks.StatusCompleted
	if _, err := s.Change(t.Context(), sato, done.ID, callbacks.Patch{Version: claimed.Callback.Version, Status: &completed}); err != nil {
		t.Fatal(err)
	}
	if got := s.asked(t, s.from(t, "0388887777"), ""); got.Added {
		t.Errorf("added to a completed callback: %+v", got)
	}
}

// A call whose callback an agent registered by hand has that one. If it is
// completed, the caller who still asks opens it again.
func TestService_RegisterAutomaticForACallWithACallback(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	s.account(t, sato, true)
	call := s.from(t, "0312345678")
	manual, err := s.Register(t.Context(), sato, call, callbacks.Registration{})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), sato, manual.Callback.ID, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	completed := callbacks.StatusCompleted
	if _, err := s.Change(t.Context(), sato, 1, callbacks.Patch{Version: claimed.Callback.Version, Status: &completed}); err != nil {
		t.Fatal(err)
	}
	got := s.asked(t, call, "").Callback
	if got.ID != 1 || got.Status != callbacks.StatusOpen || got.CompletedAt != nil || got.Origin != callbacks.OriginManual ||
		got.Assignee != "sato" || got.Requests != 2 {
		t.Errorf("asked: %+v, want the manual callback, open again", got)
	}
}

func TestService_RegisterAutomaticRefusals(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	phone := s.call(t, terminal)
	for name, tt := range map[string]struct {
		call callcenter.RequestID
		desk callcenter.CallCenter
		is   func(error) bool
	}{
		"a phone's call":                     {phone.RequestID, supportDesk, func(err error) bool { _, ok := errors.AsType[*callbacks.NotCallCenterCallError](err); return ok }},
		"no call":                            {"r0", supportDesk, func(err error) bool { return errors.Is(err, callcenter.ErrNotFound) }},
		"no number":                          {s.from(t, ""), supportDesk, func(err error) bool { return errors.Is(err, callbacks.ErrNoNumber) }},
		"a call center that was not visited": {s.from(t, "1"), salesDesk, func(err error) bool { return errors.Is(err, callbacks.ErrNotVisited) }},
	} {
		last := s.lastChange(t)
		got, err := s.automatic.RegisterAutomatic(t.Context(), callbacks.Request{
			By: accounts.System("attendant"), RequestID: tt.call, CallCenter: tt.desk,
		})
		if !tt.is(err) || got.Callback.ID != 0 || s.lastChange(t) != last {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestService_RegisterAutomaticForAbandonedCalls(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	ended := func(number string, answered *time.Time) callcenter.RequestID {
		return s.call(t, func(c *callcenter.Call) {
			c.RemoteNumber, c.State, c.AnsweredAt = number, callcenter.StateEnded, answered
		}).RequestID
	}
	register := func(call callcenter.RequestID) (callbacks.RequestResult, error) {
		return s.automatic.RegisterAutomatic(t.Context(), callbacks.Request{
			By: accounts.System("abandoned"), RequestID: call, CallCenter: supportDesk, Abandoned: true,
		})
	}
	lost := ended("0312345678", nil)
	got, err := register(lost)
	if err != nil || got.Callback.RegisteredBy != "system:abandoned" || got.Added {
		t.Errorf("abandoned: %+v, %v", got, err)
	}
	if got, err = register(lost); err != nil || !got.Repeated || got.Callback.Requests != 1 {
		t.Errorf("abandoned, a second daemon: %+v, %v", got, err)
	}
	if got, err = register(ended("0312345678", nil)); err != nil || !got.Added || got.Callback.Requests != 2 {
		t.Errorf("abandoned again: %+v, %v", got, err)
	}
	// An agent was faster.
	manual := ended("0355556666", nil)
	if _, err := s.Register(t.Context(), admin, manual, callbacks.Registration{}); err != nil {
		t.Fatal(err)
	}
	if got, err = register(manual); err != nil || got.Callback.Requests != 1 || got.Callback.Origin != callbacks.OriginManual {
		t.Errorf("abandoned and registered by hand: %+v, %v", got, err)
	}
	// The caller got through meanwhile, shown in another spelling.
	second := ended("0377778888", nil)
	answered := start.Add(time.Second)
	ended("+81377778888", &answered)
	if got, err = register(second); !errors.Is(err, callbacks.ErrReached) {
		t.Errorf("abandoned and answered since: %+v, %v, want ErrReached", got, err)
	}
}

// Of many who ask at once from one number, and many times each, one makes the
// record and each is counted once.
func TestService_RegisterAutomaticRace(t *testing.T) {
	t.Parallel()
	s := setUpRequests(t)
	const callers, tries = 24, 2
	calls := make([]callcenter.RequestID, callers)
	for i := range calls {
		calls[i] = s.from(t, []string{"0312345678", "+81312345678"}[i%2])
	}
	results := make(chan error, callers*tries)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for range tries {
		for _, call := range calls {
			wg.Go(func() {
				<-begin
				got, err := s.ask(t.Context(), call, "")
				if err == nil && got.Callback.ID != 1 {
					err = fmt.Errorf("callback %d", got.Callback.ID)
				}
				results <- err
			})
		}
	}
	close(begin)
	wg.Wait()
	close(results)
	for err := range results {
		if err != nil {
			t.Error(err)
		}
	}
	c, err := s.Get(t.Context(), admin, 1)
	if err != nil || c.Requests != callers || c.Version != callers {
		t.Errorf("%+v, %v; want %d requests", c, err, callers)
	}
	if _, err := s.Get(t.Context(), admin, 2); !errors.Is(err, callbacks.ErrNotFound) {
		t.Errorf("there is a second record: %v", err)
	}
}
