package recording_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"callbackd/accounts"
	"callbackd/recording"
)

var sato = accounts.Principal{
	Kind: accounts.KindAccount, Name: "sato", AccountID: 7, SessionID: 70, Role: accounts.RoleAgent, CallCenters: []string{"support"},
}

// office is a player over a store in memory.
type office struct {
	*memory
	t      testing.TB
	player *recording.Player
}

func newOffice(t testing.TB) *office {
	m := newMemory()
	return &office{memory: m, t: t, player: recording.NewPlayer(recording.PlayerOptions{
		Recordings: m, Sounds: m, Store: m, Registry: prometheus.NewPedanticRegistry(),
	})}
}

func (o *office) begin(id recording.ID) string {
	o.t.Helper()
	begun, err := o.player.Begin(o.t.Context(), sato, id)
	if err != nil {
		o.t.Fatal(err)
	}
	return begun.Secret
}

// listener is sato as long as verify says so.
func listener(verify func() (accounts.Principal, error)) recording.Listener {
	if verify == nil {
		verify = func() (accounts.Principal, error) { return sato, nil }
	}
	return recording.Listener{By: sato, Verify: func(context.Context) (accounts.Principal, error) { return verify() }}
}

// send plays a span, and returns how it ended.
func (o *office) send(ctx context.Context, l recording.Listener, secret string, w io.Writer, span recording.Span) error {
	listening, err := o.player.Open(o.t.Context(), l, secret)
	if err != nil {
		return err
	}
	defer listening.Close()
	span.End = min(span.End, listening.Size())
	return listening.Send(ctx, w, span)
}

// clocked notes when how much was written.
type clocked struct {
	mu    sync.Mutex
	begun time.Time
	total int64
	at    []mark
}

type mark struct {
	at    time.Duration
	total int64
}

func (c *clocked) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += int64(len(p))
	c.at = append(c.at, mark{time.Since(c.begun), c.total})
	return len(p), nil
}

const rate = 16_000

// One connection that reads as fast as it can gets ten seconds at once and the
// rest at twice real time.
func TestListening_Pace(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{8_000, rate, 32_000, 176_400} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				o.add(1, 5*time.Minute, rate)
				w := &clocked{begun: time.Now()}
				if err := o.send(t.Context(), listener(nil), o.begin(1), w, recording.Span{End: 1 << 40}); err != nil {
					t.Fatal(err)
				}
				took := time.Since(w.begun)
				if want := (5*time.Minute - 10*time.Second) / 2; took < want-time.Second || took > want+time.Second {
					t.Errorf("5 minutes take %v, want about %v", took, want)
				}
				for i, m := range w.at {
					sound := time.Duration(m.total) * time.Second / time.Duration(rate)
					// The last of an instant, not the end of the sound.
					complete := i+1 < len(w.at) && w.at[i+1].at > m.at
					if sound > 10*time.Second+2*m.at || complete && sound < 2*m.at+9*time.Second {
						t.Fatalf("after %v there are %v of sound", m.at, sound)
					}
				}
			})
		})
	}
}

// Whatever somebody does with grants, connections and ranges, and however
// often connections are cut, the pace holds; and the receipts say of every
// byte that it was sent.
func TestListening_NobodyIsFaster(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			o.add(1, 10*time.Minute, rate)
			o.add(2, 10*time.Minute, rate)
			sent := map[recording.ID]*clocked{1: {begun: time.Now()}, 2: {begun: time.Now()}}
			var secrets []string
			of := map[string]recording.ID{}
			var group sync.WaitGroup
			for range rapid.IntRange(1, 40).Draw(rt, "requests") {
				id := recording.ID(rapid.IntRange(1, 5).Draw(rt, "recording")/5 + 1)
				if len(secrets) == 0 || rapid.IntRange(0, 5).Draw(rt, "new grant") == 0 {
					secret := o.begin(id)
					secrets, of[secret] = append(secrets, secret), id
				}
				secret := rapid.SampledFrom(secrets).Draw(rt, "grant")
				from := rapid.Int64Range(0, 10*60*rate-1).Draw(rt, "from")
				length := rapid.SampledFrom([]int64{1, 2, 1000, rate, 30 * rate, 1 << 40}).Draw(rt, "length")
				patience := time.Duration(rapid.Int64Range(0, 60e9).Draw(rt, "patience"))
				w := sent[of[secret]]
				group.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					_ = o.send(ctx, listener(nil), secret, w, recording.Span{Start: from, End: from + length})
				})
				time.Sleep(time.Duration(rapid.Int64Range(0, 10e9).Draw(rt, "pause")))
			}
			group.Wait()
			for id, w := range sent {
				for _, m := range w.at {
					if sound, most := time.Duration(m.total)*time.Second/rate, 20*time.Second+2*m.at; sound > most {
						t.Fatalf("after %v %v of recording %d are sent, more than %v", m.at, sound, id, most)
					}
				}
				if w.total > 0 && o.told(id) == 0 {
					t.Fatalf("of recording %d %d bytes are sent and none are on a receipt", id, w.total)
				}
			}
			if o.closed == 0 {
				t.Error("no sound was closed")
			}
		})
	})
}

