package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"callbackd/ari"
	"callbackd/callcenter"
)

// maxEvent bounds one line of a trace.
const maxEvent = 16 << 20

func newReplayCommand(opts *options) *cobra.Command {
	var (
		node   string
		repeat int
		stats  bool
	)
	c := &cobra.Command{
		Use:   "replay TRACE.jsonl...",
		Short: "Show what recorded ARI events say about calls",
		Long: "replay runs recorded ARI events, one JSON object a line, through the very rules\n" +
			"that serve uses, with no database, and prints one JSON object a call, in order\n" +
			"of start. The name - stands for standard input.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if repeat < 1 {
				return usageErrorf("--repeat %d: at least 1 expected", repeat)
			}
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			pbx, err := nodeOf(cfg, node)
			if err != nil {
				return err
			}
			var frames [][]byte
			for _, path := range args {
				if frames, err = readTrace(frames, path, c.InOrStdin()); err != nil {
					return err
				}
			}
			plan := planOf(cfg, pbx)
			var calls []callcenter.Call
			begin := time.Now()
			for range repeat {
				if calls, err = replay(frames, pbx.Name, plan); err != nil {
					return err
				}
			}
			if stats {
				seconds := time.Since(begin).Seconds()
				events := len(frames) * repeat
				fmt.Fprintf(c.ErrOrStderr(), "%d events in %.3f s: %.0f events/s\n", events, seconds, float64(events)/seconds)
			}
			return printCalls(c.OutOrStdout(), calls)
		},
	}
	c.Flags().StringVar(&node, "node", "", "which `pbx` of the configuration the events are of (default: the first)")
	c.Flags().IntVar(&repeat, "repeat", 1, "run the events `N` times, each time from the start")
	c.Flags().BoolVar(&stats, "stats", false, "print events, seconds and events per second to standard error")
	return c
}

// readTrace appends a trace's events to frames.
func readTrace(frames [][]byte, path string, stdin io.Reader) ([][]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxEvent)
	n := 0
	for lines.Scan() {
		n++
		frame := slices.Clone(lines.Bytes())
		if len(strings.TrimSpace(string(frame))) == 0 {
			continue
		}
		// A trace is somebody's evidence: a line that is no event is said, not
		// passed over as it would be in a live stream.
		if !json.Valid(frame) {
			return nil, fmt.Errorf("%s:%d: not a JSON object", path, n)
		}
		frames = append(frames, frame)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, n+1, err)
	}
	return frames, nil
}

// replay returns the calls that the events make, in order of start.
func replay(frames [][]byte, node string, plan *callcenter.Plan) ([]callcenter.Call, error) {
	tracker, err := callcenter.NewTracker(node, plan)
	if err != nil {
		return nil, err
	}
	filter := ari.NewFilter(callcenter.Events, callcenter.Variables)
	latest := map[callcenter.RequestID]callcenter.Call{}
	take := func() {
		for _, c := range tracker.Changed(nil) {
			latest[c.RequestID] = c
		}
	}
	var ev ari.Event
	for i, frame := range frames {
		_, wanted, err := filter.Look(frame)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		if !wanted {
			continue
		}
		if err := ari.Decode(string(frame), &ev); err != nil {
			return nil, fmt.Errorf("event %d: %w", i+1, err)
		}
		tracker.Apply(&ev)
		if i%1024 == 1023 { // keeps the tracker as small as serve does
			take()
		}
	}
	take()
	calls := make([]callcenter.Call, 0, len(latest))
	for _, c := range latest {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, b callcenter.Call) int {
		if n := a.StartedAt.Compare(b.StartedAt); n != 0 {
			return n
		}
		return strings.Compare(a.LinkedID, b.LinkedID)
	})
	return calls, nil
}

// replayedCall is a call as the subcommands print it.
type replayedCall struct {
	RequestID       callcenter.RequestID `json:"request_id"`
	Node            string               `json:"node"`
	LinkedID        string               `json:"linked_id"`
	Kind            callcenter.Kind      `json:"kind"`
	Direction       callcenter.Direction `json:"direction"`
	CallCenter      *string              `json:"call_center"`
	CallCenters     []string             `json:"call_centers"`
	BusinessLabel   *string              `json:"business_label"`
	CallbackAllowed bool                 `json:"callback_allowed"`
	RemoteNumber    *string              `json:"remote_number"`
	LocalNumber     *string              `json:"local_number"`
	Agent           *string              `json:"agent"`
	Outcome         *string              `json:"outcome"`
	Reason          *string              `json:"reason"`
	State           callcenter.State     `json:"state"`
	StartedAt       time.Time            `json:"started_at"`
	AnsweredAt      *time.Time           `json:"answered_at"`
	EndedAt         *time.Time           `json:"ended_at"`
	Recordings      []string             `json:"recordings"`
	Receipt         []callcenter.Signal  `json:"receipt"`
}

func newReplayedCall(c *callcenter.Call) replayedCall {
	return replayedCall{
		RequestID: c.RequestID, Node: c.Node, LinkedID: c.LinkedID, Kind: c.Kind, Direction: c.Direction,
		CallCenter: orNull(c.CallCenter), CallCenters: orEmpty(c.CallCenters), BusinessLabel: orNull(c.BusinessLabel),
		CallbackAllowed: c.CallbackAllowed(), RemoteNumber: orNull(c.RemoteNumber), LocalNumber: orNull(c.LocalNumber),
		Agent: orNull(c.Agent), Outcome: orNull(string(c.Outcome.Result)), Reason: orNull(c.Outcome.Reason),
		State: c.State, StartedAt: c.StartedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt,
		Recordings: orEmpty(c.Recordings), Receipt: orEmpty(c.Receipt),
	}
}

func printCalls(w io.Writer, calls []callcenter.Call) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for i := range calls {
		if err := enc.Encode(newReplayedCall(&calls[i])); err != nil {
			return err
		}
	}
	return out.Flush()
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
