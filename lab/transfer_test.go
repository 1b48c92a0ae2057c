package lab_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// TestSample_Transfers holds the parts of the sample that decide who may
// transfer what: feature codes, the options of Dial and Queue, and the context
// in which the target is looked up. Customers sound
// at 500 Hz, the first agent at 700 and the second at 900.
func TestSample_Transfers(t *testing.T) {
	t.Parallel()
	pbx := labtest.Asterisk(t, lab.AsteriskOptions{})
	for name, test := range map[string]struct {
		number string // called by the customer
		from   string // agent who answers
		keys   string // what the agent keys in
		to     string // agent who gets the call
	}{
		"queue to phone":                  {"7001", "2001", "##2002", "2002"},
		"queue by Local /n to phone":      {"7002", "2003", "##2001", "2001"},
		"queue by Local to phone":         {"7002", "2004", "##2001", "2001"},
		"phone to queue":                  {"2003", "2003", "##7001", "2001"},
		"phone to queue of Local members": {"2001", "2001", "##7002", "2003"},
		"queue to queue":                  {"7001", "2001", "##7002", "2004"},
		"queue to ring group":             {"7002", "2003", "##6001", "2002"},
		"queue to the outside":            {"7001", "2001", "##0612345678", "outside"},
	} {
		t.Run(name, func(t *testing.T) {
			customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
			agent := labtest.Agent(t, pbx, test.from, sip.PhoneOptions{Sound: sip.Tone(700)})
			call := siptest.Dial(t, customer, test.number, sip.CallOptions{CallerNumber: "0312345678"})
			first := siptest.Arrives(t, agent)
			siptest.Talks(t, first)
			siptest.Hears(t, first, 500)
			siptest.Hears(t, call, 700)

			second := customer // who also is the outside world
			if test.to != "outside" {
				second = labtest.Agent(t, pbx, test.to, sip.PhoneOptions{Sound: sip.Tone(900)})
			}
			siptest.Press(t, first, test.keys)
			taken := siptest.Arrives(t, second)
			siptest.Talks(t, taken)
			siptest.Over(t, first)
			siptest.Hears(t, taken, 500)
			if test.to != "outside" {
				siptest.Hears(t, call, 900)
			}
			siptest.Leave(t, call)
			siptest.Over(t, taken)
			empty(t, pbx)
		})
	}
}

func TestSample_AttendedTransfer(t *testing.T) {
	t.Parallel()
	pbx := labtest.Asterisk(t, lab.AsteriskOptions{})
	call, agents, colleague := connected(t, pbx)
	siptest.Press(t, agents, "*22002")
	asked := siptest.Arrives(t, colleague)
	siptest.Talks(t, asked)
	siptest.Hears(t, agents, 900) // the two agents talk, the customer waits
	siptest.Leave(t, agents)
	siptest.Hears(t, asked, 500)
	siptest.Hears(t, call, 900)
	siptest.Leave(t, asked)
	siptest.Over(t, call)
	empty(t, pbx)
}

// Who calls from outside must not send calls elsewhere, to numbers that cost
// money least of all.
func TestSample_OutsidersCannotTransfer(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"7001", "2001", "6001"} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			pbx := labtest.Asterisk(t, lab.AsteriskOptions{})
			customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
			agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{Sound: sip.Tone(700)})
			call := siptest.Dial(t, customer, number, sip.CallOptions{CallerNumber: "0312345678"})
			agents := siptest.Arrives(t, agent)
			siptest.Talks(t, agents)
			siptest.Hears(t, agents, 500)

			siptest.Press(t, call, "##0612345678")
			// The keys pass through to the agent, as they would not if they
			// were a code.
			labtest.Eventually(t, siptest.Patience, func() error {
				if got := agents.Digits(); got != "##0612345678" {
					return fmt.Errorf("the agent got keys %q", got)
				}
				return nil
			})
			if refused, ok := errors.AsType[*sip.RefusedError](call.Transfer(siptest.Within(t), "0612345678")); !ok {
				t.Errorf("REFER from outside: refused = %v, want a status", refused)
			}
			select {
			case other := <-customer.Incoming():
				t.Errorf("a call to %s was placed", other.Number())
			default:
			}
			siptest.Hears(t, agents, 500)
			siptest.Leave(t, agents)
			siptest.Over(t, call)
		})
	}
}

func TestSample_QueueTimeouts(t *testing.T) {
	t.Parallel()
	t.Run("7001 goes on to ring group 6001", func(t *testing.T) {
		t.Parallel()
		pbx := labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "1"}})
		customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
		agent := labtest.Agent(t, pbx, "2001", sip.PhoneOptions{Behaviour: sip.Behaviour{Ignore: true}})
		call := siptest.Dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678"})
		siptest.Over(t, siptest.Arrives(t, agent)) // the queue gives up
		answer := siptest.Arrives(t, agent)
		if err := answer.Answer(siptest.Within(t)); err != nil {
			t.Fatal(err)
		}
		siptest.Hears(t, answer, 500)
		siptest.Leave(t, answer)
		siptest.Over(t, call)
	})
	t.Run("7002 says that nobody is there", func(t *testing.T) {
		t.Parallel()
		pbx := labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "1"}})
		customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
		call := siptest.Dial(t, customer, "0355550002", sip.CallOptions{CallerNumber: "0312345678"})
		siptest.Talks(t, call)
		siptest.Over(t, call)
	})
}

func TestSample_LabelOfAnIVRPathIsInherited(t *testing.T) {
	t.Parallel()
	pbx := labtest.Asterisk(t, lab.AsteriskOptions{})
	customer := labtest.Outside(t, pbx, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := labtest.Agent(t, pbx, "2003", sip.PhoneOptions{Sound: sip.Tone(700)})
	call := siptest.Dial(t, customer, "0355550480", sip.CallOptions{CallerNumber: "0312345678"})
	siptest.Talks(t, call)
	siptest.Press(t, call, "2")
	siptest.Talks(t, siptest.Arrives(t, agent))
	for _, c := range channels(t, pbx) {
		if got, want := c.Variables["CALLBACKD_LABEL"], "orders"; got != want {
			t.Errorf("channel %s: got label %q, want %q", strings.SplitN(c.Name, "-", 2)[0], got, want)
		}
	}
	siptest.Leave(t, call)
	empty(t, pbx)
}

// empty waits until no call is left.
func empty(t *testing.T, pbx *lab.Asterisk) {
	t.Helper()
	labtest.Eventually(t, 10*time.Second, func() error {
		n, err := pbx.Channels(t.Context())
		if err == nil && n != 0 {
			err = fmt.Errorf("%d channels are left", n)
		}
		return err
	})
}
