package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callbackd/configs"
	"callbackd/lab"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// dialplanWorld is a world whose PBX has the dialplan of another product, and
// whose daemon is told so as docs/pbx.md says.
func dialplanWorld(t *testing.T, dialplan configs.Dialplan) *world {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"extensions.conf", "queues.conf"} {
		text, err := os.ReadFile(filepath.Join("testdata/dialplans", string(dialplan), name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	w := newStoppedWorld(t, lab.AsteriskOptions{Files: files, Modules: []string{"res_speech.so", "res_agi.so"}, Globals: map[string]string{"QUEUE_TIMEOUT": "30"}})
	site := documentedConfig(t, dialplan)
	w.cfg.PBX[0].Dialplan, w.cfg.PBX[0].Contexts, w.cfg.PBX[0].Trunks = site.PBX[0].Dialplan, site.PBX[0].Contexts, site.PBX[0].Trunks
	w.cfg.CallCenters, w.cfg.RingGroups, w.cfg.Terminals, w.cfg.BusinessLabels = site.CallCenters, site.RingGroups, site.Terminals, site.BusinessLabels
	w.start(t)
	return w
}

// documentedConfig is the configuration in docs/pbx.md that names the dialplan.
func documentedConfig(t *testing.T, dialplan configs.Dialplan) *configs.Config {
	t.Helper()
	for i, block := range strings.Split(readFile(t, "../../docs/pbx.md"), "```") {
		text, isYAML := strings.CutPrefix(block, "yaml\n")
		if i%2 == 0 || !isYAML || !strings.Contains(text, "dialplan: "+string(dialplan)+"\n") {
			continue
		}
		cfg, err := configs.Parse([]byte(text), configs.Source{Path: "docs/pbx.md", LookupEnv: func(name string) (string, bool) {
			return map[string]string{"CALLBACKD_PBX_PBX1_PASSWORD": "secret"}[name], true
		}})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	t.Fatalf("docs/pbx.md has no configuration for the dialplan %s", dialplan)
	return nil
}

// onFreePBX are calls through a dialplan as FreePBX generates it. Its queues
// are named by their numbers. Only ring group 600 is in the configuration.
var onFreePBX = []story{
	{
		name: "queue, answered by an agent through a Local channel", play: playAnsweredAt("0355550001", "2001"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "remote_number": customer, "local_number": "7001",
			"agent": "PJSIP/2001", "agents": []any{"PJSIP/2001"}, "outcome": "answered", "reason": "caller-hung-up", "business_label": "repairs",
		}},
	},
	{
		name: "queue, abandoned", play: playAbandonedAt("0355550001"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "remote_number": customer, "agent": nil, "outcome": "abandoned", "reason": "caller-left-queue",
		}},
	},
	{
		name: "queue, answered by an agent through follow-me", play: playAnsweredAt("0355550002", "2003"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "sales", "local_number": "7002",
			"agent": "PJSIP/2003", "agents": []any{"PJSIP/2003"}, "outcome": "answered",
		}},
	},
	{
		name: "IVR, then the queue", play: playKeyAt("0355550480", "1", "2001"), registration: []int{registered},
		want: []fields{{"kind": "call_center", "call_center": "support", "local_number": "7001", "agent": "PJSIP/2001", "outcome": "answered"}},
	},
	{
		name: "IVR alone", play: playIVRAt("0355550480"), registration: []int{refused},
		want: []fields{{"kind": "ivr", "direction": "inbound", "outcome": "abandoned", "reason": "caller-left-ivr"}},
	},
	{
		name: "queue, transferred to a colleague", play: playTransferredAt("0355550001", "2001", "2002", "2002"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "remote_number": customer, "agent": "PJSIP/2001",
			"agents": []any{"PJSIP/2001", "PJSIP/2002"}, "outcome": "answered",
		}},
	},
	{
		name: "ring group", play: playAnsweredAt("0355550600", "2001"), registration: []int{refused},
		want: []fields{{
			"kind": "ring_group", "direction": "inbound", "call_center": nil, "remote_number": customer, "local_number": "600",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "ring group that is not configured and rings one after the other", play: playAnsweredAt("0355550601", "2002"), registration: []int{refused},
		want: []fields{{"kind": "ring_group", "direction": "inbound", "local_number": "601", "agent": "PJSIP/2002", "outcome": "answered"}},
	},
	{
		name: "internal", play: playBetween("2001", "2002", "2002"), registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "internal", "remote_number": "2001", "local_number": "2002", "agent": "PJSIP/2002", "outcome": "answered",
		}},
	},
	{
		name: "to the outside by a route", play: playOutside("2001", customer), registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "outbound", "remote_number": customer, "local_number": "2001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "to the outside in the name of a call center", play: playOutside("2001", "*81"+customer), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "call_center": "support", "remote_number": customer, "local_number": "7001",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "follow-me, answered on the mobile phone", play: playFollowedOutside("0355552003"), registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "inbound", "remote_number": customer, "local_number": "2003", "agent": nil, "outcome": "answered",
		}},
	},
	{
		name: "follow-me, answered at the desk", play: playFollowedInside, registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "internal", "remote_number": "2001", "local_number": "2003", "agent": "PJSIP/2003", "outcome": "answered",
		}},
	},
}

