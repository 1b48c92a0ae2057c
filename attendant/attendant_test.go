package attendant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"callbackd/ari"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/lab/labtest"
	"callbackd/recording"
)

// pbx is an Asterisk that takes every request, or refuses it.
type pbx struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	// refuse, unless 0, is the status of every answer; stuck, unless nil, holds
	// requests up until it is closed.
	refuse int
	stuck  chan struct{}
}

func newPBX(t *testing.T) *pbx {
	t.Helper()
	p := &pbx{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Variable, Value string }
		_ = json.NewDecoder(r.Body).Decode(&body) // most have none
		p.mu.Lock()
		line := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/ari/channels/c1/")
		if body.Variable != "" {
			line += " " + body.Value
		}
		p.requests = append(p.requests, line)
		stuck, refuse := p.stuck, p.refuse
		p.mu.Unlock()
		if stuck != nil {
			<-stuck
		}
		if refuse != 0 {
			w.WriteHeader(refuse)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pbx) asked(request string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.requests, func(r string) bool { return strings.HasPrefix(r, request) })
}

// registrar answers registrations with errors first, and then as registered.
type registrar struct {
	mu       sync.Mutex
	errs     []error
	requests []callbacks.Request
}

func (r *registrar) RegisterAutomatic(_ context.Context, request callbacks.Request) (callbacks.RequestResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
	if len(r.errs) > 0 {
		err := r.errs[0]
		r.errs = r.errs[1:]
		return callbacks.RequestResult{}, err
	}
	return callbacks.RequestResult{Callback: callbacks.Callback{ID: 1}}, nil
}

type noMessages struct{}

func (noMessages) Expect(context.Context, recording.Expected) (recording.ID, error) { return 1, nil }

// wishes keeps them in memory; left are those of a daemon that has died.
type wishes struct {
	mu   sync.Mutex
	kept []string
	left []callbacks.Wish
	err  error // of what is kept or dropped
}

func (w *wishes) Keep(_ context.Context, wish callbacks.Wish) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, fmt.Sprintf("keep %s %s %q", wish.Channel, wish.RequestID, wish.ContactNumber))
	return w.err
}

func (w *wishes) Drop(_ context.Context, wish callbacks.Wish) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, "drop "+wish.Channel)
	return w.err
}

func (w *wishes) Left(context.Context, string, string) ([]callbacks.Wish, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left, nil
}

// holds waits until these were kept and dropped, in this order.
func (w *wishes) holds(t *testing.T, want ...string) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if diff := cmp.Diff(want, w.kept); diff != "" {
			return fmt.Errorf("wishes (-want +got):\n%s", diff)
		}
		return nil
	})
}

// oneCall knows the same call of every channel.
type oneCall struct{}

func (oneCall) CallOf(ari.ChannelID) (callcenter.Call, bool) {
	return callcenter.Call{RequestID: "r1", RemoteNumber: "0312345678"}, true
}

var errAway = errors.New("the database is away")

// desk is an attendant with all that is around it.
type desk struct {
	*Attendant
	pbx       *pbx
	registrar *registrar
	wishes    wishes
	log       bytes.Buffer
	stop      func()
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{pbx: newPBX(t), registrar: &registrar{}}
	client, err := ari.NewClient(ari.ClientOptions{
		URL: d.pbx.URL + "/ari", Username: "u", Password: "p", Application: "callbackd", Timeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Attendant = New(Options{
		Node: "pbx1", Client: client, Calls: oneCall{}, Settings: *settings(), Numbers: InRegion("JP"),
		Plan: func() *callcenter.Plan {
			return &callcenter.Plan{CallCenters: []callcenter.CallCenter{{ID: "support", Extension: "7001"}}}
		},
		Registrar: d.registrar, Messages: noMessages{}, Wishes: &d.wishes,
		IsUnavailable: func(err error) bool { return errors.Is(err, errAway) },
		Metrics:       NewMetrics(prometheus.NewRegistry()), Logger: slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the attendant does not end")
		}
		client.Close()
	})
	t.Cleanup(d.stop)
	return d
}

// enters has the caller sent to the application.
func (d *desk) enters() {
	d.Event(&ari.Event{Type: ari.StasisStart, Application: "callbackd", Channel: caller(), Args: []string{"register", "support"}})
}

func caller() ari.Channel {
	return ari.Channel{ID: "c1", State: "Up", Dialplan: ari.DialplanPosition{AppName: "Stasis", AppData: "callbackd,register,support"}}
}

// idle waits until nobody is talked to.
func (d *desk) idle(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if n := len(d.sessions); n > 0 {
			return fmt.Errorf("%d callers are talked to", n)
		}
		return nil
	})
}

// eventually waits for a request of Asterisk.
func (d *desk) eventually(t *testing.T, request string) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, func() error {
		if d.pbx.asked(request) {
			return nil
		}
		d.pbx.mu.Lock()
		defer d.pbx.mu.Unlock()
		return fmt.Errorf("Asterisk was not asked to %q, only to %q", request, d.pbx.requests)
	})
}

