package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"callbackd/sip"
	"callbackd/sip/siptest"
)

// storm has thirty people call all kinds of numbers and hang up whenever they
// like. What is stored must be what the telephones know.
func (w *stage) storm(t *testing.T) {
	outside := w.outside(t, sip.Behaviour{})
	agents := map[string]*sip.Phone{}
	for extension, behaviour := range map[string]sip.Behaviour{
		"2001": {RingFor: 100 * time.Millisecond, HangUpAfter: 700 * time.Millisecond}, "2002": {RingFor: 300 * time.Millisecond},
		"2003": {}, "2004": {Refuse: 486},
	} {
		agents["PJSIP/"+extension] = w.agent(t, extension, behaviour)
	}
	numbers := slices.Sorted(maps.Keys(kindOf))
	const callers = 30
	dialled := map[string]string{} // by who calls
	var calling sync.WaitGroup
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range callers {
		caller := fmt.Sprintf("03%08d", i)
		dialled[caller] = numbers[i%len(numbers)]
		call := siptest.Dial(t, outside, dialled[caller], sip.CallOptions{CallerNumber: caller})
		patient := time.Duration(chance.IntN(2000)) * time.Millisecond
		calling.Go(func() {
			select { // hanging up at any moment is what this is about
			case <-call.Done():
			case <-time.After(patient):
				siptest.Leave(t, call)
			}
		})
	}
	calling.Wait()
	calls := w.ended(t, callers)
	rung := w.ringing(t, agents)
	for _, c := range calls {
		caller, _ := c["remote_number"].(string)
		number, ok := dialled[caller]
		if !ok {
			t.Errorf("a call of %q is stored that nobody made, or twice", caller)
			continue
		}
		delete(dialled, caller)
		// One who hangs up before the first announcement has met no IVR.
		early := kindOf[number] == "ivr" && c["kind"] == "unknown"
		if c["kind"] != kindOf[number] && !early || c["callback_allowed"] != (kindOf[number] == "call_center") || c["direction"] != "inbound" {
			t.Errorf("call to %s: %v", number, c)
		}
		rung.compare(t, caller, c)
	}
}

// ringing is what happened at the phones, by caller and phone.
type ringing map[string]map[string]*sip.Call

func (w *stage) ringing(t *testing.T, agents map[string]*sip.Phone) ringing {
	t.Helper()
	rung := ringing{}
	for endpoint, phone := range agents {
		// A PBX with so much to do may pass over the request to unregister.
		if err := phone.Close(); err != nil {
			t.Log(err)
		}
		for call := range phone.Incoming() {
			siptest.Over(t, call)
			if rung[call.CallerNumber()] == nil {
				rung[call.CallerNumber()] = map[string]*sip.Call{}
			}
			// A queue may ring a phone again: that it answered, once, counts.
			if before := rung[call.CallerNumber()][endpoint]; before == nil || before.Err() != nil {
				rung[call.CallerNumber()][endpoint] = call
			}
		}
	}
	return rung
}

// compare holds a stored call against what the phones say of the caller.
// Between "answered" and "cancelled", which cross, the phone and the PBX may
// differ; who heard the other was answered in any case.
func (r ringing) compare(t *testing.T, caller string, stored map[string]any) {
	t.Helper()
	agents := stored["agents"].([]any)
	for endpoint, call := range r[caller] {
		listed := slices.Contains(agents, any(endpoint))
		if talked := call.Heard().Audio > 100*time.Millisecond; talked && !listed || listed && call.Err() != nil {
			t.Errorf("%s talked: %v (%v), agents of the stored call: %v", endpoint, talked, call.Err(), agents)
		}
	}
	if (stored["outcome"] == "answered") != (len(agents) > 0) || (stored["answered_at"] != nil) != (len(agents) > 0) {
		t.Errorf("outcome %v, answered at %v, by %v", stored["outcome"], stored["answered_at"], agents)
	}
	for _, endpoint := range agents {
		if r[caller][endpoint.(string)] == nil {
			t.Errorf("%v is stored as an agent of a call that did not ring there", endpoint)
		}
	}
}
