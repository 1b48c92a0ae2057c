package recording_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"callbackd/recording"
)

// hanging is a database that goes away without a word after its first answer.
type hanging struct{ asked int }

func (h *hanging) Stocks(ctx context.Context, nodes []string) ([]recording.Stock, error) {
	if h.asked++; h.asked > 1 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return []recording.Stock{{Node: nodes[0], States: map[recording.State]int64{recording.StateReady: 3}}}, nil
}

// No scrape waits for the database; what is shown is known to be so.
func TestCollector_ScrapesDoNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		collector := recording.NewCollector(&hanging{}, []string{"pbx1"})
		registry := prometheus.NewRegistry()
		registry.MustRegister(collector)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- collector.Run(ctx) }()
		synctest.Wait()
		series := func() int {
			t.Helper()
			began := time.Now()
			n, err := testutil.GatherAndCount(registry)
			if err != nil || time.Since(began) > 0 {
				t.Errorf("a scrape took %s: %v", time.Since(began), err)
			}
			return n
		}
		if n, want := series(), len(recording.States)+4; n != want {
			t.Errorf("%d series, want %d", n, want)
		}
		time.Sleep(12 * time.Second) // of a bubble: the second look hangs
		series()
		time.Sleep(10 * time.Second)
		if n := series(); n != 0 {
			t.Errorf("%d series while the database is away, want none", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
