package attendant

import (
	"slices"
	"time"
)

// Status is what the dialplan finds in the channel variable CALLBACKD_STATUS,
// and how a session ended.
type Status string

// The statuses.
const (
	// StatusRegistered: a callback was registered.
	StatusRegistered Status = "REGISTERED"
	// StatusAdded: the number has an open callback already; the request was
	// added to it.
	StatusAdded Status = "ADDED"
	// StatusCancelled: the caller wants no callback after all.
	StatusCancelled Status = "CANCELLED"
	// StatusNoNumber: the number is withheld, and none was keyed in.
	StatusNoNumber Status = "NONUMBER"
	// StatusFailed: no callback could be registered. The dialplan has to help
	// the caller in another way.
	StatusFailed Status = "FAILED"
	// StatusHangup: the caller left before anything else could be said, or
	// the daemon has. It stands in the variable until there is another one.
	StatusHangup Status = "HANGUP"
)

// Statuses are all statuses.
var Statuses = []Status{StatusRegistered, StatusAdded, StatusCancelled, StatusNoNumber, StatusFailed, StatusHangup}

// Numbers knows which numbers callers can be called at.
type Numbers interface {
	// Valid reports whether what a caller keyed in can be called.
	Valid(digits string) bool
	// Complete reports whether no digit is missing of what a caller keyed in.
	Complete(digits string) bool
	// Digits returns a number as it is read out; empty for what is no number.
	Digits(number string) string
}

// The states of a dialogue. In all but the last the caller waits for us or we
// for the caller, and a timer runs.
type state int

const (
	stateConfirming  state = iota // a number was read out: is it right?
	stateEntering                 // the caller keys in a number
	stateRegistering              // the callback is being registered
	stateOffering                 // the caller is told to leave a message
	stateRecording                // the message is being recorded
	stateParting                  // the caller is told what came of it
	stateOver                     // nothing more is to be done
)

// What can happen in a dialogue.
type (
	// key is a key that the caller pressed.
	key struct{ digit string }
	// played says that a prompt has ended, or could not be played.
	played struct{ id int }
	// recorded says that the recording has ended, or never began.
	recorded struct{}
	// settled says what came of the registration.
	settled struct{ status Status }
	// timeout says that a timer went off.
	timeout struct{ id int }
	// left says that the channel is not with us any more.
	left struct{}
	// resumed says that events may be missing.
	resumed struct{}
	// replaced says that somebody else talks to the caller now.
	replaced struct{}
	// stopped says that the session must end now, with the channel still with
	// us.
	stopped struct{}
)

// What a dialogue wants to be done.
type (
	// play plays sounds, one after the other.
	play struct {
		id     int
		sounds []string
	}
	// hush ends what is being played.
	hush struct{}
	// wait sets the timer, in place of the one before.
	wait struct {
		id    int
		after time.Duration
	}
	// register registers the callback; settled must follow.
	register struct{ contact string }
	// record records the message; recorded must follow.
	record struct{}
	// endRecording ends the recording, whose sound is kept.
	endRecording struct{}
	// handBack sends the channel on in the dialplan.
	handBack struct{ status Status }
)

// dialogue is what is said to one caller and what follows from what the caller
// says. It is pure: events go in, commands come out. Of any events it makes at
// most one registration, and within a bounded number of timers it is over.
type dialogue struct {
	s       *Settings
	numbers Numbers
	// presented is the caller's own number; empty when withheld. message says
	// to offer a message.
	presented string
	message   bool

	state state
	// candidate is the number that was read out; entered is what the caller
	// keys in.
	candidate, entered string
	// tries are how often the caller may still get something wrong.
	tries int
	// contact is the number that is being registered.
	contact string
	// prompt is the last one that was played; playing says that it still is.
	prompt  int
	playing bool
	timer   int
	// asked says that the registration was begun; gone that the caller, and
	// stopping that the session, does not wait for what comes of it.
	asked, gone, stopping bool
	status                Status
	out                   []any
}

// newDialogue returns a dialogue with a caller.
func newDialogue(s *Settings, numbers Numbers, presented string, message bool) *dialogue {
	d := &dialogue{s: s, numbers: numbers, message: message, tries: s.Attempts, status: StatusHangup}
	if numbers.Digits(presented) != "" {
		d.presented = presented
	}
	return d
}

// start begins the dialogue.
func (d *dialogue) start() []any {
	if d.presented == "" {
		d.enter(d.s.Sounds.Welcome)
	} else {
		d.confirm(d.presented, d.s.Sounds.Welcome)
	}
	return d.take()
}

// over reports whether nothing more is to be done.
func (d *dialogue) over() bool { return d.state == stateOver }

// take returns what is to be done, in order.
func (d *dialogue) take() []any {
	out := d.out
	d.out = nil
	return out
}

func (d *dialogue) do(commands ...any) { d.out = append(d.out, commands...) }

// handle takes in what happened and returns what is to be done.
func (d *dialogue) handle(event any) []any {
	if d.over() {
		return nil
	}
	switch e := event.(type) {
	case key:
		d.pressed(e.digit)
	case played:
		if d.playing && e.id == d.prompt {
			d.heard()
		}
	case resumed:
		if d.playing {
			d.heard() // the word that it ended may be what is missing
		}
	case recorded:
		if d.state == stateRecording {
			d.part(d.status)
		}
	case settled:
		d.settle(e.status)
	case timeout:
		if e.id == d.timer {
			d.waited()
		}
	case left:
		d.gone = true
		d.leave()
	case replaced:
		d.gone, d.state = true, stateOver
	case stopped:
		d.stopping = true
		d.leave()
	}
	return d.take()
}

