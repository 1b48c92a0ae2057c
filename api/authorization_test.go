package api_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// rights are the two tables of docs/security.md: which role has which action
// how far, and which operation asks for which action.
type rights struct {
	roles      map[string]map[accounts.Role]bool
	reach      map[string]string
	operations map[string]operationRight
}

type operationRight struct {
	actions []string // empty when any caller may
	without string   // "403", "404", "403 or 404", "left out" or ""
}

var quoted = regexp.MustCompile("`([^`]+)`")

func readRights(t *testing.T) rights {
	t.Helper()
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	r := rights{roles: map[string]map[accounts.Role]bool{}, reach: map[string]string{}, operations: map[string]operationRight{}}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) == 8 && strings.HasPrefix(cells[1], "`"):
			action := strings.Trim(cells[1], "`")
			r.reach[action] = cells[6]
			r.roles[action] = map[accounts.Role]bool{
				accounts.RoleAgent: cells[3] == "yes", accounts.RoleSupervisor: cells[4] == "yes", accounts.RoleAdmin: cells[5] == "yes",
			}
		case len(cells) == 5 && regexp.MustCompile("^`(GET|POST|PUT|PATCH|DELETE) /").MatchString(cells[1]):
			right := operationRight{without: cells[3]}
			for _, found := range quoted.FindAllStringSubmatch(cells[2], -1) {
				right.actions = append(right.actions, found[1])
			}
			r.operations[cells[1]] = right
		}
	}
	return r
}

// holder is a principal of the walk, with what it is.
type holder struct {
	name       string
	role       accounts.Role
	membership string // "support", "sales", "none", "unlimited"
	account    string // the name of the account that asks; "" for a token by itself
	session    bool
	as         request // how it sends requests
}

// may reports whether the tables give a holder an action on what belongs to
// support.
func (r rights) may(h holder, action string) bool {
	if !r.roles[action][h.role] || h.membership == "none" {
		return false
	}
	switch r.reach[action] {
	case "own", "whole": // support is all that the things of this walk have
		return h.membership == "support" || h.membership == "unlimited"
	case "shared":
		return true
	default:
		return h.membership == "unlimited"
	}
}

// walk is the world in which each operation is sent by each holder.
type walk struct {
	*world
	t       *testing.T
	rights  rights
	admin   string // a token that may do everything
	calls   int
	entries int
}

// holders are all roles with all memberships, in a session, by a token, and by
// a token that acts for the account.
func (w *walk) holders() []holder {
	var all []holder
	memberships := map[string][]string{"support": {"support"}, "sales": {"sales"}, "none": nil}
	actor := w.actor(accounts.RoleAdmin)
	for _, role := range accounts.Roles {
		for membership, callCenters := range memberships {
			name := fmt.Sprintf("%s-%s", role, membership)
			w.account(name, role, "", callCenters...)
			reach := membership
			if role == accounts.RoleAdmin {
				reach = "unlimited" // whatever an administrator belongs to
			}
			all = append(all,
				holder{"session of " + name, role, reach, name, true, request{cookie: w.login(name)}},
				holder{"token for " + name, role, reach, name, false, request{token: actor, acting: name}})
			if membership != "none" {
				all = append(all, holder{"token of " + name, role, membership, "", false, request{token: w.token(role, callCenters...)}})
			}
		}
		all = append(all, holder{"unlimited token of " + string(role), role, "unlimited", "", false, request{token: w.token(role)}})
	}
	return all
}

// call stores a new call of support.
func (w *walk) call() callcenter.Call {
	w.calls++
	call := centerCall(w.calls, "support")
	w.save(call)
	return call
}

