package api

import (
	"context"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callbacks"
)

// memoryLog is a change log in memory, all of callback 1.
type memoryLog struct {
	mu      sync.Mutex
	numbers []int64
	last    int64 // may be larger than the last of numbers: they have holes
	wake    chan struct{}
}

func newMemoryLog(last int64) *memoryLog { return &memoryLog{last: last, wake: make(chan struct{})} }

func (l *memoryLog) LastChange(context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, nil
}

func (l *memoryLog) Changes(_ context.Context, after int64, limit int) ([]callbacks.Change, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var changes []callbacks.Change
	for _, number := range l.numbers {
		if number > after && len(changes) < limit {
			changes = append(changes, callbacks.Change{
				Number: number, Kind: callbacks.ChangeCallback, CallbackID: 1, Callback: &callbacks.Callback{ID: 1},
			})
		}
	}
	return changes, nil
}

func (l *memoryLog) Wake() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}

// add appends changes, and wakes readers up unless that is lost.
func (l *memoryLog) add(wake bool, numbers ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.numbers = append(l.numbers, numbers...)
	l.last = numbers[len(numbers)-1]
	if wake {
		close(l.wake)
		l.wake = make(chan struct{})
	}
}

// nameless knows no names of callbacks, and nothing else of them.
type nameless struct{ Callbacks }

func (nameless) Rows(_ context.Context, list []callbacks.Callback) ([]callbacks.Row, error) {
	rows := make([]callbacks.Row, len(list))
	for i, c := range list {
		rows[i].Callback = c
	}
	return rows, nil
}

func numbersOf(events []event) []int64 {
	var numbers []int64
	for _, e := range events {
		numbers = append(numbers, e.number)
	}
	return numbers
}

func TestTail_AtOnceWhenWokenAndSoonWhenNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := newMemoryLog(3)
		s := New(Options{Changes: log, Callbacks: nameless{}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		began := time.Now()
		log.add(true, 4, 6)
		synctest.Wait()
		events, grown, complete := s.tail.after(3)
		if diff := cmp.Diff([]int64{4, 6}, numbersOf(events)); diff != "" || !complete || !time.Now().Equal(began) {
			t.Errorf("after a wake-up and %s (-want +got):\n%s", time.Since(began), diff)
		}
		log.add(false, 7)
		<-grown
		if waited := time.Since(began); waited > pollEvery {
			t.Errorf("a change without a wake-up was read after %s", waited)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		select {
		case <-s.stopped:
		default:
			t.Error("streams were not ended with Run")
		}
	})
}

func TestTail_KeepsTheNewestAndKnowsWhatItLacks(t *testing.T) {
	t.Parallel()
	tail := newTail()
	if _, _, complete := tail.after(0); complete {
		t.Error("a tail that has not begun says that it is complete")
	}
	tail.start(10)
	var all []int64
	for first := int64(11); first < 3*tailLength; first += 100 {
		var events []event
		for n := first; n < first+100; n++ {
			events = append(events, event{number: n})
			all = append(all, n)
		}
		tail.add(events)
	}
	kept := all[len(all)-tailLength:]
	for _, number := range []int64{0, 10, 11, kept[0] - 2, kept[0] - 1, kept[0], kept[500], kept[len(kept)-1], kept[len(kept)-1] + 5} {
		events, _, complete := tail.after(number)
		var want []int64
		if i := slices.IndexFunc(kept, func(n int64) bool { return n > number }); i >= 0 {
			want = kept[i:]
		}
		if number < kept[0]-1 {
			want = nil
		}
		if diff := cmp.Diff(want, numbersOf(events)); diff != "" || complete != (number >= kept[0]-1) {
			t.Errorf("after %d, complete %t (-want +got):\n%s", number, complete, diff)
		}
	}
}

// A number that nobody has, below the tail, must not keep a stream reading
// the log for ever.
func TestStream_PassesOverHoles(t *testing.T) {
	t.Parallel()
	log := newMemoryLog(10)
	log.numbers = []int64{4}
	s := New(Options{Changes: log, Callbacks: nameless{}})
	s.tail.start(10)
	recorder := httptest.NewRecorder()
	st := &stream{server: s, ctx: t.Context(), era: 1, position: 5, w: recorder}
	if more, _, err := st.advance(); err != nil || !more || st.position != 10 {
		t.Fatalf("advance from 5: more %t, position %d, %v; want more from 10", more, st.position, err)
	}
	if more, grown, err := st.advance(); err != nil || more || grown == nil {
		t.Errorf("advance from 10: more %t, %v; want to wait for the tail to grow", more, err)
	}
	if recorder.Body.Len() > 0 {
		t.Errorf("sent %q", recorder.Body)
	}
}
