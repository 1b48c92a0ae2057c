package callcenter_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
)

// memoryLog is a channel event log in memory, with an account of what was asked
// of it.
type memoryLog struct {
	events []callcenter.CELEvent

	mu    sync.Mutex
	asked [][2]time.Time
}

// questions returns the intervals that were asked for since the last time.
func (l *memoryLog) questions() [][2]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked
	l.asked = nil
	return asked
}

func (l *memoryLog) LinkedIDs(_ context.Context, from, to time.Time) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, [2]time.Time{from, to})
	var ids []string
	for _, e := range l.events {
		if !e.At.Before(from) && e.At.Before(to) && !slices.Contains(ids, e.LinkedID) {
			ids = append(ids, e.LinkedID)
		}
	}
	return ids, nil
}

func (l *memoryLog) Latest(_ context.Context, since time.Time) (latest time.Time, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.At.After(latest) && !e.At.Before(since) {
			latest = e.At
		}
	}
	return latest, nil
}

func (l *memoryLog) Events(_ context.Context, linkedIDs []string, _ int) ([]callcenter.CELEvent, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.events), func(e callcenter.CELEvent) bool { return !slices.Contains(linkedIDs, e.LinkedID) }), nil
}

// write adds the calls of recorded logs, so that each begins when it is told
// to, as calls of their own.
func (l *memoryLog) write(logs []celLog, begin func(n int) time.Time) (calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, log := range logs {
		shift := begin(n).Sub(log.Rows[0].At)
		for _, e := range log.events() {
			e.At = e.At.Add(shift)
			l.events = append(l.events, e)
		}
		calls += len(log.Calls)
	}
	slices.SortStableFunc(l.events, func(a, b callcenter.CELEvent) int { return a.At.Compare(b.At) })
	return calls
}

// absent makes the store say that a node was followed last some time ago.
func (s *site) absent(t *testing.T, d time.Duration) time.Time {
	t.Helper()
	at := time.Now().Add(-d).UTC().Truncate(time.Millisecond)
	if err := s.store.SaveProven(t.Context(), "pbx1", at); err != nil {
		t.Fatal(err)
	}
	return at
}

// settled waits until all gaps are settled, and returns the oldest.
func (s *site) settled(t *testing.T) callcenter.Gap {
	t.Helper()
	var gap callcenter.Gap
	labtest.Eventually(t, patience, func() error {
		gaps, _, err := s.db.Calls().Gaps(t.Context(), callcenter.GapFilter{Limit: 10})
		if err != nil {
			return err
		}
		for _, g := range gaps {
			if g.Repair.Settled == "" {
				return fmt.Errorf("gap is not settled: %+v", g)
			}
		}
		if len(gaps) == 0 {
			return errors.New("there is no gap")
		}
		gap = gaps[len(gaps)-1]
		return nil
	})
	return gap
}

func repairsBy(log callcenter.EventLog) tweak {
	return func(o *callcenter.FollowerOptions, _ *ari.StreamOptions, _ *ari.ClientOptions) {
		o.Log, o.Plan, o.RepairAgainAfter = log, samplePlan(), 50*time.Millisecond
	}
}

