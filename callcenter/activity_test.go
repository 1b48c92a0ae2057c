package callcenter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callcenter"
)

// doing is a call's activity in a line, its times as seconds after began.
func doing(c *callcenter.Call, began time.Time) string {
	a := &c.Activity
	after := func(t time.Time) string { return fmt.Sprintf("@%.1f", t.Sub(began).Seconds()) }
	var words []string
	if a.Phase != "" {
		words = append(words, string(a.Phase)+" "+a.CallCenter+after(a.Since))
	}
	for _, p := range a.Phones {
		words = append(words, strings.TrimPrefix(p.Endpoint, "PJSIP/")+" "+string(p.State)+after(p.Since))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// doings are the activities that a trace goes through.
func doings(tb testing.TB, frames [][]byte) []string {
	tb.Helper()
	tr := newTracker(tb, tracePlan())
	var all []string
	for _, frame := range frames {
		feed(tb, tr, frame)
		for _, c := range tr.Changed(nil) {
			if line := doing(&c, c.StartedAt); len(all) == 0 || all[len(all)-1] != line {
				all = append(all, line)
			}
		}
	}
	return all
}

// What goes on in the recorded calls, from their first event to their last.
func TestTracker_Activity(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"cc-abandoned": {
			"waiting support@0.0", "waiting support@0.0, 2001 ringing@0.5",
			"2001 ringing@0.5", // the caller has left, and the phone not heard of it
			"nothing",
		},
		"cc-answered": {
			"waiting support@0.0", "waiting support@0.0, 2001 ringing@0.0", "talking support@0.1, 2001 talking@0.1",
			"2001 talking@0.1", "nothing",
		},
		"cc-transferred-to-terminal": {
			"waiting support@0.0", "waiting support@0.0, 2001 ringing@0.5", "talking support@0.6, 2001 talking@0.6",
			"waiting support@3.2", "nothing",
		},
		"ivr-timeout-to-cc": {
			"nothing", "waiting support@1.9", "waiting support@1.9, 2001 ringing@1.9", "talking support@2.0, 2001 talking@2.0",
			"2001 talking@2.0", "nothing",
		},
		"outbound-on-behalf-of-cc": {"2001 dialling@0.0", "talking support@0.1, 2001 talking@0.1", "2001 talking@0.1", "nothing"},
		"outbound-plain":           {"2001 dialling@0.0", "2001 talking@0.1", "nothing"},
		"ringgroup-answered":       {"nothing", "2001 ringing@0.0", "2001 talking@0.1", "nothing"},
		"terminal-answered":        {"nothing", "2001 ringing@0.0", "2001 talking@0.1", "nothing"},
	}
	for _, tr := range traces(t, true) {
		got := doings(t, tr.frames)
		if diff := cmp.Diff(want[tr.name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tr.name, diff)
		}
	}
}
