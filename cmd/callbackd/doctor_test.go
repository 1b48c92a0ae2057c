package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// found fails unless there is a finding of the level, part and text.
func found(t *testing.T, findings []finding, l level, part, text string) {
	t.Helper()
	if !slices.ContainsFunc(findings, func(f finding) bool {
		return f.Level == l && f.Part == part && strings.Contains(f.What, text) && (l == levelGood || f.Change != "")
	}) {
		t.Errorf("there is no %s of %s that says %q in %+v", l, part, text, findings)
	}
}

// TestDoctor_RealPBX: of a PBX that is arranged as the sample nothing is at
// fault, and what is arranged otherwise is found.
func TestDoctor_RealPBX(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.AsteriskOptions{})
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	findings := examine(t.Context(), w.cfg, nil)
	found(t, findings, levelWarning, "pbx pbx1", "no call at present")
	found(t, findings, levelWarning, "queues", "no call is stored yet")

	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	siptest.Arrives(t, agent)
	findings = examine(t.Context(), w.cfg, nil)
	for _, good := range []string{
		"Asterisk 22.", "may also write", "connected as application callbackd", "channels tell", "trunk PJSIP/trunk is ", "recordings can be listed",
	} {
		found(t, findings, levelGood, "pbx pbx1", good)
	}
	found(t, findings, levelGood, "database", "answers")
	found(t, findings, levelWarning, "pbx pbx1", "no channel event log")
	siptest.Leave(t, call)
	w.ended(t, 1)
	findings = examine(t.Context(), w.cfg, map[string]string{"pbx1": w.pbx.Config})
	if n := count(findings, levelFault); n != 0 {
		t.Errorf("%d faults are found in the sample: %+v", n, findings)
	}
	for _, good := range []string{
		"sessionlimit is 100", "websocket_write_timeout is", "channelvars names", "queues.conf has the queues", "extensions.conf has the extensions",
	} {
		found(t, findings, levelGood, "pbx pbx1", good)
	}

	wrong := *w.cfg
	wrong.PBX = slices.Clone(w.cfg.PBX)
	node := &wrong.PBX[0]
	node.Trunks, node.Recordings.Directory = []string{"PJSIP/other"}, t.TempDir()+"/none"
	wrong.CallCenters = slices.Clone(w.cfg.CallCenters)
	wrong.CallCenters[0].Queues = []string{"suport"}
	findings = examine(t.Context(), &wrong, nil)
	found(t, findings, levelFault, "pbx pbx1", "no endpoint PJSIP/other")
	found(t, findings, levelFault, "pbx pbx1", "recordings cannot be read")
	found(t, findings, levelWarning, "queues", `queue "suport" of call center support had no call since`)
	node.ARI.Username = "nobody"
	found(t, examine(t.Context(), &wrong, nil), levelFault, "pbx pbx1", "the user or its password is wrong")
	node.ARI.URL = "http://127.0.0.1:9/ari"
	found(t, examine(t.Context(), &wrong, nil), levelFault, "pbx pbx1", "connection refused")
}

// sound are the facts of a PBX of which nothing is to be said.
func sound() nodeFacts {
	return nodeFacts{
		node: &configs.PBX{Name: "pbx1", Trunks: []string{"PJSIP/trunk"}, ARI: configs.ARI{Username: "callbackd", Application: "callbackd"}},
		info: ari.AsteriskInfo{Version: "22.10.1", SystemName: "pbx1"}, mayWrite: true,
		endpoints: []ari.Endpoint{{Technology: "PJSIP", Resource: "trunk", State: "online"}},
		channels: []ari.Channel{{Vars: []ari.Variable{
			{Name: "CHANNEL(linkedid)", Value: "1.1"}, {Name: "CALLBACKD_CALL_CENTER"}, {Name: "CALLBACKD_LABEL"},
		}}},
	}
}

// line is a change by which something is known of a line.
func line(l callcenter.Line) func(*nodeFacts) {
	return func(f *nodeFacts) { f.lines = []callcenter.Line{l} }
}

// connectedBy is a change by which somebody has the name of our application.
func connectedBy(daemon *string) func(*nodeFacts) {
	return func(f *nodeFacts) { f.application, f.followedBy = true, daemon }
}

