package api

import (
	"strings"
	"testing"

	"callbackd/callcenter"
)

func TestRefusal_NamesWhatMadeTheCall(t *testing.T) {
	t.Parallel()
	call := func(kind callcenter.Kind, direction callcenter.Direction, local string, signals ...callcenter.Signal) *callcenter.Call {
		return &callcenter.Call{
			Kind: kind, Direction: direction, LocalNumber: local, Agent: "PJSIP/2003",
			State: callcenter.StateEnded, Receipt: signals,
		}
	}
	signal := func(rule callcenter.Rule, value string) callcenter.Signal {
		return callcenter.Signal{Rule: rule, Value: value}
	}
	in, out, inside := callcenter.DirectionInbound, callcenter.DirectionOutbound, callcenter.DirectionInternal
	active := call(callcenter.KindIVR, in, "7480", signal(callcenter.RuleIVR, "Read"))
	active.State = callcenter.StateActive
	tests := map[string]struct {
		call   *callcenter.Call
		ja, en string
	}{
		"terminal by Dial": {
			call(callcenter.KindTerminal, in, "2001", signal(callcenter.RuleTerminalDial, "PJSIP/2001")),
			"電話端末(2001)への着信", "was to a phone (2001)",
		},
		"terminal by extension wins over the device": {
			call(callcenter.KindTerminal, in, "", signal(callcenter.RuleTerminalDial, "PJSIP/abc"), signal(callcenter.RuleTerminalExtension, "2002")),
			"電話端末(2002)への着信", "was to a phone (2002)",
		},
		"terminal without a name": {
			call(callcenter.KindTerminal, in, ""),
			"電話端末への着信", "was to a phone. ",
		},
		"outbound": {
			call(callcenter.KindTerminal, out, "2003", signal(callcenter.RuleTerminalDial, "PJSIP/trunk")),
			"電話端末(2003)からの発信", "was made from a phone (2003)",
		},
		"internal": {
			call(callcenter.KindTerminal, inside, "2002", signal(callcenter.RuleTerminalDial, "PJSIP/2002")),
			"電話端末(2002)への内線通話", "was an internal call to a phone (2002)",
		},
		"ring group by queue": {
			call(callcenter.KindRingGroup, in, "6002", signal(callcenter.RuleRingGroupQueue, "ringgroup6002")),
			"着信グループ(キュー「ringgroup6002」)への着信", `ring group (queue "ringgroup6002")`,
		},
		"ring group by extension": {
			call(callcenter.KindRingGroup, in, "", signal(callcenter.RuleRingGroupDial, "PJSIP/2001&PJSIP/2002"), signal(callcenter.RuleRingGroupExtension, "6001")),
			"着信グループ(6001)への着信", "ring group (6001)",
		},
		"ring group by Dial": {
			call(callcenter.KindRingGroup, in, "6001", signal(callcenter.RuleRingGroupDial, "PJSIP/2001&PJSIP/2002")),
			"着信グループ(6001)への着信", "ring group (6001)",
		},
		"IVR only": {
			call(callcenter.KindIVR, in, "7480", signal(callcenter.RuleIVR, "Read")),
			"音声案内(IVR)のみに接続した", "reached only a voice menu",
		},
		"IVR so far": {active, "まだ音声案内(IVR)のみ", "only a voice menu (IVR) so far"},
		"unknown queue": {
			call(callcenter.KindUnknown, in, "7009", signal(callcenter.RuleUnknownQueue, "vip")),
			"キュー「vip」がどのコールセンターにも設定されていない", `the queue "vip", which this call entered, is not configured`,
		},
		"unknown variable": {
			call(callcenter.KindUnknown, in, "7009", signal(callcenter.RuleUnknownVariable, "suport")),
			"コールセンター「suport」が設定されていない", `the call center "suport", given for this call, is not configured`,
		},
		"unknown request": {
			call(callcenter.KindUnknown, in, "7009", signal(callcenter.RuleUnknownRequest, "suport")),
			"コールセンター「suport」が設定されていない", `the call center "suport", given for this call, is not configured`,
		},
		"nothing known": {
			call(callcenter.KindUnknown, in, ""),
			"どの種類の着信か判別できない", "kind that could not be told",
		},
	}
	for name, tt := range tests {
		if got := refusal(tt.call, Japanese); !strings.Contains(got, tt.ja) || !strings.Contains(got, "折り返し呼を登録できません") {
			t.Errorf("%s: %s, want %s in it", name, got, tt.ja)
		}
		if got := refusal(tt.call, English); !strings.Contains(got, tt.en) || !strings.Contains(got, "cannot be registered") {
			t.Errorf("%s: %s, want %s in it", name, got, tt.en)
		}
	}
}

func TestRefusal_BoundsHostileNames(t *testing.T) {
	t.Parallel()
	call := &callcenter.Call{
		Kind: callcenter.KindUnknown,
		Receipt: []callcenter.Signal{{
			Rule: callcenter.RuleUnknownQueue, Value: "a\x00b\r\n\u202e\xff%s" + strings.Repeat("長", 10_000),
		}},
	}
	for _, lang := range languages {
		got := refusal(call, lang)
		if !strings.Contains(got, "ab%s長") || len(got) > 1000 || strings.ContainsAny(got, "\x00\r\n\u202e") {
			t.Errorf("refusal with a hostile name: %q", got)
		}
	}
}
