package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/postgres"
)

// A call's story: what it was decided to be and why, what was missed, and what
// became of its callback, all in order; masked, it names no customer.
func TestCall(t *testing.T) {
	t.Parallel()
	config, url := configWithDatabase(t)
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	call := storedStory(t, db)
	want := func(wantCode int, wantErr string, args ...string) (stdout string) {
		t.Helper()
		code, stdout, stderr := execute(t, append([]string{"call", "--config", config}, args...)...)
		if code != wantCode || !strings.Contains(stderr, wantErr) {
			t.Errorf("callbackd call %q: exit code %d, stderr %q; want %d, %q", args, code, stderr, wantCode, wantErr)
		}
		return stdout
	}

	want(exitUsage, "accepts 1 arg", "r1", "r2")
	want(exitFailure, `no call has request ID "r1"`, "r1")

	var happened []string
	told := want(exitOK, "", string(call.RequestID))
	_, table, _ := strings.Cut(told, "TIME ")
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 3 { // not the head
			happened = append(happened, fields[2]+": "+strings.Join(fields[3:], " "))
		}
	}
	if diff := cmp.Diff([]string{
		"leg: PJSIP/trunk called in",
		`signal: call_center_queue says call_center support "support" by ChannelDialplan on 1.1`,
		"leg: PJSIP/2001 was dialled",
		"leg: PJSIP/2001 was answered",
		"gap: events may be missing from here: broken",
		"gap: ends",
		"leg: PJSIP/2001 ended ANSWER (Q.850 cause 16)",
		"leg: PJSIP/trunk ended",
		`callback: register by sato, version 1; contact_number: nothing → "0312345678"; memo: nothing → "田中様 0399998888 へ"; origin: nothing → "manual"; status: nothing → "open"`,
		`callback: claim by sato, version 2; assignee: nothing → "sato"`,
		`callback: change by sato, version 3; contact_number: "0312345678" → "0399998888"; memo: "田中様 0399998888 へ" → "済"`,
	}, happened); diff != "" {
		t.Errorf("what happened (-want +got):\n%s\n%s", diff, told)
	}
	if !strings.Contains(told, "remote 0312345678") {
		t.Errorf("the story does not name the caller:\n%s", told)
	}

	for _, form := range []string{"--mask", "--mask --json"} {
		told := want(exitOK, "", append(strings.Fields(form), string(call.RequestID))...)
		for _, secret := range []string{"0312345678", "0399998888", "田中", "済"} {
			if strings.Contains(told, secret) {
				t.Errorf("%s shows %s:\n%s", form, secret, told)
			}
		}
		if !strings.Contains(told, "********78") || !strings.Contains(told, "sato") {
			t.Errorf("%s masks more than it should:\n%s", form, told)
		}
	}

	var story callStory
	if err := json.Unmarshal([]byte(want(exitOK, "", "--json", string(call.RequestID))), &story); err != nil {
		t.Fatal(err)
	}
	if story.Call.RequestID != call.RequestID || len(story.Legs) != 2 || len(story.Gaps) != 1 || len(story.Callback.History) != 3 {
		t.Errorf("the story in JSON is %+v", story)
	}
}

// storedStory stores a call with a gap in it and a callback with two changes.
func storedStory(t *testing.T, db *postgres.DB) callcenter.Call {
	t.Helper()
	start := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds int) *time.Time { return new(start.Add(time.Duration(seconds) * time.Second)) }
	call := callcenter.Call{
		RequestID: callcenter.NewRequestID("pbx1", "1.1"), Node: "pbx1", LinkedID: "1.1",
		Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound, CallCenter: "support", CallCenters: []string{"support"},
		RemoteNumber: "0312345678", LocalNumber: "7001", Agent: "PJSIP/2001", Agents: []string{"PJSIP/2001"},
		State: callcenter.StateEnded, Outcome: callcenter.Outcome{Result: callcenter.ResultAnswered, Reason: "caller-hung-up"},
		StartedAt: start, AnsweredAt: at(5), EndedAt: at(60), LastEventAt: *at(60),
		Receipt: []callcenter.Signal{{
			At: *at(1), Event: "ChannelDialplan", Channel: "1.1",
			Rule: callcenter.RuleCallCenterQueue, Kind: callcenter.KindCallCenter, CallCenter: "support", Value: "support",
		}},
		Legs: []callcenter.Leg{
			{Channel: "1.1", Endpoint: "PJSIP/trunk", Trunk: true, StartedAt: start, EndedAt: at(60)},
			{Channel: "1.2", Endpoint: "PJSIP/2001", Dialled: true, StartedAt: *at(2), AnsweredAt: at(5), EndedAt: at(59), DialStatus: "ANSWER", Cause: 16},
		},
	}
	if err := db.Calls().SaveCalls(t.Context(), []callcenter.Call{call}); err != nil {
		t.Fatal(err)
	}
	if err := db.Calls().SaveGap(t.Context(), callcenter.Gap{Node: "pbx1", From: *at(10), To: at(20), Why: "broken"}); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.NewService(accounts.Options{Store: db.Accounts()}).Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: "sato", Role: accounts.RoleAgent, CallCenters: []string{"support"}, Password: "sato's password",
	}); err != nil {
		t.Fatal(err)
	}
	clock := *at(70)
	service := callbacks.NewService(db.Callbacks(), callbacks.Options{Now: func() time.Time { return clock }, Numbers: callbacks.InRegion("JP")})
	sato := principal("sato", "support")
	registered, err := service.Register(t.Context(), sato, call.RequestID, callbacks.Registration{Memo: "田中様 0399998888 へ"})
	if err != nil {
		t.Fatal(err)
	}
	clock = *at(80)
	if _, err := service.Claim(t.Context(), sato, registered.Callback.ID, 1, ""); err != nil {
		t.Fatal(err)
	}
	clock = *at(90)
	if _, err := service.Change(t.Context(), sato, registered.Callback.ID, callbacks.Patch{
		Version: 2, Memo: new("済"), ContactNumber: new("0399998888"),
	}); err != nil {
		t.Fatal(err)
	}
	return call
}
