package main

import (
	"net/http"
	"testing"

	"callbackd/lab"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// A call's business label, by the number dialled or by the dialplan, goes with
// its callback.
func TestLabels_OnCallsAndCallbacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "30"}})
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	tests := []struct {
		name, number, key string
		want              any
	}{
		{"by the number dialled", "0355550002", "", "orders"},
		{"by CALLBACKD_LABEL, set for a key of the IVR", "0355550480", "2", "orders"},
		{"none", "7002", "", nil},
	}
	for _, tt := range tests {
		call := siptest.Dial(t, outside, tt.number, sip.CallOptions{CallerNumber: customer})
		if tt.key != "" {
			siptest.Talks(t, call)
			siptest.Press(t, call, tt.key)
		}
		other := siptest.Arrives(t, agent)
		siptest.Talks(t, other)
		siptest.Leave(t, call)
		siptest.Over(t, other)
		stored := w.ended(t, 1)[0]
		if got := stored["business_label"]; got != tt.want {
			t.Errorf("%s: the call has label %v, want %v", tt.name, got, tt.want)
		}
		status, callback := w.call(t, http.MethodPost, "/calls/"+stored["request_id"].(string)+"/callback", nil)
		if got := callback["business_label"]; status != http.StatusCreated || got != tt.want {
			t.Errorf("%s: %d, the callback has label %v, want %v", tt.name, status, got, tt.want)
		}
	}
}
