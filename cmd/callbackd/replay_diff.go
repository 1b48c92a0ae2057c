package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"callbackd/callcenter"
	"callbackd/callcenter/replay"
	"callbackd/configs"
	"callbackd/postgres"
)

// compareAtOnce bounds the stored calls that are read in one statement.
const compareAtOnce = 500

// callDiff is a call of which the rules now say something else.
type callDiff struct {
	RequestID callcenter.RequestID `json:"request_id"`
	StartedAt time.Time            `json:"started_at"`
	// What is one of the words below.
	What   string              `json:"what"`
	Fields []replay.Difference `json:"fields,omitempty"`
}

const (
	diffChanged    = "changed"
	diffNotStored  = "not_stored" // the events make a call that is not stored
	diffOnlyStored = "only_stored"
)

// comparison counts, and writes what differs.
type comparison struct {
	o                  *replayOptions
	out                *bufio.Writer
	same, differ, left int
	calls              *postgres.Calls
}

// compare prints what the stored calls are and the replayed are not.
func (o *replayOptions) compare(c *cobra.Command, cfg *configs.Config, r *replay.Replayer) error {
	if cfg.Database.URL.IsZero() {
		return errNoDatabase
	}
	ctx := c.Context()
	db, err := postgres.Open(ctx, cfg.Database.URL.Reveal(), postgres.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	k := &comparison{o: o, out: bufio.NewWriter(c.OutOrStdout()), calls: db.Calls()}
	for calls := range slices.Chunk(r.Calls(), compareAtOnce) {
		if err := k.withStored(ctx, calls, r); err != nil {
			return err
		}
	}
	node, err := nodeOf(cfg, o.node)
	if err != nil {
		return err
	}
	if err := k.onlyStored(ctx, node.Name, r); err != nil {
		return err
	}
	if err := k.out.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%d calls are the same, %d differ, %d were left out: they go on, or the events do not tell all of them\n", k.same, k.differ, k.left)
	switch {
	case k.differ > 0:
		return &codedError{exitFailure, fmt.Errorf("%d calls differ", k.differ)}
	case k.same == 0:
		return errors.New("there is no call to compare")
	}
	return nil
}

// withStored compares replayed calls with the stored ones.
func (k *comparison) withStored(ctx context.Context, calls []callcenter.Call, r *replay.Replayer) error {
	calls = slices.DeleteFunc(calls, func(c callcenter.Call) bool {
		out := c.State == callcenter.StateActive || r.Incomplete(&c) != ""
		if out {
			k.left++
		}
		return out
	})
	ids := make([]callcenter.RequestID, len(calls))
	for i := range calls {
		ids[i] = calls[i].RequestID
	}
	rows, err := k.calls.CallsByID(ctx, ids)
	if err != nil {
		return err
	}
	stored := map[callcenter.RequestID]*callcenter.Call{}
	for i := range rows {
		stored[rows[i].RequestID] = &rows[i]
	}
	for i := range calls {
		now, before := &calls[i], stored[calls[i].RequestID]
		d := callDiff{RequestID: now.RequestID, StartedAt: now.StartedAt, What: diffNotStored}
		if before != nil {
			d.What, d.Fields = diffChanged, replay.Compare(before, now)
			if len(d.Fields) == 0 {
				k.same++
				continue
			}
		}
		if err := k.write(d); err != nil {
			return err
		}
	}
	return nil
}

// onlyStored looks for stored calls of which all events should be there, and
// are not.
func (k *comparison) onlyStored(ctx context.Context, node string, r *replay.Replayer) error {
	from, to := r.Interval()
	filter := callcenter.CallFilter{From: from, To: to, Limit: compareAtOnce, Active: new(false)}
	for {
		calls, next, err := k.calls.List(ctx, filter)
		if err != nil {
			return err
		}
		for i := range calls {
			c := &calls[i]
			if r.Has(c.RequestID) || c.Node != node || r.Incomplete(c) != "" {
				continue
			}
			if err := k.write(callDiff{RequestID: c.RequestID, StartedAt: c.StartedAt, What: diffOnlyStored}); err != nil {
				return err
			}
		}
		if next == nil {
			return nil
		}
		filter.After = next
	}
}

// write writes one call that differs.
func (k *comparison) write(d callDiff) error {
	k.differ++
	if k.o.mask {
		for i := range d.Fields {
			d.Fields[i].Stored, d.Fields[i].Replayed = maskNumbers(d.Fields[i].Stored), maskNumbers(d.Fields[i].Replayed)
		}
	}
	if k.o.json {
		enc := json.NewEncoder(k.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(d)
	}
	var fields strings.Builder
	for i, f := range d.Fields {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&fields, "%s%s %s -> %s", sep, f.Field, orDash(f.Stored), orDash(f.Replayed))
	}
	_, err := fmt.Fprintf(k.out, "%s %s %s%s\n", d.RequestID, d.StartedAt.UTC().Format(time.RFC3339Nano), d.What, fields.String())
	return err
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
