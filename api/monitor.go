package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// Situations reads what goes on now; postgres.Monitor is one.
type Situations interface {
	// Situation returns what goes on at all call centers, at one moment.
	Situation(ctx context.Context) (callbacks.Situation, error)
	// Nodes returns how each configured node is followed, in the order of the
	// configuration.
	Nodes(ctx context.Context) ([]callcenter.NodeStatus, error)
}

// GetMonitor shows what goes on at the caller's call centers.
func (o operations) GetMonitor(ctx context.Context, _ GetMonitorRequestObject) (GetMonitorResponseObject, error) {
	by := principalFrom(ctx)
	if !accounts.Can(by, accounts.ActionReadMonitor, by.CallCenters) {
		return nil, accounts.ErrForbidden
	}
	s, err := o.situation.get(ctx)
	if err != nil {
		return nil, err
	}
	return GetMonitor200JSONResponse(Monitor{
		At: s.At.UTC(), CallCenters: o.desksFor(by, s), Agents: agentsFor(by, s), Nodes: nodesFor(ctx, s.Nodes, s.At),
	}), nil
}

// desksFor are the call centers that a principal may watch: those of the
// configuration, and those where something is left though it has them no more.
func (s *Server) desksFor(by accounts.Principal, now *callbacks.Situation) []Desk {
	found := map[string]*callbacks.Desk{}
	for i := range now.Desks {
		found[now.Desks[i].CallCenter] = &now.Desks[i]
	}
	desks := []Desk{}
	show := func(id string, name *string) {
		if !accounts.Can(by, accounts.ActionReadMonitor, []string{id}) {
			return
		}
		desk := Desk{CallCenter: id, Name: name}
		if d := found[id]; d != nil {
			desk.Waiting, desk.Talking, desk.Open, desk.Unassigned = d.Waiting, d.Talking, d.Open, d.Unassigned
			desk.LongestWaitSince, desk.OldestOpenAt = timeOrNull(d.LongestWaitSince), timeOrNull(d.OldestOpenAt)
			desk.LongestWaitSeconds = seconds(desk.LongestWaitSince, &now.At)
		}
		desks = append(desks, desk)
	}
	configured := s.options.Plan().CallCenters
	for i := range configured {
		show(configured[i].ID, &configured[i].Name)
	}
	for i := range now.Desks {
		id := now.Desks[i].CallCenter
		if !slices.ContainsFunc(configured, func(c callcenter.CallCenter) bool { return c.ID == id }) {
			show(id, nil)
		}
	}
	return desks
}

// agentsFor are the agents whom a principal may watch. Of a call that it may
// not see it learns that the phone is in one.
func agentsFor(by accounts.Principal, now *callbacks.Situation) []Agent {
	agents := []Agent{}
	for i := range now.Agents {
		a := &now.Agents[i]
		if !accounts.Can(by, accounts.ActionReadMonitor, a.CallCenters) {
			continue
		}
		agent := Agent{
			ID: int64(a.ID), Name: a.Name, DisplayName: a.DisplayName, CallCenters: orEmpty(a.CallCenters), Endpoint: a.Endpoint,
			State: AgentState(a.State), Since: timeOrNull(a.Since),
		}
		agent.StateSeconds = seconds(agent.Since, &now.At)
		if c := a.Call; c != nil && accounts.CanReadCall(by, c.CallCenters, c.Agents) {
			agent.RequestID = new(string(c.RequestID))
		}
		agents = append(agents, agent)
	}
	return agents
}

const (
	// situationFor is how long a situation is shown, unless Options say
	// otherwise.
	situationFor = 500 * time.Millisecond
	// situationDuty is by how much longer than reading it took: so reading
	// takes a tenth of one connection's time at most, however many calls run
	// and however many watch.
	situationDuty = 9
	// situationTimeout bounds the reading.
	situationTimeout = 10 * time.Second
)

// situation is what goes on, read once for all who ask at about one time.
type situation struct {
	source Situations
	keep   time.Duration

	mu sync.Mutex
	// latest is what was read last or is being read; nil at first.
	latest *situationReading
}

// situationReading is one reading; what it found is there when done is closed.
type situationReading struct {
	done    chan struct{}
	until   time.Time // when it is too old; zero while it goes on
	found   callbacks.Situation
	failure error
}

// get returns what goes on. The result is shared: it must not be changed.
func (s *situation) get(ctx context.Context) (*callbacks.Situation, error) {
	r := s.current(ctx)
	select {
	case <-r.done:
		return &r.found, r.failure
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// current returns the reading that goes on or holds, or begins one.
func (s *situation) current(ctx context.Context) *situationReading {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.latest; r != nil && (r.until.IsZero() || time.Now().Before(r.until)) {
		return r
	}
	r := &situationReading{done: make(chan struct{})}
	s.latest = r
	// It is for all who ask meanwhile, and goes on when the first one leaves.
	go s.read(context.WithoutCancel(ctx), r)
	return r
}

func (s *situation) read(ctx context.Context, r *situationReading) {
	ctx, cancel := context.WithTimeout(ctx, situationTimeout)
	defer cancel()
	begun := time.Now()
	r.found, r.failure = s.source.Situation(ctx)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	r.until = now.Add(max(s.keep, situationDuty*now.Sub(begun)))
	if r.failure != nil {
		s.latest = nil // the next one who asks tries again
	}
	close(r.done)
}