// TestFollower_RepairsHoursOfAbsence: the log is read in slices, the calls are
// stored, and when the log fails or the daemon is restarted meanwhile, it goes
// on where it was.
func TestFollower_RepairsHoursOfAbsence(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	from := s.absent(t, 3*time.Hour)
	log := &memoryLog{}
	logs := celLogs(t)
	want := log.write(logs, func(n int) time.Time { return from.Add(time.Duration(n) * 5 * time.Minute) })

	// It breaks after about an hour.
	half := &breaksAt{memoryLog: log, after: from.Add(time.Hour)}
	r := s.follow(t, repairsBy(half))
	labtest.Eventually(t, patience, func() error {
		if r.RepairHealth().Err == nil {
			return errors.New("nothing is wrong with the repair")
		}
		return nil
	})
	if h := r.Health(time.Now()); !h.OK {
		t.Errorf("a log that fails makes the node unwell: %+v", h)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	asked := log.questions()
	for _, q := range asked {
		if q[1].Sub(q[0]) > time.Minute {
			t.Errorf("%v were asked for at once", q[1].Sub(q[0]))
		}
	}
	done := asked[len(asked)-1][1]

	s.follow(t, repairsBy(log))
	gap := s.settled(t)
	if gap.Repair.Settled != callcenter.SettledByCEL || gap.Repair.Calls != want || gap.Repair.Unknown != 0 || gap.Why != "daemon-down" {
		t.Errorf("the gap is %+v, want %d calls, none of them unknown", gap, want)
	}
	if first := log.questions()[0][0]; first.Before(done.Add(-time.Minute)) {
		t.Errorf("after the restart the repair begins at %v, it had come to %v", first, done)
	}
	calls, _, err := s.db.Calls().List(t.Context(), callcenter.CallFilter{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	got := byID(calls)
	for _, log := range logs {
		for _, c := range log.Calls {
			have, ok := got[c.RequestID]
			if diff := cmp.Diff([]any{c.Kind, c.CallCenter, c.Agents, c.Outcome.Result}, []any{have.Kind, have.CallCenter, have.Agents, have.Outcome.Result}); !ok || diff != "" {
				t.Errorf("%s (-followed +repaired):\n%s", log.name, diff)
			}
		}
	}
}

// breaksAt is a log that cannot be read after a time.
type breaksAt struct {
	*memoryLog
	after time.Time
}

func (l *breaksAt) LinkedIDs(ctx context.Context, from, to time.Time) ([]string, error) {
	if from.After(l.after) {
		return nil, errAway
	}
	return l.memoryLog.LinkedIDs(ctx, from, to)
}

// TestFollower_WrittenLate: what the log has late is found by the second look.
func TestFollower_WrittenLate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	from := s.absent(t, 30*time.Second)
	log := &memoryLog{}
	r := s.follow(t, repairsBy(log), func(o *callcenter.FollowerOptions, _ *ari.StreamOptions, _ *ari.ClientOptions) {
		o.RepairAgainAfter = 2 * time.Second
	})
	labtest.Eventually(t, patience, func() error {
		if len(log.questions()) == 0 {
			return errors.New("the log was not looked at")
		}
		return nil
	})
	want := log.write(celLogs(t)[:1], func(int) time.Time { return from.Add(time.Second) })
	if gap := s.settled(t); gap.Repair.Calls != want || gap.Repair.Repaired != want {
		t.Errorf("the gap is %+v, want %d calls, all repaired", gap, want)
	}
	if n := r.value(t, "callbackd_repair_calls_total", "what=call"); n != float64(want) {
		t.Errorf("%v calls are counted as found, want %d", n, want)
	}
}

// slowLog is a log that cannot be read at first, with an account of how often
// it was looked how far it has come.
type slowLog struct {
	*memoryLog
	away  atomic.Bool
	looks atomic.Int64
}

func (l *slowLog) Latest(ctx context.Context, since time.Time) (time.Time, error) {
	if l.away.Load() {
		return time.Time{}, errAway
	}
	l.looks.Add(1)
	return l.memoryLog.Latest(ctx, since)
}

// TestFollower_LogBehind: a gap is not settled while the log lacks calls that
// came after it, and what it has of the gap then is found.
func TestFollower_LogBehind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	log := &slowLog{memoryLog: &memoryLog{}}
	log.away.Store(true)
	from := s.absent(t, 30*time.Second)
	r := s.follow(t, repairsBy(log))
	end := *s.gapsAre(t, "daemon-down")[0].To
	labtest.Eventually(t, patience, func() error { // what the log has of a later event may have an earlier time
		if time.Since(end) < 3*time.Second {
			return errors.New("too early")
		}
		return nil
	})
	s.sendStories(t, "cc-abandoned", 1, 1)
	r.reaches(t, 1, "callbackd_calls_total")
	log.away.Store(false)
	labtest.Eventually(t, patience, func() error {
		if n := log.looks.Load(); n < 3 {
			return fmt.Errorf("it was looked %d times how far the log has come", n)
		}
		return nil
	})
	if h := r.RepairHealth(); h.Unsettled == 0 {
		t.Error("the gap is settled while the log is behind")
	}
	calls := celLogs(t)
	want := log.write(calls[:1], func(int) time.Time { return from.Add(time.Second) })
	log.write(calls[1:2], func(int) time.Time { return time.Now() })
	s.settled(t)
	if n := r.value(t, "callbackd_repair_calls_total", "what=call"); n < float64(want) {
		t.Errorf("%v calls are counted as found, want %d", n, want)
	}
}

// TestFollower_QuietAfterAGap: what comes late of a gap after which nothing had
// happened is found as soon as there is something from after it.
func TestFollower_QuietAfterAGap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	from := s.absent(t, 10*time.Minute)
	log := &memoryLog{}
	s.follow(t, repairsBy(log))
	if gap := s.settled(t); gap.Repair.Repaired != 0 {
		t.Errorf("the gap is %+v, and the log is empty", gap)
	}
	calls := celLogs(t)
	want := log.write(calls[:1], func(int) time.Time { return from.Add(time.Second) })
	log.write(calls[1:2], func(int) time.Time { return time.Now() })
	s.pbx.Reset() // another gap, for which it looks
	labtest.Eventually(t, patience, func() error {
		if gap := s.settled(t); gap.Repair.Repaired < want {
			return fmt.Errorf("the gap is %+v, want %d calls repaired", gap, want)
		}
		return nil
	})
}

