package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callcenter"
)

// registered registers callbacks for new calls of call centers, one each.
func (w *world) registered(callCenters ...string) []api.RegisteredCallback {
	w.t.Helper()
	admin := w.token(accounts.RoleAdmin)
	var all []api.RegisteredCallback
	for n, callCenter := range callCenters {
		call := centerCall(1000+n, callCenter)
		w.save(call)
		all = append(all, decode[api.RegisteredCallback](w.t, w.register(&call, admin, nil), http.StatusCreated))
	}
	return all
}

func callbackPath(id int64) string { return fmt.Sprintf("/callbacks/%d", id) }

// change sends a PATCH.
func (w *world) change(as request, id int64, members map[string]any) answer {
	w.t.Helper()
	as.method, as.path, as.json = http.MethodPatch, callbackPath(id), members
	return w.do(as)
}

func (w *world) claim(as request, id, version int64) answer {
	w.t.Helper()
	as.method, as.path, as.json = http.MethodPost, callbackPath(id)+"/claim", map[string]any{"version": version}
	return w.do(as)
}

func (w *world) list(as request, query url.Values) api.CallbackList {
	w.t.Helper()
	as.path, as.query = "/callbacks", query
	return decode[api.CallbackList](w.t, w.do(as), http.StatusOK)
}

func idsOf(list api.CallbackList) []int64 {
	ids := []int64{}
	for i := range list.Items {
		ids = append(ids, list.Items[i].ID)
	}
	return ids
}

// The story of a callback as the screens tell it: claimed, edited, completed,
// reopened, given to somebody else.
func TestCallback_FromClaimToHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	w.account("suzuki", accounts.RoleAgent, "", "support", "sales")
	w.account("tanaka", accounts.RoleSupervisor, "", "support")
	sato, suzuki, tanaka := request{cookie: w.login("sato")}, request{cookie: w.login("suzuki")}, request{cookie: w.login("tanaka")}
	id := w.registered("support")[0].ID

	problem(t, w.change(sato, id, map[string]any{"version": 1, "status": "completed"}), http.StatusUnprocessableEntity, "callback_unassigned")
	claimed := decode[api.Callback](t, w.claim(sato, id, 1), http.StatusOK)
	if *claimed.Assignee != "sato" || *claimed.AssigneeName != "表示名 sato" || claimed.Version != 2 {
		t.Errorf("claimed %+v", claimed)
	}
	late := problem(t, w.claim(suzuki, id, 1), http.StatusConflict, "stale")
	if diff := cmp.Diff(&claimed, late.Callback); diff != "" {
		t.Errorf("the loser's record (-now +told):\n%s", diff)
	}
	problem(t, w.change(suzuki, id, map[string]any{"version": 2, "status": "completed"}), http.StatusForbidden, "forbidden")
	problem(t, w.change(suzuki, id, map[string]any{"version": 2, "assignee": "suzuki"}), http.StatusForbidden, "forbidden")

	edited := decode[api.Callback](t, w.change(sato, id, map[string]any{
		"version": 2, "memo": "17 時以降に、\n携帯へ", "contact_number": "090-1234-5678",
	}), http.StatusOK)
	if edited.Memo != "17 時以降に、\n携帯へ" || *edited.ContactNumber != "090-1234-5678" || *edited.RemoteNumber != remoteNumber {
		t.Errorf("edited %+v", edited)
	}
	done := decode[api.Callback](t, w.change(sato, id, map[string]any{"version": 3, "status": "completed"}), http.StatusOK)
	if done.Status != api.StatusCompleted || done.CompletedAt == nil || *done.CompletedBy != "sato" {
		t.Errorf("completed %+v", done)
	}
	stale := problem(t, w.change(suzuki, id, map[string]any{"version": 3, "memo": "遅い"}), http.StatusConflict, "stale")
	if diff := cmp.Diff(&done, stale.Callback); diff != "" {
		t.Errorf("the record that is told (-now +told):\n%s", diff)
	}
	problem(t, w.change(tanaka, id, map[string]any{"version": 4, "assignee": "nobody"}), http.StatusUnprocessableEntity, "assignee_not_in_call_center")
	moved := decode[api.Callback](t, w.change(tanaka, id, map[string]any{"version": 4, "status": "open", "assignee": "suzuki", "contact_number": nil}), http.StatusOK)
	if moved.Status != api.StatusOpen || moved.CompletedAt != nil || *moved.Assignee != "suzuki" || moved.ContactNumber != nil {
		t.Errorf("reopened and moved %+v", moved)
	}
	freed := decode[api.Callback](t, w.change(tanaka, id, map[string]any{"version": 5, "assignee": nil}), http.StatusOK)
	if freed.Assignee != nil || freed.AssigneeName != nil || freed.Version != 6 {
		t.Errorf("unassigned %+v", freed)
	}

	history := decode[api.History](t, w.do(request{path: callbackPath(id) + "/history", cookie: sato.cookie}), http.StatusOK)
	var got []string
	for _, entry := range history.Items {
		var fields []string
		for _, change := range entry.Changes {
			fields = append(fields, change.Field)
		}
		got = append(got, fmt.Sprintf("%d %s %s %s", entry.Version, entry.Action, entry.By, strings.Join(fields, ",")))
	}
	want := []string{
		"2 claim sato assignee", "3 change sato contact_number,memo", "4 change sato status",
		"5 change tanaka assignee,contact_number,status", "6 change tanaka assignee",
	}
	if len(got) != 6 || !strings.HasPrefix(got[0], "1 register token:") {
		t.Fatalf("history %q", got)
	}
	if diff := cmp.Diff(want, got[1:]); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if to := history.Items[1].Changes[0].To; history.Items[1].Changes[0].From != nil || to == nil || *to != "sato" {
		t.Errorf("the claim was %+v", history.Items[1].Changes[0])
	}
}

