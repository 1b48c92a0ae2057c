package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/ari/aritest"
	"callbackd/lab/labtest"
)

// loadResult is what so many calls a second came to.
type loadResult struct {
	rate, calls int
	// events were received, rows written: versions of calls with their entries in
	// the change log.
	events, rows int
	took         time.Duration
	cpu          time.Duration // of the daemon
	// row and stream are how long after Asterisk's timestamp the ends of calls were
	// committed, and read from the stream. Meanwhile bare is what it takes to commit
	// a timestamp in a table of nothing else, and commit a call's row with its entry
	// in a log, in tables like those of the daemon.
	row, stream, bare, commit delays
	// late is how late the fake PBX sent at most.
	late time.Duration
	gaps int
}

// keptUp reports whether the daemon did not fall behind.
func (r *loadResult) keptUp() bool { return r.gaps == 0 && r.stream.at(99) < time.Second }

// delays are times that something took.
type delays []time.Duration

// at is a percentile.
func (d delays) at(percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*percent/100)]
}

// bear makes so many calls a second for a while, and waits until all are over.
func (l *loadWorld) bear(t *testing.T, rate int, lasts time.Duration) loadResult {
	t.Helper()
	return l.measure(t, rate, func(began time.Time) (calls int, late time.Duration, over time.Time) {
		calls = int(lasts.Seconds() * float64(rate))
		var playing sync.WaitGroup
		var latest atomic.Int64
		for i := range calls {
			at := began.Add(100*time.Millisecond + time.Duration(float64(i)/float64(rate)*float64(time.Second)))
			events := l.trace.Render(aritest.Rendering{Instance: l.calls + i + 1, At: at})
			passes(t, time.Until(at.Add(-50*time.Millisecond)))
			playing.Go(func() {
				passes(t, time.Until(at))
				for late := int64(time.Since(at)); ; {
					if was := latest.Load(); late <= was || latest.CompareAndSwap(was, late) {
						break
					}
				}
				l.fake.Play(t.Context(), 1, events) //nolint:errcheck // what is missing will be missed
			})
		}
		playing.Wait()
		l.calls += calls
		labtest.Eventually(t, 6*patience, func() error {
			if n := len(l.ends.between(began, time.Now())); n < calls {
				return fmt.Errorf("%d of %d calls are seen to end", n, calls)
			}
			return nil
		})
		return calls, time.Duration(latest.Load()), time.Now()
	})
}

// flood makes calls that come and go as fast as the daemon takes their events,
// all at the same time.
func (l *loadWorld) flood(t *testing.T, calls int) loadResult {
	t.Helper()
	all := make([][]aritest.Event, calls)
	for i := range all {
		all[i] = l.trace.Render(aritest.Rendering{Instance: l.calls + i + 1, At: time.Now()})
	}
	l.calls += calls
	var events []aritest.Event
	for step := range l.trace.Len() {
		for i := range all {
			events = append(events, all[i][step])
		}
	}
	want := l.sum(t, "callbackd_calls_total") + calls
	return l.measure(t, calls, func(time.Time) (int, time.Duration, time.Time) {
		if err := l.fake.Play(t.Context(), 0, events); err != nil {
			t.Fatal(err)
		}
		l.counts(t, want)
		return calls, 0, time.Now()
	})
}

// measure measures what the daemon does while calls are made, and until they are
// stored. Delays are those of calls that ended before it is over.
func (l *loadWorld) measure(t *testing.T, rate int, calling func(began time.Time) (calls int, late time.Duration, over time.Time)) loadResult {
	t.Helper()
	r := loadResult{rate: rate}
	probe := l.probeCommits(t)
	from, rows := l.usage(t), l.rows(t)
	began := time.Now()
	var over time.Time
	r.calls, r.late, over = calling(began)
	r.took = time.Since(began)
	to := l.usage(t)
	r.cpu, r.events, r.rows = to.cpu-from.cpu, to.events-from.events, l.rows(t)-rows
	r.stream, r.row = l.ends.between(began, over), l.rowDelays(t, began, over)
	r.bare, r.commit = probe()
	l.query(t, "SELECT count(*) FROM gaps", &r.gaps)
	return r
}

// usage is what the daemon used up.
type usage struct {
	cpu    time.Duration
	events int
}

func (l *loadWorld) usage(t *testing.T) usage {
	t.Helper()
	return usage{
		cpu:    time.Duration(l.metric(t, "process_cpu_seconds_total") * float64(time.Second)),
		events: l.sum(t, "callbackd_ari_events_total"),
	}
}

// rows is how many versions of calls were written.
func (l *loadWorld) rows(t *testing.T) (n int) {
	t.Helper()
	l.query(t, "SELECT count(*) FROM changes WHERE kind = 'call'", &n)
	return n
}

