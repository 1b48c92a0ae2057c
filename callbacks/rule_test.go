package callbacks_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

func TestAllowed(t *testing.T) {
	t.Parallel()
	for _, kind := range callcenter.Kinds {
		for _, direction := range callcenter.Directions {
			for _, state := range []callcenter.State{callcenter.StateActive, callcenter.StateEnded} {
				call := &callcenter.Call{RequestID: "r1", Kind: kind, Direction: direction, State: state}
				err := callbacks.Allowed(call)
				if kind == callcenter.KindCallCenter {
					if err != nil {
						t.Errorf("%s %s %s: %v", state, direction, kind, err)
					}
					continue
				}
				refusal, ok := errors.AsType[*callbacks.NotCallCenterCallError](err)
				if !ok || refusal.Call != call {
					t.Errorf("%s %s %s: %v, want a refusal with the call", state, direction, kind, err)
				}
			}
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	call := &callcenter.Call{
		RequestID: "r1", Kind: callcenter.KindCallCenter, CallCenter: "support", CallCenters: []string{"sales", "support"},
		BusinessLabel: "repairs", RemoteNumber: "0312345678", LocalNumber: "7001", StartedAt: at.Add(-time.Hour),
	}
	got, err := callbacks.New(call, callbacks.OriginManual, "急ぎ", "sato", at)
	if err != nil {
		t.Fatal(err)
	}
	want := callbacks.Callback{
		RequestID: "r1", Origin: callbacks.OriginManual, Status: callbacks.StatusOpen, Memo: "急ぎ",
		RegisteredAt: at, RegisteredBy: "sato", RemoteNumber: "0312345678", ContactNumber: "0312345678",
		CallCenter: "support", CallCenters: []string{"sales", "support"}, BusinessLabel: "repairs", LocalNumber: "7001",
		Requests: 1, LastRequestedAt: start, Version: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("callback (-want +got):\n%s", diff)
	}
	call.RemoteNumber = ""
	if got, _ := callbacks.New(call, callbacks.OriginManual, "", "sato", at); got.ContactNumber != "" {
		t.Errorf("contact number of a withheld number = %q", got.ContactNumber)
	}
	call.Kind = callcenter.KindRingGroup
	if got, err := callbacks.New(call, callbacks.OriginManual, "", "sato", at); err == nil || got.RequestID != "" {
		t.Errorf("New for a ring-group call = %+v, %v", got, err)
	}
}

func TestEnums(t *testing.T) {
	t.Parallel()
	for _, origin := range []callbacks.Origin{"manual", "automatic"} {
		if !origin.Valid() || !slices.Contains(callbacks.Origins, origin) {
			t.Errorf("origin %q is not valid", origin)
		}
	}
	for _, status := range []callbacks.Status{"open", "completed"} {
		if !status.Valid() || !slices.Contains(callbacks.Statuses, status) {
			t.Errorf("status %q is not valid", status)
		}
	}
	if callbacks.Origin("").Valid() || callbacks.Status("closed").Valid() {
		t.Error("an unknown word is valid")
	}
}

// callOf draws a call of any kind that visited any call centers.
func callOf(id callcenter.RequestID) *rapid.Generator[callcenter.Call] {
	return rapid.Custom(func(t *rapid.T) callcenter.Call {
		call := callcenter.Call{
			RequestID: id,
			Kind:      rapid.SampledFrom(callcenter.Kinds).Draw(t, "kind"),
			Direction: rapid.SampledFrom(callcenter.Directions).Draw(t, "direction"),
			State:     callcenter.StateActive,
		}
		if call.Kind == callcenter.KindCallCenter {
			call.CallCenters = rapid.SliceOfNDistinct(rapid.SampledFrom(desks), 1, 3, rapid.ID[string]).Draw(t, "visited")
			call.CallCenter = rapid.SampledFrom(call.CallCenters).Draw(t, "counts for")
		}
		if rapid.Bool().Draw(t, "ended") {
			call.State = callcenter.StateEnded
		}
		return call
	})
}

var desks = []string{"orders", "sales", "support"}
