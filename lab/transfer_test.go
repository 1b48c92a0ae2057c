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
			o := office{pbx}
			customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
			agent := o.agent(t, test.from, sip.PhoneOptions{Sound: sip.Tone(700)})
			call := dial(t, customer, test.number, sip.CallOptions{CallerNumber: "0312345678"})
			first := arrives(t, agent)
			talks(t, first)
			hears(t, first, 500)
			hears(t, call, 700)

			second := customer // who also is the outside world
			if test.to != "outside" {
				second = o.agent(t, test.to, sip.PhoneOptions{Sound: sip.Tone(900)})
			}
			press(t, first, test.keys)
			taken := arrives(t, second)
			talks(t, taken)
			over(t, first)
			hears(t, taken, 500)
			if test.to != "outside" {
				hears(t, call, 900)
			}
			leave(t, call)
			over(t, taken)
			empty(t, pbx)
		})
	}
}

func TestSample_AttendedTransfer(t *testing.T) {
	t.Parallel()
	o := office{labtest.Asterisk(t, lab.AsteriskOptions{})}
	call, agents, colleague := o.connect(t)
	press(t, agents, "*22002")
	asked := arrives(t, colleague)
	talks(t, asked)
	hears(t, agents, 900) // the two agents talk, the customer waits
	leave(t, agents)
	hears(t, asked, 500)
	hears(t, call, 900)
	leave(t, asked)
	over(t, call)
	empty(t, o.pbx)
}

// Who calls from outside must not send calls elsewhere, to numbers that cost
// money least of all.
func TestSample_OutsidersCannotTransfer(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"7001", "2001", "6001"} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			o := office{labtest.Asterisk(t, lab.AsteriskOptions{})}
			customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
			agent := o.agent(t, "2001", sip.PhoneOptions{Sound: sip.Tone(700)})
			call := dial(t, customer, number, sip.CallOptions{CallerNumber: "0312345678"})
			agents := arrives(t, agent)
			talks(t, agents)
			hears(t, agents, 500)

			press(t, call, "##0612345678")
			// The keys pass through to the agent, as they would not if they
			// were a code.
			labtest.Eventually(t, phonePatience, func() error {
				if got := agents.Digits(); got != "##0612345678" {
					return fmt.Errorf("the agent got keys %q", got)
				}
				return nil
			})
			if refused, ok := errors.AsType[*sip.RefusedError](call.Transfer(within(t), "0612345678")); !ok {
				t.Errorf("REFER from outside: refused = %v, want a status", refused)
			}
			select {
			case other := <-customer.Incoming():
				t.Errorf("a call to %s was placed", other.Number())
			default:
			}
			hears(t, agents, 500)
			leave(t, agents)
			over(t, call)
		})
	}
}

func TestSample_QueueTimeouts(t *testing.T) {
	t.Parallel()
	t.Run("7001 goes on to ring group 6001", func(t *testing.T) {
		t.Parallel()
		o := office{labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "1"}})}
		customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
		agent := o.agent(t, "2001", sip.PhoneOptions{Behaviour: sip.Behaviour{Ignore: true}})
		call := dial(t, customer, "7001", sip.CallOptions{CallerNumber: "0312345678"})
		over(t, arrives(t, agent)) // the queue gives up
		answer := arrives(t, agent)
		if err := answer.Answer(within(t)); err != nil {
			t.Fatal(err)
		}
		hears(t, answer, 500)
		leave(t, answer)
		over(t, call)
	})
	t.Run("7002 says that nobody is there", func(t *testing.T) {
		t.Parallel()
		o := office{labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "1"}})}
		customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
		call := dial(t, customer, "0355550002", sip.CallOptions{CallerNumber: "0312345678"})
		talks(t, call)
		over(t, call)
	})
}

func TestSample_LabelOfAnIVRPathIsInherited(t *testing.T) {
	t.Parallel()
	o := office{labtest.Asterisk(t, lab.AsteriskOptions{})}
	customer := o.outside(t, sip.PhoneOptions{Sound: sip.Tone(500)})
	agent := o.agent(t, "2003", sip.PhoneOptions{Sound: sip.Tone(700)})
	call := dial(t, customer, "0355550480", sip.CallOptions{CallerNumber: "0312345678"})
	talks(t, call)
	press(t, call, "2")
	talks(t, arrives(t, agent))
	for _, c := range channels(t, o.pbx) {
		if got, want := c.Variables["CALLBACKD_LABEL"], "orders"; got != want {
			t.Errorf("channel %s: got label %q, want %q", strings.SplitN(c.Name, "-", 2)[0], got, want)
		}
	}
	leave(t, call)
	empty(t, o.pbx)
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