// A caller whose events do not fit any more is registered and handed back, and
// whoever tells of events is never held up.
func TestAttendant_Overflow(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.pbx.stuck = make(chan struct{})
	d.enters()
	d.eventually(t, "POST variable")
	begin := time.Now()
	for range 10 * maxEvents {
		d.Event(&ari.Event{Type: ari.ChannelDtmfReceived, Channel: caller(), Digit: "A"})
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("telling of %d events took %s", 10*maxEvents, took)
	}
	close(d.pbx.stuck)
	d.eventually(t, "POST variable REGISTERED")
	d.eventually(t, "POST continue")
}

// An ARI user that is read-only can do nothing for callers, and the log says
// what is wrong.
func TestAttendant_ReadOnlyUser(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.pbx.refuse = http.StatusForbidden
	d.enters()
	d.eventually(t, "POST variable FAILED")
	d.stop()
	if log := d.log.String(); !strings.Contains(log, "read_only = no") || strings.Contains(log, "0312345678") {
		t.Errorf("the log says:\n%s", log)
	}
}

// After a connection callers who were left behind are taken up, and those who
// are not there any more are registered.
func TestAttendant_Connected(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	other := caller()
	other.ID, other.Dialplan.AppData = "c2", "another-program,register,support"
	d.Connected([]ari.Channel{caller(), other, {ID: "c3", Dialplan: ari.DialplanPosition{AppName: "Queue", AppData: "support"}}})
	d.eventually(t, "DELETE /ari/playbacks/callbackd-c1-0")
	d.eventually(t, "POST play/callbackd-c1-3")
	d.mu.Lock()
	if n := len(d.sessions); n != 1 {
		t.Errorf("%d sessions, want one", n)
	}
	d.mu.Unlock()
	d.Connected(nil)
	d.idle(t)
	d.registrar.mu.Lock()
	defer d.registrar.mu.Unlock()
	if len(d.registrar.requests) != 1 || d.registrar.requests[0].RequestID != "r1" || d.pbx.asked("POST continue") {
		t.Errorf("registered %+v; asked %q", d.registrar.requests, d.pbx.requests)
	}
}

// Who is taken up is hushed by a key as anybody else: only for sessions of before
// may a connection have lost the word that a prompt has ended.
func TestAttendant_TakenUpHearsThePrompt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.Connected([]ari.Channel{caller()})
	d.eventually(t, "POST play/callbackd-c1-3")
	d.Event(&ari.Event{Type: ari.ChannelDtmfReceived, Channel: caller(), Digit: "1"})
	d.eventually(t, "POST play/callbackd-c1-2")
	d.pbx.mu.Lock()
	defer d.pbx.mu.Unlock()
	var stops int
	for _, request := range d.pbx.requests {
		if request == "DELETE /ari/playbacks/callbackd-c1-3" {
			stops++
		}
	}
	if stops != 2 { // one is for what an earlier daemon may have played
		t.Errorf("the prompt was stopped %d times, want twice: %q", stops, d.pbx.requests)
	}
}

// A sound that cannot be played is complained of, but not one that was cut off
// as all ends.
func TestAttendant_SoundsThatFail(t *testing.T) {
	t.Parallel()
	for _, stopped := range []bool{false, true} {
		d := newDesk(t)
		fails := func(id ari.PlaybackID) {
			d.Event(&ari.Event{Type: ari.PlaybackFinished, Playback: ari.Playback{ID: id, State: "failed", TargetURI: "channel:c1"}})
		}
		presses := func(digit string) {
			d.Event(&ari.Event{Type: ari.ChannelDtmfReceived, Channel: caller(), Digit: digit})
		}
		d.enters()
		d.eventually(t, "POST play/callbackd-c1-1")
		fails("callbackd-c1-1")
		presses("5") // which is no answer
		d.eventually(t, "POST play/callbackd-c1-0")
		if !stopped {
			presses("*")
			fails("callbackd-c1-1") // the third takes turns with the first
			d.idle(t)
		}
		d.stop()
		if complained := strings.Contains(d.log.String(), "could not play a sound"); complained == stopped {
			t.Errorf("stopped: %t; the log says:\n%s", stopped, &d.log)
		}
	}
}

// What a caller wants is kept for as long as it is talked about, and not longer.
func TestAttendant_KeepsWishes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	presses := func(keys string) {
		for _, digit := range keys {
			d.Event(&ari.Event{Type: ari.ChannelDtmfReceived, Channel: caller(), Digit: string(digit)})
		}
	}
	d.enters()
	want := []string{`keep c1 r1 ""`}
	d.wishes.holds(t, want...)
	presses("209012345678#")
	want = append(want, `keep c1 r1 "09012345678"`)
	d.wishes.holds(t, want...)
	presses("1")
	want = append(want, "drop c1")
	d.wishes.holds(t, want...)
	d.stop()
	d.wishes.holds(t, want...)
}

