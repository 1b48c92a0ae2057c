package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"callbackd/accounts"
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
	// seen are the callbacks about which the agents have decided, and begun
	// those that an agent has claimed and not completed, oldest first.
	seen  map[int64]bool
	begun []work
}

// work is a callback that an agent has claimed.
type work struct {
	id    int64
	agent string
}

func newClerk(d *demo) *clerk {
	return &clerk{
		demo: d, rng: rand.New(rand.NewPCG(d.options.Seed, 1)),
		received: map[string]int{}, handled: map[string]bool{}, seen: map[int64]bool{},
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
	if event.Callback != nil {
		c.tend(ctx, event.Callback)
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
	if call.CallCenter != nil && *call.CallCenter == Desk {
		token = c.demo.agentToken
	}
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	err := c.demo.change(ctx, http.MethodPost, "/calls/"+call.RequestID+"/callback", token, "", nil, nil)
	if err != nil && ctx.Err() == nil {
		c.demo.log.Warn("the demo could not register a callback", slog.String("request_id", call.RequestID), slog.Any("err", err))
	}
}

// memos are what agents write down.
var memos = []string{
	"担当者不在のため、戻り次第折り返し。",
	"見積書の件。午後3時以降を希望。",
	"契約内容の確認後に折り返し。本人確認済み。",
	"配送日の変更について倉庫に確認中。",
}

// tend has an agent claim a new callback and note what it is about, and
// complete what was claimed before. Some callbacks are left to who visits the
// demo; so is one that the visitor was quicker to claim.
func (c *clerk) tend(ctx context.Context, callback *api.Callback) {
	if c.seen[callback.ID] {
		return
	}
	c.seen[callback.ID] = true
	if callback.Assignee != nil || callback.Status != api.StatusOpen || c.rng.Float64() < 0.5 {
		return
	}
	agent := c.agentOf(callback.CallCenter)
	if agent == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	if err := c.claim(ctx, callback, agent); err != nil && ctx.Err() == nil {
		c.demo.log.Warn("an agent of the demo could not work", slog.Int64("callback", callback.ID), slog.Any("err", err))
	}
}

// agentOf is one of the agents of a call center, or "" when it has none.
func (c *clerk) agentOf(callCenter string) string {
	var names []string
	for _, a := range Accounts() {
		if a.Role == accounts.RoleAgent && slices.Contains(a.CallCenters, callCenter) {
			names = append(names, a.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[c.rng.IntN(len(names))]
}

func (c *clerk) claim(ctx context.Context, callback *api.Callback, agent string) error {
	path := "/callbacks/" + strconv.FormatInt(callback.ID, 10)
	var now api.Callback
	claim := api.Claim{Version: api.FromVersion(callback.Version)}
	if err := c.demo.change(ctx, http.MethodPost, path+"/claim", c.demo.adminToken, agent, claim, &now); err != nil || now.ID == 0 {
		return err // or a visitor was quicker
	}
	memo := memos[c.rng.IntN(len(memos))]
	patch := map[string]any{"version": now.Version, "memo": memo}
	if err := c.demo.change(ctx, http.MethodPatch, path, c.demo.adminToken, agent, patch, nil); err != nil {
		return err
	}
	c.begun = append(c.begun, work{callback.ID, agent})
	if len(c.begun) < 3 {
		return nil
	}
	oldest := c.begun[0]
	c.begun = c.begun[1:]
	return c.complete(ctx, oldest)
}

// complete completes a callback as it is by now.
func (c *clerk) complete(ctx context.Context, w work) error {
	path := "/callbacks/" + strconv.FormatInt(w.id, 10)
	var now api.Callback
	if err := c.demo.get(ctx, path, &now); err != nil {
		return err
	}
	if now.Assignee == nil || *now.Assignee != w.agent {
		return nil // a supervisor gave it to somebody else
	}
	patch := map[string]any{"version": now.Version, "status": api.StatusCompleted}
	return c.demo.change(ctx, http.MethodPatch, path, c.demo.adminToken, w.agent, patch, nil)
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

// change asks the demo's API to make or change something, in the name of an
// account if there is one. Being refused by a rule is no error: then nothing
// is read into what is given for the answer.
func (d *demo) change(ctx context.Context, method, path, token, account string, body, into any) error {
	req, err := d.request(ctx, method, path, token)
	if err != nil {
		return err
	}
	if account != "" {
		req.Header.Set("X-Callbackd-Account", account)
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusConflict || res.StatusCode == http.StatusUnprocessableEntity:
		return nil
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated:
		return problemOf(res)
	case into == nil:
		return nil
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return nil
}

// problemOf is the error that an answer tells.
func problemOf(res *http.Response) error {
	var problem api.Problem
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || problem.Code == "" {
		return errors.New("the API answered " + strconv.Itoa(res.StatusCode))
	}
	return fmt.Errorf("the API answered %d: %s", res.StatusCode, problem.Detail)
}
