package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
)

// found fails unless there is a finding of the level, part and text.
func found(t *testing.T, findings []Finding, l Level, part, text string) {
	t.Helper()
	if !slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Level == l && f.Part == part && strings.Contains(f.What, text) && (l == Good || f.Change != "")
	}) {
		t.Errorf("there is no %s of %s that says %q in %+v", l, part, text, findings)
	}
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
		level  Level
		want   string
	}{
		"no release":          {func(f *nodeFacts) { f.info.Version = "GIT-master-1" }, Warning, `version "GIT-master-1" is no release`},
		"old":                 {func(f *nodeFacts) { f.info.Version = "18.26.4" }, Warning, "never tried with Asterisk before 20"},
		"pong":                {func(f *nodeFacts) { f.info.Version = "22.11.0~rc1" }, Warning, "releases after 22.10.1 may crash"},
		"ahead":               {func(f *nodeFacts) { f.skew = 10 * time.Minute }, Warning, "10m0s ahead of ours"},
		"behind":              {func(f *nodeFacts) { f.skew = -3 * time.Second }, Warning, "3s behind ours"},
		"read-only":           {func(f *nodeFacts) { f.mayWrite = false }, Good, "may only read: enough to follow calls"},
		"filter of read-only": {func(f *nodeFacts) { f.mayWrite, f.node.ARI.EventFilter = false, true }, Fault, "an event filter is to be set"},
		"canary of read-only": {func(f *nodeFacts) {
			f.mayWrite, f.node.Canary.Every = false, configs.Duration{Duration: time.Minute}
		}, Fault, "canaries are to be sent"},
		"application":         {connectedBy(nil), Warning, "somebody is connected as application callbackd"},
		"application is ours": {connectedBy(new("host/1")), Good, "host/1 is connected as application callbackd"},
		"application taken":   {connectedBy(new("")), Fault, "another program is connected as application callbackd"},
		"no channelvars":      {func(f *nodeFacts) { f.channels[0].Vars = nil }, Warning, "do not tell CHANNEL(linkedid)"},
		"one channelvar less": {func(f *nodeFacts) { f.channels[0].Vars = f.channels[0].Vars[:2] }, Warning, "do not tell CALLBACKD_LABEL"},
		"filter without channelvars": {func(f *nodeFacts) {
			f.channels[0].Vars, f.node.ARI.EventFilter = nil, true
		}, Fault, "with event_filter nothing else tells it"},
		"no channels":      {func(f *nodeFacts) { f.channels = nil }, Warning, "whether ari.conf has channelvars cannot be seen"},
		"offline":          {func(f *nodeFacts) { f.endpoints[0].State = "offline" }, Warning, "PJSIP/trunk is offline"},
		"no such trunk":    {func(f *nodeFacts) { f.endpoints = nil }, Fault, "no endpoint PJSIP/trunk"},
		"booting":          {func(f *nodeFacts) { f.err = &ari.Error{Status: 503} }, Warning, "not up yet"},
		"wrong password":   {func(f *nodeFacts) { f.err = &ari.Error{Status: 401} }, Fault, "the user or its password is wrong"},
		"cel not running":  {func(f *nodeFacts) { f.node.CEL = log }, Fault, "does not run cel_pgsql.so"},
		"cel":              {func(f *nodeFacts) { f.node.CEL, f.cel = log, true }, Good, "channel event log can be read"},
		"cel of another":   {func(f *nodeFacts) { f.node.CEL, f.info.SystemName = log, "a" }, Fault, `by systemname "pbx1", but its systemname is "a"`},
		"cel unreadable":   {func(f *nodeFacts) { f.node.CEL, f.eventLog = log, errors.New("no\ntable") }, Fault, "no table"},
		"journal":          {func(f *nodeFacts) { f.journal = errors.New("no room") }, Fault, "no room"},
		"no sip":           {func(*nodeFacts) {}, Warning, "nobody is asked by SIP"},
		"sip silent":       {line(callcenter.Line{Name: callcenter.LineOfNode, State: callcenter.LineSilent, Why: "no answer"}), Fault, "nobody answers by SIP: no answer"},
		"trunk silent":     {line(callcenter.Line{Name: "PJSIP/trunk", State: callcenter.LineSilent, Why: "no answer"}), Warning, "on PJSIP/trunk: no answer"},
		"trunk unknown":    {line(callcenter.Line{Name: "PJSIP/trunk", State: callcenter.LineUnknown, Why: "no word"}), Warning, "is not known: no word"},
		"trunk there":      {line(callcenter.Line{Name: "PJSIP/trunk", State: callcenter.LineAnswers}), Good, "PJSIP/trunk is there, says the PBX"},
		"sip refuses":      {line(callcenter.Line{Name: "pbx", State: callcenter.LineRefuses, Status: 404}), Good, "SIP on pbx answers 404"},
		"sip impossible":   {func(f *nodeFacts) { f.lineErr = errors.New("no CA") }, Fault, "nobody can be asked by SIP: no CA"},
		"no recordings":    {func(*nodeFacts) {}, Warning, "no recordings are configured"},
		"no systemname":    {func(f *nodeFacts) { f.info.SystemName = "" }, Warning, "may be those of pbx2"},
		"same systemname":  {func(f *nodeFacts) { f.info.SystemName = "pbx2" }, Warning, `its systemname "pbx2" is that of pbx2, too`},
		"recordings":       {func(f *nodeFacts) { f.node.Recordings.ARI = true }, Good, "recordings can be listed"},
		"no right to read": {func(f *nodeFacts) { f.node.Recordings.ARI, f.library = true, errors.New("denied") }, Fault, "cannot be read: denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := []nodeFacts{sound(), sound()}
			nodes[1].node.Name, nodes[1].info.SystemName = "pbx2", "pbx2"
			test.change(&nodes[0])
			found(t, judgeNode(&configs.Config{Timezone: "Asia/Tokyo"}, nodes, 0), test.level, "pbx pbx1", test.want)
		})
	}
	if n := Count(judgeNode(&configs.Config{Timezone: "Asia/Tokyo"}, []nodeFacts{sound()}, 0), Fault); n != 0 {
		t.Errorf("%d faults are found where none is", n)
	}
}
