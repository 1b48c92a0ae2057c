package postgres_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
)

// The sizes of the site that is measured, unless the environment says
// otherwise, and the variables that say it. benchDatabase is the URL of an
// empty database, which is loaded and kept, or of one that was.
const (
	benchedCallbacks = 100_000
	benchedCalls     = 1_000_000
	benchCallbacks   = "CALLBACKD_BENCH_CALLBACKS"
	benchCalls       = "CALLBACKD_BENCH_CALLS"
	benchDatabase    = "CALLBACKD_BENCH_DATABASE"
)

func size(b *testing.B, variable string, usual int) int {
	b.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("%s: %v", variable, err)
	}
	return n
}

// benchSite returns a loaded database.
func benchSite(b *testing.B) (*postgres.DB, site) {
	b.Helper()
	s := site{callbacks: size(b, benchCallbacks, benchedCallbacks), calls: size(b, benchCalls, benchedCalls)}
	url := os.Getenv(benchDatabase)
	if url == "" {
		url = databases.New(b)
	} else if err := postgres.Migrate(b.Context(), url); err != nil {
		b.Fatal(err)
	}
	pool := connect(b, url)
	var have site
	err := pool.QueryRow(b.Context(), `SELECT (SELECT count(*) FROM callbacks), (SELECT count(*) FROM calls)`).Scan(&have.callbacks, &have.calls)
	if err != nil {
		b.Fatal(err)
	}
	switch {
	case have == site{}:
		at := time.Now()
		if err := load(b.Context(), pool, s); err != nil {
			b.Fatal(err)
		}
		b.Logf("loaded %d callbacks and %d calls in %s", s.callbacks, s.calls, time.Since(at).Round(time.Second))
	case have != s:
		b.Fatalf("%s has %d callbacks and %d calls, not %d and %d: drop it", benchDatabase, have.callbacks, have.calls, s.callbacks, s.calls)
	}
	db, err := postgres.Open(b.Context(), url, postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	return db, s
}

// The aims: how many readings of one callback a list may take, both at their
// 99th percentile.
const (
	aimOfLists = 20
	// aimOfShortTexts is that of texts of one or two characters.
	aimOfShortTexts = 100
)

// BenchmarkLists measures pages of the lists of callbacks and calls, each in
// turns with reading one callback by its ID. It reports how many readings they
// take, at the median, at the 99th percentile, and the best beside the best,
// which is what is left on a machine that is never quiet; whether the aim is
// missed; and shows the indexes that the plans use.
func BenchmarkLists(b *testing.B) {
	db, s := benchSite(b)
	m := &measuring{count: s.callbacks, service: callbacks.NewService(db.Callbacks(), callbacks.Options{
		Numbers: callbacks.InRegion("JP"), Names: names,
	})}
	b.Run("callbacks", func(b *testing.B) { m.measureCallbacks(b, db) })
	b.Run("calls", func(b *testing.B) { m.measureCalls(b, db) })
}

func (m *measuring) measureCallbacks(b *testing.B, db *postgres.DB) {
	store := &noting{Callbacks: db.Callbacks()}
	noted := callbacks.NewService(store, callbacks.Options{Numbers: callbacks.InRegion("JP"), Names: names})
	for _, l := range listings() {
		filter := l.turn(b, noted)
		m.measure(b, l.name, l.aim(), func(ctx context.Context) error {
			_, err := m.service.List(ctx, l.by, filter)
			return err
		}, func(ctx context.Context) ([]string, error) {
			if _, err := noted.List(ctx, l.by, filter); err != nil {
				return nil, err
			}
			return postgres.ExplainList(ctx, db.Callbacks(), store.query)
		})
	}
	last := lastChange(b, db)
	for _, by := range []accounts.Principal{admin, supervisor, member} {
		m.measure(b, "new since 100/"+roleOf(by), aimOfLists, func(ctx context.Context) error {
			_, err := m.service.NewSince(ctx, by, callbacks.Filter{}, last-200)
			return err
		}, nil)
		m.measure(b, "open of a number/"+roleOf(by), aimOfLists, func(ctx context.Context) error {
			_, err := m.service.OpenOf(ctx, by, "03-0001-4014", "desk1")
			return err
		}, nil)
		m.measure(b, "total/"+roleOf(by), 0, func(ctx context.Context) error {
			_, err := m.service.Count(ctx, by, callbacks.Filter{})
			return err
		}, nil)
	}
}

func (m *measuring) measureCalls(b *testing.B, db *postgres.DB) {
	for _, l := range callListings() {
		filter := l.turn(b, db.Calls())
		m.measure(b, l.name, aimOfLists, func(ctx context.Context) error {
			_, _, err := db.Calls().List(ctx, filter)
			return err
		}, func(ctx context.Context) ([]string, error) { return postgres.ExplainCalls(ctx, db.Calls(), filter) })
	}
	m.measure(b, "total/admin", 0, func(ctx context.Context) error {
		_, err := db.Calls().Count(ctx, callcenter.CallFilter{})
		return err
	}, nil)
}

// measuring measures things beside the reading of one callback out of count.
type measuring struct {
	count   int
	service *callbacks.Service
}

// measure measures what should take at most as many readings as the aim, 0 for
// any number.
func (m *measuring) measure(b *testing.B, name string, aim float64, f func(ctx context.Context) error, explain func(ctx context.Context) ([]string, error)) {
	timed := func(b *testing.B, f func() error) time.Duration {
		at := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		return time.Since(at)
	}
	b.Run(name, func(b *testing.B) {
		if explain != nil {
			plans, err := explain(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			b.Log(indexesOf(plans))
		}
		const prepare = 10 // so that the statements are prepared, and the pages in memory
		for range prepare {
			timed(b, func() error { return f(b.Context()) })
		}
		var reads, times []time.Duration
		for i := 0; b.Loop(); i++ {
			// In turns, so that both meet the same machine.
			reads = append(reads, timed(b, func() error {
				_, err := m.service.Get(b.Context(), admin, callbacks.ID(1+i*7919%m.count))
				return err
			}))
			times = append(times, timed(b, func() error { return f(b.Context()) }))
		}
		slices.Sort(reads)
		slices.Sort(times)
		ratio := func(rank int) float64 { return float64(times[rank]) / float64(reads[rank]) }
		median, high := len(times)/2, len(times)*99/100
		b.ReportMetric(float64(times[median].Microseconds()), "p50-µs")
		b.ReportMetric(float64(times[high].Microseconds()), "p99-µs")
		b.ReportMetric(ratio(median), "p50-reads")
		b.ReportMetric(ratio(high), "p99-reads")
		b.ReportMetric(ratio(0), "best-reads")
		b.ReportMetric(0, "ns/op")
		if aim > 0 {
			b.ReportMetric(aim, "aim")
			if ratio(high) > aim {
				b.ReportMetric(1, "MISSED")
			}
		}
	})
}

// aim is how many readings of one callback the list may take.
func (l *listing) aim() float64 {
	if n := utf8.RuneCountInString(l.filter.Text); n == 1 || n == 2 {
		return aimOfShortTexts
	}
	return aimOfLists
}

func roleOf(by accounts.Principal) string { return string(by.Role) }
