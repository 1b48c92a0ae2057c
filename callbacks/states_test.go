package callbacks_test

import (
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
)

// TestStates holds the diagram in docs/states.md against the rules: every
// change that anybody may make, from every state that one can come to.
func TestStates(t *testing.T) {
	t.Parallel()
	type step struct {
		name string
		does func(callbacks.Callback) (callbacks.Callback, error)
	}
	by := func(who string, p accounts.Principal, verb string, patch callbacks.Patch) step {
		return step{who + " " + verb, func(c callbacks.Callback) (callbacks.Callback, error) {
			patch.Version = c.Version
			return patch.Apply(c, p, time.Unix(1, 0))
		}}
	}
	var steps []step
	for who, p := range map[string]accounts.Principal{"agent": sato, "supervisor": ito} {
		steps = append(
			steps,
			step{who + " claims", func(c callbacks.Callback) (callbacks.Callback, error) { return callbacks.Claim(c, c.Version, p) }},
			by(who, p, "assigns", callbacks.Patch{Assignee: new("sato")}),
			by(who, p, "takes away", callbacks.Patch{Assignee: new("")}),
			by(who, p, "completes", callbacks.Patch{Status: new(callbacks.StatusCompleted)}),
			by(who, p, "reopens", callbacks.Patch{Status: new(callbacks.StatusOpen)}),
		)
	}
	name := func(c callbacks.Callback) string {
		if c.Assignee == "" {
			return string(c.Status) + "_unassigned"
		}
		return string(c.Status) + "_assigned"
	}

	call := callcenter.Call{Kind: callcenter.KindCallCenter, CallCenter: "support", CallCenters: []string{"support"}}
	first, err := callbacks.New(&call, callbacks.OriginManual, "", "sato", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	seen := labtest.Transitions{}
	seen.Add("[*]", name(first), "registered")
	// Whose it is matters to an agent, though not to the name of the state.
	whose := func(c callbacks.Callback) string { return name(c) + " " + c.Assignee }
	reached, todo := map[string]bool{whose(first): true}, []callbacks.Callback{first}
	for len(todo) > 0 {
		from := todo[0]
		todo = todo[1:]
		for _, s := range steps {
			to, err := s.does(from)
			if err != nil {
				continue
			}
			if name(to) != name(from) {
				seen.Add(name(from), name(to), s.name)
			}
			if !reached[whose(to)] {
				reached[whose(to)] = true
				todo = append(todo, to)
			}
		}
	}
	seen.Holds(t, "../docs/states.md", "Callback")
}