// say plays sounds. The timer bounds it: a playback whose end is never told
// must not keep the caller waiting.
func (d *dialogue) say(sounds ...string) {
	d.quiet()
	d.prompt++
	d.playing = true
	d.do(play{d.prompt, sounds})
	d.await(d.s.PromptLimit)
}

// quiet ends what is being played.
func (d *dialogue) quiet() {
	if d.playing {
		d.playing = false
		d.do(hush{})
	}
}

func (d *dialogue) await(after time.Duration) {
	d.timer++
	d.do(wait{d.timer, after})
}

// confirm reads a number out and asks whether it is right.
func (d *dialogue) confirm(number string, before ...string) {
	d.state, d.candidate = stateConfirming, number
	sounds := slices.Concat(before, []string{d.s.Sounds.YourNumber})
	for _, digit := range d.numbers.Digits(number) {
		sounds = append(sounds, d.s.Sounds.Digits+"/"+string(digit))
	}
	d.say(append(sounds, d.s.Sounds.Confirm)...)
}

// enter asks for a number.
func (d *dialogue) enter(before ...string) {
	d.state, d.entered, d.candidate = stateEntering, "", ""
	d.say(append(before, d.s.Sounds.Enter)...)
}

// heard goes on after a prompt.
func (d *dialogue) heard() {
	d.playing = false
	switch d.state {
	case stateConfirming, stateEntering:
		d.await(d.s.KeyTimeout)
	case stateOffering:
		d.listen()
	case stateParting:
		d.finish()
	case stateRegistering, stateRecording, stateOver:
		// nothing is played then
	}
}

// waited goes on after a timer.
func (d *dialogue) waited() {
	if d.playing {
		d.quiet()
		d.heard()
		return
	}
	switch d.state {
	case stateConfirming:
		// Silence after a number that was read out means that it is right: not
		// every telephone has keys that reach us.
		if d.again() {
			d.confirm(d.candidate)
			return
		}
		d.register(d.candidate)
	case stateEntering:
		if d.entered != "" {
			d.check()
			return
		}
		d.wrong()
	case stateRegistering:
		d.settle(StatusFailed)
	case stateRecording:
		d.do(endRecording{})
		d.part(d.status)
	case stateOffering, stateParting, stateOver:
		// a prompt is played then, or nothing
	}
}

// register has the callback registered. The caller's own number needs not to
// be said: it is the call's.
func (d *dialogue) register(number string) {
	if d.asked {
		return
	}
	d.quiet()
	d.state, d.asked, d.contact = stateRegistering, true, number
	if number == d.presented {
		number = ""
	}
	d.do(register{number})
	d.await(registerPatience)
}

// settle takes in what came of the registration.
func (d *dialogue) settle(status Status) {
	if d.state != stateRegistering {
		return
	}
	d.status = status
	switch {
	case d.gone || d.stopping:
		d.finish()
	case d.message && status != StatusFailed:
		d.state = stateOffering
		d.say(d.s.Sounds.LeaveMessage)
	default:
		d.part(status)
	}
}

// listen has the message recorded.
func (d *dialogue) listen() {
	d.state = stateRecording
	d.do(record{})
	// Asterisk counts from the first sound of the file, we from now on.
	d.await(d.s.MessageMax + recordMargin)
}

// part tells the caller what came of it.
func (d *dialogue) part(status Status) {
	d.state, d.status = stateParting, status
	switch status {
	case StatusRegistered:
		d.say(d.s.Sounds.Registered)
	case StatusAdded:
		d.say(d.s.Sounds.Added)
	case StatusCancelled:
		d.say(d.s.Sounds.Cancelled)
	case StatusNoNumber:
		d.say(d.s.Sounds.NoNumber)
	case StatusFailed, StatusHangup:
		d.say(d.s.Sounds.Failed)
	}
}

// finish hands a channel back that is still with us.
func (d *dialogue) finish() {
	d.quiet()
	d.state = stateOver
	if !d.gone {
		d.do(handBack{d.status})
	}
}

// wanted is the number that is to be called, as far as the caller has said, or
// empty when there is none, or nothing is left to be registered. A number that
// was not keyed in to its end is better than none, and not than the caller's own.
func (d *dialogue) wanted() string {
	switch d.state {
	case stateConfirming, stateEntering:
		switch {
		case d.candidate != "":
			return d.candidate
		case d.numbers.Complete(d.entered), d.presented == "" && d.numbers.Valid(d.entered):
			return d.entered
		}
		return d.presented
	case stateRegistering:
		return d.contact
	case stateOffering, stateRecording, stateParting, stateOver:
		// it is settled
	}
	return ""
}

// leave ends the dialogue early: the caller hung up, or the session must end.
// If there is a number to call, the callback is registered all the same.
func (d *dialogue) leave() {
	switch d.state {
	case stateConfirming, stateEntering:
		if number := d.wanted(); number != "" {
			d.register(number)
			return
		}
		if d.stopping {
			d.status = StatusFailed
		}
		d.finish()
	case stateRegistering:
		// settled will follow
	case stateRecording:
		if !d.gone {
			d.do(endRecording{})
		}
		d.finish()
	case stateOffering, stateParting, stateOver:
		d.finish()
	}
}
