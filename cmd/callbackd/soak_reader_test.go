package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/lab/labtest"
)

// streamReader follows what happens by the event stream, as a page does: whenever the
// stream ends it asks the daemon that serves now to go on after the last event
// that it has seen.
type streamReader struct {
	registrar *registrar // knows where the daemon is, and has a token

	mu sync.Mutex
	// last is the number of the last event; 0 is before the first of all.
	last int64
	// ended are the calls of whose end it was told, callbacks those that it was
	// told of at all.
	ended, callbacks map[string]bool
	wrong            []string
}

// newStreamReader begins to read, and does so until the test ends.
func newStreamReader(t *testing.T, registrar *registrar) *streamReader {
	t.Helper()
	r := &streamReader{registrar: registrar, ended: map[string]bool{}, callbacks: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			r.read(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond): // a page waits longer
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
	return r
}

// read reads one stream until it ends.
func (r *streamReader) read(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *r.registrar.api.Load()+"/events", nil)
	if err != nil {
		r.complain(err.Error())
		return
	}
	req.Header.Set("Authorization", "Bearer "+r.registrar.token)
	r.mu.Lock()
	req.Header.Set("Last-Event-ID", strconv.FormatInt(r.last, 10))
	r.mu.Unlock()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return // no daemon serves now
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		if res.StatusCode != http.StatusServiceUnavailable {
			r.complain("GET /events: " + res.Status)
		}
		return
	}
	lines := bufio.NewReaderSize(res.Body, 1<<20)
	var id int64
	var kind string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			id, err = strconv.ParseInt(value, 10, 64)
			if err != nil {
				r.complain(line)
			}
		case "event":
			kind = value
		case "data":
			r.take(id, kind, value)
		}
	}
}

// take notes an event.
func (r *streamReader) take(id int64, kind, data string) {
	var event struct {
		Call *struct {
			RequestID string     `json:"request_id"`
			EndedAt   *time.Time `json:"ended_at"`
		}
		Callback *struct{ ID int64 }
	}
	err := json.Unmarshal([]byte(data), &event)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.wrong = append(r.wrong, err.Error())
	case kind == "reload_required":
		r.wrong = append(r.wrong, "changes are lost to the reader: "+data)
	case id <= r.last:
		r.wrong = append(r.wrong, fmt.Sprintf("event %d after event %d", id, r.last))
	}
	r.last = id
	if event.Call != nil && event.Call.EndedAt != nil {
		r.ended[event.Call.RequestID] = true
	}
	if event.Callback != nil {
		r.callbacks[strconv.FormatInt(event.Callback.ID, 10)] = true
	}
}

func (r *streamReader) complain(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, what)
}

// holdsTold waits until the reader was told of the end of each call and of each
// callback, and holds that no event came twice or out of order.
func (b *busyWorld) holdsTold(t *testing.T) {
	t.Helper()
	calls := b.texts(t, "SELECT request_id FROM calls WHERE state = 'ended'")
	callbacks := b.texts(t, "SELECT id::text FROM callbacks")
	if len(calls) == 0 || len(callbacks) == 0 {
		t.Fatalf("%d calls and %d callbacks are stored, want some", len(calls), len(callbacks))
	}
	untold := func(all []string, told map[string]bool) []string {
		return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return told[id] })
	}
	labtest.Eventually(t, 3*patience, func() error {
		b.reader.mu.Lock()
		defer b.reader.mu.Unlock()
		calls, callbacks := untold(calls, b.reader.ended), untold(callbacks, b.reader.callbacks)
		if len(calls)+len(callbacks) == 0 {
			return nil
		}
		return fmt.Errorf("a reader of the event stream was not told of the end of calls %q, and not of callbacks %q", calls, callbacks)
	})
	b.reader.mu.Lock()
	defer b.reader.mu.Unlock()
	for _, what := range b.reader.wrong {
		t.Error(errors.New(what))
	}
	b.reader.wrong = nil
}

// texts returns what a query gives.
func (b *busyWorld) texts(t *testing.T, query string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // it only asked
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
