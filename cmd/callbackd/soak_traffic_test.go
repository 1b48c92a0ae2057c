package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"callbackd/sip"
)

// kindOf is what kind of call comes of dialling a number.
var kindOf = map[string]string{
	"7001": "call_center", "7002": "call_center", "6001": "ring_group", "6002": "ring_group",
	"2001": "terminal", "2003": "terminal", "2004": "terminal", "7480": "ivr",
}

// traffic are people who call all kinds of numbers and hang up whenever they
// like.
type traffic struct {
	t       *testing.T
	phone   *sip.Phone
	every   time.Duration
	numbers []string
	// calling are the calls that go on, and callers who makes them.
	calling, callers sync.WaitGroup
	hangUp           context.CancelFunc

	mu sync.Mutex
	// dialled are the numbers, by who called.
	dialled map[string]string
}

// newTraffic has four phones registered that take calls, and nobody call yet.
func newTraffic(t *testing.T, w *world, rate float64) *traffic {
	t.Helper()
	for extension, behaviour := range map[string]sip.Behaviour{
		"2001": {RingFor: 100 * time.Millisecond, HangUpAfter: 700 * time.Millisecond},
		"2002": {RingFor: 300 * time.Millisecond, HangUpAfter: 2 * time.Second},
		"2003": {HangUpAfter: time.Second}, "2004": {Refuse: 486},
	} {
		w.agent(t, extension, behaviour)
	}
	return &traffic{
		t: t, phone: w.outside(t, sip.Behaviour{}), every: time.Duration(float64(time.Second) / rate),
		numbers: slices.Sorted(maps.Keys(kindOf)), dialled: map[string]string{},
	}
}

// start has people call until stop is called.
func (c *traffic) start() {
	ctx, cancel := context.WithCancel(c.t.Context())
	c.hangUp = cancel
	c.callers.Go(func() {
		tick := time.NewTicker(c.every)
		defer tick.Stop()
		for {
			c.calling.Go(func() { c.call(ctx) })
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// call makes one call, and hangs up when its caller has lost patience.
func (c *traffic) call(ctx context.Context) {
	c.mu.Lock()
	n := len(c.dialled)
	caller, number := fmt.Sprintf("03%08d", n), c.numbers[n%len(c.numbers)]
	c.dialled[caller] = number
	c.mu.Unlock()
	// What becomes of a call while the PBX is down is no concern of ours.
	call, err := c.phone.Call(c.t.Context(), number, sip.CallOptions{CallerNumber: caller})
	if err != nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-call.Done():
	case <-time.After(100*time.Millisecond + rand.N(3*time.Second)):
	}
	bye, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	call.Hangup(bye) //nolint:errcheck // likewise
}

// stop has everybody hang up.
func (c *traffic) stop() {
	c.hangUp()
	c.callers.Wait()
	c.calling.Wait()
}

// kind is what kind of call a caller's is.
func (c *traffic) kind(caller string) (kind string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	number, ok := c.dialled[caller]
	return kindOf[number], ok
}

// registrar registers a callback for each call of a call center that the API
// lists, and tries again until that is acknowledged.
type registrar struct {
	api   atomic.Pointer[string]
	token string
	// idle registrars only look, and say that a call is waiting for a callback
	// to be registered.
	idle, waiting atomic.Bool

	mu sync.Mutex
	// registered are the numbers of callbacks that were acknowledged, by call.
	registered map[string]int64
	answers    answers
}

// answers are what a registrar's requests were answered with.
type answers struct {
	good, refused int
	// cut are those that were not answered, since the daemon was killed; absent
	// those that did not reach one.
	cut, absent int
	// slowest is the longest that an answer or a refusal took.
	slowest, slowestRefusal time.Duration
	wrong                   []string
}

// newRegistrar starts a registrar, who works until the test's end.
func newRegistrar(t *testing.T, w *world) *registrar {
	t.Helper()
	c := &registrar{token: w.token, registered: map[string]int64{}}
	c.api.Store(new(w.api))
	var work sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	work.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			c.work(ctx)
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	t.Cleanup(func() {
		stop()
		work.Wait()
	})
	return c
}

// work looks at the newest calls once.
func (c *registrar) work(ctx context.Context) {
	body, ok := c.ask(ctx, http.MethodGet, "/calls?kind=call_center&page_size=100", http.StatusOK, nil)
	if !ok {
		return
	}
	type listed struct {
		RequestID string `json:"request_id"`
	}
	var list struct{ Items []listed }
	if err := json.Unmarshal(body, &list); err != nil {
		c.complain(err.Error())
		return
	}
	waiting := slices.DeleteFunc(list.Items, func(l listed) bool { return c.has(l.RequestID) })
	for _, call := range waiting {
		if c.idle.Load() {
			c.waiting.Store(true)
			return
		}
		if !c.register(ctx, call.RequestID) {
			return
		}
	}
}

// register registers a callback, and reports whether that was acknowledged. A
// request that is made again has the same key, and is not another one.
func (c *registrar) register(ctx context.Context, requestID string) bool {
	body, ok := c.ask(ctx, http.MethodPost, "/calls/"+requestID+"/callback", http.StatusCreated,
		map[string]string{"Idempotency-Key": requestID})
	if !ok {
		return false
	}
	var callback struct{ ID int64 }
	if err := json.Unmarshal(body, &callback); err != nil {
		c.complain(err.Error())
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.registered[requestID] = callback.ID
	return true
}

func (c *registrar) has(requestID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, has := c.registered[requestID]
	return has
}

func (c *registrar) complain(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers.wrong = append(c.answers.wrong, what)
}

// ask makes a request, and reports whether it was answered as wanted. It may be
// refused, with 503 and Retry-After, or be cut; anything else is wrong.
func (c *registrar) ask(ctx context.Context, method, path string, want int, headers map[string]string) (body []byte, ok bool) {
	began := time.Now()
	status, header, body, err := exchange(ctx, method, *c.api.Load()+path, c.token, headers)
	took := time.Since(began)
	if ctx.Err() != nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &c.answers
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		a.absent++
	case err != nil:
		a.cut++
	case status == want:
		a.good++
		a.slowest = max(a.slowest, took)
		return body, true
	case status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		a.refused++
		a.slowestRefusal = max(a.slowestRefusal, took)
	default:
		a.wrong = append(a.wrong, fmt.Sprintf("%s %s: %d %s", method, path, status, body))
	}
	return nil, false
}

// take returns what was answered since it was called last.
func (c *registrar) take() answers {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.answers
	c.answers = answers{}
	return a
}

// refused returns how many requests were since take was called.
func (c *registrar) refused() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers.refused
}

// acknowledged returns the callbacks that were, by call.
func (c *registrar) acknowledged() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.registered)
}
