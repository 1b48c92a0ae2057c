package ari

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The queue behaves like a list, whatever is done in whatever order.
func TestQueue_BehavesLikeAList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const maxItems, maxBytes = 20, 60
		q := newQueue(maxItems, maxBytes)
		var open, held []string // what may be taken; what is held back
		holding, serial := false, 0
		lengths := func() (items, bytes int) {
			for _, m := range append(append([]string(nil), open...), held...) {
				items, bytes = items+1, bytes+len(m)
			}
			if holding {
				items++
			}
			return items, bytes
		}
		add := func(raw string) {
			if holding {
				held = append(held, raw)
			} else {
				open = append(open, raw)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				raw := strconv.Itoa(serial)
				serial++
				items, bytes := lengths()
				want := items < maxItems && bytes+len(raw) <= maxBytes
				if got := q.push(Message{Raw: raw}); got != want {
					t.Fatalf("push with %d messages, %d bytes: got %v, want %v", items, bytes, got, want)
				}
				if want {
					add(raw)
				}
			},
			"control": func(*rapid.T) {
				if items, _ := lengths(); items < 2*maxItems {
					q.control(Message{})
					add("")
				}
			},
			"hold": func(*rapid.T) {
				if !holding {
					q.hold()
					holding = true
				}
			},
			"release": func(*rapid.T) {
				if holding {
					q.release(Message{})
					open, held, holding = append(append(open, ""), held...), nil, false
				}
			},
			"drop": func(*rapid.T) {
				if holding {
					q.drop()
					held, holding = nil, false
				}
			},
			"take": func(t *rapid.T) {
				buf := make([]Message, rapid.IntRange(1, 30).Draw(t, "n"))
				n, _ := q.takeNow(buf)
				want := open[:min(len(open), len(buf))]
				got := []string{}
				for _, m := range buf[:n] {
					got = append(got, m.Raw)
				}
				if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
					t.Fatalf("take (-want +got):\n%s", diff)
				}
				open = open[n:]
			},
			"": func(t *rapid.T) {
				wantItems, wantBytes := lengths()
				if items, bytes := q.depth(); items != wantItems || bytes != wantBytes {
					t.Fatalf("got %d messages of %d bytes, want %d of %d", items, bytes, wantItems, wantBytes)
				}
			},
		})
	})
}

func TestQueue_ClosedGivesTheRestAndThenEOF(t *testing.T) {
	t.Parallel()
	q := newQueue(10, 10)
	q.push(Message{Raw: "a"})
	q.close()
	buf := make([]Message, 5)
	if n, err := q.take(t.Context(), buf); n != 1 || err != nil {
		t.Errorf("got %d, %v, want the message that was left", n, err)
	}
	for range 2 {
		if n, err := q.take(t.Context(), buf); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("got %d, %v, want io.EOF", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newQueue(10, 10).take(ctx, buf); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}
