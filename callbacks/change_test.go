package callbacks_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// person returns the principal of an account.
func person(name string, role accounts.Role, callCenters ...string) accounts.Principal {
	p := accounts.Principal{Kind: accounts.KindAccount, Name: name, Role: role, CallCenters: callCenters}
	if role == accounts.RoleAdmin {
		p.CallCenters = nil
	} else if p.CallCenters == nil {
		p.CallCenters = []string{}
	}
	return p
}

// account stores an account.
func (s *site) account(t failer, p accounts.Principal, enabled bool) {
	t.Helper()
	callCenters := append([]string{}, p.CallCenters...)
	s.exec(t, `INSERT INTO accounts (name, display_name, role, call_centers, enabled, password_hash, created_at)
		VALUES ($1, upper($1), $2, $3, $4, '$argon2id$', now())`, p.Name, p.Role, callCenters, enabled)
}

func (s *site) exec(t failer, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// registered stores a new callback of support.
func (s *site) registered(t failer) callbacks.Callback {
	t.Helper()
	result, err := s.Register(context.Background(), admin, s.call(t, nil).RequestID, callbacks.Registration{})
	if err != nil {
		t.Fatal(err)
	}
	return result.Callback
}

// The people of the tests. Sato and Kato are agents, Ito is a supervisor of
// support; Mori works for sales; Endo is disabled; Root belongs nowhere.
var (
	sato = person("sato", accounts.RoleAgent, "support")
	kato = person("kato", accounts.RoleAgent, "support", "orders")
	ito  = person("ito", accounts.RoleSupervisor, "support")
	mori = person("mori", accounts.RoleSupervisor, "sales")
	endo = person("endo", accounts.RoleAgent, "support")
	root = person("root", accounts.RoleAdmin)
)

// staff is a site with these people.
func staff(t *testing.T) *site {
	t.Helper()
	s := setUp(t)
	for _, p := range []accounts.Principal{sato, kato, ito, mori, root} {
		s.account(t, p, true)
	}
	s.account(t, endo, false)
	return s
}

// refusals that a table can name.
var (
	isStale    = func(err error) bool { _, ok := errors.AsType[*callbacks.StaleError](err); return ok }
	isAssignee = func(err error) bool { _, ok := errors.AsType[*callbacks.AssigneeError](err); return ok }
	isField    = func(err error) bool { _, ok := errors.AsType[*callbacks.FieldError](err); return ok }
	isA        = func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
)

// Each refusal of section "who may do what" changes nothing: not the record,
// not its history, not the change log.
func TestService_ChangeRefusals(t *testing.T) {
	t.Parallel()
	s := staff(t)
	free, satos := s.registered(t), s.registered(t)
	claimed, err := s.Claim(t.Context(), sato, satos.ID, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	satos = claimed.Callback
	completed := callbacks.StatusCompleted
	patch := func(id callbacks.ID, p callbacks.Patch) func(by accounts.Principal) error {
		return func(by accounts.Principal) error {
			_, err := s.Change(t.Context(), by, id, p)
			return err
		}
	}
	claim := func(id callbacks.ID, version int) func(by accounts.Principal) error {
		return func(by accounts.Principal) error {
			_, err := s.Claim(t.Context(), by, id, version, "")
			return err
		}
	}
	assign := func(to string) callbacks.Patch { return callbacks.Patch{Version: 1, Assignee: &to} }
	system := accounts.Principal{Kind: accounts.KindToken, Name: "crm", Role: accounts.RoleAdmin, TokenID: 9}
	tests := []struct {
		name string
		by   accounts.Principal
		do   func(by accounts.Principal) error
		is   func(error) bool
	}{
		{"claim of what is not seen", mori, claim(free.ID, 1), isA(callbacks.ErrNotFound)},
		{"claim of nothing", sato, claim(99, 1), isA(callbacks.ErrNotFound)},
		{"claim by a system", system, claim(free.ID, 1), isA(accounts.ErrForbidden)},
		{"claim of an old version", kato, claim(satos.ID, 1), isStale},
		{"claim of what somebody has", kato, claim(satos.ID, 2), isStale},
		{"claim of one's own", sato, claim(satos.ID, 2), isStale},
		{"claim of a version to come", sato, claim(free.ID, 2), isStale},
		{"claim by a disabled account", endo, claim(free.ID, 1), isAssignee},
		{"claim by one who is no member", root, claim(free.ID, 1), isAssignee},
		{"claim without a version", sato, claim(free.ID, 0), isField},

		{"assign by an agent", sato, patch(free.ID, assign("sato")), isA(accounts.ErrForbidden)},
		{"assign by another desk's supervisor", mori, patch(free.ID, assign("sato")), isA(callbacks.ErrNotFound)},
		{"assign to another desk's", ito, patch(free.ID, assign("mori")), isAssignee},
		{"assign to a disabled account", ito, patch(free.ID, assign("endo")), isAssignee},
		{"assign to nobody there is", ito, patch(free.ID, assign("nobody")), isAssignee},
		{"assign to a token's signature", ito, patch(free.ID, assign("token:crm")), isAssignee},
		{"assign from an old version", ito, patch(satos.ID, assign("kato")), isStale},
		{"unassign by the assignee", sato, patch(satos.ID, callbacks.Patch{Version: 2, Assignee: new("")}), isA(accounts.ErrForbidden)},

		{"complete without an assignee", ito, patch(free.ID, callbacks.Patch{Version: 1, Status: &completed}), isA(callbacks.ErrUnassigned)},
		{"complete without an assignee, by an agent", sato, patch(free.ID, callbacks.Patch{Version: 1, Status: &completed}), isA(callbacks.ErrUnassigned)},
		{"complete while unassigning", ito, patch(satos.ID, callbacks.Patch{Version: 2, Status: &completed, Assignee: new("")}), isA(callbacks.ErrUnassigned)},
		{"complete another's", kato, patch(satos.ID, callbacks.Patch{Version: 2, Status: &completed}), isA(accounts.ErrForbidden)},
		{"complete another's from an old version", kato, patch(satos.ID, callbacks.Patch{Version: 1, Status: &completed}), isStale},
		{"all or nothing", sato, patch(satos.ID, callbacks.Patch{Version: 2, Memo: new("x"), Assignee: new("kato")}), isA(accounts.ErrForbidden)},

		{"memo of what is not seen", mori, patch(free.ID, callbacks.Patch{Version: 1, Memo: new("x")}), isA(callbacks.ErrNotFound)},
		{"memo too long", sato, patch(free.ID, callbacks.Patch{Version: 1, Memo: new(strings.Repeat("メ", 2001))}), isField},
		{"number that is none", sato, patch(free.ID, callbacks.Patch{Version: 1, ContactNumber: new("=1+1")}), isField},
		{"NUL", sato, patch(free.ID, callbacks.Patch{Version: 1, ContactNumber: new("\x00")}), isField},
		{"status that is none", ito, patch(satos.ID, callbacks.Patch{Version: 2, Status: new(callbacks.Status("closed"))}), isField},
	}
	last := s.lastChange(t)
	for _, test := range tests {
		if err := test.do(test.by); err == nil || !test.is(err) {
			t.Errorf("%s: %v", test.name, err)
		} else if e, ok := errors.AsType[*callbacks.StaleError](err); ok {
			want := free
			if e.Current.ID == satos.ID {
				want = satos
			}
			if diff := cmp.Diff(want, e.Current); diff != "" {
				t.Errorf("%s: current record (-want +got):\n%s", test.name, diff)
			}
		}
	}
	if after := s.lastChange(t); after != last {
		t.Errorf("the refusals logged %d changes", after-last)
	}
	for _, want := range []callbacks.Callback{free, satos} {
		got, err := s.Get(t.Context(), admin, want.ID)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("after the refusals: %v, callback %d (-want +got):\n%s", err, want.ID, diff)
		}
		s.wantHistory(t, got)
	}
}

// A callback's life, and what its history says.
func TestService_Life(t *testing.T) {
	t.Parallel()
	s := staff(t)
	c := s.registered(t)
	acting := sato
	acting.TokenID, acting.TokenName = 3, "crm"
	step := func(by accounts.Principal, p callbacks.Patch) {
		t.Helper()
		p.Version = c.Version
		result, err := s.Change(t.Context(), by, c.ID, p)
		if err != nil {
			t.Fatal(err)
		}
		c = result.Callback
	}
	claimed, err := s.Claim(t.Context(), acting, c.ID, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	c = claimed.Callback
	step(sato, callbacks.Patch{Memo: new("至急"), ContactNumber: new("090-1234-5678")})
	step(sato, callbacks.Patch{Status: new(callbacks.StatusCompleted)})
	if c.CompletedAt == nil || !c.CompletedAt.Equal(start) || c.CompletedBy != "sato" {
		t.Errorf("completed at %v by %q", c.CompletedAt, c.CompletedBy)
	}
	step(ito, callbacks.Patch{Status: new(callbacks.StatusOpen), Assignee: new("kato")})
	step(root, callbacks.Patch{Assignee: new(""), ContactNumber: new("")})
	before := c
	step(ito, callbacks.Patch{Assignee: new(""), Memo: new("至急")}) // changes nothing
	if diff := cmp.Diff(before, c); diff != "" {
		t.Errorf("a change that changes nothing (-before +after):\n%s", diff)
	}
	want := []callbacks.HistoryEntry{
		{Version: 1, Action: "register", At: start, By: "token:admin", Changes: []callbacks.FieldChange{
			{Field: "contact_number", To: new("0312345678")},
			{Field: "memo", To: new("")},
			{Field: "origin", To: new("manual")},
			{Field: "status", To: new("open")},
		}},
		{Version: 2, Action: "claim", At: start, By: "sato (token:crm)", Changes: []callbacks.FieldChange{{Field: "assignee", To: new("sato")}}},
		{Version: 3, Action: "change", At: start, By: "sato", Changes: []callbacks.FieldChange{
			{Field: "contact_number", From: new("0312345678"), To: new("090-1234-5678")}, {Field: "memo", To: new("至急")},
		}},
		{Version: 4, Action: "change", At: start, By: "sato", Changes: []callbacks.FieldChange{
			{Field: "status", From: new("open"), To: new("completed")},
		}},
		{Version: 5, Action: "change", At: start, By: "ito", Changes: []callbacks.FieldChange{
			{Field: "assignee", From: new("sato"), To: new("kato")}, {Field: "status", From: new("completed"), To: new("open")},
		}},
		{Version: 6, Action: "change", At: start, By: "root", Changes: []callbacks.FieldChange{
			{Field: "assignee", From: new("kato")}, {Field: "contact_number", From: new("090-1234-5678")},
		}},
	}
	got, err := s.History(t.Context(), sato, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Who the tests' administrator is does not matter here.
	want[0].By = got[0].By
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if _, err := s.History(t.Context(), mori, c.ID); !errors.Is(err, callbacks.ErrNotFound) {
		t.Errorf("history of what is not seen: %v", err)
	}
	if want := 1 + 5; s.changesOf(t, c.ID) != want {
		t.Errorf("%d changes in the log, want %d", s.changesOf(t, c.ID), want)
	}
}

// wantHistory checks that the history is complete: played from the
// registration it gives the record, version by version.
func (s *site) wantHistory(t failer, c callbacks.Callback) {
	t.Helper()
	history, err := s.History(context.Background(), admin, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	value := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	for i, entry := range history {
		if entry.Version != i+1 {
			t.Fatal("history of callback", c.ID, ": entry", i+1, "has version", entry.Version)
		}
		for _, change := range entry.Changes {
			if fields[change.Field] != value(change.From) {
				t.Fatal("callback", c.ID, "version", entry.Version, change.Field, "was", fields[change.Field], "not", value(change.From))
			}
			fields[change.Field] = value(change.To)
		}
	}
	want := map[string]string{
		"origin": string(c.Origin), "status": string(c.Status), "assignee": c.Assignee, "memo": c.Memo, "contact_number": c.ContactNumber,
	}
	for field, now := range want {
		if fields[field] != now {
			t.Fatal("callback", c.ID, field, "is", now, "; by its history", fields[field])
		}
	}
	if len(history) != c.Version || s.changesOf(t, c.ID) != c.Version {
		t.Fatal("callback", c.ID, "has version", c.Version, ",", len(history), "entries and", s.changesOf(t, c.ID), "logged changes")
	}
}

// changesOf counts a callback's entries in the change log.
func (s *site) changesOf(t failer, id callbacks.ID) (count int) {
	t.Helper()
	err := s.pool.QueryRow(context.Background(), `SELECT count(*) FROM changes WHERE callback_id = $1`, id).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestService_ChangeIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := staff(t)
	c := s.registered(t)
	if _, err := s.Claim(t.Context(), sato, c.ID, 2, "k"); !isStale(err) {
		t.Fatalf("a claim from another version: %v", err)
	}
	// A refused request is not remembered.
	first, err := s.Claim(t.Context(), sato, c.ID, 1, "k")
	if err != nil || first.Replayed {
		t.Fatalf("Claim = %+v, %v", first, err)
	}
	last := s.lastChange(t)
	again, err := s.Claim(t.Context(), sato, c.ID, 1, "k")
	if diff := cmp.Diff(callbacks.ChangeResult{Callback: first.Callback, Replayed: true}, again); err != nil || diff != "" {
		t.Errorf("the same claim again: %v (-want +got):\n%s", err, diff)
	}
	memo := callbacks.Patch{Version: 2, Memo: new("x"), IdempotencyKey: "k"}
	if _, err := s.Change(t.Context(), sato, c.ID, memo); !errors.Is(err, callbacks.ErrKeyReused) {
		t.Errorf("the key with another request: %v", err)
	}
	if after := s.lastChange(t); after != last {
		t.Errorf("replays logged %d changes", after-last)
	}
	if result, err := s.Change(t.Context(), kato, c.ID, memo); err != nil || result.Replayed {
		t.Errorf("another's key: %+v, %v", result, err)
	}
	moved := sato
	moved.CallCenters = []string{"sales"}
	if _, err := s.Claim(t.Context(), moved, c.ID, 1, "k"); !errors.Is(err, callbacks.ErrNotFound) {
		t.Errorf("a replay after the call center was taken away: %v", err)
	}
}

// A call that visits another call center shows its callback there too.
func TestService_SeenByCallCentersVisitedLater(t *testing.T) {
	t.Parallel()
	s := staff(t)
	c := s.registered(t)
	if _, err := s.Get(t.Context(), mori, c.ID); !errors.Is(err, callbacks.ErrNotFound) {
		t.Fatalf("sales sees it: %v", err)
	}
	call, err := s.db.Calls().Get(t.Context(), c.RequestID)
	if err != nil {
		t.Fatal(err)
	}
	call.CallCenters = append(call.CallCenters, "sales")
	if err := s.db.Calls().SaveCalls(t.Context(), []callcenter.Call{call}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), mori, c.ID); err != nil {
		t.Errorf("sales, which the call has visited since: %v", err)
	}
	page, err := s.List(t.Context(), mori, callbacks.Filter{})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("list of sales: %+v, %v", page, err)
	}
}
