package sip_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"

	"callbackd/sip"
	"callbackd/sip/siptest"
)

func TestPhone_TonesArriveBothWays(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001", DisplayName: `Ann "A" \ 田中`, Sound: sip.Tone(440)})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002", Sound: sip.Tone(1000)})

	call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{Headers: map[string]string{"X-Reason": "test"}})
	siptest.Talks(t, call)
	other := siptest.Arrives(t, callee)
	siptest.Talks(t, other)

	got := map[string]string{
		"number": other.Number(), "caller number": other.CallerNumber(), "caller name": other.CallerName(),
		"header": other.Header("x-reason"), "call": other.ID(),
	}
	want := map[string]string{
		"number": "2002", "caller number": "2001", "caller name": `Ann "A" \ 田中`,
		"header": "test", "call": call.ID(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("incoming call (-want +got):\n%s", diff)
	}
	eventually(t, "each hears the other's tone", func() bool {
		return other.ToneLevel(440) > 0.9 && call.ToneLevel(1000) > 0.9
	})
	if hertz, level := other.DominantTone(); hertz != 440 {
		t.Errorf("callee hears %v Hz at %.2f, want 440 Hz", hertz, level)
	}
	call.Play(sip.Tone(700))
	eventually(t, "the callee hears the new tone", func() bool { return other.ToneLevel(700) > 0.9 })

	begin, before := time.Now(), other.Heard()
	eventually(t, "half a second more is heard", func() bool {
		return other.Heard().Audio-before.Audio >= 500*time.Millisecond
	})
	// What was late at the beginning may be made up for, up to 200 ms.
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("500 ms of audio came within %v: faster than it is spoken", took)
	}
	if lost := other.Heard().Lost; lost != 0 {
		t.Errorf("lost %d packets on loopback, want none", lost)
	}

	siptest.Leave(t, call)
	siptest.Over(t, other)
	for name, c := range map[string]*sip.Call{"caller": call, "callee": other} {
		if err := c.Err(); err != nil {
			t.Errorf("%s: call ended with %v, want a normal end", name, err)
		}
		if err := c.Hangup(t.Context()); err != nil {
			t.Errorf("%s: second hang-up: %v", name, err)
		}
	}
	if calls := len(caller.Calls()) + len(callee.Calls()); calls != 0 {
		t.Errorf("%d calls left after the end", calls)
	}
}

func TestPhone_RingsBeforeItAnswers(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002", Behaviour: sip.Behaviour{RingFor: 200 * time.Millisecond}})
	begin := time.Now()
	call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	if err := call.Ringing(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Talks(t, call)
	if rang := time.Since(begin); rang < 200*time.Millisecond {
		t.Errorf("answered after %v, want 200 ms of ringing", rang)
	}
}

func TestPhone_Refuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		busy   bool
	}{{486, true}, {480, false}, {600, true}, {603, false}}
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			t.Parallel()
			callee := siptest.Open(t, sip.PhoneOptions{Username: "2002", Behaviour: sip.Behaviour{Refuse: test.status}})
			call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
			err := call.Answered(siptest.Within(t))
			refused, ok := errors.AsType[*sip.RefusedError](err)
			if !ok || refused.Status != test.status {
				t.Fatalf("Answered = %v, want refused with %d", err, test.status)
			}
			if got := sip.IsBusy(err); got != test.busy {
				t.Errorf("IsBusy(%v) = %t, want %t", err, got, test.busy)
			}
			siptest.Over(t, siptest.Arrives(t, callee))
		})
	}
}