// A token acts for a person within what both may do, and both are recorded.
func TestCallback_ClaimedByATokenForSomebody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support", "sales")
	off := w.account("off", accounts.RoleAgent, "", "support")
	disabled := false
	if _, err := w.accounts.Update(t.Context(), accounts.Operator(), off.ID, accounts.AccountChange{Version: 1, Enabled: &disabled}); err != nil {
		t.Fatal(err)
	}
	all := w.registered("support", "sales")
	actor := w.actor(accounts.RoleSupervisor, "support")
	claimed := decode[api.Callback](t, w.claim(request{token: actor, acting: "sato"}, all[0].ID, 1), http.StatusOK)
	if *claimed.Assignee != "sato" {
		t.Errorf("claimed %+v", claimed)
	}
	history := decode[api.History](t, w.do(request{path: callbackPath(all[0].ID) + "/history", token: actor}), http.StatusOK)
	if by := history.Items[1].By; !strings.HasPrefix(by, "sato (token:token-of-") {
		t.Errorf("recorded as %q", by)
	}
	problem(t, w.claim(request{token: actor, acting: "sato"}, all[1].ID, 1), http.StatusNotFound, "callback_not_found")
	problem(t, w.change(request{token: actor, acting: "sato"}, all[0].ID, map[string]any{"version": 2, "assignee": nil}), http.StatusForbidden, "forbidden")
	problem(t, w.claim(request{token: actor}, all[0].ID, 2), http.StatusForbidden, "forbidden")
	for _, r := range []request{{token: actor, acting: "nobody"}, {token: actor, acting: "off"}, {token: w.token(accounts.RoleAdmin), acting: "sato"}} {
		r.path = "/me"
		problem(t, w.do(r), http.StatusForbidden, "acting_refused")
	}
	me := decode[api.Me](t, w.do(request{path: "/me", token: actor, acting: "SATO"}), http.StatusOK)
	if me.Kind != "account" || me.Name != "sato" || me.Role != api.RoleAgent || me.Token == nil || !slices.Equal(me.CallCenters, []string{"support"}) {
		t.Errorf("me: %+v", me)
	}
}

func TestCallback_ChangesWithAKeyAreMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	id := w.registered("support")[0].ID
	as := request{cookie: w.login("sato"), header: map[string]string{"Idempotency-Key": "once"}}
	first := decode[api.Callback](t, w.claim(as, id, 1), http.StatusOK)
	again := decode[api.Callback](t, w.claim(as, id, 1), http.StatusOK)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same claim again (-first +again):\n%s", diff)
	}
	problem(t, w.change(as, id, map[string]any{"version": 2, "memo": "x"}), http.StatusConflict, "idempotency_key_reused")
	problem(t, w.claim(as, id, 2), http.StatusConflict, "idempotency_key_reused")
}

