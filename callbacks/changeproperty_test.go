package callbacks_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/accounts"
	"callbackd/callbacks"
)

// Whatever anybody asks of a callback in whatever state, the rule answers as
// the table of the domain says, which is written here once more and in
// another way.
func TestPatch_Property(t *testing.T) {
	t.Parallel()
	people := []accounts.Principal{sato, kato, ito, mori, root, {}, {Kind: accounts.KindToken, Name: "sato", Role: accounts.RoleAgent}}
	rapid.Check(t, func(t *rapid.T) {
		current := callbacks.Callback{
			ID: 1, CallCenter: "support", CallCenters: []string{"support"}, Status: callbacks.StatusOpen,
			Assignee: rapid.SampledFrom([]string{"", "sato", "kato"}).Draw(t, "assignee"), Version: rapid.IntRange(1, 3).Draw(t, "version"),
		}
		if rapid.Bool().Draw(t, "completed") {
			current.Status, current.CompletedAt, current.CompletedBy = callbacks.StatusCompleted, &start, "somebody"
		}
		by := rapid.SampledFrom(people).Draw(t, "by")
		p := drawPatch(t)
		next, err := p.Apply(current, by, start)

		member := by.Role != "" && (by.CallCenters == nil || by.CallCenters[0] == "support")
		leads := by.Role == accounts.RoleSupervisor || by.Role == accounts.RoleAdmin
		assignee := current.Assignee
		if p.Assignee != nil {
			assignee = *p.Assignee
		}
		var want error
		switch {
		case !member:
			want = callbacks.ErrNotFound
		case p.Assignee != nil && !leads:
			want = accounts.ErrForbidden
		case p.Version != current.Version:
			if !isStale(err) {
				t.Fatalf("Apply = %v, want it stale", err)
			}
			return
		case p.Status != nil && assignee == "":
			want = callbacks.ErrUnassigned
		case p.Status != nil && !leads && (by.Kind != accounts.KindAccount || by.Name != assignee):
			want = accounts.ErrForbidden
		}
		if !errors.Is(err, want) {
			t.Fatalf("Apply = %v, want %v", err, want)
		}
		if err != nil {
			return
		}
		expect := current
		expect.Assignee = assignee
		if p.Memo != nil {
			expect.Memo = *p.Memo
		}
		if p.Status != nil && *p.Status != current.Status {
			expect.Status, expect.CompletedAt, expect.CompletedBy = *p.Status, nil, ""
			if *p.Status == callbacks.StatusCompleted {
				expect.CompletedAt, expect.CompletedBy = &start, by.Signature()
			}
		}
		if !cmp.Equal(expect, current) {
			expect.Version++
		}
		if diff := cmp.Diff(expect, next); diff != "" {
			t.Fatalf("Apply (-want +got):\n%s", diff)
		}
	})
}

func drawPatch(t *rapid.T) callbacks.Patch {
	p := callbacks.Patch{Version: rapid.IntRange(1, 3).Draw(t, "from version")}
	if rapid.Bool().Draw(t, "assigns") {
		p.Assignee = new(rapid.SampledFrom([]string{"", "sato", "kato"}).Draw(t, "to"))
	}
	if rapid.Bool().Draw(t, "sets") {
		p.Status = new(rapid.SampledFrom(callbacks.Statuses).Draw(t, "status"))
	}
	if rapid.Bool().Draw(t, "writes") {
		p.Memo = new(rapid.SampledFrom([]string{"", "急ぎ"}).Draw(t, "memo"))
	}
	return p
}

// No sequence of requests by whatever people leads to a state that is
// forbidden; each refusal changes nothing, each success is in the history.
func TestService_ChangeProperty(t *testing.T) {
	t.Parallel()
	s := staff(t)
	people := []accounts.Principal{sato, kato, ito, mori, endo, root}
	rapid.Check(t, func(t *rapid.T) {
		c := s.registered(t)
		for range rapid.IntRange(1, 12).Draw(t, "requests") {
			by := rapid.SampledFrom(people).Draw(t, "by")
			version := c.Version + rapid.SampledFrom([]int{0, 0, 0, -1, 1}).Draw(t, "off by")
			var result callbacks.ChangeResult
			var err error
			if rapid.Bool().Draw(t, "claims") {
				result, err = s.Claim(context.Background(), by, c.ID, version, "")
			} else {
				p := drawPatch(t)
				p.Version = version
				if p.Assignee != nil && rapid.Bool().Draw(t, "anybody") {
					p.Assignee = new(rapid.SampledFrom(people).Draw(t, "whom").Name)
				}
				result, err = s.Change(context.Background(), by, c.ID, p)
			}
			now, getErr := s.Get(context.Background(), admin, c.ID)
			if getErr != nil {
				t.Fatal(getErr)
			}
			want := c
			if err == nil {
				want = result.Callback
			}
			if diff := cmp.Diff(want, now); diff != "" {
				t.Fatalf("%s: %v; record (-want +got):\n%s", by.Name, err, diff)
			}
			switch {
			case now.Assignee != "" && now.Assignee != c.Assignee && now.Assignee != "sato" && now.Assignee != "kato" && now.Assignee != "ito":
				t.Fatalf("%s became the assignee", now.Assignee)
			case now.Status != c.Status && now.Assignee == "":
				t.Fatal("the status changed without an assignee")
			case now.Version < c.Version || now.Version > c.Version+1:
				t.Fatalf("version %d follows %d", now.Version, c.Version)
			}
			c = now
		}
		s.wantHistory(t, c)
	})
}