func TestPhone_BehaviourChangesAtRunTime(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002", Behaviour: sip.Behaviour{Refuse: 486}})
	if err := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{}).Answered(siptest.Within(t)); !sip.IsBusy(err) {
		t.Fatalf("Answered = %v, want busy", err)
	}
	if err := callee.SetBehaviour(sip.Behaviour{HangUpAfter: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	siptest.Talks(t, call)
	siptest.Over(t, call)
	if err := call.Err(); err != nil {
		t.Errorf("call ended with %v, want hung up by the callee", err)
	}
	if err := callee.SetBehaviour(sip.Behaviour{Refuse: 200, RingFor: -1}); err == nil {
		t.Error("SetBehaviour took a status that does not refuse and a negative time")
	}
}

func TestPhone_AnswersAndRefusesOnDemand(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002", Behaviour: sip.Behaviour{Ignore: true}})

	first := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	if err := siptest.Arrives(t, callee).Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Talks(t, first)
	if err := first.Cancel(t.Context()); !errors.Is(err, sip.ErrAnswered) {
		t.Errorf("Cancel of an answered call = %v, want %v", err, sip.ErrAnswered)
	}

	second := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	if err := siptest.Arrives(t, callee).Refuse(siptest.Within(t), 480); err != nil {
		t.Fatal(err)
	}
	if refused, ok := errors.AsType[*sip.RefusedError](second.Answered(siptest.Within(t))); !ok || refused.Status != 480 {
		t.Errorf("Answered = %v, want refused with 480", refused)
	}

	third := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	siptest.Leave(t, siptest.Arrives(t, callee))
	if refused, ok := errors.AsType[*sip.RefusedError](third.Answered(siptest.Within(t))); !ok || refused.Status != 603 {
		t.Errorf("Answered = %v, want declined", refused)
	}
}

func TestPhone_CallerCancels(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002", Behaviour: sip.Behaviour{Ignore: true}})
	call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	other := siptest.Arrives(t, callee)
	if err := call.Cancel(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, other)
	for name, c := range map[string]*sip.Call{"caller": call, "callee": other} {
		if err := c.Err(); !errors.Is(err, sip.ErrCancelled) {
			t.Errorf("%s: call ended with %v, want %v", name, err, sip.ErrCancelled)
		}
		if err := c.Answered(t.Context()); !errors.Is(err, sip.ErrCancelled) {
			t.Errorf("%s: Answered = %v, want %v", name, err, sip.ErrCancelled)
		}
	}
	if err := call.SendDTMF(t.Context(), "1"); !errors.Is(err, sip.ErrNotAnswered) {
		t.Errorf("SendDTMF = %v, want %v", err, sip.ErrNotAnswered)
	}
}

// The answer and the CANCEL race; both orders are right, but a call that goes
// on for one side only is not.
func TestPhone_CancelCrossesTheAnswer(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
	for range 30 {
		call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
		if err := call.Cancel(siptest.Within(t)); err != nil && !errors.Is(err, sip.ErrAnswered) {
			t.Fatal(err)
		} else if err != nil {
			siptest.Leave(t, call)
		}
		siptest.Over(t, call)
	}
	eventually(t, "the callee has no call left", func() bool { return len(callee.Calls()) == 0 })
}

func TestPhone_DTMF(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001", Sound: sip.Tone(440)})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
	call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	siptest.Talks(t, call)
	other := siptest.Arrives(t, callee)
	siptest.Talks(t, other)
	if err := call.SendDTMF(siptest.Within(t), "1199*#D"); err != nil {
		t.Fatal(err)
	}
	if err := other.SendDTMF(siptest.Within(t), "0"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keys arrive", func() bool { return other.Digits() == "1199*#D" && call.Digits() == "0" })
	eventually(t, "the tone goes on", func() bool { return other.ToneLevel(440) > 0.9 })
	if lost := other.Heard().Lost; lost != 0 {
		t.Errorf("%d packets seem lost around the keys, want none", lost)
	}
	if err := call.SendDTMF(siptest.Within(t), "1x"); err == nil {
		t.Error("SendDTMF pressed a key x")
	}
	siptest.Leave(t, other)
	siptest.Over(t, call)
	if err := call.SendDTMF(siptest.Within(t), "1"); !errors.Is(err, sip.ErrEnded) {
		t.Errorf("SendDTMF after the end = %v, want %v", err, sip.ErrEnded)
	}
}

func TestPhone_BlindTransfer(t *testing.T) {
	t.Parallel()
	customer := siptest.Open(t, sip.PhoneOptions{Username: "customer", Sound: sip.Tone(440)})
	agent := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	target := siptest.Open(t, sip.PhoneOptions{Username: "2002", Behaviour: sip.Behaviour{Refuse: 486}})

	call := siptest.Dial(t, customer, agent.URI(), sip.CallOptions{})
	siptest.Talks(t, call)
	agents := siptest.Arrives(t, agent)
	siptest.Talks(t, agents)

	if err := agents.Transfer(siptest.Within(t), target.URI()); !sip.IsBusy(err) {
		t.Fatalf("Transfer to a busy phone = %v, want busy", err)
	}
	select {
	case <-agents.Done():
		t.Fatal("a transfer that failed ended the call")
	default:
	}
	siptest.Arrives(t, target)

	if err := target.SetBehaviour(sip.Behaviour{}); err != nil {
		t.Fatal(err)
	}
	if err := agents.Transfer(siptest.Within(t), target.URI()); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, agents)
	siptest.Over(t, call)
	transferred := siptest.Arrives(t, target)
	siptest.Talks(t, transferred)
	if got := transferred.CallerNumber(); got != "customer" {
		t.Errorf("transferred call comes from %q, want the customer", got)
	}
	eventually(t, "the target hears the customer", func() bool { return transferred.ToneLevel(440) > 0.9 })
}

func TestPhone_WithheldNumber(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001", DisplayName: "Ann"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
	siptest.Talks(t, siptest.Dial(t, caller, callee.URI(), sip.CallOptions{Withheld: true}))
	other := siptest.Arrives(t, callee)
	if !other.Withheld() || other.CallerNumber() != "anonymous" || other.CallerName() != "Anonymous" || other.Header("Privacy") != "id" {
		t.Errorf("withheld = %t, number %q, name %q, privacy %q", other.Withheld(), other.CallerNumber(), other.CallerName(), other.Header("Privacy"))
	}
}

func TestPhone_CloseEndsEverything(t *testing.T) {
	// Not parallel: it counts goroutines.
	before := runtime.NumGoroutine()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
	ignorant := siptest.Open(t, sip.PhoneOptions{Username: "2003", Behaviour: sip.Behaviour{Ignore: true}})
	talking := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
	siptest.Talks(t, talking)
	ringing := siptest.Dial(t, caller, ignorant.URI(), sip.CallOptions{})
	atCallee, atIgnorant := siptest.Arrives(t, callee), siptest.Arrives(t, ignorant)

	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*sip.Call{talking, ringing, atCallee, atIgnorant} {
		siptest.Over(t, c)
	}
	if _, err := caller.Call(t.Context(), callee.URI(), sip.CallOptions{}); !errors.Is(err, sip.ErrClosed) {
		t.Errorf("Call after Close = %v, want %v", err, sip.ErrClosed)
	}
	for _, phone := range []*sip.Phone{caller, callee, ignorant} {
		if err := phone.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, open := <-phone.Incoming(); open {
			t.Error("Incoming is still open, or an old call waits there")
		}
	}
	noGoroutineLeft(t, before)
}

// The callee may still be about to answer, or wait for the ACK, when it is
// closed. Either way the caller has been told when Close returns.
func TestPhone_CloseRightAfterTheAnswer(t *testing.T) {
	t.Parallel()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	for range 50 {
		callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
		call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
		siptest.Talks(t, call)
		if err := callee.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-call.Done():
		default:
			t.Fatal("the call goes on after the callee was closed")
		}
	}
}

