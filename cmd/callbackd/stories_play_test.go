package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

func playConnected(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		call, agents := w.connected(t, number)
		ends(t, call, agents)
	}
}

func playAbandonedAt(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
		w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Queue" })
		siptest.Leave(t, call)
	}
}

func playHungUpBy(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		siptest.Over(t, siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer}))
	}
}

func playPickup(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, agent, colleague := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true}), w.agent(t, "2003", sip.Behaviour{})
		call := siptest.Dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
		rings := siptest.Arrives(t, agent)
		w.channel(t, "PJSIP/2001", func(c channel) bool { return c.State == "Ringing" })
		picks := siptest.Dial(t, colleague, "8004", sip.CallOptions{})
		siptest.Talks(t, picks)
		siptest.Over(t, rings)
		siptest.Hears(t, picks, 500)
		w.joined(t)
		ends(t, call, picks)
	}
}

func playParked(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2002", sip.Behaviour{})
	// The PBX sees to the transfer without telling how it went.
	if err := agents.Transfer(siptest.Within(t), "700"); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, agents)
	fetches := siptest.Dial(t, colleague, "701", sip.CallOptions{})
	siptest.Talks(t, fetches)
	siptest.Hears(t, fetches, 500)
	w.joined(t)
	ends(t, call, fetches)
}

func playQueueToQueue(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{})
	if err := agents.Transfer(siptest.Within(t), "7002"); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, agents)
	other := siptest.Arrives(t, colleague)
	siptest.Hears(t, other, 500)
	ends(t, call, other)
}

func playCustomerTransfers(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	var denied *sip.RefusedError
	if err := call.Transfer(siptest.Within(t), "2003"); !errors.As(err, &denied) {
		t.Errorf("the customer's transfer: %v, want it refused", err)
	}
	siptest.Press(t, call, "##2003")
	siptest.Hears(t, agents, 500)
	ends(t, call, agents)
}

func playOutgoingToQueue(t *testing.T, w *stage) {
	outside, agent, clerk := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := siptest.Dial(t, clerk, customer, sip.CallOptions{})
	siptest.Talks(t, call)
	far := siptest.Arrives(t, outside)
	siptest.Hears(t, call, 500)
	if err := call.Transfer(siptest.Within(t), "7001"); err != nil {
		t.Fatal(err)
	}
	other := siptest.Arrives(t, agent)
	siptest.Hears(t, other, 500)
	ends(t, other, far)
}

func playBlondeToPhone(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{Ignore: true})
	siptest.Press(t, agents, "*22003")
	other := siptest.Arrives(t, colleague)
	w.together(t, "PJSIP/2001", "Local/2003") // before, the PBX gives the transfer up
	siptest.Leave(t, agents)
	w.together(t, "PJSIP/trunk", "Local/2003")
	if err := other.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Hears(t, other, 500)
	ends(t, call, other)
}

func playBlondeToQueue(t *testing.T, w *stage) {
	outside, clerk := w.outside(t, sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := siptest.Dial(t, outside, "2003", sip.CallOptions{CallerNumber: customer})
	clerks := siptest.Arrives(t, clerk)
	siptest.Hears(t, clerks, 500)
	agent := w.agent(t, "2001", sip.Behaviour{Ignore: true})
	siptest.Press(t, clerks, "*27001")
	other := siptest.Arrives(t, agent)
	w.together(t, "PJSIP/2003", "Local/7001")
	siptest.Leave(t, clerks)
	w.together(t, "PJSIP/trunk", "Local/7001")
	if err := other.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Hears(t, other, 500)
	ends(t, call, other)
}

func playBusyAndBack(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{Refuse: http.StatusNotAcceptable})
	siptest.Press(t, agents, "*22003")
	siptest.Over(t, siptest.Arrives(t, colleague))
	siptest.Hears(t, agents, 500)
	ends(t, call, agents)
}

