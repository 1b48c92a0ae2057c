package callcenter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/ari/aritest"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
)

// sendStories sends so many recorded calls, from beginning to end.
func (s *site) sendStories(t *testing.T, name string, from, n int) {
	t.Helper()
	trace := recording(t, name, true)
	for i := range n {
		first, rest := halves(t, trace, from+i)
		s.send(t, first...)
		s.send(t, rest...)
	}
}

// idle waits until all events sent so far have been applied.
func (r *running) idle(t *testing.T) {
	t.Helper()
	sent := 0
	for _, raw := range r.sent {
		if !strings.Contains(string(raw), `"ApplicationReplaced"`) {
			sent++
		}
	}
	labtest.Eventually(t, patience, func() error {
		received, waiting := r.value(t, "callbackd_ari_events_total"), r.value(t, "callbackd_ari_queue_events")
		if int(received) < sent || waiting > 0 {
			return fmt.Errorf("%v of %d events were received, %v wait", received, sent, waiting)
		}
		return nil
	})
}

// While the database is away nothing is lost, health says so, and afterwards
// each call is written once, as it is then.
func TestFollower_StoreAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.store.setFault(away)
	s.sendStories(t, "cc-answered", 1, 8)
	s.sendStories(t, "terminal-answered", 101, 8)
	r.idle(t)
	s.pbx.Drop()
	s.asked(t, "/channels", 2)
	r.unwell(t, errAway.Error())
	r.reaches(t, 16, "callbackd_store_pending_calls")
	r.reaches(t, 1, "callbackd_store_failures_total")
	s.store.setFault(nil)
	s.right(t)
	s.gapsAre(t, "broken")
	r.healthy(t)
	if got, want := s.store.batches(), []int{16}; !slices.Equal(got, want) {
		t.Errorf("calls were written in transactions of %v, want %v", got, want)
	}
}

// A burst of events becomes few writes.
func TestFollower_Coalesces(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	free := make(chan struct{})
	s.store.setFault(func(ctx context.Context) error { // the database takes its time
		select {
		case <-free:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
	s.sendStories(t, "cc-answered", 1, 20)
	r.idle(t)
	close(free)
	s.right(t)
	if n := len(s.store.batches()); n > 3 {
		t.Errorf("%d events of 20 calls became %d transactions, want at most 3", len(s.sent), n)
	}
}

// A database that answers nothing at all shows in the health, and does not
// hold up the follower once it answers again.
func TestFollower_StoreHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.store.setFault(func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s.sendStories(t, "cc-answered", 1, 1)
	r.unwell(t, "cannot be stored")
	s.store.setFault(nil)
	s.right(t)
	r.healthy(t)
}

// The end of the daemon stores what is left.
func TestFollower_StopStores(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.store.setFault(away)
	s.sendStories(t, "cc-answered", 1, 3)
	r.unwell(t, errAway.Error())
	r.idle(t)
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	r.unwell(t, "no connection") // the stream has ended, the writing goes on
	s.store.setFault(nil)
	if err := <-stopped; err != nil {
		t.Errorf("Run = %v", err)
	}
	s.right(t)
}

// What could not be stored to the last is said.
func TestFollower_StopWithoutStore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	s.store.setFault(away)
	s.sendStories(t, "cc-answered", 1, 3)
	r.idle(t)
	r.unwell(t, errAway.Error())
	began := time.Now()
	err := r.stop()
	if !errors.Is(err, errAway) || !strings.Contains(err.Error(), "3 calls could not be stored") {
		t.Errorf("Run = %v, want that 3 calls could not be stored", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to give up", took)
	}
}

// A call that the database refuses keeps no other from being stored, however
// many come after it.
func TestFollower_RefusedCall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	const refused = "1795405580.7"
	s.store.spoil = func(c *callcenter.Call) {
		if c.LinkedID == refused {
			c.CallCenter = "elsewhere" // which it did not visit
		}
	}
	first, _ := story(t, "terminal-answered", 1, true)
	channel := channelOf(t, first[0])
	delete(channel, "channelvars")
	incoming := func(id string) aritest.Event {
		c := maps.Clone(channel)
		c["id"] = id
		return aritest.NewEvent(ari.ChannelCreated, aritest.Fields{"channel": c})
	}
	s.send(t, incoming(refused))
	r.reaches(t, 1, "callbackd_store_refused_calls_total")
	const n = 1200 // more than go into one transaction
	for i := range n {
		s.send(t, incoming(fmt.Sprintf("1795405581.%d", i)))
	}
	labtest.Eventually(t, patience, func() error {
		if got := len(s.stored(t)); got != n {
			return fmt.Errorf("%d calls are stored, want %d", got, n)
		}
		return nil
	})
	r.healthy(t)
	if err := r.stop(); err != nil {
		t.Errorf("Run = %v", err)
	}
}

// Calls that wait are bounded: beyond that, events are left to the stream, and
// its overflow is a gap like any other.
func TestFollower_Overflow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t, func(o *callcenter.FollowerOptions, stream *ari.StreamOptions, _ *ari.ClientOptions) {
		o.MaxPending, stream.QueueEvents = 3, 64
	})
	s.store.setFault(away)
	s.sendStories(t, "cc-abandoned", 1, 40)
	r.reaches(t, 1, "callbackd_ari_losses_total", "reason=overflow")
	r.unwell(t, "no connection")
	if n := r.value(t, "callbackd_store_pending_calls"); n < 3 || n > 12 {
		t.Errorf("%v calls wait, want 3 and what one reading of the queue brings", n)
	}
	s.store.setFault(nil)
	r.healthy(t)
	// On a busy machine what waits may overflow once more: each is a gap.
	losses := int(r.value(t, "callbackd_ari_losses_total", "reason=overflow"))
	gaps := s.gapsAre(t, slices.Repeat([]string{"overflow"}, losses)...)
	if lasted := gaps[0].To.Sub(gaps[0].From); lasted <= 0 {
		t.Errorf("the gap lasted for %v", lasted)
	}
	labtest.Eventually(t, patience, func() error {
		for _, c := range s.stored(t) {
			if c.State != callcenter.StateEnded {
				return fmt.Errorf("call has not ended: %+v", c)
			}
		}
		return nil
	})
	if ids := r.ActiveChannels(); len(ids) > 0 {
		t.Errorf("%v are followed, and the PBX has no channel", ids)
	}
	before := len(s.stored(t))
	s.sent = nil
	s.sendStories(t, "cc-answered", 1001, 1)
	labtest.Eventually(t, patience, func() error {
		calls := s.stored(t)
		if len(calls) != before+1 || calls[before].Outcome.Result != callcenter.ResultAnswered {
			return fmt.Errorf("%d calls are stored, want %d and the last of them answered", len(calls), before+1)
		}
		return nil
	})
}

