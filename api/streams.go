package api

import (
	"sync"

	"callbackd/accounts"
)

// streams are the answers of this process that take long, event streams and
// playbacks, so that those of a session that ends can be told at once. Those at
// other processes notice when they look by themselves.
type streams struct {
	mu   sync.Mutex
	open map[*watch]struct{}
}

// watch is how an answer that takes long is told to look whether it may go on.
type watch struct {
	// identity is the principal as it was at the beginning: what it may see
	// may change, who it is does not.
	identity accounts.Principal
	// verifyNow gets a value when the caller's session or token may have
	// ended.
	verifyNow chan struct{}
}

func newWatch(identity accounts.Principal) *watch {
	return &watch{identity: identity, verifyNow: make(chan struct{}, 1)}
}

func (s *streams) add(st *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*watch]struct{})
	}
	s.open[st] = struct{}{}
}

func (s *streams) remove(st *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, st)
}

// verify makes the streams of some principals verify now whether they may go
// on.
func (s *streams) verify(of func(accounts.Principal) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.open {
		if of(st.identity) {
			select {
			case st.verifyNow <- struct{}{}:
			default: // it is told already
			}
		}
	}
}