// told is how much of a recording is on receipts.
func (m *memory) told(id recording.ID) (told time.Duration) {
	for _, l := range m.listens {
		for _, part := range l.Sent {
			if l.RecordingID == id {
				told += part.To - part.From
			}
		}
	}
	return told
}

// A seek is answered at once, whatever is being sent otherwise, and goes on
// faster than it is played.
func TestListening_Seek(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.add(1, 10*time.Minute, rate)
		secret := o.begin(1)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		group.Go(func() { _ = o.send(ctx, listener(nil), secret, io.Discard, recording.Span{End: 1 << 40}) })
		time.Sleep(time.Minute)
		cancel()
		w := &clocked{begun: time.Now()}
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_ = o.send(ctx, listener(nil), secret, w, recording.Span{Start: 300 * rate, End: 1 << 40})
		group.Wait()
		for _, m := range w.at[:1] {
			if m.at > 0 {
				t.Errorf("the first sound comes after %v", m.at)
			}
		}
		// Chromium plays whole blocks of 32 KiB: what it has of them must stay
		// ahead of what it plays.
		const block = 32 << 10
		for i, m := range w.at[1:] {
			had := w.at[i].total / block * block
			if played := int64(m.at.Seconds() * rate); m.at > 0 && had-block < played {
				t.Errorf("after %v there are %d bytes in whole blocks to play, %d of them played", m.at, had, played)
			}
		}
	})
}

// A connection ends soon when its listener may not listen any more, by
// whatever; and what was sent is on the receipt.
func TestListening_Ends(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end  func(o *office)
		want error
	}{
		"session":   {nil, accounts.ErrUnauthorized},
		"account":   {func(o *office) { o.version++ }, recording.ErrPlaybackExpired},
		"grant":     {func(o *office) { clear(o.grants) }, recording.ErrPlaybackNotFound},
		"recording": {func(o *office) { delete(o.recordings, 1) }, recording.ErrNotFound},
		"retention": {func(o *office) {
			r := o.recordings[1]
			r.State = recording.StateExpired
			o.recordings[1] = r
		}, &recording.NotReadyError{State: recording.StateExpired}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t)
				o.add(1, 10*time.Minute, rate)
				begun := time.Now()
				var ended error
				l := listener(func() (accounts.Principal, error) {
					if tt.end == nil && time.Since(begun) > time.Minute {
						return accounts.Principal{}, accounts.ErrUnauthorized
					}
					return sato, nil
				})
				secret := o.begin(1)
				done := make(chan struct{})
				go func() {
					defer close(done)
					ended = o.send(t.Context(), l, secret, io.Discard, recording.Span{End: 1 << 40})
				}()
				time.Sleep(time.Minute)
				if tt.end != nil {
					o.mu.Lock()
					tt.end(o)
					o.mu.Unlock()
				}
				<-done
				_, notReady := errors.AsType[*recording.NotReadyError](ended)
				if !errors.Is(ended, tt.want) && (!notReady || name != "retention") {
					t.Errorf("it ends with %v, want %v", ended, tt.want)
				}
				if after := time.Since(begun) - time.Minute; after > 8*time.Second {
					t.Errorf("it ends after %v", after)
				}
				if told := o.told(1); told < 2*time.Minute {
					t.Errorf("the receipt has %v", told)
				}
			})
		})
	}
}

// A grant that nobody renews ends what plays by it.
func TestListening_EndsWithItsGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.add(1, time.Hour, rate)
		secret, begun := o.begin(1), time.Now()
		err := o.send(t.Context(), listener(nil), secret, io.Discard, recording.Span{End: 1 << 40})
		if took := time.Since(begun); !errors.Is(err, recording.ErrPlaybackExpired) || took < 5*time.Minute || took > 5*time.Minute+10*time.Second {
			t.Errorf("it ends with %v after %v", err, took)
		}
		secret, begun = o.begin(1), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			for range 30 {
				time.Sleep(30 * time.Second)
				at := time.Since(begun)
				if _, err := o.player.Renew(t.Context(), sato, secret, []recording.Part{{From: at - 30*time.Second, To: at}}); err != nil {
					t.Errorf("renew after %v: %v", at, err)
				}
			}
		})
		err = o.send(ctx, listener(nil), secret, io.Discard, recording.Span{End: 1 << 40})
		group.Wait()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a renewed one ends with %v", err)
		}
		if diff := cmp.Diff([]recording.Part{{From: 0, To: 15 * time.Minute}}, o.listens[2].Heard); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
	})
}