// callback registers a new callback of support, perhaps with an assignee.
func (w *walk) callback(assignee string) api.RegisteredCallback {
	call := w.call()
	c := decode[api.RegisteredCallback](w.t, w.register(&call, w.admin, nil), http.StatusCreated)
	if assignee != "" {
		// Straight into the store: the holder may be nobody who can be assigned.
		err := w.db.Callbacks().Transact(context.Background(), func(ctx context.Context, tx callbacks.Tx) error {
			current, err := tx.LockCallback(ctx, callbacks.ID(c.ID))
			if err != nil {
				return err
			}
			current.Assignee = assignee
			current.Version++
			_, err = tx.Update(ctx, current, callbacks.Spellings{}, callbacks.HistoryEntry{
				Version: current.Version, Action: callbacks.HistoryChange, At: time.Now(), By: "test",
				Changes: []callbacks.FieldChange{{Field: "assignee", To: &assignee}},
			})
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		c.Version++
	}
	return c
}

func (w *walk) newAccount() accounts.Account {
	w.entries++
	return w.account(fmt.Sprintf("thing-%d", w.entries), accounts.RoleAgent, "", "support")
}

func (w *walk) entry() api.PhonebookEntry {
	w.entries++
	return decode[api.PhonebookEntry](w.t, w.do(request{method: http.MethodPost, path: "/phonebook", token: w.admin, json: map[string]any{
		"number": fmt.Sprintf("031234%04d", w.entries), "name": "サンプル",
	}}), http.StatusCreated)
}

// newWebhook is the wish for a webhook of a call center.
func newWebhook(callCenters ...string) map[string]any {
	return map[string]any{
		"name": "workspace", "url": "https://workspace.example.com/hook", "kinds": []string{"callback"}, "call_centers": callCenters,
	}
}

// webhook is the path of a webhook of support, which is made by whoever asks
// for it first: there can be only so many.
func (w *walk) webhook() string {
	w.t.Helper()
	list := decode[api.WebhookList](w.t, w.do(request{path: "/webhooks", token: w.admin}), http.StatusOK)
	for _, webhook := range list.Items[min(len(list.Items), 40):] {
		w.do(request{method: http.MethodDelete, path: fmt.Sprintf("/webhooks/%d", webhook.ID), token: w.admin})
	}
	if len(list.Items) > 0 {
		return fmt.Sprintf("/webhooks/%d", list.Items[0].ID)
	}
	created := decode[api.CreatedWebhook](w.t, w.do(request{method: http.MethodPost, path: "/webhooks", token: w.admin, json: newWebhook("support")}), http.StatusCreated)
	return fmt.Sprintf("/webhooks/%d", created.ID)
}

// delivery is the path of a delivery of that webhook.
func (w *walk) delivery() string {
	w.t.Helper()
	webhook := w.webhook()
	ping := decode[api.WebhookDelivery](w.t, w.do(request{method: http.MethodPost, path: webhook + "/ping", token: w.admin}), http.StatusAccepted)
	return fmt.Sprintf("%s/deliveries/%d", webhook, ping.ID)
}

func (w *walk) uniqueName() string {
	w.entries++
	return fmt.Sprintf("new-%d", w.entries)
}

// step is one operation of the walk.
type step struct {
	row     string // as in docs/security.md
	request func(w *walk, h holder) request
	// status is that of success; 200 when 0.
	status int
	// reads is what one needs to be told 403 rather than 404.
	reads string
	// holds is text of the answer by which one sees the thing of a list.
	holds string
}

func patchCallback(member string, value any, assigned func(h holder) string) func(w *walk, h holder) request {
	return func(w *walk, h holder) request {
		c := w.callback(assigned(h))
		return request{method: http.MethodPatch, path: fmt.Sprintf("/callbacks/%d", c.ID), json: map[string]any{"version": c.Version, member: value}}
	}
}

func nobody(holder) string   { return "" }
func somebody(holder) string { return "bystander" }
func oneself(h holder) string {
	return h.account
}

func reading(path string) func(*walk, holder) request {
	return func(*walk, holder) request { return request{path: path} }
}

var steps = []step{
	{row: "`GET /calls`", request: reading("/calls"), holds: `"call_center":"support"`},
	{row: "`GET /calls/{request_id}`", request: func(w *walk, _ holder) request {
		return request{path: "/calls/" + string(w.call().RequestID)}
	}, reads: "read_call"},
	{row: "`POST /calls/{request_id}/callback`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: "/calls/" + string(w.call().RequestID) + "/callback"}
	}, status: http.StatusCreated, reads: "read_call"},
	{row: "`GET /callbacks`", request: reading("/callbacks"), holds: `"call_center":"support"`},
	{row: "`GET /callbacks.csv`", request: func(w *walk, _ holder) request {
		w.callback("")
		return request{path: "/callbacks.csv"}
	}, holds: "サポート窓口"},
	{row: "`GET /callbacks/{id}`", request: func(w *walk, _ holder) request {
		return request{path: fmt.Sprintf("/callbacks/%d", w.callback("").ID)}
	}, reads: "read_callback"},
	{row: "`PATCH /callbacks/{id}`, `assignee`", request: patchCallback("assignee", "agent-support", nobody), reads: "read_callback"},
	{row: "`PATCH /callbacks/{id}`, `status`, as the assignee", request: patchCallback("status", "completed", oneself), reads: "read_callback"},
	{row: "`PATCH /callbacks/{id}`, `status`, as somebody else", request: patchCallback("status", "completed", somebody), reads: "read_callback"},
	{row: "`PATCH /callbacks/{id}`, `memo`, `contact_number`", request: patchCallback("memo", "後で", nobody), reads: "read_callback"},
	{row: "`POST /callbacks/{id}/claim`", request: func(w *walk, _ holder) request {
		c := w.callback("")
		return request{method: http.MethodPost, path: fmt.Sprintf("/callbacks/%d/claim", c.ID), json: map[string]any{"version": c.Version}}
	}, reads: "read_callback"},
	{row: "`GET /callbacks/{id}/history`", request: func(w *walk, _ holder) request {
		return request{path: fmt.Sprintf("/callbacks/%d/history", w.callback("").ID)}
	}, reads: "read_callback"},
	{row: "`GET /accounts`", request: reading("/accounts"), holds: `"name":"supervisor-support"`},
	{row: "`POST /accounts`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: "/accounts", json: map[string]any{"name": w.uniqueName(), "role": "agent", "password": password}}
	}, status: http.StatusCreated},
	{row: "`GET /accounts/{id}`", request: func(w *walk, _ holder) request {
		return request{path: fmt.Sprintf("/accounts/%d", w.newAccount().ID)}
	}, reads: "read_account"},
	{row: "`PATCH /accounts/{id}`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPatch, path: fmt.Sprintf("/accounts/%d", w.newAccount().ID), json: map[string]any{"version": 1, "role": "admin"}}
	}, reads: "read_account"},
	{row: "`PUT /accounts/{id}/password`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPut, path: fmt.Sprintf("/accounts/%d/password", w.newAccount().ID), json: map[string]any{"password": password}}
	}, status: http.StatusNoContent, reads: "read_account"},
	{row: "`DELETE /accounts/{id}/sessions`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodDelete, path: fmt.Sprintf("/accounts/%d/sessions", w.newAccount().ID)}
	}, status: http.StatusNoContent, reads: "read_account"},
	{row: "`GET /tokens`", request: reading("/tokens")},
	{row: "`POST /tokens`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: "/tokens", json: map[string]any{"name": w.uniqueName(), "role": "admin"}}
	}, status: http.StatusCreated},
	{row: "`DELETE /tokens/{id}`", request: func(w *walk, _ holder) request {
		_, token, err := w.tokens.Create(context.Background(), accounts.NewToken{Name: w.uniqueName(), Role: accounts.RoleAgent})
		if err != nil {
			w.t.Fatal(err)
		}
		return request{method: http.MethodDelete, path: fmt.Sprintf("/tokens/%d", token.ID)}
	}, status: http.StatusNoContent},
	{row: "`GET /phonebook`", request: reading("/phonebook")},
	{row: "`GET /phonebook/{id}`", request: func(w *walk, _ holder) request {
		return request{path: fmt.Sprintf("/phonebook/%d", w.entry().ID)}
	}},
	{row: "`GET /phonebook.csv`", request: reading("/phonebook.csv")},
	{row: "`POST /phonebook`", request: func(w *walk, _ holder) request {
		w.entries++
		return request{method: http.MethodPost, path: "/phonebook", json: map[string]any{"number": fmt.Sprintf("068765%04d", w.entries), "name": "x"}}
	}, status: http.StatusCreated},
	{row: "`PATCH /phonebook/{id}`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPatch, path: fmt.Sprintf("/phonebook/%d", w.entry().ID), json: map[string]any{"version": 1, "name": "別名"}}
	}},
	{row: "`DELETE /phonebook/{id}`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodDelete, path: fmt.Sprintf("/phonebook/%d", w.entry().ID), query: url.Values{"version": {"1"}}}
	}, status: http.StatusNoContent},
	{row: "`POST /phonebook/import`", request: func(*walk, holder) request {
		return request{method: http.MethodPost, path: "/phonebook/import", body: "0355556666,取込\n", header: map[string]string{"Content-Type": "text/csv"}}
	}},
	{row: "`GET /calls/{request_id}/recordings`", request: func(w *walk, _ holder) request {
		return request{path: "/calls/" + string(w.call().RequestID) + "/recordings"}
	}, reads: "read_call"},
	{row: "`GET /recordings/{id}/waveform`", request: func(w *walk, _ holder) request {
		return request{path: fmt.Sprintf("/recordings/%d/waveform", w.played())}
	}, reads: "play_recording"},
	{row: "`POST /recordings/{id}/playback`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: fmt.Sprintf("/recordings/%d/playback", w.played())}
	}, status: http.StatusCreated, reads: "play_recording"},
	{row: "`GET /recordings/{id}/listens`", request: func(w *walk, _ holder) request {
		return request{path: fmt.Sprintf("/recordings/%d/listens", w.played())}
	}, reads: "play_recording"},
	{row: "`GET /webhooks`", request: func(w *walk, _ holder) request {
		w.webhook()
		return request{path: "/webhooks"}
	}},
	{row: "`POST /webhooks`", request: func(*walk, holder) request {
		return request{method: http.MethodPost, path: "/webhooks", json: newWebhook("support")}
	}, status: http.StatusCreated},
	{row: "`GET /webhooks/{id}`", request: func(w *walk, _ holder) request { return request{path: w.webhook()} }},
	{row: "`PATCH /webhooks/{id}`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPatch, path: w.webhook(), json: map[string]any{"name": "x"}}
	}},
	{row: "`DELETE /webhooks/{id}`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodDelete, path: w.webhook()}
	}, status: http.StatusNoContent},
	{row: "`POST /webhooks/{id}/secret`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: w.webhook() + "/secret"}
	}},
	{row: "`POST /webhooks/{id}/ping`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: w.webhook() + "/ping"}
	}, status: http.StatusAccepted},
	{row: "`GET /webhooks/{id}/deliveries`", request: func(w *walk, _ holder) request { return request{path: w.webhook() + "/deliveries"} }},
	{row: "`GET /webhooks/{id}/deliveries/{delivery_id}`", request: func(w *walk, _ holder) request { return request{path: w.delivery()} }},
	{row: "`POST /webhooks/{id}/deliveries/{delivery_id}/replay`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: w.delivery() + "/replay"}
	}, status: http.StatusAccepted},
	{row: "`POST /webhooks/{id}/replay`", request: func(w *walk, _ holder) request {
		return request{method: http.MethodPost, path: w.webhook() + "/replay", json: map[string]any{"since": start}}
	}, status: http.StatusAccepted},
	{row: "`GET /me`", request: reading("/me")},
	{row: "`GET /call-centers`", request: reading("/call-centers"), holds: `"id":"support"`},
	{row: "`GET /business-labels`", request: reading("/business-labels")},
	{row: "`GET /monitor`", request: reading("/monitor"), holds: `"call_center":"support"`},
	{row: "`GET /nodes`", request: reading("/nodes")},
	{row: "`GET /gaps`", request: reading("/gaps")},
}