// TestFollower_KilledAtOnce: a daemon that dies as soon as it has stored its
// first call has followed the node: what came then is a gap.
func TestFollower_KilledAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.store.stored = func() { s.store.setFault(away) } // nothing more is written
	r := s.follow(t)
	first, rest := story(t, "cc-answered", 1, true)
	s.send(t, first...)
	r.unwell(t, errAway.Error())
	r.stop() //nolint:errcheck // whether it had more to store is not known
	s.send(t, rest...)
	s.store.stored = nil
	s.store.setFault(nil)
	s.follow(t)
	s.gapsAre(t, "daemon-down")
}

// TestFollower_LostBeforeAnyList: a node whose connection is lost before its
// channels were listed for the first time has a gap like any other. It waited
// for something to be proven, which nothing was.
func TestFollower_LostBeforeAnyList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pbx.Answer("GET", "/channels", 500, "not now", 1000)
	s.start(t)
	s.asked(t, "/channels", 1)
	s.pbx.Drop()
	s.gapStored(t)
}

// TestFollower_RepairsByThePBXClock: a gap is ours, the log is the PBX's, whose
// clock may go wrong; and when nothing happens no event shows how.
func TestFollower_RepairsByThePBXClock(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		s := newSite(t)
		s.pbx.SetClock(ahead)
		from := s.absent(t, 30*time.Second)
		log := &memoryLog{}
		want := log.write(celLogs(t)[:1], func(int) time.Time { return from.Add(ahead + time.Second) })
		r := s.follow(t, repairsBy(log))
		if gap := s.settled(t); gap.Repair.Repaired != want {
			t.Errorf("ahead by %v: the gap is %+v, want %d calls repaired", ahead, gap, want)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestFollower_WithoutLog: a gap of a PBX that keeps no log is settled at once.
func TestFollower_WithoutLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.absent(t, time.Minute)
	s.follow(t)
	if gap := s.settled(t); gap.Repair.Settled != callcenter.SettledUnrepaired {
		t.Errorf("the gap is %+v, want it unrepaired", gap)
	}
}