// A PBX that does not say whose its channels are holds nothing up.
func TestFollower_VariablesHang(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	trace := recording(t, "cc-answered", false)
	for i := range 15 {
		first, _ := halves(t, trace, i+1)
		s.send(t, first...)
	}
	s.pbx.Hang("/channels/")
	r := s.start(t, func(_ *callcenter.FollowerOptions, _ *ari.StreamOptions, c *ari.ClientOptions) {
		c.Timeout = 500 * time.Millisecond
	})
	began := time.Now()
	r.healthy(t)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %v until events were followed", took)
	}
	s.pbx.Hang("")
	labtest.Eventually(t, patience, func() error {
		calls := s.stored(t)
		for _, c := range calls {
			if len(calls) != 15 || c.Kind != callcenter.KindCallCenter || len(c.Legs) != 2 {
				return fmt.Errorf("%d calls, want 15 with two legs each: %+v", len(calls), c)
			}
		}
		return nil
	})
}

// A call is counted once, when it has ended, whatever comes late.
func TestFollower_Metrics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.follow(t)
	answered := []string{"node=pbx1", "kind=call_center", "direction=inbound", "outcome=answered"}
	abandoned := []string{"node=pbx1", "kind=call_center", "direction=inbound", "outcome=abandoned"}
	first, rest := story(t, "cc-answered", 1, true)
	s.send(t, first...)
	s.right(t)
	if n := r.value(t, "callbackd_calls_total"); n != 0 {
		t.Errorf("%v calls are counted as ended, and none has", n)
	}
	s.send(t, rest...)
	s.sendStories(t, "cc-abandoned", 2, 2)
	s.sendStories(t, "outbound-plain", 4, 1)
	s.right(t)
	r.reaches(t, 4, "callbackd_calls_total")

	// Recordings may be told late: the call is written again.
	writes := len(s.store.batches())
	s.send(t, aritest.NewEvent(ari.ChannelVarset, aritest.Fields{
		"variable": "MIXMONITOR_FILENAME", "value": "/late.wav", "channel": channelOf(t, first[0]),
	}))
	s.right(t)
	if len(s.store.batches()) == writes {
		t.Error("the late recording was not stored")
	}
	labtest.Eventually(t, patience, func() error { // what follows the write is counted after it
		if got, want := int(r.value(t, "callbackd_calls_lag_seconds")), sum(s.store.batches()); got != want {
			return fmt.Errorf("the lag of %d calls is measured, %d were written", got, want)
		}
		return nil
	})
	for _, tt := range []struct {
		labels []string
		want   float64
	}{
		{nil, 4},
		{answered, 1},
		{abandoned, 2},
		{[]string{"kind=terminal", "direction=outbound", "outcome=answered"}, 1},
	} {
		if got := r.value(t, "callbackd_calls_total", tt.labels...); got != tt.want {
			t.Errorf("callbackd_calls_total%v is %v, want %v", tt.labels, got, tt.want)
		}
	}
	if got := r.value(t, "callbackd_calls_signals_total", "rule=call_center_queue"); got < 3 {
		t.Errorf("%v signals of queues are counted, want 3 at least", got)
	}
	if worst := r.worstLag(t); worst > 1 {
		t.Errorf("a change took up to %v s to be stored", worst)
	}
	if got := r.value(t, "callbackd_ari_undecodable_events_total"); got != 0 {
		t.Errorf("%v events could not be decoded", got)
	}
}

func sum(numbers []int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// worstLag returns the upper bound of the bucket with the longest lag.
func (r *running) worstLag(t *testing.T) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "callbackd_calls_lag_seconds" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		for _, b := range h.GetBucket() {
			if b.GetCumulativeCount() == h.GetSampleCount() {
				return b.GetUpperBound()
			}
		}
	}
	t.Fatal("some lag is beyond all buckets")
	return 0
}

// channelOf returns the channel that an event shows.
func channelOf(t *testing.T, e aritest.Event) map[string]any {
	t.Helper()
	var event struct{ Channel map[string]any }
	if err := json.Unmarshal([]byte(e.Raw), &event); err != nil {
		t.Fatal(err)
	}
	return event.Channel
}
