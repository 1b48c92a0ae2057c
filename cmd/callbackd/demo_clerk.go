package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"callbackd/api"
)

const (
	// clerkRetry passes before the clerk opens a stream again that ended.
	clerkRetry = 200 * time.Millisecond
	// requestPatience bounds a request of the demo to its own API.
	requestPatience = 10 * time.Second
	// longestEvent bounds a line of the event stream.
	longestEvent = 1 << 20
)

// clerk is a user of the demo's API: it follows the stream of changes, and
// registers callbacks for some of the calls that ended, sometimes in vain.
type clerk struct {
	demo *demo
	rng  *rand.Rand
	// last is the number of the last change that was seen.
	last string
	// received counts events by kind.
	received map[string]int
	// handled are the calls about which the clerk has decided.
	handled map[string]bool
	// eligible and others count the decisions about calls for which a callback
	// can be registered, and about all others.
	eligible, others int
}

func newClerk(d *demo) *clerk {
	return &clerk{
		demo: d, rng: rand.New(rand.NewPCG(d.options.seed, 1)),
		received: map[string]int{}, handled: map[string]bool{},
	}
}

// run follows the stream until ctx ends, from where it was cut when it was.
func (c *clerk) run(ctx context.Context) {
	for ctx.Err() == nil {
		if err := c.follow(ctx); err != nil && ctx.Err() == nil {
			c.demo.log.Warn("the demo's event stream was cut", slog.Any("err", err))
		}
		select {
		case <-time.After(clerkRetry):
		case <-ctx.Done():
		}
	}
}

// follow reads one stream of server-sent events to its end.
func (c *clerk) follow(ctx context.Context) error {
	req, err := c.demo.request(ctx, http.MethodGet, "/events", c.demo.adminToken)
	if err != nil {
		return err
	}
	if c.last != "" {
		req.Header.Set("Last-Event-ID", c.last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return problemOf(res)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, longestEvent)
	var kind, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			c.last = value
		case "event":
			kind = value
		case "data":
			data = value
		case "": // the event's end, or a comment
			if kind != "" {
				c.received[kind]++
				c.decide(ctx, data)
			}
			kind, data = "", ""
		}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

// decide registers a callback for the call of an event, or does not. The first
// call of either sort is tried, so that also a short demo shows both.
func (c *clerk) decide(ctx context.Context, data string) {
	var event api.Event
	if err := json.Unmarshal([]byte(data), &event); err != nil {
		c.demo.log.Warn("the demo's event stream has an event that cannot be read", slog.Any("err", err))
		return
	}
	call := event.Call
	if call == nil || call.State != api.StateEnded || c.handled[call.RequestID] {
		return
	}
	c.handled[call.RequestID] = true
	draw := c.rng.Float64()
	if !call.CallbackAllowed {
		c.others++
		if c.others == 1 || draw < 0.6 {
			c.register(ctx, call) // which is refused
		}
		return
	}
	c.eligible++
	if c.eligible == 1 || draw < 0.75 {
		c.register(ctx, call)
	}
	if draw < 0.2 {
		c.register(ctx, call) // a second time, as two agents do who both think of it
	}
}

// register asks for a callback. Answers that a clerk must expect are no
// faults: metrics and summary show them.
func (c *clerk) register(ctx context.Context, call *api.Call) {
	token := c.demo.adminToken
	if call.CallCenter != nil && *call.CallCenter == demoDesk {
		token = c.demo.agentToken
	}
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	err := c.demo.post(ctx, "/calls/"+call.RequestID+"/callback", token)
	if err != nil && ctx.Err() == nil {
		c.demo.log.Warn("the demo could not register a callback", slog.String("call", call.RequestID), slog.Any("err", err))
	}
}

// request is a request to the demo's API.
func (d *demo) request(ctx context.Context, method, path, token string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, d.places().API+"/api/v1"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept-Language", "en")
	return req, nil
}

// get reads something of the demo's API.
func (d *demo) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	req, err := d.request(ctx, http.MethodGet, path, d.adminToken)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return problemOf(res)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer to GET %s: %w", path, err)
	}
	return nil
}

// post asks the demo's API to make something. Being refused by a rule is no
// error.
func (d *demo) post(ctx context.Context, path, token string) error {
	req, err := d.request(ctx, http.MethodPost, path, token)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusCreated, http.StatusConflict, http.StatusUnprocessableEntity:
		return nil
	default:
		return problemOf(res)
	}
}

// problemOf is the error that an answer tells.
func problemOf(res *http.Response) error {
	var problem api.Problem
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || problem.Code == "" {
		return errors.New("the API answered " + strconv.Itoa(res.StatusCode))
	}
	return fmt.Errorf("the API answered %d: %s", res.StatusCode, problem.Detail)
}
