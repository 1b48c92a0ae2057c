package aritest

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"callbackd/ari"
)

const opText = ws.OpText

// faults is what is wrong with the server at the moment.
type faults struct {
	booting bool
	muted   bool
	latency time.Duration
	ahead   time.Duration
	// hung is the beginning of the paths that are not answered until thawed
	// is closed; "" none.
	hung    string
	thawed  chan struct{}
	empty   int
	answers []fixedAnswer
}

type fixedAnswer struct {
	method, path string
	status       int
	message      string
	times        int
}

// interfere applies the faults of REST, and reports whether the request is
// done with.
func (s *Server) interfere(w http.ResponseWriter, r *http.Request, path string) bool {
	s.mu.Lock()
	hung, thawed := s.hung != "" && strings.HasPrefix(path, s.hung), s.thawed
	empty := s.empty > 0
	if empty {
		s.empty--
	}
	latency := s.latency
	var fixed *fixedAnswer
	for i := range s.answers {
		if a := &s.answers[i]; a.times > 0 && a.method == r.Method && a.path == path {
			a.times--
			fixed = a
			break
		}
	}
	s.mu.Unlock()
	time.Sleep(latency)
	switch {
	case hung:
		select {
		case <-thawed:
			return false
		case <-r.Context().Done():
		case <-s.done:
		}
	case empty:
		panic(http.ErrAbortHandler) // net/http's way to close without an answer
	case fixed != nil:
		refuse(w, fixed.status, fixed.message)
	default:
		return false
	}
	return true
}

func (s *Server) isBooting() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.booting
}

func (s *Server) fault(f func(*faults)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.faults)
}

// Drop ends all websockets by closing their TCP connections, without a close
// frame.
func (s *Server) Drop() {
	for _, k := range s.all() {
		k.end(hangUp)
	}
}

// Reset ends all websockets with RST.
func (s *Server) Reset() {
	for _, k := range s.all() {
		k.end(reset)
	}
}

// CloseCleanly ends all websockets with a close frame of that code, as 1000
// (normal) or 1001 (going away).
func (s *Server) CloseCleanly(code int) {
	body := ws.NewCloseFrameBody(ws.StatusCode(code), "") //nolint:gosec // a close code
	for _, k := range s.all() {
		k.write(ws.OpClose, string(body), true)
	}
}

// BlackHole makes the network swallow everything: connections stay open, new
// ones are accepted, nothing is answered. After heal, websockets that events
// were sent to meanwhile are cut, as Asterisk does when a write takes too
// long.
func (s *Server) BlackHole() (heal func()) {
	hole := make(chan struct{})
	s.wire.set(func() { s.wire.hole = hole })
	return func() {
		s.wire.set(func() {
			if s.wire.hole == hole {
				s.wire.hole = nil
				close(hole)
			}
		})
		for _, k := range s.all() {
			k.mu.Lock()
			lost := k.lost
			k.mu.Unlock()
			if lost {
				k.end(hangUp)
			}
		}
	}
}

// SetDown makes the server end all connections and reset new ones, or serve
// again: a PBX that does not run, on a port that nobody else can take.
func (s *Server) SetDown(down bool) {
	s.wire.set(func() { s.wire.down = down })
	if down {
		s.wire.closeAll(reset)
	}
}

// SetBooting makes REST and websocket answer 503.
func (s *Server) SetBooting(booting bool) { s.fault(func(f *faults) { f.booting = booting }) }

// SetLatency delays each answer and each event.
func (s *Server) SetLatency(d time.Duration) { s.fault(func(f *faults) { f.latency = d }) }

// SetClock makes the PBX's clock be ahead of ours, in answers and in the events
// that it is asked for; others have the times that they are given.
func (s *Server) SetClock(ahead time.Duration) { s.fault(func(f *faults) { f.ahead = ahead }) }

// SetSessionLimit makes the server close connections beyond n without an
// answer; 0: none.
func (s *Server) SetSessionLimit(n int) { s.wire.set(func() { s.wire.limit = n }) }

// Hang leaves requests whose path (without /ari) begins so without an answer,
// until it is called with "": then those still there are answered.
func (s *Server) Hang(prefix string) {
	s.fault(func(f *faults) {
		if f.thawed != nil {
			close(f.thawed)
		}
		f.hung, f.thawed = prefix, make(chan struct{})
	})
}

// CloseUnanswered closes the connections of the next n requests without an
// answer.
func (s *Server) CloseUnanswered(n int) { s.fault(func(f *faults) { f.empty = n }) }

// Answer answers the next requests of that method and path (without /ari), as
// many as times says, with a refusal.
func (s *Server) Answer(method, path string, status int, message string, times int) {
	s.fault(func(f *faults) {
		f.answers = append(f.answers, fixedAnswer{method, path, status, message, times})
	})
}

// Mute stops all events while everything else works, PING included.
func (s *Server) Mute(muted bool) { s.fault(func(f *faults) { f.muted = muted }) }

// Restart is a crash and start of the PBX: connections are reset, channels,
// bridges, applications and event filters are gone, and new IDs begin
// differently.
func (s *Server) Restart() {
	s.mu.Lock()
	s.state = newState()
	s.apps = map[string]*application{}
	s.serial = 0
	// At least a second later: the IDs show seconds.
	s.startedAt = later(time.Now(), s.startedAt.Add(time.Second))
	s.mu.Unlock()
	s.wire.closeAll(reset)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// SendText sends a text frame to all websockets, whatever is in it.
func (s *Server) SendText(payload string) {
	for _, k := range s.all() {
		k.write(ws.OpText, payload, true)
	}
}

// SendBroken sends bytes that are no websocket frame (reserved bits set).
func (s *Server) SendBroken() {
	for _, k := range s.all() {
		k.end(func(net.Conn) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.w.WriteString("\xf1\x02{}") //nolint:errcheck // Flush tells
			k.w.Flush()                   //nolint:errcheck // it is broken either way
		})
	}
}

// SendLarge sends a well-formed event of at least n bytes.
func (s *Server) SendLarge(n int) {
	s.Send(NewEvent(ari.ChannelVarset, Fields{"variable": "LARGE", "value": strings.Repeat("x", n)}))
}
