package callcenter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

// reported waits until a node is reported to be in a state, and returns its
// status.
func (s *site) reported(t *testing.T, want callcenter.NodeState) callcenter.NodeStatus {
	t.Helper()
	var n callcenter.NodeStatus
	labtest.Eventually(t, patience, func() error {
		nodes, err := s.db.Monitor([]string{"pbx1"}).Nodes(t.Context())
		if err != nil {
			return err
		}
		if n = nodes[0]; n.State != want {
			return fmt.Errorf("the node is reported to be %s because of %q, want %s", n.State, n.Why, want)
		}
		return nil
	})
	return n
}

// nodeChanges counts the changes of nodes.
func nodeChanges(t *testing.T, db *postgres.DB) int {
	t.Helper()
	changes, err := db.Feed().Changes(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range changes {
		if c.Kind == callbacks.ChangeNode {
			n++
		}
	}
	return n
}

// What readers know of a node is what its daemon says, as long as it does.
func TestFollower_ReportsTheNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start(t, func(_ *callcenter.FollowerOptions, stream *ari.StreamOptions, _ *ari.ClientOptions) {
		stream.ReplacedWait = time.Hour
	})
	first := s.reported(t, callcenter.NodeConnected)
	if first.Connections != 1 || first.Why != "" || first.LastGap != nil {
		t.Errorf("a node that was connected is reported as %+v", first)
	}
	if h := r.Health(time.Now()); !first.Since.Equal(h.Since.Truncate(time.Microsecond)) {
		t.Errorf("connected since %v, want %v", first.Since, h.Since)
	}
	// That there is somebody to say so is said again and again, and is no change.
	labtest.Eventually(t, patience, func() error {
		if again := s.reported(t, callcenter.NodeConnected); !again.SeenAt.After(first.SeenAt) {
			return fmt.Errorf("nothing was reported since %s", first.SeenAt)
		}
		return nil
	})
	changes := nodeChanges(t, s.db)

	s.pbx.SetDown(true)
	labtest.Eventually(t, patience, func() error { // the gap is stored by itself
		if down := s.reported(t, callcenter.NodeDisconnected); down.Why == "" || down.LastGap == nil || down.LastGap.To != nil {
			return fmt.Errorf("a node that is down is reported as %+v, want why and a gap that lasts", down)
		}
		return nil
	})
	s.pbx.SetDown(false)
	if up := s.reported(t, callcenter.NodeConnected); up.Connections != 2 {
		t.Errorf("%d connections, want 2", up.Connections)
	}
	labtest.Eventually(t, patience, func() error {
		if up := s.reported(t, callcenter.NodeConnected); up.LastGap == nil || up.LastGap.To == nil {
			return fmt.Errorf("the newest gap is %+v, want one that has ended", up.LastGap)
		}
		return nil
	})
	if n := nodeChanges(t, s.db) - changes; n < 2 {
		t.Errorf("%d changes while the node was lost and found, want each told", n)
	}

	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if stopped := s.reported(t, callcenter.NodeStopped); stopped.Why != "" {
		t.Errorf("a node whose daemon was ended is reported as %+v", stopped)
	}
}

func TestNodeStatus_At(t *testing.T) {
	t.Parallel()
	seen := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	since := seen.Add(-time.Hour)
	status := func(state callcenter.NodeState, seenAt time.Time) callcenter.NodeStatus {
		return callcenter.NodeStatus{NodeReport: callcenter.NodeReport{Node: "pbx1", State: state, Why: "why", Since: since}, SeenAt: seenAt}
	}
	late := seen.Add(callcenter.NodeStaleAfter + time.Microsecond)
	type outcome struct {
		State callcenter.NodeState
		Why   string
		Since time.Time
	}
	for name, tt := range map[string]struct {
		status callcenter.NodeStatus
		now    time.Time
		want   outcome
	}{
		"just now":        {status(callcenter.NodeReplaced, seen), seen, outcome{callcenter.NodeReplaced, "why", since}},
		"at the limit":    {status(callcenter.NodeConnected, seen), seen.Add(callcenter.NodeStaleAfter), outcome{callcenter.NodeConnected, "why", since}},
		"too long ago":    {status(callcenter.NodeConnected, seen), late, outcome{callcenter.NodeStale, "", seen}},
		"ended long ago":  {status(callcenter.NodeStopped, seen), late, outcome{callcenter.NodeStopped, "why", since}},
		"never":           {status("", time.Time{}), late, outcome{callcenter.NodeUnknown, "", time.Time{}}},
		"in the future":   {status(callcenter.NodeSilent, late), seen, outcome{callcenter.NodeSilent, "why", since}},
		"lost, long past": {status(callcenter.NodeDisconnected, seen), late, outcome{callcenter.NodeStale, "", seen}},
	} {
		got := tt.status.At(tt.now)
		if diff := cmp.Diff(tt.want, outcome{got.State, got.Why, got.Since}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.Flows() != (got.State == callcenter.NodeConnected) {
			t.Errorf("%s: events of a node that is %s flow: %t", name, got.State, got.Flows())
		}
	}
}
