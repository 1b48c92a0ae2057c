package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"callbackd/api"
	"callbackd/ari"
	"callbackd/ari/journal"
	"callbackd/configs"
)

// openJournal prepares to keep a node's events; it returns nil when none are
// kept.
func (d *daemon) openJournal(node *configs.PBX, metrics *journal.Metrics) (*journal.Journal, error) {
	if !node.Journal.Enabled() {
		return nil, nil
	}
	return journal.New(journal.Options{
		Folder: node.Journal.Folder(node.Name), Node: node.Name,
		MaxBytes: int64(node.Journal.MaxSize), MaxAge: node.Journal.MaxAge(),
		Logger: d.log, Metrics: metrics,
	})
}

// recorder is the node's journal as the stream takes it.
func (n *followedNode) recorder() ari.Recorder {
	if n.journal == nil {
		return nil
	}
	return n.journal
}

// recorded is run, with the node's events kept until the last.
func (n *followedNode) recorded(ctx context.Context) error {
	if n.journal == nil {
		return n.run(ctx)
	}
	keeping, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	var g errgroup.Group
	g.Go(func() error { return n.journal.Run(keeping) })
	g.Go(func() error {
		defer done()
		return n.run(ctx)
	})
	return g.Wait()
}

// journalCheck tells operators whether the node's events are kept. Calls are
// followed without, so that it does not make the daemon unready.
func (n *followedNode) journalCheck() api.Check {
	check := api.Check{Name: "journal", Node: n.cfg.Name, OK: true}
	if since, why := n.journal.Health(); why != nil {
		since = since.UTC()
		check.Why, check.Since = fmt.Sprintf("events are not kept: %v", why), &since
	}
	return check
}

// describeJournal says which events are kept.
func describeJournal(j configs.Journal) string {
	if !j.Enabled() {
		return "none"
	}
	return fmt.Sprintf("%s, %d days, %v at most", j.Directory, j.KeepDays, j.MaxSize)
}
