package callcenter_test

import (
	"testing"

	"callbackd/callcenter"
)

// TestTracker_QueueRunByAnotherApplication: ExecIf, AGI and dialplans in Lua
// run Queue without a ChannelDialplan for it.
func TestTracker_QueueRunByAnotherApplication(t *testing.T) {
	t.Parallel()
	s := newScript(t, tracePlan())
	caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "8001")
	s.runs(&caller, "ExecIf", "1?Queue(support,t)")
	caller.Dialplan.AppName, caller.Dialplan.AppData = "Queue", "support,t"
	s.hangsUp(&caller)
	s.ends(&caller)
	expect(t, s.one(), "inbound call_center cc=support of [support] remote=0312345678 local=7001 agent= abandoned/caller-left-queue")
}

func TestTracker_ArgumentsAreCutAsAsteriskCuts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		app, data string
		want      callcenter.Kind
	}{
		{"Queue", `"support",t`, callcenter.KindCallCenter},
		{"Queue", `sup\port,t`, callcenter.KindCallCenter},
		{"Queue", `(support,t)`, callcenter.KindUnknown},
		{"Queue", "", callcenter.KindUnknown},
		{"Dial", `"PJSIP/2001&PJSIP/2002",20`, callcenter.KindRingGroup},
		{"Dial", `PJSIP/2001,20,b(PJSIP/2002&PJSIP/2003)`, callcenter.KindTerminal},
		{"RetryDial", "busy,5,3,PJSIP/2001,20", callcenter.KindTerminal},
		{"RetryDial", "busy,5,3,PJSIP/2001&PJSIP/2002,20", callcenter.KindRingGroup},
	} {
		s := newScript(t, tracePlan())
		caller := s.arrives("0", "PJSIP/trunk-1", "0312345678", "from-trunk", "5000")
		s.runs(&caller, tc.app, tc.data)
		s.ends(&caller)
		if got := s.one().Kind; got != tc.want {
			t.Errorf("%s(%s): %s, want %s", tc.app, tc.data, got, tc.want)
		}
	}
}
