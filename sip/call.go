package sip

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A Call is one call of a phone, from its INVITE on.
type Call struct {
	phone    *Phone
	outgoing bool
	invite   *sipmsg.Request // as first sent, or received; never changed
	dialog   *dialog
	media    *media

	ringing   signal
	answered  signal // both sides know the session
	confirmed signal // a BYE may be sent: the answer was acknowledged
	giveUp    signal // outgoing: we want to cancel; incoming: the caller did
	done      chan struct{}

	decisions chan int       // incoming: SIP status that Answer and Refuse want
	transfer  chan statement // what the far end says of our REFER

	mu     sync.Mutex
	acks   map[uint32]chan struct{} // who waits for the ACK of which INVITE
	ending bool                     // a BYE is on its way
	over   bool
	err    error
	byeErr error // for who hung up
}

func newCall(p *Phone, invite *sipmsg.Request, d *dialog, m *media, outgoing bool) *Call {
	return &Call{
		phone:     p,
		outgoing:  outgoing,
		invite:    invite,
		dialog:    d,
		media:     m,
		ringing:   newSignal(),
		answered:  newSignal(),
		confirmed: newSignal(),
		giveUp:    newSignal(),
		done:      make(chan struct{}),
		decisions: make(chan int),
		transfer:  make(chan statement, 8),
		acks:      map[uint32]chan struct{}{},
	}
}

// signal is an event that happens once.
type signal struct {
	once *sync.Once
	ch   chan struct{}
}

func newSignal() signal { return signal{once: new(sync.Once), ch: make(chan struct{})} }

func (s signal) fire() { s.once.Do(func() { close(s.ch) }) }

func (s signal) fired() bool { return isDone(s.ch) }