// A database that refuses to keep wishes, for want of a right, holds up nobody.
func TestAttendant_WishesRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.wishes.err = errors.New("permission denied")
	d.enters()
	d.eventually(t, "POST play/callbackd-c1-1")
	d.Event(&ari.Event{Type: ari.ChannelDtmfReceived, Channel: caller(), Digit: "1"})
	d.eventually(t, "POST play/callbackd-c1-0")
	d.Event(&ari.Event{Type: ari.ChannelDestroyed, Channel: caller()})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if d.Finish(ctx); ctx.Err() != nil {
		t.Error("the refused wish is tried again and again")
	}
	if len(d.registrar.requests) != 1 {
		t.Errorf("registered %+v; asked %q", d.registrar.requests, d.pbx.requests)
	}
}

// Callers who left while nobody talked to them are registered, for the number
// that they keyed in; those who went on in the dialplan are not.
func TestAttendant_FulfilsWishes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	wish := func(channel, contact string) callbacks.Wish {
		return callbacks.Wish{Node: "pbx1", Channel: channel, Keeper: "dead", RequestID: callcenter.RequestID("r-" + channel), CallCenter: "support", ContactNumber: contact}
	}
	d.wishes.left = []callbacks.Wish{wish("left", "09012345678"), wish("reached", ""), wish("queue", ""), wish("nowhere", ""), wish("c1", "")}
	d.wishes.left[3].CallCenter = "closed"
	d.registrar.errs = []error{errAway, nil, callbacks.ErrReached} // one is tried again
	d.TakeUp([]ari.Channel{{ID: "queue", Dialplan: ari.DialplanPosition{AppName: "Queue", AppData: "support"}}})
	d.wishes.holds(t, "drop left", "drop reached", "drop queue", "drop nowhere", `drop c1`)
	d.registrar.mu.Lock()
	defer d.registrar.mu.Unlock()
	var asked []string
	for _, r := range d.registrar.requests {
		asked = append(asked, fmt.Sprintf("%s %q %t", r.RequestID, r.ContactNumber, r.Abandoned))
	}
	if diff := cmp.Diff([]string{`r-left "09012345678" true`, `r-left "09012345678" true`, `r-reached "" true`, `r-c1 "" true`}, asked); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
}

// Who takes our application over takes our callers, too: nothing more is done
// to them, and nothing registered.
func TestAttendant_Replaced(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.enters()
	d.eventually(t, "POST play/callbackd-c1-1")
	d.Lost(ari.LossClosed)
	d.Lost(ari.LossReplaced)
	d.idle(t)
	if len(d.registrar.requests) != 0 || d.pbx.asked("POST continue") {
		t.Errorf("registered %+v; asked %q", d.registrar.requests, d.pbx.requests)
	}
}

func TestAttendant_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"register"}, {"register", "7009"}, {"status", "support"}, {"register", "support", "mesage"}, {"register", "support", "message", "x"}} {
		d := newDesk(t)
		d.Event(&ari.Event{Type: ari.StasisStart, Application: "callbackd", Channel: caller(), Args: args})
		d.eventually(t, "POST variable FAILED")
		d.eventually(t, "POST continue")
		d.stop()
		if len(d.registrar.requests) != 0 || !strings.Contains(d.log.String(), "level=ERROR") {
			t.Errorf("%q: registered %+v, and the log says:\n%s", args, d.registrar.requests, d.log.String())
		}
	}
}

// What may pass is tried again for as long as a caller waits; what cannot is
// not.
func TestRegistration_TriesAgain(t *testing.T) {
	t.Parallel()
	refused := &callbacks.NotCallCenterCallError{Call: &callcenter.Call{}}
	for name, tt := range map[string]struct {
		errs  []error
		want  Status
		tries int
	}{
		"at once":                   {nil, StatusRegistered, 1},
		"not stored yet":            {[]error{callcenter.ErrNotFound, refused, callbacks.ErrNotVisited}, StatusRegistered, 4},
		"the database is away":      {slices.Repeat([]error{errAway}, 6), StatusRegistered, 7},
		"the database stays away":   {slices.Repeat([]error{errAway}, 1000), StatusFailed, 0},
		"a fault that does not go":  {[]error{errors.New("syntax")}, StatusFailed, 1},
		"nobody could be called":    {[]error{callbacks.ErrNoNumber}, StatusFailed, 1},
		"a deadline of one attempt": {[]error{fmt.Errorf("read: %w", context.DeadlineExceeded)}, StatusRegistered, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := &registrar{errs: tt.errs}
			a := &Attendant{o: Options{Registrar: r, IsUnavailable: func(err error) bool { return errors.Is(err, errAway) }}}
			begin := time.Now()
			got := a.registration(t.Context(), callbacks.Request{RequestID: "r1"}, slog.New(slog.DiscardHandler))
			if got.status != tt.want || tt.tries != 0 && len(r.requests) != tt.tries {
				t.Errorf("%s: %s after %d tries, want %s after %d", name, got.status, len(r.requests), tt.want, tt.tries)
			}
			if took := time.Since(begin); took > registerLimit+time.Second {
				t.Errorf("%s: took %s", name, took)
			}
		})
	}
}
