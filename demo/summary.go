package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"callbackd/api"
)

// summary is what came of a demo, counted.
type summary struct {
	calls      map[callSort]int
	registered map[string]float64 // by origin
	refused    map[string]float64 // by reason and kind
	recordings map[string]float64 // by state, and cause of what is missing
	pbxEvents  float64
	received   map[string]int // events of the API, by kind
	gaps       []api.Gap
}

// callSort is how calls are counted.
type callSort struct {
	kind      api.Kind
	direction api.Direction
	outcome   string
}

// summarise counts and writes a table. It does so also when the demo was
// asked to end.
func (d *demo) summarise(ctx context.Context, w io.Writer, took time.Duration) error {
	s := summary{received: d.clerk.received}
	var err error
	ctx = context.WithoutCancel(ctx)
	if s.calls, err = d.countCalls(ctx); err != nil {
		return fmt.Errorf("count the calls: %w", err)
	}
	var gaps api.GapList
	if err = d.get(ctx, "/gaps", &gaps); err != nil {
		return fmt.Errorf("read the gaps: %w", err)
	}
	s.gaps = gaps.Items
	if s.registered, err = d.metric("callbackd_callbacks_registered_total", "origin"); err != nil {
		return err
	}
	if s.refused, err = d.metric("callbackd_callbacks_refused_total", "reason", "kind"); err != nil {
		return err
	}
	if s.recordings, err = d.metric("callbackd_recordings_total", "state", "cause"); err != nil {
		return err
	}
	events, err := d.metric("callbackd_ari_events_total")
	if err != nil {
		return err
	}
	for _, n := range events {
		s.pbxEvents += n
	}
	return s.write(w, took, d.options.Seed)
}

// countCalls reads all calls and counts them.
func (d *demo) countCalls(ctx context.Context) (map[callSort]int, error) {
	counts := map[callSort]int{}
	for cursor := ""; ; {
		path := "/calls?page_size=200"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		var page api.CallList
		if err := d.get(ctx, path, &page); err != nil {
			return nil, err
		}
		for _, c := range page.Items {
			outcome := "still going on"
			if c.Outcome != nil {
				outcome = *c.Outcome
			}
			counts[callSort{c.Kind, c.Direction, outcome}]++
		}
		if page.NextCursor == nil {
			return counts, nil
		}
		cursor = *page.NextCursor
	}
}

// metric returns the values of a counter as /metrics shows it, added up by the
// values of the labels.
func (d *demo) metric(name string, labels ...string) (map[string]float64, error) {
	families, err := d.daemon.Metrics.Gather()
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	sums := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			values := make([]string, len(labels))
			for _, label := range m.GetLabel() {
				if i := slices.Index(labels, label.GetName()); i >= 0 {
					values[i] = label.GetValue()
				}
			}
			sums[strings.TrimSpace(strings.Join(values, " "))] += m.GetCounter().GetValue()
		}
	}
	return sums, nil
}

// write writes the summary as a table.
func (s summary) write(w io.Writer, took time.Duration, seed uint64) error {
	var text strings.Builder
	fmt.Fprintf(&text, "\nIn %s, with seed %d:\n\n", took.Round(time.Second/10), seed)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CALLS\tDIRECTION\tOUTCOME\tNUMBER")
	total := 0
	for _, c := range slices.SortedFunc(maps.Keys(s.calls), compareSorts) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", c.kind, c.direction, c.outcome, s.calls[c])
		total += s.calls[c]
	}
	fmt.Fprintf(table, "all\t\t\t%d\n", total)
	fmt.Fprintln(table, "\t\t\t\nCALLBACKS\tREASON\tKIND\tNUMBER")
	for _, origin := range slices.Sorted(maps.Keys(s.registered)) {
		fmt.Fprintf(table, "registered\t%s\t\t%.0f\n", origin, s.registered[origin])
	}
	for _, why := range slices.Sorted(maps.Keys(s.refused)) {
		reason, kind, _ := strings.Cut(why, " ")
		fmt.Fprintf(table, "refused\t%s\t%s\t%.0f\n", reason, kind, s.refused[why])
	}
	fmt.Fprintln(table, "\t\t\t\nRECORDINGS\tCAUSE\t\tNUMBER")
	for _, what := range slices.Sorted(maps.Keys(s.recordings)) {
		if n := s.recordings[what]; n > 0 {
			state, cause, _ := strings.Cut(what, " ")
			fmt.Fprintf(table, "%s\t%s\t\t%.0f\n", state, cause, n)
		}
	}
	fmt.Fprintln(table, "\t\t\t\nEVENTS\tOF\t\tNUMBER")
	fmt.Fprintf(table, "from the PBX\tall types\t\t%.0f\n", s.pbxEvents)
	for _, kind := range slices.Sorted(maps.Keys(s.received)) {
		fmt.Fprintf(table, "from the API\t%s\t\t%d\n", kind, s.received[kind])
	}
	fmt.Fprintln(table, "\t\t\t\nGAPS\tNODE\tWHY\tSECONDS")
	for _, gap := range s.gaps {
		length := "lasts"
		if gap.GapSeconds != nil {
			length = fmt.Sprintf("%.1f", *gap.GapSeconds)
		}
		fmt.Fprintf(table, "\t%s\t%s\t%s\n", gap.Node, gap.Why, length)
	}
	if len(s.gaps) == 0 {
		fmt.Fprintln(table, "none\t\t\t")
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func compareSorts(a, b callSort) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.direction, b.direction), cmp.Compare(a.outcome, b.outcome))
}
