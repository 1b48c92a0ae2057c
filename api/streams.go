package api

import (
	"sync"

	"callbackd/accounts"
)

// streams are the open event streams of this process, so that those of a
// session that ends can be told at once. Streams at other processes notice at
// their next heartbeat.
type streams struct {
	mu   sync.Mutex
	open map[*stream]struct{}
}

func (s *streams) add(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*stream]struct{})
	}
	s.open[st] = struct{}{}
}

func (s *streams) remove(st *stream) {
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