func TestRegisterCallback_WithAMemo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call := centerCall(1, "support")
	w.save(call)
	got := decode[api.RegisteredCallback](t, w.do(request{
		method: http.MethodPost, path: "/calls/" + string(call.RequestID) + "/callback", token: w.token(accounts.RoleAgent, "support"),
		json: map[string]any{"memo": "見積りの件"},
	}), http.StatusCreated)
	if got.Memo != "見積りの件" {
		t.Errorf("memo %q", got.Memo)
	}
}

// A person sees the calls of their own phone whatever kind they are, and is
// told why there is no callback; other people's stay unknown.
func TestCalls_OfTheOwnPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "PJSIP/2001", "support")
	w.account("suzuki", accounts.RoleAgent, "PJSIP/2002", "support")
	own, helped := plainCall(1, callcenter.KindTerminal, callcenter.RuleTerminalDial, "PJSIP/2001"), centerCall(2, "sales")
	w.save(own, helped)
	sato, suzuki := request{cookie: w.login("sato")}, request{cookie: w.login("suzuki")}
	for _, call := range []callcenter.Call{own, helped} {
		for _, tt := range []struct {
			as     request
			status int
		}{{sato, http.StatusOK}, {suzuki, http.StatusNotFound}} {
			tt.as.path = "/calls/" + string(call.RequestID)
			if got := w.do(tt.as); got.status != tt.status {
				t.Errorf("%s: status %d, want %d", call.Kind, got.status, tt.status)
			}
		}
	}
	for as, want := range map[*request]int{&sato: 2, &suzuki: 0} {
		r := *as
		r.path, r.query = "/calls", url.Values{"total": {"true"}}
		if list := decode[api.CallList](t, w.do(r), http.StatusOK); len(list.Items) != want || *list.Total != int64(want) {
			t.Errorf("%d calls of %d in all, want %d", len(list.Items), *list.Total, want)
		}
	}
	register := func(as request, call *callcenter.Call) answer {
		as.method, as.path = http.MethodPost, "/calls/"+string(call.RequestID)+"/callback"
		return w.do(as)
	}
	refused := problem(t, register(sato, &own), http.StatusUnprocessableEntity, "not_call_center_call")
	if !strings.Contains(refused.Detail, "電話端末(2001)") {
		t.Errorf("refused with %s", refused.Detail)
	}
	problem(t, register(sato, &helped), http.StatusForbidden, "forbidden")
	problem(t, register(suzuki, &own), http.StatusNotFound, "call_not_found")
}

