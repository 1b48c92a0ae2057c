package main

import (
	"bufio"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"
)

// endings reads the event stream as a browser does, and notes how long after
// Asterisk's timestamp each call is told to have ended.
type endings struct {
	mu   sync.Mutex
	told map[string]ending
}

// ending is when a call ended, and how long after it was first told.
type ending struct {
	at   time.Time
	late time.Duration
}

// readEndings begins to read; it ends with the daemon.
func readEndings(t *testing.T, b *busyWorld) *endings {
	t.Helper()
	e := &endings{told: map[string]ending{}}
	body := b.stream(t)
	reader := bufio.NewReaderSize(body, 1<<20)
	// What is committed before it has begun is not told.
	if _, err := reader.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			line, err := reader.ReadString('\n')
			if err != nil {
				return
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				e.note(data, time.Now())
			}
		}
	})
	t.Cleanup(func() {
		body.Close()
		reading.Wait()
	})
	return e
}

func (e *endings) note(data string, at time.Time) {
	var told struct {
		Call *struct {
			RequestID string     `json:"request_id"`
			EndedAt   *time.Time `json:"ended_at"`
		}
	}
	if json.Unmarshal([]byte(data), &told) != nil || told.Call == nil || told.Call.EndedAt == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, again := e.told[told.Call.RequestID]; !again {
		e.told[told.Call.RequestID] = ending{*told.Call.EndedAt, at.Sub(*told.Call.EndedAt)}
	}
}

// between returns how late the ends of calls were told that ended between two
// times.
func (e *endings) between(after, before time.Time) (all delays) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ending := range e.told {
		if ending.at.After(after) && ending.at.Before(before) {
			all = append(all, ending.late)
		}
	}
	return all
}