// elsewhereTested are the rows that other tests are about, because the
// request ends what the walk stands on or the answer does not end.
var elsewhereTested = []string{
	"`GET /events`", "`GET /playback/{grant}`, `PATCH /playback/{grant}`", "`PATCH /me`", "`DELETE /me/sessions`", "`POST /session`, `DELETE /session`",
	"`GET /openapi.yaml`, `GET /docs`, `GET /site`",
}

// Every operation, sent by every role with every membership in every way of
// asking, is answered as the tables of docs/security.md say.
func TestAuthorization_AsDocumented(t *testing.T) {
	t.Parallel()
	w := &walk{world: newWorld(t, nil), t: t, rights: readRights(t)}
	w.admin = w.token(accounts.RoleAdmin)
	w.account("bystander", accounts.RoleAgent, "", "support")
	w.callback("")
	holders := w.holders()
	for _, s := range steps {
		right, documented := w.rights.operations[s.row]
		if !documented {
			t.Errorf("docs/security.md has no row %s", s.row)
			continue
		}
		for _, h := range holders {
			w.take(s, right, h)
		}
	}
	rows := make([]string, 0, len(steps))
	for _, s := range steps {
		rows = append(rows, s.row)
	}
	for row := range w.rights.operations {
		if !slices.Contains(rows, row) && !slices.Contains(elsewhereTested, row) {
			t.Errorf("no test sends %s", row)
		}
	}
	// And no operation of the contract is missing in the table.
	all := strings.Join(slices.Collect(maps.Keys(w.rights.operations)), "\n")
	for pattern := range covered.routes {
		if name := strings.Replace(pattern, basePath, "", 1); !strings.Contains(all, "`"+name+"`") {
			t.Errorf("docs/security.md does not have %s", name)
		}
	}
}