func TestListCallbacks_FiltersAndSorts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	w.account("tanaka", accounts.RoleSupervisor, "", "support", "sales")
	sato, tanaka := request{cookie: w.login("sato")}, request{cookie: w.login("tanaka")}
	other := centerCall(1, "sales")
	other.RemoteNumber, other.BusinessLabel, other.LocalNumber = "0663334444", "orders", "7002"
	w.save(other)
	w.registered("support", "support", "sales") // 1, 2, 3
	decode[api.RegisteredCallback](t, w.register(&other, w.token(accounts.RoleAdmin), nil), http.StatusCreated)
	decode[api.Callback](t, w.claim(sato, 2, 1), http.StatusOK)
	decode[api.Callback](t, w.change(sato, 2, map[string]any{"version": 2, "status": "completed", "memo": "ﾒﾓ: 見積り"}), http.StatusOK)
	w.do(request{method: http.MethodPost, path: "/phonebook", cookie: tanaka.cookie, json: map[string]any{"number": "06-6333-4444", "name": "大阪　商事"}})

	for name, tt := range map[string]struct {
		query string
		want  []int64
	}{
		"all":                      {"", []int64{1, 2, 3, 4}},
		"newest first":             {"sort=registered_at&order=desc", []int64{4, 3, 2, 1}},
		"status":                   {"status=open", []int64{1, 3, 4}},
		"both statuses":            {"status=open,completed", []int64{1, 2, 3, 4}},
		"assignee":                 {"assignee=sato", []int64{2}},
		"assignee or none":         {"assignee=sato&unassigned=true&call_center=support", []int64{1, 2}},
		"mine, of a supervisor":    {"mine=true", []int64{}},
		"call centers":             {"call_center=support,sales", []int64{1, 2, 3, 4}},
		"call center":              {"call_center=sales", []int64{3, 4}},
		"label":                    {"business_label=orders", []int64{4}},
		"origin":                   {"origin=automatic", []int64{}},
		"number, hyphens":          {"number=06-6333", []int64{4}},
		"number, full width":       {"number=%EF%BC%90%EF%BC%96%EF%BC%96", []int64{4}},
		"number, international":    {"number=%2B816633", []int64{4}},
		"local number":             {"local_number=7002", []int64{4}},
		"request ID":               {"request_id=" + string(other.RequestID), []int64{4}},
		"text: ID":                 {"q=2&status=completed", []int64{2}},
		"text: number":             {"q=%2B81+6-6333-4444", []int64{4}},
		"text: name":               {"q=" + url.QueryEscape("大阪"), []int64{4}},
		"text: name, no space":     {"q=" + url.QueryEscape("大阪商事"), []int64{4}},
		"text: name, other space":  {"q=" + url.QueryEscape("大 阪商 事"), []int64{4}},
		"text: call center":        {"q=" + url.QueryEscape("受注"), []int64{3, 4}},
		"text: label":              {"q=" + url.QueryEscape("注文"), []int64{4}},
		"text: assignee":           {"q=sato", []int64{2}},
		"text: display name":       {"q=" + url.QueryEscape("表示名sato"), []int64{2}},
		"text: memo, one char":     {"q=" + url.QueryEscape("積"), []int64{2}},
		"text: memo, other width":  {"q=" + url.QueryEscape("メモ"), []int64{2}},
		"text: a sign of SQL":      {"q=%25", []int64{}},
		"sorted by status":         {"sort=status", []int64{2, 1, 3, 4}},
		"sorted by assignee, down": {"sort=assignee&order=desc", []int64{2, 4, 3, 1}},
		"sorted by call center":    {"sort=call_center", []int64{3, 4, 1, 2}},
		"registered from tomorrow": {"registered_from=" + time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339), []int64{}},
		"registered until now":     {"registered_to=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339), []int64{1, 2, 3, 4}},
	} {
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		query.Set("total", "true")
		list := w.list(tanaka, query)
		if diff := cmp.Diff(tt.want, idsOf(list)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if list.Total == nil || *list.Total != int64(len(tt.want)) {
			t.Errorf("%s: total %v, want %d", name, list.Total, len(tt.want))
		}
	}
	if got := w.list(tanaka, url.Values{"request_id": {string(other.RequestID)}}).Items[0].RemoteName; got == nil || *got != "大阪　商事" {
		t.Errorf("remote name %v", got)
	}
	if mine := idsOf(w.list(sato, url.Values{"mine": {"true"}})); !slices.Equal(mine, []int64{2}) {
		t.Errorf("mine: %v", mine)
	}
	w.wantField("mine of a token", w.do(request{path: "/callbacks", query: url.Values{"mine": {"true"}}, token: w.token(accounts.RoleAgent)}), "mine", "query")
	w.wantField("cursor of another sort", w.do(request{path: "/callbacks", cookie: tanaka.cookie, query: url.Values{
		"sort": {"status"}, "cursor": {*w.list(tanaka, url.Values{"page_size": {"1"}}).NextCursor},
	}}), "cursor", "query")
	w.wantField("number that is none", w.do(request{path: "/callbacks", cookie: tanaka.cookie, query: url.Values{"number": {"abc"}}}), "number", "query")
}

