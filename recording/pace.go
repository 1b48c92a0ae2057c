package recording

import "time"

// Pace says how fast sound is sent. All of it is in lengths of sound, so that
// every format is as long in coming: what was sent by a time t is never more
// than Burst + Seeks + Rate·t, whoever asked in whatever way.
//
// Two stores hold what may be sent now. Burst is what playing takes from. Seeks
// is kept for connections that are new: after a seek the first sound must come
// at once, also when the burst has been used up by playing. Both are refilled
// from the same Rate, a quarter of it going to Seeks while that is not full.
// So playing on after a seek gets three quarters, which is still more than
// real time, and seeking again and again gets no more than playing would.
type Pace struct {
	// Rate is how much sound a length of time gives.
	Rate int64
	// Burst and Seeks are what the stores hold.
	Burst, Seeks time.Duration
	// Seek is how much a new connection gets at once if need be.
	Seek time.Duration
}

// The paces of one account: over one recording, by any number of grants,
// connections and ranges; and over all its recordings together. Two can be
// played at a time at full pace, and a dozen begun one after the other without
// a wait.
//
// Chromium reads in blocks of 32 KiB and plays what it has in whole ones. A
// seek to the end of a block needs that one and the next, which is 4 s of an
// 8 kHz recording.
var (
	RecordingPace = Pace{Rate: 2, Burst: 10 * time.Second, Seeks: 10 * time.Second, Seek: 5 * time.Second}
	AccountPace   = Pace{Rate: 4, Burst: 2 * time.Minute, Seeks: time.Minute, Seek: 5 * time.Second}
)

// Full is after how long both stores are full again, however empty they were.
func (p Pace) Full() time.Duration { return (p.Burst+p.Seeks)/time.Duration(p.Rate) + time.Second }

// seekShare is the part of the rate that refills Seeks.
const seekShare = 4

// Budget is how much sound may be sent at a time. The zero Budget is full.
type Budget struct {
	Burst, Seeks time.Duration
	At           time.Time
}

// refilled is the budget as it is now. A clock that was set back gives nothing
// and takes nothing.
func (p Pace) refilled(b Budget, now time.Time) Budget {
	if b.At.IsZero() {
		return Budget{Burst: p.Burst, Seeks: p.Seeks, At: now}
	}
	passed := now.Sub(b.At)
	if passed <= 0 {
		return b
	}
	// After so long both are full, and nothing can overflow.
	passed = min(passed, p.Burst+p.Seeks)
	gained := passed * time.Duration(p.Rate)
	toSeeks := min(gained/seekShare, p.Seeks-b.Seeks)
	b.Burst += gained - toSeeks
	b.Seeks += toSeeks
	if over := b.Burst - p.Burst; over > 0 {
		b.Burst = p.Burst
		b.Seeks = min(b.Seeks+over, p.Seeks)
	}
	b.At = now
	return b
}

// open is how much may be sent now.
func (p Pace) open(b Budget, seek bool) time.Duration {
	if seek && b.Burst < p.Seek {
		return min(b.Burst+b.Seeks, p.Seek)
	}
	return b.Burst
}

// spent is the budget without what is sent.
func (b Budget) spent(d time.Duration) Budget {
	fromBurst := min(d, b.Burst)
	b.Burst -= fromBurst
	b.Seeks -= d - fromBurst
	return b
}

// refunded is the budget with what was spent and not sent.
func (p Pace) refunded(b Budget, d time.Duration) Budget {
	toBurst := min(d, p.Burst-b.Burst)
	b.Burst += toBurst
	b.Seeks = min(b.Seeks+d-toBurst, p.Seeks)
	return b
}

// wait is how long it takes until d may be sent. What a pace never holds at a
// time is waited for as for the most that it does.
func (p Pace) wait(b Budget, d time.Duration, seek bool) time.Duration {
	missing := min(d, p.Burst) - p.open(b, seek)
	if missing <= 0 {
		return 0
	}
	rate := time.Duration(p.Rate)
	if seek {
		// Both stores count, up to Seek, and the refill goes to either.
		return missing/rate + 1
	}
	// Until Seeks is full a part goes there.
	shared := (p.Seeks - b.Seeks) * seekShare / rate
	inShared := shared * rate * (seekShare - 1) / seekShare
	if missing <= inShared {
		return missing*seekShare/(rate*(seekShare-1)) + 1
	}
	return shared + (missing-inShared)/rate + 1
}

// Budgets are those of an account: over one recording and over all.
type Budgets struct{ Recording, Account Budget }

// draw takes what may be sent now of what is wanted, but not less than least:
// then it takes nothing and says how long to wait.
func (b Budgets) draw(now time.Time, want, least time.Duration, seek bool) (after Budgets, drawn, wait time.Duration) {
	b.Recording = RecordingPace.refilled(b.Recording, now)
	b.Account = AccountPace.refilled(b.Account, now)
	least = min(least, want)
	drawn = min(want, RecordingPace.open(b.Recording, seek), AccountPace.open(b.Account, seek))
	if drawn < least {
		wait = max(RecordingPace.wait(b.Recording, least, seek), AccountPace.wait(b.Account, least, seek))
		return b, 0, wait
	}
	b.Recording, b.Account = b.Recording.spent(drawn), b.Account.spent(drawn)
	return b, drawn, 0
}

// refund gives back what was drawn and not sent.
func (b Budgets) refund(now time.Time, d time.Duration) Budgets {
	b.Recording = RecordingPace.refunded(RecordingPace.refilled(b.Recording, now), d)
	b.Account = AccountPace.refunded(AccountPace.refilled(b.Account, now), d)
	return b
}