func playTwoAnswer(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	first, second := w.agent(t, "2001", sip.Behaviour{Ignore: true}), w.agent(t, "2002", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	rung := []*sip.Call{siptest.Arrives(t, first), siptest.Arrives(t, second)}
	var answering sync.WaitGroup
	for _, c := range rung {
		// The one who is late may find the call gone.
		answering.Go(func() { _ = c.Answer(siptest.Within(t)) })
	}
	answering.Wait()
	winner := ""
	labtest.Eventually(t, patience, func() error {
		for i, c := range rung {
			if c.ToneLevel(500) > 0.5 {
				winner = fmt.Sprintf("PJSIP/200%d", i+1)
				return nil
			}
		}
		return errors.New("neither hears the caller")
	})
	w.agentIs(t, winner)
	siptest.Leave(t, call)
	siptest.Over(t, rung[0])
	siptest.Over(t, rung[1])
}

func playRefusedAndRetried(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Refuse: 486})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	siptest.Over(t, siptest.Arrives(t, agent))
	for _, behaviour := range []sip.Behaviour{{Refuse: 480}, {}} {
		if err := agent.SetBehaviour(behaviour); err != nil {
			t.Fatal(err)
		}
		other := siptest.Arrives(t, agent)
		if behaviour.Refuse == 0 {
			siptest.Hears(t, other, 500)
			siptest.Leave(t, call)
		}
		siptest.Over(t, other)
	}
}

func playRefusedAndLeft(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Refuse: 486})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	siptest.Over(t, siptest.Arrives(t, agent))
	siptest.Leave(t, call)
}

func playLeftAsAnswered(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	other := siptest.Arrives(t, agent)
	var both sync.WaitGroup
	both.Go(func() { _ = other.Answer(siptest.Within(t)) }) // or finds the call gone
	both.Go(func() { siptest.Leave(t, call) })
	both.Wait()
	siptest.Over(t, other)
}

func playRingGroupThenQueue(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, outside, "8005", sip.CallOptions{CallerNumber: customer})
	siptest.Over(t, siptest.Arrives(t, agent)) // the ring group gives up
	other := siptest.Arrives(t, agent)
	ends(t, call, other)
}

func playClickToCall(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	w.cli(t, "channel originate PJSIP/2001 extension "+customer+"@from-internal", "")
	call, far := siptest.Arrives(t, agent), siptest.Arrives(t, outside)
	siptest.Hears(t, call, 500)
	ends(t, call, far)
}

func playClickToCallBusy(t *testing.T, w *stage) {
	w.outside(t, sip.Behaviour{Refuse: 486})
	agent := w.agent(t, "2001", sip.Behaviour{})
	w.cli(t, "channel originate PJSIP/2001 extension "+customer+"@from-internal", "")
	siptest.Over(t, siptest.Arrives(t, agent))
}

func playDialler(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	w.cli(t, "channel originate PJSIP/"+customer+"@trunk extension 7001@from-internal", "")
	call := siptest.Arrives(t, outside)
	w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Queue" })
	siptest.Leave(t, call)
}

func playLocalOriginated(t *testing.T, w *stage) {
	agent := w.agent(t, "2001", sip.Behaviour{})
	w.cli(t, "channel originate Local/7001@from-internal application Wait 60", "")
	call := siptest.Arrives(t, agent)
	siptest.Talks(t, call)
	siptest.Leave(t, call)
}

func playTwoAtOnce(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	first := siptest.Dial(t, outside, "2001", sip.CallOptions{CallerNumber: customer})
	firsts := siptest.Arrives(t, agent)
	siptest.Hears(t, firsts, 500)
	second := siptest.Dial(t, outside, "2001", sip.CallOptions{CallerNumber: customer})
	seconds := siptest.Arrives(t, agent)
	siptest.Hears(t, seconds, 500)
	ends(t, firsts, first)
	ends(t, second, seconds)
}

func playTrunkToTrunk(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	call := siptest.Dial(t, outside, "8006", sip.CallOptions{CallerNumber: customer})
	far := siptest.Arrives(t, outside)
	siptest.Hears(t, far, 500)
	ends(t, call, far)
}

func playBridgedIn(t *testing.T, w *stage) {
	outside, caller, callee := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{})
	call := siptest.Dial(t, caller, "2003", sip.CallOptions{})
	callees := siptest.Arrives(t, callee)
	siptest.Hears(t, callees, 700)
	w.cli(t, "dialplan add extension 8020,1,Bridge("+w.channel(t, "PJSIP/2003", up).Name+") into stories replace", "8020")
	customers := siptest.Dial(t, outside, "8020", sip.CallOptions{CallerNumber: customer})
	siptest.Over(t, call)
	siptest.Hears(t, callees, 500)
	w.joined(t)
	ends(t, customers, callees)
}