// answers compares the status of an answer with one of the table.
func (w *walk) answers(s step, h holder, got answer, want string) {
	w.t.Helper()
	if strconv.Itoa(got.status) != want {
		w.t.Errorf("%s by %s: status %d, want %s: %s", s.row, h.name, got.status, want, got.body)
	}
}

// take sends one request and compares the answer with the tables.
func (w *walk) take(s step, right operationRight, h holder) {
	w.t.Helper()
	if strings.HasSuffix(s.row, "as the assignee") && h.account == "" {
		return // a token by itself is nobody's assignee
	}
	r := s.request(w, h)
	r.token, r.cookie, r.acting = h.as.token, h.as.cookie, h.as.acting
	got := w.do(r)
	may := len(right.actions) == 0 || slices.ContainsFunc(right.actions, func(action string) bool { return w.rights.may(h, action) })
	if strings.HasSuffix(s.row, "as the assignee") {
		may = may || w.rights.may(h, "set_callback_status")
	}
	role, otherwise, hasOtherwise := strings.Cut(right.without, ", or else ")
	if hasOtherwise && !may && w.rights.roles[right.actions[0]][h.role] && h.membership != "none" {
		w.answers(s, h, got, otherwise)
		return
	}
	if !hasOtherwise && strings.HasPrefix(role, "403 for the role") {
		may = w.rights.roles[right.actions[0]][h.role] && h.membership != "none"
	}
	if strings.Contains(s.row, "/claim") && h.account == "" {
		may = false // a token by itself cannot call back
	}
	want := max(s.status, http.StatusOK)
	switch {
	case strings.Contains(s.row, "/playback") && !h.session:
		want = http.StatusForbidden // whatever a token may do
	case right.without == "left out" || right.without == "":
	case may:
	case s.reads != "" && !w.rights.may(h, s.reads):
		want = http.StatusNotFound
	default:
		want = http.StatusForbidden
	}
	// An administrator of no call center may do everything but be the
	// assignee of a callback, which claiming makes one.
	if strings.Contains(s.row, "/claim") && may && h.account != "" && !strings.HasSuffix(h.account, "-support") {
		want = http.StatusUnprocessableEntity
	}
	if got.status != want {
		w.t.Errorf("%s by %s: status %d, want %d: %s", s.row, h.name, got.status, want, got.body)
	}
	if s.holds == "" || got.status != http.StatusOK {
		return
	}
	sees := slices.ContainsFunc(right.actions, func(action string) bool { return w.rights.may(h, action) })
	if len(right.actions) == 0 {
		sees = h.membership == "support" || h.membership == "unlimited"
	}
	if strings.Contains(string(got.body), s.holds) != sees {
		w.t.Errorf("%s by %s: the answer holds %s: %t, want %t", s.row, h.name, s.holds, !sees, sees)
	}
}