// Pages hold every callback once though new ones come in meanwhile, and the
// list knows how many those are.
func TestListCallbacks_PagesAndWhatIsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := request{token: w.token(accounts.RoleAdmin)}
	w.registered(slices.Repeat([]string{"support"}, 7)...)
	query := url.Values{"page_size": {"3"}, "sort": {"registered_at"}, "order": {"desc"}}
	first := w.list(admin, query)
	call := centerCall(1, "support")
	w.save(call)
	newest := decode[api.RegisteredCallback](t, w.register(&call, admin.token, nil), http.StatusCreated)

	got, page := idsOf(first), first
	query.Set("total", "true")
	query.Set("new_since", strconv.FormatInt(first.Change, 10))
	for page.NextCursor != nil {
		query.Set("cursor", *page.NextCursor)
		page = w.list(admin, query)
		got = append(got, idsOf(page)...)
		if *page.Total != 8 || *page.NewCount != 1 {
			t.Errorf("a page says %d in all and %d new, want 8 and 1", *page.Total, *page.NewCount)
		}
	}
	if diff := cmp.Diff([]int64{7, 6, 5, 4, 3, 2, 1}, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	since := url.Values{"new_since": {strconv.FormatInt(first.Change, 10)}}
	list := w.list(admin, since)
	if list.NewCount == nil || *list.NewCount != 1 || list.Change <= first.Change {
		t.Errorf("%v new since %d, want 1; now %d", list.NewCount, first.Change, list.Change)
	}
	if again := w.list(admin, url.Values{"new_since": {strconv.FormatInt(list.Change, 10)}}); *again.NewCount != 0 {
		t.Errorf("%d new after the reload, want 0", *again.NewCount)
	}
	// The list's number is also where the stream goes on.
	r := w.stream(admin.token, nil, map[string]string{"Last-Event-ID": strconv.FormatInt(first.Change, 10)})
	for {
		if e, data := r.event(); e.name == "callback" {
			if data.Callback.ID != newest.ID {
				t.Errorf("the first callback after the list is %d, want %d", data.Callback.ID, newest.ID)
			}
			break
		}
	}
}

func TestExportCallbacks_IsSafeAndWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("tanaka", accounts.RoleSupervisor, "", "support")
	as := request{cookie: w.login("tanaka")}
	w.registered("support", "sales", "support")
	memo := `=HYPERLINK("http://evil.example","押す")` + "\n2 行目, \"引用\""
	decode[api.Callback](t, w.change(as, 1, map[string]any{"version": 1, "memo": memo}), http.StatusOK)

	as.path, as.query = "/callbacks.csv", url.Values{"order": {"desc"}, "sort": {"id"}}
	got := w.do(as)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/csv; charset=utf-8" || got.header.Get("Content-Disposition") != "" {
		t.Fatalf("status %d, %v", got.status, got.header)
	}
	text, marked := strings.CutPrefix(string(got.body), "\uFEFF")
	if !marked {
		t.Error("no byte order mark")
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || !slices.Contains(rows[0], "折り返し呼ID") && !slices.Contains(rows[0], "ID") {
		t.Fatalf("rows %q, want a heading and callbacks 3 and 1", rows)
	}
	if !slices.Contains(rows[2], "'"+memo) {
		t.Errorf("row %q does not hold the memo as text", rows[2])
	}
	as.header = map[string]string{"Accept-Language": "en"}
	if english := w.do(as); !strings.Contains(string(english.body), "Registered at") {
		t.Errorf("English heading: %.80s", english.body)
	}
	if head := w.do(request{method: http.MethodHead, path: "/callbacks.csv", cookie: as.cookie}); head.status != http.StatusOK || len(head.body) > 0 {
		t.Errorf("HEAD: status %d with %d bytes", head.status, len(head.body))
	}
}

// Of many who claim one callback at once one gets it, and the others are told
// who.
func TestClaim_Race(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	actor := w.actor(accounts.RoleAgent, "support")
	id := w.registered("support")[0].ID
	const agents = 16
	answers := make(chan answer, agents)
	for n := range agents {
		name := fmt.Sprintf("agent-%d", n)
		w.account(name, accounts.RoleAgent, "", "support")
	}
	for n := range agents {
		go func() { answers <- w.claim(request{token: actor, acting: fmt.Sprintf("agent-%d", n)}, id, 1) }()
	}
	winners, told := 0, map[string]bool{}
	for range agents {
		a := <-answers
		if a.status == http.StatusOK {
			winners++
			var c api.Callback
			if err := json.Unmarshal(a.body, &c); err != nil {
				t.Fatal(err)
			}
			told[*c.Assignee] = true
			continue
		}
		told[*problem(t, a, http.StatusConflict, "stale").Callback.Assignee] = true
	}
	if winners != 1 || len(told) != 1 {
		t.Errorf("%d winners, told of %v", winners, told)
	}
}