// playRedirected has somebody who is in a call of the customer with 2003 sent
// to the queue.
func playRedirected(who string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, clerk, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
		call := siptest.Dial(t, outside, "2003", sip.CallOptions{CallerNumber: customer})
		clerks := siptest.Arrives(t, clerk)
		siptest.Hears(t, clerks, 500)
		w.cli(t, "channel redirect "+w.channel(t, who, up).Name+" from-internal,7001,1", "")
		other := siptest.Arrives(t, agent)
		stays, leaves, tone := call, clerks, 500.0
		if who != "PJSIP/trunk" {
			stays, leaves, tone = clerks, call, 700
		}
		siptest.Over(t, leaves)
		siptest.Hears(t, other, tone)
		ends(t, stays, other)
	}
}

// playSecondLine has the customer call a number, where a phone answers; this
// one asks another on a second line, and connects the two: a REFER with
// Replaces, as telephones with a transfer key do it.
func playSecondLine(number, phone, second string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, first := w.outside(t, sip.Behaviour{}), w.agent(t, phone, sip.Behaviour{})
		call := siptest.Dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
		customers := siptest.Arrives(t, first)
		siptest.Hears(t, customers, 500)
		answering := "2001"
		if second != "7001" {
			answering = second
		}
		other := w.agent(t, answering, sip.Behaviour{})
		asks := siptest.Dial(t, first, second, sip.CallOptions{})
		asked := siptest.Arrives(t, other)
		siptest.Hears(t, asked, 700)
		line := w.channel(t, "PJSIP/"+phone, up)
		replaces := asks.ID() + ";to-tag=" + w.variable(t, line, "CHANNEL(pjsip,local_tag)") + ";from-tag=" + w.variable(t, line, "CHANNEL(pjsip,remote_tag)")
		if err := customers.Transfer(siptest.Within(t), "sip:"+second+"@"+w.pbx.SIP+"?Replaces="+url.QueryEscape(replaces)); err != nil {
			t.Fatal(err)
		}
		siptest.Over(t, asks)
		siptest.Hears(t, asked, 500)
		w.joined(t)
		ends(t, call, asked)
	}
}

func (w *stage) variable(t *testing.T, c channel, name string) string {
	t.Helper()
	var answer struct{ Value string }
	w.ari(t, http.MethodGet, "/channels/"+c.ID+"/variable", url.Values{"variable": {name}}, &answer)
	return answer.Value
}

// playJoinedByARI: a program calls an agent, giving the channel an ID of its
// own choice, and puts the agent and a customer who waits into a bridge.
func playJoinedByARI(t *testing.T, w *stage) {
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{})
	const program = "program"
	w.anotherProgram(t, program)
	w.ari(t, http.MethodPost, "/channels", url.Values{
		"endpoint": {"PJSIP/2001"}, "app": {program}, "channelId": {"zz-" + t.Name()},
	}, nil)
	agents := siptest.Arrives(t, agent)
	inStasis := func(c channel) bool { return up(c) && c.Dialplan.App == "Stasis" }
	first := w.channel(t, "PJSIP/2001", inStasis)
	call := siptest.Dial(t, outside, "8010", sip.CallOptions{CallerNumber: customer})
	w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Stasis" })
	second := w.channel(t, "PJSIP/trunk", func(channel) bool { return true })
	w.ari(t, http.MethodPost, "/channels/"+second.ID+"/answer", nil, nil)
	var bridge struct{ ID string }
	w.ari(t, http.MethodPost, "/bridges", url.Values{"type": {"mixing"}}, &bridge)
	w.ari(t, http.MethodPost, "/bridges/"+bridge.ID+"/addChannel", url.Values{"channel": {first.ID + "," + second.ID}}, nil)
	siptest.Hears(t, agents, 500)
	w.joined(t)
	siptest.Leave(t, call)
	siptest.Leave(t, agents)
	w.ari(t, http.MethodDelete, "/bridges/"+bridge.ID, nil, nil)
}
