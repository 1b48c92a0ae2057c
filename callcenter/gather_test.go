package callcenter

import (
	"testing"
	"testing/synctest"
	"time"

	"callbackd/ari"
)

// Changes wait for others, but for the end of a call, which comes last.
func TestFollower_EndsWaitForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, err := NewFollower(FollowerOptions{Node: "pbx1", Plan: &Plan{}})
		if err != nil {
			t.Fatal(err)
		}
		phone := ari.Channel{
			ID: "1.1", Name: "PJSIP/1001-00000001", State: "Ring",
			Vars: []ari.Variable{{Name: varLinkedID, Value: "1.1"}},
		}
		for _, step := range []struct {
			event ari.EventType
			want  time.Duration
		}{{ari.ChannelCreated, coalesce}, {ari.ChannelDestroyed, 0}} {
			f.tracker.Apply(&ari.Event{Type: step.event, Timestamp: time.Now(), Channel: phone})
			f.collect()
			began := time.Now()
			f.gather(t.Context(), coalesce)
			if waited := time.Since(began); waited != step.want || len(f.pending) != 1 {
				t.Errorf("after %s: waited %v with %d calls pending, want %v with one", step.event, waited, len(f.pending), step.want)
			}
		}
	})
}