func TestJudgeNode(t *testing.T) {
	t.Parallel()
	log := configs.CEL{Database: configs.Database{URL: configs.NewSecret("postgres://x")}, Systemname: "pbx1"}
	for name, test := range map[string]struct {
		change func(f *nodeFacts)
		level  level
		want   string
	}{
		"no release":          {func(f *nodeFacts) { f.info.Version = "GIT-master-1" }, levelWarning, `version "GIT-master-1" is no release`},
		"old":                 {func(f *nodeFacts) { f.info.Version = "18.26.4" }, levelWarning, "never tried with Asterisk before 20"},
		"pong":                {func(f *nodeFacts) { f.info.Version = "22.11.0~rc1" }, levelWarning, "releases after 22.10.1 may crash"},
		"ahead":               {func(f *nodeFacts) { f.skew = 10 * time.Minute }, levelWarning, "10m0s ahead of ours"},
		"behind":              {func(f *nodeFacts) { f.skew = -3 * time.Second }, levelWarning, "3s behind ours"},
		"read-only":           {func(f *nodeFacts) { f.mayWrite = false }, levelGood, "may only read: enough to follow calls"},
		"filter of read-only": {func(f *nodeFacts) { f.mayWrite, f.node.ARI.EventFilter = false, true }, levelFault, "an event filter is to be set"},
		"canary of read-only": {func(f *nodeFacts) {
			f.mayWrite, f.node.Canary.Every = false, configs.Duration{Duration: time.Minute}
		}, levelFault, "canaries are to be sent"},
		"application":         {connectedBy(nil), levelWarning, "somebody is connected as application callbackd"},
		"application is ours": {connectedBy(new("host/1")), levelGood, "host/1 is connected as application callbackd"},
		"application taken":   {connectedBy(new("")), levelFault, "another program is connected as application callbackd"},
		"no channelvars":      {func(f *nodeFacts) { f.channels[0].Vars = nil }, levelWarning, "do not tell CHANNEL(linkedid)"},
		"one channelvar less": {func(f *nodeFacts) { f.channels[0].Vars = f.channels[0].Vars[:2] }, levelWarning, "do not tell CALLBACKD_LABEL"},
		"filter without channelvars": {func(f *nodeFacts) {
			f.channels[0].Vars, f.node.ARI.EventFilter = nil, true
		}, levelFault, "with event_filter nothing else tells it"},
		"no channels":      {func(f *nodeFacts) { f.channels = nil }, levelWarning, "whether ari.conf has channelvars cannot be seen"},
		"offline":          {func(f *nodeFacts) { f.endpoints[0].State = "offline" }, levelWarning, "PJSIP/trunk is offline"},
		"no such trunk":    {func(f *nodeFacts) { f.endpoints = nil }, levelFault, "no endpoint PJSIP/trunk"},
		"booting":          {func(f *nodeFacts) { f.err = &ari.Error{Status: 503} }, levelWarning, "not up yet"},
		"wrong password":   {func(f *nodeFacts) { f.err = &ari.Error{Status: 401} }, levelFault, "the user or its password is wrong"},
		"cel not running":  {func(f *nodeFacts) { f.node.CEL = log }, levelFault, "does not run cel_pgsql.so"},
		"cel":              {func(f *nodeFacts) { f.node.CEL, f.cel = log, true }, levelGood, "channel event log can be read"},
		"cel of another":   {func(f *nodeFacts) { f.node.CEL, f.info.SystemName = log, "a" }, levelFault, `by systemname "pbx1", but its systemname is "a"`},
		"cel unreadable":   {func(f *nodeFacts) { f.node.CEL, f.eventLog = log, errors.New("no\ntable") }, levelFault, "no table"},
		"journal":          {func(f *nodeFacts) { f.journal = errors.New("no room") }, levelFault, "no room"},
		"no sip":           {func(*nodeFacts) {}, levelWarning, "nobody is asked by SIP"},
		"sip silent":       {line(callcenter.Line{Name: callcenter.LineOfNode, State: callcenter.LineSilent, Why: "no answer"}), levelFault, "nobody answers by SIP: no answer"},
		"trunk silent":     {line(callcenter.Line{Name: "PJSIP/trunk", State: callcenter.LineSilent, Why: "no answer"}), levelWarning, "on PJSIP/trunk: no answer"},
		"trunk unknown":    {line(callcenter.Line{Name: "PJSIP/trunk", State: callcenter.LineUnknown, Why: "no word"}), levelWarning, "is not known: no word"},
		"trunk there":      {line(callcenter.Line{Name: "PJSIP/trunk", State: callcenter.LineAnswers}), levelGood, "PJSIP/trunk is there, says the PBX"},
		"sip refuses":      {line(callcenter.Line{Name: "pbx", State: callcenter.LineRefuses, Status: 404}), levelGood, "SIP on pbx answers 404"},
		"sip impossible":   {func(f *nodeFacts) { f.lineErr = errors.New("no CA") }, levelFault, "nobody can be asked by SIP: no CA"},
		"no recordings":    {func(*nodeFacts) {}, levelWarning, "no recordings are configured"},
		"no systemname":    {func(f *nodeFacts) { f.info.SystemName = "" }, levelWarning, "may be those of pbx2"},
		"same systemname":  {func(f *nodeFacts) { f.info.SystemName = "pbx2" }, levelWarning, `its systemname "pbx2" is that of pbx2, too`},
		"recordings":       {func(f *nodeFacts) { f.node.Recordings.ARI = true }, levelGood, "recordings can be listed"},
		"no right to read": {func(f *nodeFacts) { f.node.Recordings.ARI, f.library = true, errors.New("denied") }, levelFault, "cannot be read: denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := []nodeFacts{sound(), sound()}
			nodes[1].node.Name, nodes[1].info.SystemName = "pbx2", "pbx2"
			test.change(&nodes[0])
			found(t, judgeNode(&configs.Config{Timezone: "Asia/Tokyo"}, nodes, 0), test.level, "pbx pbx1", test.want)
		})
	}
	if n := count(judgeNode(&configs.Config{Timezone: "Asia/Tokyo"}, []nodeFacts{sound()}, 0), levelFault); n != 0 {
		t.Errorf("%d faults are found where none is", n)
	}
}

