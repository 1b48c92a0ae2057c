package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"callbackd/sip"
)

// SIP statuses with which calls are refused.
const (
	statusUnavailable = 480
	statusBusy        = 486
)

// promptPatience is how long a story waits for the attendant.
const promptPatience = 5 * time.Second

// hearingStep is how often a story listens whether it was put through.
const hearingStep = 50 * time.Millisecond

// scene is one story being played, by one goroutine. Its methods are the
// steps of stories. The first step that fails is kept in err and makes all
// later ones do nothing, so that a story reads like one.
type scene struct {
	office   *Office
	ctx      context.Context // of this story alone, ends when it takes too long
	phones   []string
	customer Customer
	rng      *rand.Rand
	calls    []*sip.Call // to be over at the end
	err      error
}

// customerCalls has the customer dial.
func (s *scene) customerCalls(number string) *sip.Call {
	return s.dial(s.office.trunk, number, sip.CallOptions{CallerNumber: s.customer.Number, CallerName: s.customer.Name})
}

// customerCallsWithheld is customerCalls without telling who calls.
func (s *scene) customerCallsWithheld(number string) *sip.Call {
	return s.dial(s.office.trunk, number, sip.CallOptions{Withheld: true})
}

// agentCalls has an agent dial.
func (s *scene) agentCalls(extension, number string) *sip.Call {
	return s.dial(s.office.phones[extension], number, sip.CallOptions{})
}

func (s *scene) dial(phone *sip.Phone, number string, options sip.CallOptions) *sip.Call {
	if s.err != nil {
		return nil
	}
	call, err := phone.Call(s.ctx, number, options)
	if err != nil {
		s.err = fmt.Errorf("dial: %w", err)
		return nil
	}
	s.calls = append(s.calls, call)
	return call
}

// reaches waits until the agent's phone rings.
func (s *scene) reaches(extension string) *sip.Call {
	return s.arrives("an agent's phone", s.office.phones[extension].Incoming())
}

// reachesCustomer waits until the customer's phone rings.
func (s *scene) reachesCustomer() *sip.Call {
	return s.arrives("the customer's phone", s.office.reached[s.customer.Number])
}

func (s *scene) arrives(where string, calls <-chan *sip.Call) *sip.Call {
	if s.err != nil {
		return nil
	}
	select {
	case call, open := <-calls:
		if !open {
			s.err = sip.ErrClosed
			return nil
		}
		s.calls = append(s.calls, call)
		return call
	case <-s.ctx.Done():
		s.err = fmt.Errorf("no call reached %s: %w", where, context.Cause(s.ctx))
		return nil
	}
}

// rings lets a call ring for as long as people do before they answer.
func (s *scene) rings(call *sip.Call) { s.lasts(call, s.aWhile(), "ringing") }

// listens lets a caller listen to the IVR for a while.
func (s *scene) listens(call *sip.Call) {
	s.answered(call)
	s.lasts(call, s.aWhile(), "listening")
}

// aWhile is short enough, however long people talk, for no queue and no IVR
// to give up.
func (s *scene) aWhile() time.Duration { return min(s.office.options.Talk/3, 3*time.Second) }

// answers has somebody answer, after some ringing.
func (s *scene) answers(call *sip.Call) {
	s.rings(call)
	s.step("answer", func() error { return call.Answer(s.ctx) })
}

// refuses has somebody refuse, after some ringing.
func (s *scene) refuses(call *sip.Call, status int) {
	s.rings(call)
	s.step("refuse", func() error { return call.Refuse(s.ctx, status) })
}

// answered waits until a call is answered by whatever it reached.
func (s *scene) answered(call *sip.Call) {
	s.step("answered", func() error { return call.Answered(s.ctx) })
}

// putThrough waits until a call hears who it is meant for. Before, the two
// are not bridged yet, and a transfer would be refused.
func (s *scene) putThrough(call *sip.Call, tone float64) {
	s.answered(call)
	tick := time.NewTicker(hearingStep)
	defer tick.Stop()
	s.step("put through", func() error {
		for call.ToneLevel(tone) < 0.5 {
			select {
			case <-tick.C:
			case <-call.Done():
				return sip.ErrEnded
			case <-s.ctx.Done():
				return context.Cause(s.ctx)
			}
		}
		return nil
	})
}

// hears waits whether a caller hears a sound of the attendant's, and reports
// it. That nobody is there to say anything is no fault of the story.
func (s *scene) hears(call *sip.Call, prompt string) bool {
	if s.err != nil {
		return false
	}
	tick := time.NewTicker(hearingStep)
	defer tick.Stop()
	patience := time.NewTimer(promptPatience)
	defer patience.Stop()
	for call.ToneLevel(Prompt(prompt)) < 0.5 {
		select {
		case <-tick.C:
		case <-call.Done():
			return false
		case <-patience.C:
			return false
		case <-s.ctx.Done():
			return false
		}
	}
	return true
}

// talk waits until a call is put through, and lets people talk.
func (s *scene) talk(call *sip.Call, tone float64) {
	s.putThrough(call, tone)
	s.lasts(call, s.office.options.Talk, "talking")
}

// lasts waits for half to one and a half of a time, in which the call must
// not end.
func (s *scene) lasts(call *sip.Call, about time.Duration, what string) {
	// Drawn even when nothing is done any more, so that the story does not
	// depend on what failed in it.
	timer := time.NewTimer(about/2 + time.Duration(s.rng.Int64N(int64(about)+1)))
	defer timer.Stop()
	s.step(what, func() error {
		select {
		case <-timer.C:
			return nil
		case <-call.Done():
			return errors.Join(sip.ErrEnded, call.Err())
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	})
}

// presses has somebody press keys.
func (s *scene) presses(call *sip.Call, keys string) {
	s.step("press keys", func() error {
		err := call.SendDTMF(s.ctx, keys)
		if errors.Is(err, sip.ErrEnded) {
			return nil // by the last key of a transfer, before it was let go of
		}
		return err
	})
}

// transfers has an agent send the other to an extension, by REFER, and leave.
func (s *scene) transfers(call *sip.Call, extension string) {
	s.step("transfer", func() error { return call.Transfer(s.ctx, extension) })
	s.over(call)
}

// leaves has one of two people hang up, which ends the other's call.
func (s *scene) leaves(call, other *sip.Call) {
	s.step("hang up", func() error { return call.Hangup(s.ctx) })
	s.over(other)
}

// over waits until a call has ended.
func (s *scene) over(call *sip.Call) {
	s.step("end", func() error {
		select {
		case <-call.Done():
			return nil
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	})
}

// oneOf chooses.
func (s *scene) oneOf(extensions ...string) string {
	return extensions[s.rng.IntN(len(extensions))]
}

// either returns the two calls, or the two the other way round.
func (s *scene) either(a, b *sip.Call) (*sip.Call, *sip.Call) {
	if s.rng.IntN(2) == 0 {
		return a, b
	}
	return b, a
}

func (s *scene) step(what string, do func() error) {
	if s.err != nil {
		return
	}
	if err := do(); err != nil {
		s.err = fmt.Errorf("%s: %w", what, err)
	}
}

// hangUp ends whatever the story left: its own calls, and those on its phones
// that it did not take.
func (s *scene) hangUp() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), hangUpPatience)
	defer cancel()
	left := s.calls
	for _, extension := range s.phones {
		left = append(left, s.office.phones[extension].Calls()...)
	}
	ended := make(chan error)
	for _, call := range left {
		go func() { ended <- call.Hangup(ctx) }()
	}
	var errs []error
	for range left {
		errs = append(errs, <-ended)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("hang up what is left: %w", err)
	}
	return nil
}
