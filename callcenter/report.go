package callcenter

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"callbackd/ari"
)

const (
	// lookEvery is how often it is looked whether a node's state has changed.
	// It bounds how many changes of one that comes and goes are reported.
	lookEvery = 200 * time.Millisecond
	// reportTimeout bounds the writing of a report. One that is late is out of
	// date.
	reportTimeout = 2 * time.Second
)

// report stores how the node is followed, until ctx ends: each change at once,
// and that there is somebody to say so every nodeReportEvery.
func (f *Follower) report(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last NodeReport
	var next time.Time
	for {
		r := f.nodeReport(time.Now())
		if now := time.Now(); r.State != last.State || r.Why != last.Why || linesChanged(last.Lines, r.Lines) || !now.Before(next) {
			last, next = r, now.Add(nodeReportEvery)
			if err := f.saveNode(ctx, r); err != nil {
				// Of a database that is away it is the calls that matter; the
				// report is made again with the next, or when it is due.
				f.log.Debug("how the node is followed cannot be stored", slog.Any("err", err))
			}
		}
		select {
		case <-ctx.Done():
			if f.retired.Load() {
				return nil // the daemon that follows the node now reports
			}
			r := f.nodeReport(time.Now())
			r.State, r.Why, r.Since, r.Lines = NodeStopped, "", time.Now(), nil
			if err := f.saveNode(context.WithoutCancel(ctx), r); err != nil && !errors.Is(err, ErrSuperseded) {
				f.log.Warn("that the node is no longer followed cannot be stored", slog.Any("err", err))
			}
			return nil
		case <-tick.C:
		}
	}
}

func (f *Follower) saveNode(ctx context.Context, r NodeReport) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	return f.o.Store.SaveNode(ctx, r)
}

func (f *Follower) nodeReport(now time.Time) NodeReport {
	h := f.Health(now)
	s := f.o.Stream.Stats()
	r := NodeReport{
		Node: h.Node, State: h.State, Why: h.Why, Since: h.Since.UTC(), Connections: s.Epoch, EventAt: s.EventAt.UTC(),
	}
	if f.o.Lines != nil {
		r.Lines = f.o.Lines()
	}
	return r
}

// linesChanged reports whether any line is not in the state that it was in.
func linesChanged(before, now []Line) bool {
	return !slices.EqualFunc(before, now, func(a, b Line) bool { return a.Name == b.Name && a.State == b.State })
}

// Health says whether all events of the node are followed and stored.
type Health struct {
	Node string
	OK   bool
	// State is NodeConnected when OK, and else which of the things that can be
	// wrong it is.
	State NodeState
	// Why says what is wrong; empty when nothing is.
	Why string
	// Since is from when on it has been so.
	Since time.Time
}

// Health reports on the node, at the given time.
func (f *Follower) Health(now time.Time) Health {
	s := f.stream().Stats()
	f.mu.Lock()
	defer f.mu.Unlock()
	h := Health{Node: f.o.Node, Since: f.followedAt}
	if f.followed && s.State != ari.StateConnected {
		h.Since = s.StateSince // the consumer was not told yet
	}
	switch {
	case s.State == ari.StateReplaced:
		h.State, h.Why = NodeReplaced, "another client took the ARI application's name"
	case s.State != ari.StateConnected && s.LastErr == nil && s.Epoch == 0:
		h.State, h.Why = NodeConnecting, "no connection to ARI"
	case s.State != ari.StateConnected:
		h.State, h.Why = NodeDisconnected, because("no connection to ARI", s.LastErr)
	case f.synced != s.Epoch:
		h.State, h.Why = NodeConnecting, because("the list of channels was not read yet", f.syncErr)
	case now.Sub(s.ProvenAt) > freshness:
		h.State, h.Why = NodeSilent, "no proof that events flow since "+s.ProvenAt.UTC().Format(time.RFC3339)
		h.Since = s.ProvenAt.Add(freshness)
	case f.storeErr != nil:
		h.State, h.Why = NodeStalled, because("calls cannot be stored", f.storeErr)
		h.Since = f.storeErrAt
	default:
		h.State, h.OK = NodeConnected, true
		if f.storeErrAt.After(h.Since) {
			h.Since = f.storeErrAt
		}
	}
	return h
}

func because(what string, err error) string {
	if err == nil {
		return what
	}
	return what + ": " + err.Error()
}
