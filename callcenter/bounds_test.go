package callcenter_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"callbackd/callcenter"
)

func TestTracker_BoundsOfACall(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "7001")
	for i := range 1000 {
		s.runs(&caller, "Queue", fmt.Sprintf("queue-%d", i))
		s.runs(&caller, "Queue", "support")
		s.runs(&caller, "MixMonitor", fmt.Sprintf("/rec/%d.wav", i))
	}
	if c := s.one(); len(c.Receipt) > 64 || len(c.Recordings) > 64 || c.CallCenter != "support" {
		t.Errorf("%d signals, %d recordings, call center %q", len(c.Receipt), len(c.Recordings), c.CallCenter)
	}
}

// However long a text is, and however many phones ring, a call has a size that
// can be kept, and is told apart and counted as any other.
func TestTracker_BoundsOfTextsAndLegs(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	huge := strings.Repeat("長", 1<<20)
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678"+huge, "from-trunk"+huge, huge)
	s.runs(&caller, "Queue", huge)
	s.runs(&caller, "Dial", "PJSIP/"+huge)
	s.runs(&caller, "MixMonitor", "/"+huge)
	s.runs(&caller, "Queue", "support")
	const rung = 3000
	for i := range rung {
		agent := s.rings(&caller, strconv.Itoa(i+1), fmt.Sprintf("PJSIP/2001-%d", i))
		if i == 0 || i == rung-1 {
			s.dials(&caller, &agent, "ANSWER")
		}
		s.ends(&agent)
	}
	c := s.one()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 1<<20 || len(c.Legs) > 520 {
		t.Errorf("the call has %d bytes and %d legs", len(text), len(c.Legs))
	}
	if len(c.Legs) < 500 || c.Legs[0].Endpoint != "PJSIP/trunk" || c.Legs[1].DialStatus != "ANSWER" ||
		c.Legs[len(c.Legs)-1].DialStatus != "ANSWER" || c.CallCenter != "support" || c.State != callcenter.StateActive {
		t.Errorf("%d legs are left, of %s", len(c.Legs), facts(c))
	}
	s.hangsUp(&caller)
	s.ends(&caller)
	if c := s.one(); c.State != callcenter.StateEnded || c.Outcome.Result != callcenter.ResultAnswered {
		t.Errorf("in the end the call is %s, %s", c.State, c.Outcome)
	}
}