func (l *loadWorld) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), l.database)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func (l *loadWorld) query(t *testing.T, query string, into ...any) {
	t.Helper()
	conn := l.connect(t)
	defer conn.Close(t.Context()) //nolint:errcheck // it only asked
	if err := conn.QueryRow(t.Context(), query).Scan(into...); err != nil {
		t.Fatal(err)
	}
}

// rowDelays returns how long after Asterisk's timestamp the last versions of calls
// were committed that ended between two times; none of a server that does not note
// it.
func (l *loadWorld) rowDelays(t *testing.T, after, before time.Time) (all delays) {
	t.Helper()
	if !*loadLong {
		return nil
	}
	conn := l.connect(t)
	defer conn.Close(t.Context()) //nolint:errcheck // it only asked
	rows, err := conn.Query(t.Context(), `
		SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin) - last_event_at)::float8
		FROM calls
		WHERE state = 'ended' AND ended_at > $1 AND ended_at < $2`, after, before)
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seconds {
		all = append(all, time.Duration(s*float64(time.Second)))
	}
	return all
}

// loadTable shows results to people.
func loadTable(results []loadResult) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "calls/s\tcalls\tgaps\tevents/s\trows/s\trows a call\tevents/s of a core\tCPU a call\trow p50\tp99\tstream p50\tp99\tbare commit p50\tp99\tcommit p50\tp99\tp99 in commits\tsent late")
	for i := range results {
		r := &results[i]
		of := func(n int) float64 { return float64(n) / r.took.Seconds() }
		fmt.Fprintf(w, "%d\t%d\t%d\t%.0f\t%.0f\t%.1f\t%.0f\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t%v\t%.1f\t%v\n", r.rate, r.calls, r.gaps, of(r.events), of(r.rows),
			float64(r.rows)/float64(r.calls), float64(r.events)/r.cpu.Seconds(), tenths(r.cpu/time.Duration(r.calls)),
			tenths(r.row.at(50)), tenths(r.row.at(99)), tenths(r.stream.at(50)), tenths(r.stream.at(99)),
			tenths(r.bare.at(50)), tenths(r.bare.at(99)), tenths(r.commit.at(50)), tenths(r.commit.at(99)), r.stream.at(99).Seconds()/r.commit.at(99).Seconds(), tenths(r.late))
	}
	w.Flush()
	return text.String()
}

// tenths rounds to tenths of a millisecond.
func tenths(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// collect has the daemon free what it does not need any more, and waits until it
// has.
func (l *loadWorld) collect(t *testing.T) {
	t.Helper()
	before := float64(time.Now().UnixNano()) / 1e9
	if err := l.process.command.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	labtest.Eventually(t, patience, func() error {
		if at := l.metric(t, "go_memstats_last_gc_time_seconds"); at < before {
			return fmt.Errorf("the last collection was at %v", at)
		}
		return nil
	})
}

// probe is what probeCommits writes to.
const probe = `
	CREATE TABLE IF NOT EXISTS probe (at timestamptz);
	CREATE TABLE IF NOT EXISTS probe_calls (LIKE calls INCLUDING ALL);
	CREATE TABLE IF NOT EXISTS probe_changes (LIKE changes INCLUDING ALL)`

// probeCommits commits twenty times a second one row in a transaction that does
// nothing else, in turns a timestamp and a call that has ended, until it is asked
// how long each took.
func (l *loadWorld) probeCommits(t *testing.T) func() (bare, call delays) {
	t.Helper()
	conn := l.connect(t)
	if _, err := conn.Exec(t.Context(), probe); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var bare, call delays
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it was for this
		timed := func(into *delays, batch *pgx.Batch) {
			began := time.Now()
			if err := conn.SendBatch(ctx, batch).Close(); err == nil {
				*into = append(*into, time.Since(began))
			}
		}
		insert, _ := writeCall("probe_calls")
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		var ended []any
		for n := 0; ctx.Err() == nil; n++ {
			var batch pgx.Batch
			if ended == nil {
				ended = anyEnded(ctx, conn)
			}
			if n%2 == 0 || ended == nil {
				batch.Queue("INSERT INTO probe VALUES (now())")
				timed(&bare, &batch)
			} else {
				l.probes++
				row := slices.Clone(ended)
				row[0], row[2] = fmt.Sprintf("probe-%d", l.probes), fmt.Sprintf("probe-%d", l.probes)
				batch.Queue(insert, row...)
				batch.Queue("INSERT INTO probe_changes (kind, request_id, call_centers) VALUES ('call', $1, $2)", row[0], row[6])
				timed(&call, &batch)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	return func() (delays, delays) {
		stop()
		<-done
		return bare, call
	}
}

// anyEnded returns a call that has ended, as values of callColumns, or nil when
// there is none yet.
func anyEnded(ctx context.Context, conn *pgx.Conn) []any {
	_, columns := writeCall("")
	rows, err := conn.Query(ctx, "SELECT "+strings.Join(columns, "::text, ")+"::text FROM calls WHERE state = 'ended' LIMIT 1")
	if err != nil {
		return nil
	}
	values, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil {
		return nil
	}
	return values
}
