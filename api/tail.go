package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// Changes is the change log.
type Changes interface {
	// LastChange returns the number of the newest change; 0 when there is
	// none. No smaller number becomes visible later.
	LastChange(ctx context.Context) (int64, error)
	// Changes returns the first changes after a number, at most limit, in
	// order, each with its record as it is now.
	Changes(ctx context.Context, after int64, limit int) ([]callbacks.Change, error)
	// Wake returns a channel that is closed when there may be a new change.
	// Being late or forgetting to do so costs delay and nothing else.
	Wake() <-chan struct{}
}

const (
	// tailLength is how many changes the tail keeps: some minutes of a busy
	// site, and some megabytes.
	tailLength = 4096
	// readLimit is how many changes are read from the log at once.
	readLimit = 500
	// pollEvery is how often the log is read when nothing wakes the tail up,
	// and how long a reader waits to read again from a log that failed.
	pollEvery = time.Second
	// readTimeout bounds one reading of the log.
	readTimeout = 10 * time.Second
)

// event is a change, rendered once for all its readers.
type event struct {
	number      int64
	kind        EventKind
	callCenters []string
	// agents are the endpoints of those who spoke in a call.
	agents []string
	// frame is the whole event as it goes over the wire.
	frame []byte
}

// visibleTo reports whether a principal may be told.
func (e *event) visibleTo(p accounts.Principal) bool {
	switch e.kind {
	case EventKindCallback:
		return accounts.Can(p, accounts.ActionReadCallback, e.callCenters)
	case EventKindNode:
		return accounts.Can(p, accounts.ActionReadNodes, nil)
	default:
		return accounts.CanReadCall(p, e.callCenters, e.agents)
	}
}

// tail keeps the newest changes for all streams. It is complete: between its
// base and its end no change is missing.
type tail struct {
	mu sync.Mutex
	// era is 0 until the log could be read for the first time, and grows each
	// time that the log turns out to be another one.
	era int
	// base is the number after which the events begin, end the number of the
	// last change that was read.
	base, end int64
	events    []event
	// grown is closed and replaced when events are added.
	grown chan struct{}
}

func newTail() *tail { return &tail{grown: make(chan struct{})} }

// start begins an empty tail after a number, in a new era.
func (t *tail) start(base int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.era++
	t.base, t.end, t.events = base, base, nil
	t.signal()
}

// add appends events, which come after all that it has, and lets go of the
// oldest.
func (t *tail) add(events []event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
	t.end = events[len(events)-1].number
	if excess := len(t.events) - tailLength; excess > 0 {
		t.base = t.events[excess-1].number
		// Readers may still hold slices of the array, so what is kept moves to
		// a new one.
		t.events = slices.Clone(t.events[excess:])
	}
	t.signal()
}

func (t *tail) signal() {
	close(t.grown)
	t.grown = make(chan struct{})
}

// after returns the events after a number and a channel that is closed when
// there are more. It is not complete when the tail does not reach back to
// the number.
func (t *tail) after(number int64) (events []event, grown <-chan struct{}, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.era == 0 || number < t.base {
		return nil, t.grown, false
	}
	i := sort.Search(len(t.events), func(i int) bool { return t.events[i].number > number })
	return t.events[i:len(t.events):len(t.events)], t.grown, true
}

// position is where the tail begins and ends, and its era.
func (t *tail) position() (base, end int64, era int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.base, t.end, t.era
}

// follow keeps the tail at the end of the log until the context ends.
func (s *Server) follow(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		// The channel is taken before reading: a change that comes after the
		// reading closes the channel that is already held.
		wake := s.options.Changes.Wake()
		more, err := s.advance(ctx, failing)
		if err != nil && ctx.Err() == nil && !failing {
			s.log.LogAttrs(ctx, slog.LevelWarn, "change log cannot be read, event streams wait", slog.Any("err", err))
		}
		if failing && err == nil {
			s.log.LogAttrs(ctx, slog.LevelInfo, "change log can be read again")
		}
		failing = err != nil
		if more {
			continue
		}
		if failing {
			// A wake-up would come at once, again and again.
			wake = nil
		}
		select {
		case <-wake:
		case <-time.After(pollEvery):
		case <-ctx.Done():
		}
	}
}

