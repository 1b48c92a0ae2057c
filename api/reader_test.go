package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbackd/api"
)

// sse is one event of a stream; a comment has only comment.
type sse struct {
	id, name, data, comment string
}

// number is the event's change number.
func (e sse) number() int64 {
	n, err := strconv.ParseInt(e.id, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// reader is an open event stream.
type reader struct {
	t      testing.TB
	events chan sse // closed when the stream ends
	close  func()

	checked int // events that were held against the schema
}

// stream opens an event stream, which has to begin.
func (w *world) stream(token string, query url.Values, header map[string]string) *reader {
	w.t.Helper()
	return w.streamAs(request{token: token, header: header}, query)
}

// streamAs opens an event stream with the caller and header of a request.
func (w *world) streamAs(as request, query url.Values) *reader {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/events?"+query.Encode(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	as.identify(request)
	response, err := w.client.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("status %d of type %q", response.StatusCode, response.Header.Get("Content-Type"))
	}
	// Room for all events of a test: a reader is slow only on purpose.
	r := &reader{t: w.t, events: make(chan sse, 1000)}
	done := make(chan struct{})
	r.close = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		defer close(r.events)
		defer response.Body.Close()
		scanEvents(bufio.NewReader(response.Body), func(e sse) bool {
			select {
			case r.events <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	w.t.Cleanup(r.close)
	if first := r.next(); first.comment != "connected" {
		w.t.Fatalf("stream begins with %+v", first)
	}
	return r
}

// scanEvents reads events until the stream ends or yield wants no more.
func scanEvents(in *bufio.Reader, yield func(sse) bool) {
	var e sse
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\n")
		switch field, value, _ := strings.Cut(line, ": "); {
		case line == "":
			if !yield(e) {
				return
			}
			e = sse{}
		case field == "":
			e.comment = value
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data += value
		}
	}
}

// next returns the next event or comment; the zero event when the stream has
// ended.
func (r *reader) next() sse {
	r.t.Helper()
	select {
	case e := <-r.events:
		return e
	case <-time.After(patience):
		r.t.Fatal("no event came")
		return sse{}
	}
}

// event returns the next event that is no comment, held against the
// contract, with its data.
func (r *reader) event() (sse, api.Event) {
	r.t.Helper()
	for {
		e := r.next()
		if e.comment != "" {
			continue
		}
		if e == (sse{}) {
			r.t.Fatal("the stream has ended")
		}
		var data api.Event
		if e.data == "" {
			return e, data
		}
		if err := json.Unmarshal([]byte(e.data), &data); err != nil {
			r.t.Fatalf("%+v: %v", e, err)
		}
		if e.name != "reload_required" {
			// The schema is compiled for each value: some events must do.
			if r.checked++; r.checked < 10 {
				if err := covered.checkSchema("Event", []byte(e.data)); err != nil {
					r.t.Error(err)
				}
			}
			if data.Change != e.number() || (e.name == "call") != (data.Call != nil) || (e.name == "callback") != (data.Callback != nil) {
				r.t.Errorf("event %+v does not fit its data", e)
			}
		}
		return e, data
	}
}

// ended fails the test unless the stream ends.
func (r *reader) ended() {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case _, open := <-r.events:
			if !open {
				return
			}
		case <-deadline:
			r.t.Fatal("the stream does not end")
		}
	}
}