// onWazo are calls through a dialplan as Wazo generates it. Its groups are
// queues, and the lines of its users are not named by their extensions. No
// group is in the configuration.
var onWazo = []story{
	{
		name: "queue, answered by an agent through a Local channel", play: playAnsweredAt("0355550001", "2001"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "inbound", "call_center": "support", "remote_number": customer, "local_number": "3001",
			"agent": "PJSIP/2001", "agents": []any{"PJSIP/2001"}, "outcome": "answered", "reason": "caller-hung-up", "business_label": "repairs",
		}},
	},
	{
		name: "queue, abandoned", play: playAbandonedAt("0355550001"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "remote_number": customer, "agent": nil, "outcome": "abandoned", "reason": "caller-left-queue",
		}},
	},
	{
		name: "queue, transferred to a colleague", play: playTransferredAt("0355550001", "2001", "1002", "2002"), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "call_center": "support", "remote_number": customer, "agent": "PJSIP/2001",
			"agents": []any{"PJSIP/2001", "PJSIP/2002"}, "outcome": "answered",
		}},
	},
	{
		name: "group, answered by a user through a Local channel", play: playAnsweredAt("0355550600", "2001"), registration: []int{refused},
		want: []fields{{
			"kind": "ring_group", "direction": "inbound", "call_center": nil, "remote_number": customer, "local_number": "0355550600",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "group, called by a phone and abandoned", play: playRungAndLeft("2003", "2501", "2002"), registration: []int{refused},
		want: []fields{{
			"kind": "ring_group", "direction": "internal", "remote_number": "2003", "local_number": "2501", "outcome": "abandoned", "reason": "caller-left-queue",
		}},
	},
	{
		name: "group that rings one after the other", play: playAnsweredAt("0355550601", "2002"), registration: []int{refused},
		want: []fields{{"kind": "ring_group", "direction": "inbound", "remote_number": customer, "agent": "PJSIP/2002", "outcome": "answered"}},
	},
	{
		name: "internal, to a user with two lines", play: playBetween("2001", "1002", "2004"), registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "internal", "remote_number": "2001", "local_number": "1002", "agent": "PJSIP/2004", "outcome": "answered",
		}},
	},
	{
		name: "to the outside", play: playOutside("2001", customer), registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "outbound", "remote_number": customer, "local_number": "2001", "agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "to the outside in the name of a call center", play: playOutside("2001", "*81"+customer), registration: []int{registered},
		want: []fields{{
			"kind": "call_center", "direction": "outbound", "call_center": "support", "remote_number": customer, "local_number": "3001",
			"agent": "PJSIP/2001", "outcome": "answered",
		}},
	},
	{
		name: "forwarded to the outside when nobody answers", play: playFollowedOutside("0355551003"), registration: []int{refused},
		want: []fields{{
			"kind": "terminal", "direction": "inbound", "remote_number": customer, "agent": nil, "outcome": "answered",
		}},
	},
}

