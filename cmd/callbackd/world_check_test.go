package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/lab/labtest"
)

// activeCalls waits until so many calls are stored that run, and so many of
// them as answered.
func (w *world) activeCalls(t *testing.T, active, answered int) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		a, b := 0, 0
		calls := w.calls(t)
		for _, c := range calls {
			if c["state"] == "active" {
				a++
				if c["answered_at"] != nil {
					b++
				}
			}
		}
		if a != active || b != answered {
			return fmt.Errorf("%d calls are active and %d answered, want %d and %d: %v", a, b, active, answered, calls)
		}
		return nil
	})
}

// details returns the new calls with receipt and legs, oldest first.
func (w *world) details(t *testing.T) []map[string]any {
	t.Helper()
	calls := w.calls(t)
	for i, c := range calls {
		status, detail := w.call(t, http.MethodGet, "/calls/"+c["request_id"].(string), nil)
		if status != http.StatusOK {
			t.Fatalf("GET a call: %d %v", status, detail)
		}
		calls[i] = detail
	}
	return calls
}

// compare compares the fields of calls that a test names.
func (w *world) compare(t *testing.T, calls []map[string]any, want []fields) {
	t.Helper()
	for i, want := range want {
		got := fields{}
		for key := range want {
			got[key] = calls[i][key]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			_, detail := w.call(t, http.MethodGet, "/calls/"+calls[i]["request_id"].(string), nil)
			t.Errorf("call %d (-want +got):\n%s\n%v", i, diff, detail)
		}
	}
}

// noticed waits until /readyz says that the PBX is not followed, and why,
// which must be within detection after what happened. It returns why.
func (w *world) noticed(t *testing.T, happened time.Time, want string) (why string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		status, body, err := request(t.Context(), http.MethodGet, w.ops+"/readyz", "", nil)
		if err != nil {
			return err
		}
		var readiness struct {
			Checks []struct {
				Name, Node, Why string
				OK              bool
			}
		}
		if err := json.Unmarshal(body, &readiness); err != nil {
			return err
		}
		for _, check := range readiness.Checks {
			if check.Name == "events" && check.Node == "pbx1" && !check.OK {
				why = check.Why
			}
		}
		if status != http.StatusServiceUnavailable || !strings.Contains(why, want) {
			return fmt.Errorf("/readyz answers %d %s, want 503 and %q", status, body, want)
		}
		return nil
	})
	took := time.Since(happened).Round(time.Millisecond)
	t.Logf("noticed after %v: %s", took, why)
	if took > detection {
		t.Errorf("it took %v to notice, want at most %v", took, detection)
	}
	return why
}

// lasts waits until something that began then has lasted so long.
func lasts(t *testing.T, began time.Time, want time.Duration) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if lasted := time.Since(began); lasted < want {
			return fmt.Errorf("it has lasted for %v, want %v", lasted, want)
		}
		return nil
	})
}

// gap is a gap as the API tells it.
type gap struct {
	Node string     `json:"node"`
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"`
	Why  string     `json:"why"`
	// Settled is empty while the gap is not.
	Settled string `json:"settled"`
}

// gaps returns the stored gaps, newest first.
func (w *world) gaps(t *testing.T) []gap {
	t.Helper()
	status, body, err := request(t.Context(), http.MethodGet, w.api+"/gaps", w.token, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET /gaps: %d %s: %v", status, body, err)
	}
	var list struct{ Items []gap }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// openGap waits until a gap is stored that lasts, from what happened on.
func (w *world) openGap(t *testing.T, happened time.Time, why string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		gaps := w.gaps(t)
		if len(gaps) == 0 || gaps[0].To != nil || gaps[0].Why != why || gaps[0].Node != "pbx1" {
			return fmt.Errorf("the stored gaps are %+v, want an open one that is %s", gaps, why)
		}
		// The last that was heard is an event or the answer to a PING.
		if d := gaps[0].From.Sub(happened); d < -2*time.Second || d > time.Second {
			return fmt.Errorf("the gap begins at %v, what happened was at %v", gaps[0].From, happened)
		}
		return nil
	})
}

// closedGaps waits until the stored gaps are those, newest first, and all have
// ended, the newest after the given time.
func (w *world) closedGaps(t *testing.T, after time.Time, why ...string) []gap {
	t.Helper()
	var gaps []gap
	labtest.Eventually(t, patience, func() error {
		gaps = w.gaps(t)
		var got []string
		for _, g := range gaps {
			if g.To == nil || !g.To.After(g.From) {
				return fmt.Errorf("gap has not ended, or before it began: %+v", g)
			}
			got = append(got, g.Why)
		}
		if !slices.Equal(got, why) {
			return fmt.Errorf("the gaps are %q, want %q", got, why)
		}
		return nil
	})
	if to := *gaps[0].To; to.Before(after) || to.After(time.Now()) {
		t.Errorf("the gap ended at %v, want between %v and now", to, after)
	}
	return gaps
}

// ariClient is a client of the PBX with nothing in between.
func (w *world) ariClient(t *testing.T) *ari.Client {
	t.Helper()
	client, err := ari.NewClient(ari.ClientOptions{
		URL: w.pbx.ARI, Username: w.pbx.Username, Password: w.pbx.Password, Application: w.cfg.PBX[0].ARI.Application,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// agrees waits until the PBX has so many channels, and the daemon follows just
// these.
func (w *world) agrees(t *testing.T, channels int) {
	t.Helper()
	client := w.ariClient(t)
	labtest.Eventually(t, patience, func() error {
		list, err := client.Channels(t.Context())
		if err != nil {
			return err
		}
		var want []ari.ChannelID
		for _, c := range list {
			want = append(want, c.ID)
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, w.daemon.nodes[0].follower().ActiveChannels()); diff != "" {
			return fmt.Errorf("channels followed are not those of the PBX (-PBX +followed):\n%s", diff)
		}
		if len(want) != channels {
			return fmt.Errorf("the PBX has %d channels, want %d", len(want), channels)
		}
		return nil
	})
}

// metric returns the value of a series, written as /metrics writes it.
func (w *world) metric(t *testing.T, series string) float64 {
	t.Helper()
	status, body, err := request(t.Context(), http.MethodGet, w.ops+"/metrics", "", nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET /metrics: %d: %v", status, err)
	}
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("/metrics has no %s", series)
	return 0
}
