package callcenter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/callcenter"
)

func TestTracker_ResyncClosesWhatVanished(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	stays := s.arrives("0", "PJSIP/trunk-1", "0311111111", "from-trunk", "7001")
	s.runs(&stays, "Queue", "support")
	vanishes := s.arrives("1", "PJSIP/trunk-2", "0322222222", "from-trunk", "7001")
	s.runs(&vanishes, "Queue", "support")
	agent := s.rings(&vanishes, "2", "PJSIP/2001-3")
	s.dials(&vanishes, &agent, "ANSWER")

	came := s.channel("9", "PJSIP/trunk-9", "Up")
	came.Vars = []ari.Variable{{Name: "CHANNEL(linkedid)", Value: string(came.ID)}}
	came.Caller.Number = "0333333333"
	came.Dialplan = ari.DialplanPosition{Context: "from-trunk", Exten: "7003", AppName: "Queue", AppData: "sales"}
	at := s.at.Add(time.Minute)
	s.tracker.Resync(callcenter.Snapshot{Channels: []ari.Channel{stays, came}, At: at})

	calls := s.result()
	if len(calls) != 3 {
		t.Fatalf("%d calls, want 3", len(calls))
	}
	byNumber := map[string]callcenter.Call{}
	for _, c := range calls {
		byNumber[c.RemoteNumber] = c
	}
	if c := byNumber["0311111111"]; c.State != callcenter.StateActive {
		t.Errorf("the call that goes on is %s", c.State)
	}
	if c := byNumber["0322222222"]; c.State != callcenter.StateEnded || c.Outcome.Result != callcenter.ResultUnknown || !c.EndedAt.Equal(at) {
		t.Errorf("the call that vanished: %s, %+v, ended %v", c.State, c.Outcome, c.EndedAt)
	}
	if c := byNumber["0333333333"]; c.State != callcenter.StateActive || c.CallCenter != "sales" || c.Receipt[0].Event != callcenter.EventResync {
		t.Errorf("the call that began meanwhile: %s", facts(c))
	}
	// Its end was in the stream after all, from before the snapshot.
	s.ends(&agent)
	s.hangsUp(&vanishes)
	s.ends(&vanishes)
	for _, c := range s.result() {
		if c.RemoteNumber == "0322222222" && (c.Outcome.Result != callcenter.ResultAnswered || c.EndedAt.Equal(at)) {
			t.Errorf("after its end came: %+v, ended %v", c.Outcome, c.EndedAt)
		}
	}
	if got, want := s.tracker.ActiveChannels(), []ari.ChannelID{stays.ID, came.ID}; !slices.Equal(got, want) {
		t.Errorf("active channels = %v, want %v", got, want)
	}
}

// TestTracker_HandedOver: a tracker that takes up stored calls and applies once
// more events from before they were stored ends with what one that saw each
// once ends with, when a call has ended meanwhile, too.
func TestTracker_HandedOver(t *testing.T) {
	t.Parallel()
	for _, tr := range traces(t, true) {
		want := run(t, tracePlan(), tr.frames)[0]
		for cut := 1; cut <= len(tr.frames); cut += 7 {
			first := newTracker(t, tracePlan())
			feed(t, first, tr.frames[:cut]...)
			stored := first.Changed(nil)
			second := newTracker(t, tracePlan())
			second.Restore(stored)
			// As of before all of it, and nothing that is not there is lost.
			second.Resync(callcenter.Snapshot{At: want.StartedAt, Watched: true})
			feed(t, second, tr.frames[max(0, cut-40):]...)
			got := latest{}
			got.take(stored)
			got.take(second.Changed(nil))
			if len(got) != 1 {
				t.Fatalf("%s handed over at %d: %d calls", tr.name, cut, len(got))
			}
			c := got.calls()[0]
			if facts(c) != facts(want) || !slices.Equal(c.Recordings, want.Recordings) {
				t.Errorf("%s handed over at %d:\n  %s, want\n  %s", tr.name, cut, facts(c), facts(want))
			}
			if diff := cmp.Diff(rulesOnce(want.Receipt), rulesOnce(c.Receipt)); diff != "" {
				t.Errorf("%s handed over at %d: receipt (-want +got):\n%s", tr.name, cut, diff)
			}
		}
	}
}

// TestTracker_RestoreGoesOn: a tracker that takes up stored calls in the
// middle ends with what one that saw all of it ends with.
func TestTracker_RestoreGoesOn(t *testing.T) {
	t.Parallel()
	for _, channelVars := range []bool{true, false} {
		for _, tr := range traces(t, channelVars) {
			want := run(t, tracePlan(), tr.frames)[0]
			for cut := 1; cut < len(tr.frames); cut += 7 {
				first := newTracker(t, tracePlan())
				feed(t, first, tr.frames[:cut]...)
				stored := first.Changed(nil)
				second := newTracker(t, tracePlan())
				second.Restore(stored)
				feed(t, second, tr.frames[cut:]...)
				got := latest{}
				got.take(stored)
				got.take(second.Changed(nil))
				if len(got) != 1 {
					// A restart between a channel's creation and the event that
					// ties it can show the channel as a call of its own only
					// where Asterisk does not say whose it is.
					if channelVars {
						t.Fatalf("%s cut at %d: %d calls", tr.name, cut, len(got))
					}
					continue
				}
				c := got.calls()[0]
				if facts(c) != facts(want) || !slices.Equal(c.Recordings, want.Recordings) {
					t.Errorf("%s cut at %d:\n  %s, want\n  %s", tr.name, cut, facts(c), facts(want))
				}
			}
		}
	}
}