// advance reads the next part of the log into the tail and reports whether
// there may be more. After a failure the log may be another one.
func (s *Server) advance(ctx context.Context, failed bool) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, end, era := s.tail.position()
	if era == 0 || failed {
		last, err := s.options.Changes.LastChange(ctx)
		if err != nil {
			return false, err
		}
		if era > 0 && last < end {
			// A standby without the last transactions took over, or a backup
			// was restored: numbers that were sent will be given again.
			s.log.LogAttrs(ctx, slog.LevelWarn, "change log went back, event streams are told to reload",
				slog.Int64("sent", end), slog.Int64("last", last))
		}
		if era == 0 || last < end {
			s.tail.start(last)
			return true, nil
		}
	}
	events, err := s.readLog(ctx, end)
	if err != nil || len(events) == 0 {
		return false, err
	}
	s.tail.add(events)
	return len(events) == readLimit, nil
}

// readLog reads and renders the changes after a number.
func (s *Server) readLog(ctx context.Context, after int64) ([]event, error) {
	changes, err := s.options.Changes.Changes(ctx, after, readLimit)
	if err != nil {
		return nil, err
	}
	shown, err := s.eventsOf(ctx, changes)
	if err != nil {
		return nil, err
	}
	events := make([]event, len(changes))
	for i := range changes {
		if events[i], err = newEvent(&changes[i], shown[i]); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// EventData is a change, with its record, as the event stream shows it.
func (s *Server) EventData(ctx context.Context, change callbacks.Change) (json.RawMessage, error) {
	shown, err := s.eventsOf(ctx, []callbacks.Change{change})
	if err != nil {
		return nil, err
	}
	return json.Marshal(shown[0])
}

// eventsOf is changes as the contract shows them.
func (s *Server) eventsOf(ctx context.Context, changes []callbacks.Change) ([]Event, error) {
	var changedCalls []callcenter.Call
	var changedCallbacks []callbacks.Callback
	for i := range changes {
		if changes[i].Call != nil {
			changedCalls = append(changedCalls, *changes[i].Call)
		}
		if changes[i].Callback != nil {
			changedCallbacks = append(changedCallbacks, *changes[i].Callback)
		}
	}
	shownCalls, err := s.callsOf(ctx, changedCalls)
	if err != nil {
		return nil, err
	}
	shownCallbacks, err := s.callbacksOf(ctx, changedCallbacks)
	if err != nil {
		return nil, err
	}
	events := make([]Event, len(changes))
	for i := range changes {
		data := Event{Change: changes[i].Number, At: changes[i].At.UTC()}
		if changes[i].Call != nil {
			data.Call, shownCalls = &shownCalls[0], shownCalls[1:]
		}
		if changes[i].Callback != nil {
			data.Callback, shownCallbacks = &shownCallbacks[0], shownCallbacks[1:]
		}
		if changes[i].Node != nil {
			data.Node = new(nodeOf(changes[i].Node, time.Now()))
		}
		events[i] = data
	}
	return events, nil
}

// newEvent renders a change.
func newEvent(change *callbacks.Change, data Event) (event, error) {
	frame, err := frameOf(strconv.FormatInt(change.Number, 10), string(change.Kind), data)
	if err != nil {
		return event{}, fmt.Errorf("render change %d: %w", change.Number, err)
	}
	e := event{number: change.Number, kind: EventKind(change.Kind), callCenters: change.CallCenters, frame: frame}
	if change.Call != nil {
		e.agents = change.Call.Agents
	}
	return e, nil
}

// frameOf is an event in the format of server-sent events. JSON has no line
// break outside of strings and escapes those in them, so the data is one
// line whatever a caller's name holds.
func frameOf(id, name string, data any) ([]byte, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", id, name, text), nil
}

// soon returns a channel that is closed when it is time to read a log again
// that failed or gave nothing.
func soon() <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(pollEvery, func() { close(c) })
	return c
}