// Close returns in time when the far end has vanished.
func TestPhone_CloseWithoutFarEnd(t *testing.T) {
	// Not parallel: it counts goroutines.
	before := runtime.NumGoroutine()
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	silent := listen(t)
	call := siptest.Dial(t, caller, silent.uri("2002"), sip.CallOptions{})
	begin := time.Now()
	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("Close took %v, want a few seconds", took)
	}
	siptest.Over(t, call)
	if err := call.Err(); !errors.Is(err, sip.ErrClosed) {
		t.Errorf("call ended with %v, want %v", err, sip.ErrClosed)
	}
	silent.conn.Close()
	noGoroutineLeft(t, before)
}

func TestPhone_TwentyCallsAtOnce(t *testing.T) {
	t.Parallel()
	var phones [10]*sip.Phone
	for i := range phones {
		phones[i] = siptest.Open(t, sip.PhoneOptions{Username: fmt.Sprint(2001 + i), Sound: sip.Tone(400 + 100*float64(i))})
	}
	var placing sync.WaitGroup
	for i := range 20 {
		from, to := i%10, (i+1+i/10)%10
		placing.Go(func() {
			call, err := phones[from].Call(t.Context(), phones[to].URI(), sip.CallOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := call.Answered(siptest.Within(t)); err != nil {
				t.Error(err)
				return
			}
			wait(t, "the tone of the other phone", func() bool { return call.ToneLevel(400+100*float64(to)) > 0.9 })
			wait(t, "a second of audio", func() bool { return call.Heard().Audio > time.Second })
			if heard := call.Heard(); heard.Lost > 0 {
				t.Errorf("lost %d of %d packets", heard.Lost, heard.Packets)
			}
			if err := call.Hangup(siptest.Within(t)); err != nil {
				t.Error(err)
			}
		})
	}
	placing.Wait()
}

func TestPhone_ErrorsHoldNoNumber(t *testing.T) {
	t.Parallel()
	phone := siptest.Open(t, sip.PhoneOptions{Username: "2001", Server: "127.0.0.1:9"})
	_, err := phone.Call(t.Context(), "0312345678", sip.CallOptions{
		Headers: map[string]string{"X-Long": strings.Repeat("more than UDP takes ", 100)},
	})
	if err == nil || strings.Contains(err.Error(), "0312345678") {
		t.Errorf("Call with headers that are too long = %v, want an error without the number", err)
	}
	if calls := len(phone.Calls()); calls != 0 {
		t.Errorf("%d calls left after one that could not be placed", calls)
	}
}

func TestOpenPhone_AllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := sip.OpenPhone(t.Context(), sip.PhoneOptions{Listen: "0.0.0.0:0", Server: "nowhere", Behaviour: sip.Behaviour{Refuse: 180}})
	if err == nil {
		t.Fatal("OpenPhone took bad options")
	}
	for _, want := range []string{"username", "0.0.0.0:0", "server", "180"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not mention %q", err, want)
		}
	}
}

// Whoever gives up a request is told why, as in all other waits.
func TestPhone_GivesUpForTheReasonGiven(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	phone := siptest.Open(t, sip.PhoneOptions{Username: "2001", Server: silent.LocalAddr().String()})
	why := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, why)
	defer cancel()
	if err := phone.Register(ctx); !errors.Is(err, why) {
		t.Errorf("Register = %v, want %v", err, why)
	}
}

// What sipgo has to say may hold numbers, and is for nobody who runs a demo.
func TestPhone_SipgoLogsNothing(t *testing.T) {
	t.Parallel()
	siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	if sipmsg.DefaultLogger().Enabled(t.Context(), slog.LevelError) {
		t.Error("sipgo writes to the program's log")
	}
}