// While the store is away nothing is sent that was not drawn; when it comes
// back soon the listener notices little, and the receipt has it all.
func TestListening_StoreAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.add(1, time.Minute, rate)
		begun := time.Now()
		var group sync.WaitGroup
		group.Go(func() {
			time.Sleep(3 * time.Second)
			o.setAway(errors.New("connection refused"))
			time.Sleep(10 * time.Second)
			o.setAway(nil)
		})
		if err := o.send(t.Context(), listener(nil), o.begin(1), io.Discard, recording.Span{End: 1 << 40}); err != nil {
			t.Error(err)
		}
		group.Wait()
		if took := time.Since(begun); took > 40*time.Second {
			t.Errorf("a minute takes %v", took)
		}
		if told := o.told(1); told != time.Minute {
			t.Errorf("the receipt has %v of a minute", told)
		}
		// For good: the connection ends.
		secret := o.begin(1)
		group.Go(func() {
			time.Sleep(time.Second)
			o.setAway(errors.New("connection refused"))
		})
		begun = time.Now()
		err := o.send(t.Context(), listener(nil), secret, io.Discard, recording.Span{End: 1 << 40})
		if took := time.Since(begun); err == nil || took < 20*time.Second || took > 40*time.Second {
			t.Errorf("without a store it ends with %v after %v", err, took)
		}
		group.Wait()
	})
}

// A listener who stays costs the store little, and a crash loses the last
// seconds of a receipt at most.
func TestListening_WritesAsItGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.add(1, 10*time.Minute, rate)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		secret := o.begin(1)
		group.Go(func() { _ = o.send(ctx, listener(nil), secret, io.Discard, recording.Span{End: 1 << 40}) })
		time.Sleep(2 * time.Minute)
		o.mu.Lock()
		told, changes := o.told(1), o.changes
		o.mu.Unlock()
		if told < 4*time.Minute-10*time.Second {
			t.Errorf("after 2 minutes the receipt has %v", told)
		}
		if changes > 70 {
			t.Errorf("budgets were asked for %d times in 2 minutes", changes)
		}
		cancel()
		group.Wait()
	})
}

func TestPlayer_Begin(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.add(1, time.Minute, rate)
	stranger, token, acting, system := sato, sato, sato, accounts.Operator()
	stranger.CallCenters = []string{"sales"}
	token.Kind, token.SessionID, token.TokenID = accounts.KindToken, 0, 3
	acting.SessionID, acting.TokenID = 0, 3
	for name, tt := range map[string]struct {
		by   accounts.Principal
		id   recording.ID
		want error
	}{
		"a person":                       {sato, 1, nil},
		"of another call center":         {stranger, 1, recording.ErrNotFound},
		"what does not exist":            {sato, 2, recording.ErrNotFound},
		"a token":                        {token, 1, recording.ErrSessionRequired},
		"a token that acts":              {acting, 1, recording.ErrSessionRequired},
		"a command":                      {system, 1, recording.ErrSessionRequired},
		"nobody":                         {accounts.Principal{}, 1, recording.ErrSessionRequired},
		"nobody, what it does not exist": {accounts.Principal{}, 2, recording.ErrSessionRequired},
	} {
		begun, err := o.player.Begin(t.Context(), tt.by, tt.id)
		if !errors.Is(err, tt.want) || (err == nil) != (len(begun.Secret) == 43) {
			t.Errorf("%s: %q, %v, want %v", name, begun.Secret, err, tt.want)
		}
	}
	if len(o.grants) != 1 {
		t.Errorf("%d grants are stored, want 1", len(o.grants))
	}
}

func TestMergeParts(t *testing.T) {
	t.Parallel()
	part := func(from, to int) recording.Part {
		return recording.Part{From: time.Duration(from) * time.Second, To: time.Duration(to) * time.Second}
	}
	got := recording.MergeParts([]recording.Part{part(5, 7), part(0, 2), part(2, 3), part(6, 9), part(4, 4), part(12, 10), part(8, 9)})
	if diff := cmp.Diff([]recording.Part{part(0, 3), part(5, 9)}, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
}
