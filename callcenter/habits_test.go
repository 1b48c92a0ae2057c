package callcenter

import "testing"

func TestHabits(t *testing.T) {
	t.Parallel()
	const two = "PJSIP/2001/sip:2001@192.0.2.1&PJSIP/2002/sip:2002@192.0.2.2"
	for _, test := range []struct {
		dialplan       Dialplan
		where, dialled position
		devices        string
		want           Kind
	}{
		{"", position{"from-internal", "2001"}, position{"from-internal", "2001"}, two, KindRingGroup},
		{DialplanGeneric, position{"macro-dial-one", "s"}, position{"from-internal", "2001"}, two, KindRingGroup},
		{DialplanFreePBX, position{"macro-dial-one", "s"}, position{"from-internal", "2001"}, two, KindTerminal},
		{DialplanFreePBX, position{"macro-dial", "s"}, position{"ext-group", "600"}, "PJSIP/2001", KindRingGroup},
		{DialplanFreePBX, position{"macro-dial", "s"}, position{"followme-sub", "2003"}, two, KindTerminal},
		{DialplanFreePBX, position{"macro-dial", "s"}, position{"from-internal", "2003"}, "Local/FMPR-2003@from-internal&Local/FMGL-1@from-internal", KindTerminal},
		{DialplanFreePBX, position{"macro-dial", "s"}, position{"from-internal", "FMGL-09012345678#-2002"}, two, KindTerminal},
		{DialplanFreePBX, position{"macro-dialout-trunk", "s"}, position{"from-internal", "0312345678"}, "PJSIP/0312345678@trunk", KindTerminal},
		{DialplanFreePBX, position{"from-internal-custom", "6001"}, position{"from-internal-custom", "6001"}, two, KindRingGroup},
		{DialplanWazo, position{"user", "s"}, position{"internal", "1001"}, two, KindTerminal},
		{DialplanWazo, position{"usersharedlines", "6b1c"}, position{}, two, KindTerminal},
		{DialplanWazo, position{"group", "s"}, position{"internal", "2501"}, "Local/group-linear@group", KindRingGroup},
		{DialplanWazo, position{"wazo-user_callfilter", "all"}, position{"internal", "1001"}, two, KindRingGroup},
	} {
		c, err := newClassifier(&Plan{Dialplan: test.dialplan, Trunks: []string{"PJSIP/trunk"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.dial(test.where, test.dialled, test.devices).Kind; got != test.want {
			t.Errorf("%q: Dial(%s) at %v, dialled %v, is %s, want %s", test.dialplan, test.devices, test.where, test.dialled, got, test.want)
		}
	}
}

func TestHabits_GroupsThatAreQueues(t *testing.T) {
	t.Parallel()
	plan := Plan{Dialplan: DialplanWazo, CallCenters: []CallCenter{{ID: "a", Extension: "3001", Queues: []string{"grp-acme-1"}}}}
	for queue, want := range map[string]Kind{"grp-acme-1": KindCallCenter, "grp-acme-2": KindRingGroup, "support": KindUnknown} {
		c, err := newClassifier(&plan)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.queue(queue).Kind; got != want {
			t.Errorf("queue %s is %s, want %s", queue, got, want)
		}
	}
}
