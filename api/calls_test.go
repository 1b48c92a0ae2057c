package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callcenter"
)

func ids(items []api.Call) []string {
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = item.RequestID
	}
	return list
}

func TestListCalls_FiltersNarrowTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	support, sales := centerCall(1, "support"), centerCall(2, "sales")
	sales.Agents, sales.RemoteNumber = []string{"PJSIP/2002"}, "0663334444"
	outbound := centerCall(3, "support")
	outbound.Direction = callcenter.DirectionOutbound
	active := centerCall(4, "support")
	active.State, active.Outcome, active.EndedAt = callcenter.StateActive, callcenter.Outcome{}, nil
	phone := plainCall(5, callcenter.KindTerminal, callcenter.RuleTerminalDial, "PJSIP/2001")
	w.save(support, sales, outbound, active, phone)
	token := w.token(accounts.RoleAdmin)

	tests := map[string]struct {
		query url.Values
		want  []callcenter.Call
	}{
		"all, newest first":  {nil, []callcenter.Call{phone, active, outbound, sales, support}},
		"kind":               {url.Values{"kind": {"terminal"}}, []callcenter.Call{phone}},
		"direction":          {url.Values{"direction": {"outbound"}}, []callcenter.Call{outbound}},
		"call center":        {url.Values{"call_center": {"sales"}}, []callcenter.Call{sales}},
		"agent":              {url.Values{"agent": {"PJSIP/2002"}}, []callcenter.Call{sales}},
		"remote number":      {url.Values{"number": {"066333"}}, []callcenter.Call{sales}},
		"local number":       {url.Values{"number": {"200"}}, []callcenter.Call{phone}},
		"number, hyphens":    {url.Values{"number": {"06-6333"}}, []callcenter.Call{sales}},
		"number, +81":        {url.Values{"number": {"+81 6-6333-4444"}}, []callcenter.Call{sales}},
		"number, full width": {url.Values{"number": {"００８１（６）"}}, []callcenter.Call{sales}},
		"active":             {url.Values{"active": {"true"}}, []callcenter.Call{active}},
		"ended":              {url.Values{"active": {"false"}, "kind": {"call_center"}}, []callcenter.Call{outbound, sales, support}},
		"from is in":         {url.Values{"from": {active.StartedAt.Format(time.RFC3339Nano)}}, []callcenter.Call{phone, active}},
		"to is out":          {url.Values{"to": {sales.StartedAt.In(time.FixedZone("", 9*3600)).Format(time.RFC3339Nano)}}, []callcenter.Call{support}},
		"nothing":            {url.Values{"kind": {"ivr"}}, []callcenter.Call{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.query = cloned(tt.query)
			tt.query.Set("total", "true")
			list := decode[api.CallList](t, w.do(request{path: "/calls", query: tt.query, token: token}), http.StatusOK)
			want := make([]string, len(tt.want))
			for i, call := range tt.want {
				want[i] = string(call.RequestID)
			}
			if diff := cmp.Diff(want, ids(list.Items)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if list.NextCursor != nil || list.Total == nil || *list.Total != int64(len(want)) {
				t.Errorf("next_cursor %v, total %v; want null and %d", list.NextCursor, list.Total, len(want))
			}
		})
	}
}

func TestListCalls_NoNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	for _, text := range []string{"佐藤", "+", "--", "a b", "%"} {
		w.wantField(text, w.do(request{path: "/calls", query: url.Values{"number": {text}}, token: token}), "number", "query")
	}
}

func cloned(v url.Values) url.Values {
	c := url.Values{}
	maps.Copy(c, v)
	return c
}

func TestListCalls_PagesStayWhileCallsComeIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	var want []string
	for n := 7; n > 0; n-- {
		call := centerCall(n, "support")
		if n%2 == 0 {
			// Calls of one time must not hide each other at a page's end.
			call.StartedAt = centerCall(n+1, "support").StartedAt
		}
		w.save(call)
	}
	whole := decode[api.CallList](t, w.do(request{path: "/calls", token: token}), http.StatusOK)
	want = ids(whole.Items)

	var got []string
	query := url.Values{"page_size": {"2"}}
	for page := 0; ; page++ {
		list := decode[api.CallList](t, w.do(request{path: "/calls", query: query, token: token}), http.StatusOK)
		if list.Total != nil {
			t.Error("total was not asked for")
		}
		got = append(got, ids(list.Items)...)
		w.save(centerCall(100+page, "support"))
		if list.NextCursor == nil {
			break
		}
		query.Set("cursor", *list.NextCursor)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
}

func TestListCalls_OnlyWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	support, sales := centerCall(1, "support"), centerCall(2, "sales")
	phone := plainCall(3, callcenter.KindTerminal, callcenter.RuleTerminalDial, "PJSIP/2001")
	w.save(support, sales, phone)
	token := w.token(accounts.RoleSupervisor, "support")
	list := decode[api.CallList](t, w.do(request{path: "/calls", token: token, query: url.Values{"total": {"true"}}}), http.StatusOK)
	if diff := cmp.Diff([]string{string(support.RequestID)}, ids(list.Items)); diff != "" || *list.Total != 1 {
		t.Errorf("calls of support, total %d (-want +got):\n%s", *list.Total, diff)
	}
	for _, hidden := range []callcenter.Call{sales, phone} {
		path := "/calls/" + string(hidden.RequestID)
		problem(t, w.do(request{path: path, token: token}), http.StatusNotFound, "call_not_found")
		problem(t, w.do(request{method: http.MethodPost, path: path + "/callback", token: token}), http.StatusNotFound, "call_not_found")
	}
}

