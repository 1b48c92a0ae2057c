package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/lab"
)

// TestDocs_Operations: docs/operations.md explains every metric that a
// running daemon shows, and none that it does not; and every reason of a gap.
func TestDocs_Operations(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(page), "`…_queue_capacity_events`", "`callbackd_ari_queue_capacity_events`")
	explained := regexp.MustCompile("`(callbackd_[a-z_]+)`").FindAllStringSubmatch(text, -1)

	w := newStoppedWorld(t, lab.AsteriskOptions{})
	w.keepsJournal(t)
	w.sendsCanaries(time.Second)
	w.start(t)
	playIVROnly(t, w) // series with labels show once they count something
	w.register(t, w.ended(t, 1)[0]["request_id"].(string), refused)
	_, metrics, err := request(t.Context(), http.MethodGet, w.ops+"/metrics", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?m)^# TYPE (callbackd_[a-z_]+) `).FindAllStringSubmatch(string(metrics), -1)
	if len(shown) < 15 {
		t.Fatalf("only %d metrics are shown", len(shown))
	}
	for _, m := range shown {
		if !slices.ContainsFunc(explained, func(e []string) bool { return e[1] == m[1] }) {
			t.Errorf("%s is not explained", m[1])
		}
	}
	// These show only once somebody reads a stream.
	rare := []string{"callbackd_stream_events_total"}
	for _, e := range explained {
		if !slices.Contains(rare, e[1]) && !slices.ContainsFunc(shown, func(m []string) bool { return e[1] == m[1] }) {
			t.Errorf("%s is explained, but not shown", e[1])
		}
	}
	for _, reason := range ari.LossReasons() {
		if reason != ari.LossStopped && !strings.Contains(text, "`"+string(reason)+"`") {
			t.Errorf("why %q is not explained", reason)
		}
	}
}