func isDone(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// Outgoing reports whether the phone placed the call.
func (c *Call) Outgoing() bool { return c.outgoing }

// ID is the SIP Call-ID, unique to this leg.
func (c *Call) ID() string { return c.dialog.key.callID }

// Number is what was dialled: the user part of the request URI.
func (c *Call) Number() string { return unescapeUser(c.invite.Recipient.User) }

// CallerNumber is the user part of the From header: a number, or "anonymous".
func (c *Call) CallerNumber() string { return unescapeUser(c.invite.From().Address.User) }

// CallerName is the display name of the From header, empty when there is none.
func (c *Call) CallerName() string { return unescapeName(c.invite.From().DisplayName) }

// Withheld reports whether the caller does not want to be known.
func (c *Call) Withheld() bool {
	return c.CallerNumber() == anonymousUser || strings.Contains(c.Header("Privacy"), "id")
}

// Header is the value of a header of the INVITE, the first one of that name,
// or empty.
func (c *Call) Header(name string) string {
	if header := c.invite.GetHeader(name); header != nil {
		return header.Value()
	}
	return ""
}

// Ringing waits until the far end rings, or this phone does. It returns at
// once for a call that was answered without ringing, and the reason for one
// that ended before.
func (c *Call) Ringing(ctx context.Context) error {
	select {
	case <-c.ringing.ch:
		return nil
	case <-c.answered.ch:
		return nil
	case <-c.done:
		if c.ringing.fired() || c.answered.fired() {
			return nil
		}
		return c.endedBefore()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Answered waits for the answer. A call that was refused gives a
// [*RefusedError]. When ctx ends, the call goes on ringing.
func (c *Call) Answered(ctx context.Context) error {
	select {
	case <-c.answered.ch:
		return nil
	case <-c.done:
		if c.answered.fired() {
			return nil
		}
		return c.endedBefore()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Call) endedBefore() error {
	if err := c.Err(); err != nil {
		return err
	}
	return ErrEnded
}

// Done is closed when the call is over and its socket released.
func (c *Call) Done() <-chan struct{} { return c.done }

// Err tells how a call ended: nil when it runs, or was answered and hung up
// by either side; [ErrCancelled], a [*RefusedError] or another reason
// otherwise.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Hangup ends the call in whatever state it is and waits until it is over: a
// ringing one is cancelled or declined. When ctx ends, the hanging up goes on.
// The error tells that the far end did not confirm; the call is over for us
// all the same. It is nil for a call that the far end ended.
func (c *Call) Hangup(ctx context.Context) error {
	switch {
	case c.answered.fired():
		return c.bye(ctx)
	case c.outgoing:
		return c.abandon(ctx)
	}
	err := c.decide(ctx, sipmsg.StatusGlobalDecline)
	if errors.Is(err, ErrAnswered) {
		return c.bye(ctx) // the phone was about to answer
	}
	return err
}

// Cancel gives up an outgoing call before it is answered and waits until it
// is over. When the answer crosses, the call is hung up at once. A call that
// was answered before is left alone, with [ErrAnswered].
func (c *Call) Cancel(ctx context.Context) error {
	if c.answered.fired() || !c.outgoing {
		return ErrAnswered
	}
	return c.abandon(ctx)
}

func (c *Call) abandon(ctx context.Context) error {
	c.giveUp.fire()
	select {
	case <-c.done:
		return nil
	case <-c.answered.ch:
		return c.bye(ctx)
	case <-ctx.Done():
		return fmt.Errorf("cancel call: %w", context.Cause(ctx))
	}
}

// bye hangs up an answered call and waits until it is over. The BYE does not
// depend on ctx: a caller who no longer waits must not leave the far end
// talking to nobody.
func (c *Call) bye(ctx context.Context) error {
	c.mu.Lock()
	first := !c.ending && !c.over
	c.ending = true
	c.mu.Unlock()
	if first {
		c.phone.spawn(c.sendBye)
	}
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.byeErr
	case <-ctx.Done():
		return fmt.Errorf("hang up: %w", context.Cause(ctx))
	}
}

// sendBye ends the call whatever the far end says to it.
func (c *Call) sendBye() {
	// The callee must not hang up before its answer is acknowledged
	// (RFC 3261, section 15); the caller always may.
	select {
	case <-c.confirmed.ch:
	case <-c.done:
		return
	case <-c.phone.life.Done():
		return
	}
	ctx, stop := context.WithCancel(c.phone.life)
	defer stop()
	c.phone.spawn(func() { // the far end may hang up in the same moment
		select {
		case <-c.done:
			stop()
		case <-ctx.Done():
		}
	})
	res, err := c.phone.do(ctx, c.dialog.request(sipmsg.BYE))
	crossed := isDone(c.done) || res != nil && res.StatusCode == sipmsg.StatusCallTransactionDoesNotExists
	if err != nil && !crossed {
		c.mu.Lock()
		c.byeErr = fmt.Errorf("hang up: %w", err)
		c.mu.Unlock()
	}
	c.finish(nil)
}

// finish ends the call, once. It waits for the media and so must not be
// called by their goroutines.
func (c *Call) finish(err error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over, c.err = true, err
	c.mu.Unlock()
	c.media.close()
	c.phone.leave(c)
	close(c.done)
}

// SendDTMF presses keys (0 to 9, *, #, A to D) one after the other, 100 ms
// each, as RFC 4733 telephone events, and returns when the last one is sent.
// One call at a time: keys of two callers would mix.
func (c *Call) SendDTMF(ctx context.Context, keys string) error {
	codes := make([]byte, 0, len(keys))
	for _, key := range keys {
		code, err := keyCode(key)
		if err != nil {
			return fmt.Errorf("send DTMF: %w", err)
		}
		codes = append(codes, code)
	}
	if !c.answered.fired() {
		return fmt.Errorf("send DTMF: %w", ErrNotAnswered)
	}
	if err := c.media.press(ctx, codes); err != nil {
		return fmt.Errorf("send DTMF: %w", err)
	}
	return nil
}

// Digits are the keys that the far end has pressed so far.
func (c *Call) Digits() string { return c.media.pressed() }

// Play changes what the phone says in this call.
func (c *Call) Play(sound Sound) { c.media.play(sound) }

// Heard says how much audio the call has received.
func (c *Call) Heard() Reception { return c.media.heard.read() }

// ToneLevel is the share, from 0 to 1, that a tone of this frequency in Hz
// has in the audio of the last 200 ms; above 0.9 it is that tone alone.
func (c *Call) ToneLevel(hertz float64) float64 {
	return toneLevel(c.media.heard.latest(), hertz)
}

// DominantTone is the strongest tone of the last 200 ms, to 5 Hz, and its
// level as [Call.ToneLevel] has it. Both are 0 in silence.
func (c *Call) DominantTone() (hertz, level float64) {
	return dominantTone(c.media.heard.latest())
}

const anonymousUser = "anonymous"

// escapeUser makes a number the user part of a URI. A # would otherwise begin
// a fragment for some parsers.
func escapeUser(user string) string { return url.PathEscape(user) }

func unescapeUser(user string) string {
	if plain, err := url.PathUnescape(user); err == nil {
		return plain
	}
	return user
}

// escapeName and unescapeName do quoted pairs: sipgo writes the quotes around
// a display name, but leaves what is in it as it is.
func escapeName(name string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "", "\n", "").Replace(name)
}

func unescapeName(name string) string {
	var plain strings.Builder
	escaped := false
	for _, r := range name {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		escaped = false
		plain.WriteRune(r)
	}
	return plain.String()
}
