package ari

import (
	"context"
	"io"
	"sync"
)

// queue holds the messages between the goroutine that reads the websocket and
// the one that consumes. It is bounded by number and bytes of events; what
// must not be lost (Connected, Lost) always fits.
//
// While a connection is being prepared its events are held back behind a
// place that is kept for Connected: the consumer takes its snapshot on
// Connected, and a snapshot taken before the subscriptions are complete would
// miss what happened in between.
type queue struct {
	maxItems, maxBytes int
	ready              chan struct{} // something to take, or closed
	room               chan struct{} // something was taken

	mu     sync.Mutex
	items  []Message // from head on
	head   int
	bytes  int
	held   int // messages before the kept place; -1: nothing is held back
	closed bool
}

// keptCapacity is how many messages' memory an empty queue keeps.
const keptCapacity = 8192

func newQueue(maxItems, maxBytes int) *queue {
	return &queue{
		maxItems: maxItems, maxBytes: maxBytes, held: -1,
		ready: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // the wake-up before this one was not taken yet: it serves for both
	}
}

// push adds an event and reports whether there was room.
func (q *queue) push(m Message) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items)-q.head >= q.maxItems || q.bytes+len(m.Raw) > q.maxBytes {
		return false
	}
	q.add(m)
	return true
}

// control adds a message that must not be lost.
func (q *queue) control(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.add(m)
}

func (q *queue) add(m Message) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		// Moving fewer than were taken since the last move costs less than
		// one copy a message.
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, m)
	q.bytes += len(m.Raw)
	if q.held < 0 {
		wake(q.ready)
	}
}

// hold keeps a place and holds back what comes after it.
func (q *queue) hold() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = len(q.items) - q.head
	q.items = append(q.items, Message{})
}

// release puts m into the kept place and lets go of what was held back.
func (q *queue) release(m Message) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items[q.head+q.held] = m
	q.held = -1
	wake(q.ready)
}

// drop forgets the kept place and what was held back.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	from := q.head + q.held
	for _, m := range q.items[from:] {
		q.bytes -= len(m.Raw)
	}
	clear(q.items[from:])
	q.items, q.held = q.items[:from], -1
}

// take moves up to len(buf) messages into buf. It waits for the first;
// io.EOF after the last of a closed queue.
func (q *queue) take(ctx context.Context, buf []Message) (int, error) {
	for {
		n, closed := q.takeNow(buf)
		switch {
		case n > 0 || len(buf) == 0:
			return n, nil
		case closed:
			wake(q.ready) // for whoever waits beside us
			return 0, io.EOF
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

func (q *queue) takeNow(buf []Message) (n int, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	end := len(q.items)
	if q.held >= 0 {
		end = q.head + q.held
	}
	n = copy(buf, q.items[q.head:end])
	for _, m := range buf[:n] {
		q.bytes -= len(m.Raw)
	}
	clear(q.items[q.head : q.head+n]) // else they keep the events' memory
	q.head += n
	if q.held >= 0 {
		q.held -= n
	}
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > keptCapacity {
			q.items = nil
		}
	}
	if n > 0 {
		wake(q.room)
	}
	return n, q.closed
}

// waitRoom waits until the queue is less than half full, and reports whether
// it came to that before ctx ended.
func (q *queue) waitRoom(ctx context.Context) bool {
	for {
		items, bytes := q.depth()
		if 2*items < q.maxItems && 2*bytes < q.maxBytes {
			return ctx.Err() == nil
		}
		select {
		case <-q.room:
		case <-ctx.Done():
			return false
		}
	}
}

func (q *queue) depth() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) - q.head, q.bytes
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	wake(q.ready)
}