func TestGetCall_ShowsReceiptAndLegs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call := centerCall(0, "support")
	w.save(call)
	token := w.token(accounts.RoleAgent, "support")
	got := decode[map[string]any](t, w.do(request{path: "/calls/" + string(call.RequestID), token: token}), http.StatusOK)
	want := map[string]any{
		"request_id": string(call.RequestID), "node": "pbx1", "linked_id": call.LinkedID,
		"kind": "call_center", "direction": "inbound", "state": "ended",
		"call_center": "support", "call_centers": []any{"support"}, "business_label": nil,
		"callback_allowed": true, "callback_id": nil, "callback_refusal": nil,
		"remote_number": remoteNumber, "local_number": "7001", "agent": "PJSIP/2001", "agents": []any{"PJSIP/2001"},
		"outcome": "answered", "reason": "agent-answered",
		"started_at": "2026-11-20T01:06:19.012Z", "answered_at": "2026-11-20T01:06:24.512Z", "ended_at": "2026-11-20T01:07:24.512Z",
		"wait_seconds": 5.5, "talk_seconds": 60.0, "unsettled": false, "merged_into": nil,
		"receipt": []any{map[string]any{
			"at": "2026-11-20T01:06:19.012Z", "event": "ChannelDialplan", "channel": "c1", "rule": "call_center_queue",
			"kind": "call_center", "call_center": "support", "value": "support", "merged_from": nil,
		}},
		"legs": []any{
			map[string]any{
				"channel": "c1", "endpoint": "PJSIP/trunk", "dialled": false, "trunk": true, "call_center": nil,
				"started_at": "2026-11-20T01:06:19.012Z", "ringing_at": nil, "answered_at": "2026-11-20T01:06:24.512Z",
				"ended_at": "2026-11-20T01:07:24.512Z", "hung_up_at": nil, "dial_status": nil, "cause": 16.0, "lost": false,
			},
			map[string]any{
				"channel": "c2", "endpoint": "PJSIP/2001", "dialled": true, "trunk": false, "call_center": "support",
				"started_at": "2026-11-20T01:06:19.012Z", "ringing_at": nil, "answered_at": nil,
				"ended_at": nil, "hung_up_at": nil, "dial_status": "ANSWER", "cause": nil, "lost": true,
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
}

func TestGetCall_TimesOfCallsThatGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	waiting := centerCall(1, "support")
	waiting.State, waiting.Outcome, waiting.AnsweredAt, waiting.EndedAt = callcenter.StateActive, callcenter.Outcome{}, nil, nil
	talking := centerCall(2, "support")
	talking.State, talking.Outcome, talking.EndedAt = callcenter.StateActive, callcenter.Outcome{}, nil
	abandoned := centerCall(3, "support")
	abandoned.Outcome, abandoned.AnsweredAt = callcenter.Outcome{Result: callcenter.ResultAbandoned, Reason: "caller-left-queue"}, nil
	w.save(waiting, talking, abandoned)
	tests := []struct {
		call       callcenter.Call
		wait, talk string
	}{
		{waiting, "null", "null"},
		{talking, "5.5", "null"},
		{abandoned, "65.5", "null"},
	}
	for _, tt := range tests {
		got := decode[api.CallDetail](t, w.do(request{path: "/calls/" + string(tt.call.RequestID), token: token}), http.StatusOK)
		if wait, talk := number(got.WaitSeconds), number(got.TalkSeconds); wait != tt.wait || talk != tt.talk {
			t.Errorf("call %s: waited %s, talked %s, want %s and %s", tt.call.LinkedID, wait, talk, tt.wait, tt.talk)
		}
	}
}

func number(seconds *float64) string {
	if seconds == nil {
		return "null"
	}
	return fmt.Sprint(*seconds)
}

func TestListGaps_NewestFirstOverAllNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	gaps := []callcenter.Gap{
		{Node: "pbx1", From: *at(0), To: at(5.25), Why: "connection-lost"},
		{Node: "pbx2", From: *at(60), Why: "black-hole"},
		{Node: "pbx1", From: *at(120), To: at(121), Why: "connection-lost"},
	}
	for _, gap := range gaps {
		if err := w.db.Calls().SaveGap(t.Context(), gap); err != nil {
			t.Fatal(err)
		}
	}
	token := w.token(accounts.RoleAgent, "support")
	for query, want := range map[string][]time.Time{
		"":                      {*at(120), *at(60), *at(0)},
		"node=pbx2":             {*at(60)},
		"page_size=2":           {*at(120), *at(60)},
		"node=pbx1&page_size=1": {*at(120)},
		"node=none":             {},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		list := decode[api.GapList](t, w.do(request{path: "/gaps", query: values, token: token}), http.StatusOK)
		got := []time.Time{}
		for _, gap := range list.Items {
			got = append(got, gap.From)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("gaps?%s begin at (-want +got):\n%s", query, diff)
		}
		if query == "" && (number(list.Items[1].GapSeconds) != "null" || number(list.Items[2].GapSeconds) != "5.25") {
			t.Errorf("lengths of the gaps: %s and %s, want null and 5.25", number(list.Items[1].GapSeconds), number(list.Items[2].GapSeconds))
		}
	}
}