// TestDialplans_OnRealAsterisk plays calls through dialplans as other products
// generate them: each is what people there would say it is.
func TestDialplans_OnRealAsterisk(t *testing.T) {
	t.Parallel()
	for _, site := range []struct {
		dialplan configs.Dialplan
		stories  []story
	}{{configs.DialplanFreePBX, onFreePBX}, {configs.DialplanWazo, onWazo}} {
		t.Run(string(site.dialplan), func(t *testing.T) {
			t.Parallel()
			w := dialplanWorld(t, site.dialplan)
			on := &stage{world: w, trunk: w.outside(t, sip.Behaviour{})}
			for _, s := range site.stories {
				play := func(t *testing.T, _ *world) { s.play(t, on) }
				t.Run(s.name, func(t *testing.T) {
					w.check(t, scenario{name: s.name, play: play, want: s.want, registration: s.registration})
				})
			}
		})
	}
}

// playAnsweredAt brings the customer to a phone, which answers.
func playAnsweredAt(number, extension string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		agent := w.agent(t, extension, sip.Behaviour{})
		call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
		other := siptest.Arrives(t, agent)
		siptest.Hears(t, other, 500)
		ends(t, call, other)
	}
}

// playKeyAt is playAnsweredAt with a key that an IVR waits for.
func playKeyAt(number, key, extension string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		agent := w.agent(t, extension, sip.Behaviour{})
		call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
		siptest.Talks(t, call)
		siptest.Press(t, call, key)
		other := siptest.Arrives(t, agent)
		siptest.Hears(t, other, 500)
		ends(t, call, other)
	}
}

func playIVRAt(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
		w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "BackGround" })
		siptest.Leave(t, call)
	}
}

// playTransferredAt has the agent transfer the customer to another phone.
func playTransferredAt(number, extension, to, other string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		agent, colleague := w.agent(t, extension, sip.Behaviour{}), w.agent(t, other, sip.Behaviour{})
		call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
		first := siptest.Arrives(t, agent)
		siptest.Hears(t, first, 500)
		if err := first.Transfer(siptest.Within(t), to); err != nil {
			t.Fatal(err)
		}
		siptest.Over(t, first)
		second := siptest.Arrives(t, colleague)
		siptest.Hears(t, second, 500)
		ends(t, call, second)
	}
}

// playBetween has a phone call another, which answers.
func playBetween(from, number, to string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		caller, called := w.agent(t, from, sip.Behaviour{}), w.agent(t, to, sip.Behaviour{})
		call := siptest.Dial(t, caller, number, sip.CallOptions{})
		other := siptest.Arrives(t, called)
		siptest.Hears(t, other, 700)
		ends(t, call, other)
	}
}

// playRungAndLeft has a phone call and hang up as another rings.
func playRungAndLeft(from, number, to string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		caller, called := w.agent(t, from, sip.Behaviour{}), w.agent(t, to, sip.Behaviour{Ignore: true})
		call := siptest.Dial(t, caller, number, sip.CallOptions{})
		other := siptest.Arrives(t, called)
		ends(t, call, other)
	}
}

// playOutside has a phone call the customer.
func playOutside(from, number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, from, sip.Behaviour{})
		call := siptest.Dial(t, agent, number, sip.CallOptions{})
		far := siptest.Arrives(t, outside)
		siptest.Hears(t, call, 500)
		ends(t, call, far)
	}
}

// playFollowedOutside has the customer call one who answers elsewhere.
func playFollowedOutside(number string) func(*testing.T, *stage) {
	return func(t *testing.T, w *stage) {
		outside := w.outside(t, sip.Behaviour{})
		w.agent(t, "2003", sip.Behaviour{Ignore: true})
		call := siptest.Dial(t, outside, number, sip.CallOptions{CallerNumber: customer})
		mobile := siptest.Arrives(t, outside)
		siptest.Hears(t, mobile, 500)
		ends(t, call, mobile)
	}
}

// playFollowedInside has a colleague call one whose mobile phone rings, too,
// and who answers at the desk.
func playFollowedInside(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{Ignore: true})
	caller, desk := w.agent(t, "2001", sip.Behaviour{}), w.agent(t, "2003", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, caller, "2003", sip.CallOptions{})
	other, mobile := siptest.Arrives(t, desk), siptest.Arrives(t, outside)
	if err := other.Answer(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	siptest.Hears(t, other, 700)
	siptest.Over(t, mobile)
	ends(t, call, other)
}
