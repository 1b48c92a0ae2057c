package recording

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is drawn and given back in whatever order, never more is out than
// the pace allows; and who waits as long as was said gets what was asked for.
func TestBudgets_HoldThePace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)
		var begin time.Time // of the first draw
		var b Budgets
		var out time.Duration
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(-1e9, 8e9).Draw(t, "passed")))
			before := b
			seek := rapid.Bool().Draw(t, "seek")
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				back := time.Duration(rapid.Int64Range(0, int64(out)).Draw(t, "back"))
				b = b.refund(now, back)
				out -= back
			} else {
				want := time.Duration(rapid.Int64Range(1, 12e9).Draw(t, "want"))
				least := time.Duration(rapid.Int64Range(1, int64(maxPortion)).Draw(t, "least"))
				after, drawn, wait := b.draw(now, want, least, seek)
				switch {
				case drawn > want || drawn < 0 || wait < 0:
					t.Fatalf("of %v wanted %v are drawn, wait %v", want, drawn, wait)
				case drawn == 0:
					later, drawnThen, _ := after.draw(maxTime(now, b.Recording.At, b.Account.At).Add(wait), want, least, seek)
					if drawnThen < min(least, want) {
						t.Fatalf("after a wait of %v for at least %v: %v of %v, budgets %+v", wait, least, drawnThen, want, later)
					}
				}
				b, out = after, out+drawn
			}
			if begin.IsZero() {
				begin = b.Recording.At
			}
			elapsed := b.Recording.At.Sub(begin)
			if limit := RecordingPace.Burst + RecordingPace.Seeks + 2*elapsed; out > limit {
				t.Fatalf("after %v %v are out, more than %v", elapsed, out, limit)
			}
			for name, pair := range map[string][2]any{"recording": {RecordingPace, b.Recording}, "account": {AccountPace, b.Account}} {
				pace, budget := pair[0].(Pace), pair[1].(Budget)
				if budget.Burst < 0 || budget.Burst > pace.Burst || budget.Seeks < 0 || budget.Seeks > pace.Seeks || budget.At.Before(before.Recording.At) {
					t.Fatalf("the budget of the %s is %+v", name, budget)
				}
			}
		}
	})
}

func maxTime(times ...time.Time) time.Time {
	latest := times[0]
	for _, t := range times[1:] {
		if t.After(latest) {
			latest = t
		}
	}
	return latest
}

// After a seek there is sound at once, and from then on more than real time,
// however much was played before.
func TestBudgets_SeekIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 1, 0, 0, 0, time.UTC)
	var b Budgets
	var drawn, wait time.Duration
	play := func(want time.Duration, seek bool) time.Duration {
		b, drawn, wait = b.draw(now, want, min(want, maxPortion), seek)
		return drawn
	}
	if got := play(10*time.Second, true); got != 10*time.Second {
		t.Errorf("at first %v are sent at once, want 10s", got)
	}
	if got := play(4*time.Second, false); got != 0 || wait < 1900*time.Millisecond || wait > 2100*time.Millisecond {
		t.Errorf("then %v at once and a wait of %v, want 2s for 4s of sound", got, wait)
	}
	for range 2 {
		if got := play(5*time.Second, true); got != 5*time.Second {
			t.Errorf("after a seek %v are sent at once, want 5s", got)
		}
	}
	if got := play(5*time.Second, true); got != 0 || wait > 2500*time.Millisecond {
		t.Errorf("after a third seek at a time %v are sent, wait %v", got, wait)
	}
	if got := play(4*time.Second, false); got != 0 || wait > 2700*time.Millisecond {
		t.Errorf("playing on gets %v and waits %v for 4s of sound, want two thirds of that", got, wait)
	}
}