func TestJudgeQueues(t *testing.T) {
	t.Parallel()
	cfg := &configs.Config{
		Timezone: "Asia/Tokyo", CallCenters: []configs.CallCenter{{ID: "support", Queues: []string{"Support"}}},
		RingGroups: []configs.RingGroup{{ID: "night", Queues: []string{"night"}}},
	}
	call := func(rule callcenter.Rule, queue string) callcenter.Call {
		return callcenter.Call{StartedAt: time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC), Receipt: []callcenter.Signal{{Rule: rule, Value: queue}}}
	}
	calls := []callcenter.Call{call(callcenter.RuleCallCenterQueue, "support")}
	found(t, judgeQueues(cfg, calls), levelWarning, "queues", `queue "night" of ring group night had no call since 2026-04-01`)
	calls = append(calls, call(callcenter.RuleRingGroupQueue, "night"))
	found(t, judgeQueues(cfg, calls), levelGood, "queues", "all queues of the configuration had calls since 2026-04-01, and no others had: night, support")
	calls = append(calls, call(callcenter.RuleUnknownQueue, "vip"), call(callcenter.RuleUnknownQueue, "vip"))
	found(t, judgeQueues(cfg, calls), levelWarning, "queues", `queue "vip" is in no call center and no ring group: its calls (2 since`)
}

// TestDoctor is the command: what it prints, and its exit code.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for _, form := range [][]string{nil, {"--json"}} {
		code, stdout, stderr := execute(t, append([]string{"doctor", "--config", "../../configs/testdata/traces.yaml"}, form...)...)
		if code != exitFailure || !strings.Contains(stderr, " faults found") || !strings.Contains(stdout, "none is configured") ||
			!strings.Contains(stdout, "database.url or database.url_file") || !strings.Contains(stdout, "pbx pbx1") {
			t.Errorf("doctor %v: exit code %d, stdout %q, stderr %q", form, code, stdout, stderr)
		}
	}
}
