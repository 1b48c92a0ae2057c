package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/recording"
)

// counting notes what it is asked to do. Every recording is looked at three
// times: it fails first, is too early then, and done at last.
type counting struct {
	mu              sync.Mutex
	looks           map[recording.ID]int
	running         map[recording.ID]bool
	sweeps, retires int
	overlaps        int
}

func (c *counting) Ingest(_ context.Context, id recording.ID) (time.Duration, error) {
	c.mu.Lock()
	if c.running[id] {
		c.overlaps++
	}
	c.running[id] = true
	c.looks[id]++
	look := c.looks[id]
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.running[id] = false
		c.mu.Unlock()
	}()
	switch look {
	case 1:
		return 0, errors.New("not yet")
	case 2:
		return time.Millisecond, nil
	default:
		return 0, nil
	}
}

func (c *counting) Sweep(_ context.Context, node string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if node == "pbx1" {
		c.sweeps++
	}
	return nil
}

func (c *counting) Retire(_ context.Context, node string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if node == "pbx1" {
		c.retires++
	}
	return nil
}

// Two daemons share the work: each recording is looked at by one of them at a
// time, again as often as it takes and not more, and the rounds are not run by
// both.
func TestJobs_SeveralDaemons(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	other, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	work := &counting{looks: map[recording.ID]int{}, running: map[recording.ID]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var daemons sync.WaitGroup
	t.Cleanup(daemons.Wait)
	t.Cleanup(cancel)
	for _, d := range []*postgres.DB{db, other} {
		jobs, err := d.NewJobs(postgres.JobOptions{
			Nodes: []string{"pbx1", "pbx--2"}, Recordings: work, SweepEvery: time.Hour, RetireEvery: time.Hour,
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		daemons.Go(func() {
			if err := jobs.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	const calls = 20
	for n := range calls {
		save(t, db, ended(newCall(n)))
	}
	labtest.Eventually(t, 30*time.Second, func() error {
		work.mu.Lock()
		defer work.mu.Unlock()
		for id := recording.ID(1); id <= calls; id++ {
			if work.looks[id] < 3 {
				return fmt.Errorf("recording %d was looked at %d times", id, work.looks[id])
			}
		}
		if work.sweeps == 0 || work.retires == 0 {
			return fmt.Errorf("%d sweeps, %d rounds of retention", work.sweeps, work.retires)
		}
		return nil
	})
	pool := connect(t, url)
	labtest.Eventually(t, 10*time.Second, func() error {
		if n := count(t, pool, `SELECT count(*) FROM river_job WHERE state <> 'completed'`); n > 0 {
			return fmt.Errorf("%d jobs are not done", n)
		}
		return nil
	})
	cancel()
	daemons.Wait()
	for id, looks := range work.looks {
		if looks != 3 {
			t.Errorf("recording %d was looked at %d times, want 3", id, looks)
		}
	}
	if work.overlaps != 0 || work.sweeps != 1 || work.retires != 1 {
		t.Errorf("%d at once, %d sweeps, %d rounds of retention; want 0, 1, 1", work.overlaps, work.sweeps, work.retires)
	}
}
