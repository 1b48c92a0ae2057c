package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
)

// sendsCanaries makes the daemon of a world send canaries.
func (w *world) sendsCanaries(every time.Duration) {
	w.cfg.PBX[0].Canary = configs.Canary{Every: configs.Duration{Duration: every}, Context: "callbackd-canary"}
}

// canary returns what /readyz says of canaries.
func (w *world) canary(t *testing.T) (ok bool, why string) {
	t.Helper()
	_, body, err := request(t.Context(), http.MethodGet, w.ops+"/readyz", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Checks []struct {
			Name, Why string
			OK        bool
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.Checks {
		if c.Name == "canary" {
			return c.OK, c.Why
		}
	}
	t.Fatalf("/readyz says nothing of canaries: %s", body)
	return false, ""
}

// canaryArrives waits until canaries have arrived since a time.
func (w *world) canaryArrives(t *testing.T, since time.Time) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		at := w.metric(t, `callbackd_canary_timestamp_seconds{node="pbx1"}`)
		if ok, why := w.canary(t); !ok || at < float64(since.UnixMilli())/1000 {
			return fmt.Errorf("the last canary arrived at %.3f, after %v expected: %s", at, since, why)
		}
		return nil
	})
}

// canaryLate waits until /readyz says why canaries do not arrive.
func (w *world) canaryLate(t *testing.T, where string) {
	t.Helper()
	labtest.Eventually(t, 2*patience, func() error {
		if ok, why := w.canary(t); ok || !strings.Contains(why, where+": ") {
			return fmt.Errorf("the canary is right: %t, %q; want that it ends at %s", ok, why, where)
		}
		return nil
	})
	w.ready(t, http.StatusServiceUnavailable)
}

// TestCanary: canaries arrive as long as PBX and database do their work, and
// are calls to nobody.
func TestCanary(t *testing.T) {
	t.Parallel()
	server := labtest.Postgres(t, lab.PostgresOptions{})
	if err := server.Template(t.Context(), migrate); err != nil {
		t.Fatal(err)
	}
	database, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, lab.AsteriskOptions{}, database)
	w.sendsCanaries(time.Second)
	w.start(t)
	for range 3 {
		w.canaryArrives(t, time.Now())
	}
	t.Run("a call", func(t *testing.T) { playIVROnly(t, w) })
	w.ended(t, 1)
	if n := len(w.stored(t)); n != 1 {
		t.Errorf("%d calls are stored, want the one that is none of a canary", n)
	}
	if n := w.metric(t, `callbackd_calls_active_channels{node="pbx1"}`); n != 0 {
		t.Errorf("%v channels are followed, want none of a canary", n)
	}

	if err := w.pbx.Kill(); err != nil {
		t.Fatal(err)
	}
	w.canaryLate(t, "pbx")
	if err := w.pbx.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.canaryArrives(t, time.Now())
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	w.canaryLate(t, "database")
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	w.canaryArrives(t, time.Now())
	w.ready(t, http.StatusOK)
	if n := len(w.stored(t)); n != 1 {
		t.Errorf("%d calls are stored in the end, want 1", n)
	}
}
