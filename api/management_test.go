package api_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
)

func TestAccounts_Manage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := request{token: w.token(accounts.RoleAdmin)}
	send := func(method, path string, body any) answer {
		r := admin
		r.method, r.path, r.json = method, path, body
		return w.do(r)
	}
	created := send(http.MethodPost, "/accounts", map[string]any{
		"name": "sato", "display_name": "佐藤", "role": "agent", "call_centers": []string{"support"}, "endpoint": "PJSIP/2001", "password": password,
	})
	account := decode[api.Account](t, created, http.StatusCreated)
	path := fmt.Sprintf("/accounts/%d", account.ID)
	if created.header.Get("Location") != basePath+path {
		t.Errorf("Location %q", created.header.Get("Location"))
	}
	shown := decode[api.Account](t, send(http.MethodGet, path, nil), http.StatusOK)
	if diff := cmp.Diff(account, shown); diff != "" {
		t.Errorf("created and shown account differ (-created +shown):\n%s", diff)
	}
	w.tryLogin("sato", password, nil)

	problem(t, send(http.MethodPost, "/accounts", map[string]any{"name": "sato", "role": "agent", "password": password}), http.StatusConflict, "account_name_taken")
	problem(t, send(http.MethodPost, "/accounts", map[string]any{"name": "suzuki", "role": "agent", "password": password, "endpoint": "PJSIP/2001"}),
		http.StatusConflict, "endpoint_taken")
	w.wantField("a call center that is not configured", send(http.MethodPost, "/accounts", map[string]any{
		"name": "x", "role": "agent", "password": password, "call_centers": []string{"unheard"},
	}), "/call_centers", "body")

	moved := decode[api.Account](t, send(http.MethodPatch, path, map[string]any{"version": 1, "endpoint": nil, "call_centers": []string{}}), http.StatusOK)
	if moved.Endpoint != nil || len(moved.CallCenters) != 0 || moved.Role != api.RoleAgent || moved.Version != 2 {
		t.Errorf("changed to %+v", moved)
	}
	stale := problem(t, send(http.MethodPatch, path, map[string]any{"version": 1, "role": "admin"}), http.StatusConflict, "stale")
	if diff := cmp.Diff(&moved, stale.Account); diff != "" {
		t.Errorf("the record that is told (-now +told):\n%s", diff)
	}
	second := decode[api.Account](t, send(http.MethodPost, "/accounts", map[string]any{"name": "suzuki", "role": "admin", "password": password, "endpoint": "PJSIP/2001"}), http.StatusCreated)
	problem(t, send(http.MethodPatch, path, map[string]any{"version": 2, "endpoint": "PJSIP/2001"}), http.StatusConflict, "endpoint_taken")
	problem(t, send(http.MethodPatch, fmt.Sprintf("/accounts/%d", second.ID), map[string]any{"version": 1, "enabled": false}), http.StatusConflict, "last_admin")

	if got := send(http.MethodPut, path+"/password", map[string]any{"password": "staple of the trade"}); got.status != http.StatusNoContent {
		t.Errorf("set password: status %d: %s", got.status, got.body)
	}
	decode[api.Me](t, w.tryLogin("sato", "staple of the trade", nil), http.StatusOK)
	for _, r := range []request{
		{path: "/accounts/999"},
		{method: http.MethodPatch, path: "/accounts/999", json: map[string]any{"version": 1}},
		{method: http.MethodPut, path: "/accounts/999/password", json: map[string]any{"password": password}},
		{method: http.MethodDelete, path: "/accounts/999/sessions"},
	} {
		r.token = admin.token
		problem(t, w.do(r), http.StatusNotFound, "account_not_found")
	}
}

func TestAccounts_ListToChooseFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("tanaka", accounts.RoleSupervisor, "", "support")
	for _, name := range []string{"abe", "ito", "ueda"} {
		w.account(name, accounts.RoleAgent, "", "support")
	}
	w.account("sales-only", accounts.RoleAgent, "", "sales")
	w.account("boss", accounts.RoleAdmin, "")
	supervisor := request{cookie: w.login("tanaka")}
	list := func(as request, query string) []string {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		values.Set("page_size", "2")
		names := []string{}
		for {
			as.path, as.query = "/accounts", values
			page := decode[api.AccountList](t, w.do(as), http.StatusOK)
			for _, a := range page.Items {
				names = append(names, a.Name)
			}
			if page.NextCursor == nil {
				return names
			}
			values.Set("cursor", *page.NextCursor)
		}
	}
	admin := request{token: w.token(accounts.RoleAdmin)}
	for _, tt := range []struct {
		as    request
		query string
		want  []string
	}{
		{admin, "", []string{"abe", "boss", "ito", "sales-only", "tanaka", "ueda"}},
		{supervisor, "", []string{"abe", "ito", "tanaka", "ueda"}},
		{supervisor, "role=agent&enabled=true&call_center=support", []string{"abe", "ito", "ueda"}},
		{supervisor, "call_center=sales", []string{}},
		{admin, "enabled=false", []string{}},
		{admin, "q=" + url.QueryEscape("表示名 u"), []string{"ueda"}},
		{admin, "role=admin", []string{"boss"}},
	} {
		if got := list(tt.as, tt.query); !slices.Equal(got, tt.want) {
			t.Errorf("?%s: %q, want %q", tt.query, got, tt.want)
		}
	}
	w.wantField("cursor", w.do(request{path: "/accounts", token: admin.token, query: url.Values{"cursor": {"?"}}}), "cursor", "query")
}

func TestTokens_Manage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := request{token: w.token(accounts.RoleAdmin)}
	send := func(method, path string, body any) answer {
		r := admin
		r.method, r.path, r.json = method, path, body
		return w.do(r)
	}
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	created := decode[api.CreatedToken](t, send(http.MethodPost, "/tokens", map[string]any{
		"name": "crm", "role": "agent", "call_centers": []string{"support"}, "may_act_for_accounts": true, "expires_at": later,
	}), http.StatusCreated)
	w.mu.Lock()
	w.secrets = append(w.secrets, created.Secret)
	w.mu.Unlock()
	me := decode[api.Me](t, w.do(request{path: "/me", token: created.Secret}), http.StatusOK)
	if me.Name != "crm" || !slices.Equal(me.CallCenters, []string{"support"}) || !created.ExpiresAt.Equal(later) || !created.MayActForAccounts {
		t.Errorf("created %+v, which is %+v", created, me)
	}
	listed := send(http.MethodGet, "/tokens", nil)
	if strings.Contains(string(listed.body), created.Secret) {
		t.Error("the list shows a secret")
	}
	tokens := decode[api.TokenList](t, listed, http.StatusOK).Items
	if last := tokens[len(tokens)-1]; last.ID != created.ID || last.LastUsedAt == nil {
		t.Errorf("listed as %+v", last)
	}
	problem(t, send(http.MethodPost, "/tokens", map[string]any{"name": "crm", "role": "agent"}), http.StatusConflict, "token_name_taken")
	w.wantField("a call center that is not configured", send(http.MethodPost, "/tokens", map[string]any{
		"name": "x", "role": "agent", "call_centers": []string{"unheard"},
	}), "/call_centers", "body")
	w.wantField("an expiry that is past", send(http.MethodPost, "/tokens", map[string]any{
		"name": "x", "role": "agent", "expires_at": "2020-01-01T00:00:00Z",
	}), "/expires_at", "body")
	w.wantField("an expiry that no answer could hold", send(http.MethodPost, "/tokens", map[string]any{
		"name": "x", "role": "agent", "expires_at": "9999-12-31T23:59:59-01:00",
	}), "/expires_at", "body")

	r := w.stream(created.Secret, nil, nil)
	path := fmt.Sprintf("/tokens/%d", created.ID)
	for range 2 { // to revoke again changes nothing
		if got := send(http.MethodDelete, path, nil); got.status != http.StatusNoContent {
			t.Errorf("revoke: status %d: %s", got.status, got.body)
		}
	}
	r.ended()
	problem(t, w.do(request{path: "/me", token: created.Secret}), http.StatusUnauthorized, "unauthorized")
	problem(t, send(http.MethodDelete, "/tokens/999", nil), http.StatusNotFound, "token_not_found")
}

func TestPhonebook_Manage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("tanaka", accounts.RoleSupervisor, "", "support")
	as := request{cookie: w.login("tanaka")}
	send := func(method, path string, body any) answer {
		r := as
		r.method, r.path, r.json = method, path, body
		return w.do(r)
	}
	created := send(http.MethodPost, "/phonebook", map[string]any{"number": "０３－１２３４－５６７８", "name": "株式会社サンプル"})
	entry := decode[api.PhonebookEntry](t, created, http.StatusCreated)
	path := fmt.Sprintf("/phonebook/%d", entry.ID)
	if entry.Number != "+81312345678" || entry.NumberAsWritten != "03-1234-5678" || entry.UpdatedBy != "tanaka" || created.header.Get("Location") != basePath+path {
		t.Errorf("created %+v at %s", entry, created.header.Get("Location"))
	}
	taken := problem(t, send(http.MethodPost, "/phonebook", map[string]any{"number": "+81 3 1234 5678", "name": "他"}), http.StatusConflict, "number_taken")
	if taken.PhonebookEntryID == nil || *taken.PhonebookEntryID != entry.ID {
		t.Errorf("taken by %v", taken.PhonebookEntryID)
	}
	w.wantField("no number", send(http.MethodPost, "/phonebook", map[string]any{"number": "電話", "name": "他"}), "/number", "body")

	// The name shows on records at once, for it is looked up when they are read.
	call := centerCall(1, "support")
	w.save(call)
	registered := decode[api.RegisteredCallback](t, w.register(&call, w.token(accounts.RoleAgent), nil), http.StatusCreated)
	if registered.RemoteName == nil || *registered.RemoteName != "株式会社サンプル" {
		t.Errorf("remote name %v", registered.RemoteName)
	}
	changed := decode[api.PhonebookEntry](t, send(http.MethodPatch, path, map[string]any{"version": 1, "name": "サンプル商事", "note": "本社"}), http.StatusOK)
	if changed.Name != "サンプル商事" || changed.Version != 2 || changed.Number != entry.Number {
		t.Errorf("changed to %+v", changed)
	}
	if got := decode[api.Callback](t, send(http.MethodGet, callbackPath(registered.ID), nil), http.StatusOK); *got.RemoteName != "サンプル商事" {
		t.Errorf("remote name %v", *got.RemoteName)
	}
	second := decode[api.PhonebookEntry](t, send(http.MethodPost, "/phonebook", map[string]any{"number": "0663334444", "name": "大阪商事"}), http.StatusCreated)
	problem(t, send(http.MethodPatch, path, map[string]any{"version": 2, "number": "06-6333-4444"}), http.StatusConflict, "number_taken")
	stale := problem(t, send(http.MethodPatch, path, map[string]any{"version": 1, "name": "x"}), http.StatusConflict, "stale")
	if diff := cmp.Diff(&changed, stale.PhonebookEntry); diff != "" {
		t.Errorf("the record that is told (-now +told):\n%s", diff)
	}
	remove := func(version string) answer {
		return w.do(request{method: http.MethodDelete, path: path, query: url.Values{"version": {version}}, cookie: as.cookie})
	}
	problem(t, remove("1"), http.StatusConflict, "stale")
	if got := remove("2"); got.status != http.StatusNoContent {
		t.Errorf("remove: status %d: %s", got.status, got.body)
	}
	problem(t, remove("2"), http.StatusNotFound, "phonebook_entry_not_found")
	problem(t, send(http.MethodGet, path, nil), http.StatusNotFound, "phonebook_entry_not_found")
	problem(t, send(http.MethodPatch, path, map[string]any{"version": 2, "name": "x"}), http.StatusNotFound, "phonebook_entry_not_found")

	found := decode[api.PhonebookList](t, w.do(request{path: "/phonebook", cookie: as.cookie, query: url.Values{"q": {"06-6333"}, "total": {"true"}}}), http.StatusOK)
	if len(found.Items) != 1 || found.Items[0].ID != second.ID || *found.Total != 1 || found.NextCursor != nil {
		t.Errorf("found %+v", found)
	}
	w.wantField("cursor", w.do(request{path: "/phonebook", cookie: as.cookie, query: url.Values{"cursor": {"abc"}}}), "cursor", "query")
}

func TestPhonebook_ImportAndExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleSupervisor)
	upload := func(kind, body string, query url.Values) answer {
		return w.do(request{
			method: http.MethodPost, path: "/phonebook/import", query: query, token: token, body: body, header: map[string]string{"Content-Type": kind},
		})
	}
	file := "番号,名前\r\n03-1234-5678,=サンプル\r\n110,警察\r\n"
	first := decode[api.PhonebookImport](t, upload("text/csv; charset=utf-8", file, nil), http.StatusOK)
	if first != (api.PhonebookImport{Added: 2}) {
		t.Errorf("imported %+v", first)
	}
	exported := w.do(request{path: "/phonebook.csv", token: token})
	if exported.status != http.StatusOK || exported.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.Contains(string(exported.body), "'=サンプル") {
		t.Fatalf("export: status %d: %s", exported.status, exported.body)
	}
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	err := writer.WriteField("other", "x")
	if err == nil {
		var part io.Writer
		if part, err = writer.CreateFormFile("file", "phonebook.csv"); err == nil {
			_, err = part.Write(exported.body)
		}
	}
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	again := decode[api.PhonebookImport](t, upload(writer.FormDataContentType(), form.String(), nil), http.StatusOK)
	if again != (api.PhonebookImport{Unchanged: 2}) {
		t.Errorf("imported what was exported: %+v", again)
	}
	wrong := problem(t, upload("text/csv", "03-1234-5678,甲\n+81312345678,乙\nabc,丙\n", nil), http.StatusUnprocessableEntity, "invalid_import")
	if *wrong.LineCount != 2 || wrong.Lines[0].Line != 2 || *wrong.Lines[0].OtherLine != 1 || wrong.Lines[1].Fault != "number_invalid" {
		t.Errorf("refused with %+v", wrong.Lines)
	}
	replaced := decode[api.PhonebookImport](t, upload("text/csv", "0355556666,丁\n", url.Values{"replace": {"true"}}), http.StatusOK)
	if replaced != (api.PhonebookImport{Added: 1, Removed: 2}) {
		t.Errorf("replaced %+v", replaced)
	}
	w.wantField("an empty file", upload("text/csv", "number,name\n", nil), "/file", "body")
	w.wantField("a form without a file", upload(`multipart/form-data; boundary=b`, "--b--\r\n", nil), "/file", "body")
	if got := upload(`multipart/form-data; boundary=b`, "nonsense", nil); got.status != http.StatusBadRequest {
		t.Errorf("a broken form: status %d: %s", got.status, got.body)
	}
	problem(t, upload(`multipart/form-data`, "nonsense", nil), http.StatusUnsupportedMediaType, "unsupported_media_type")
}

func TestPlan_IsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	centers := decode[api.CallCenterList](t, w.do(request{path: "/call-centers", token: w.token(accounts.RoleAgent, "support")}), http.StatusOK)
	repairs := "repairs"
	want := []api.CallCenter{{ID: "support", Name: "サポート窓口", Extension: "7001", BusinessLabel: &repairs}}
	if diff := cmp.Diff(want, centers.Items); diff != "" {
		t.Errorf("call centers (-want +got):\n%s", diff)
	}
	labels := decode[api.BusinessLabelList](t, w.do(request{path: "/business-labels", token: w.token(accounts.RoleAgent, "sales")}), http.StatusOK)
	if len(labels.Items) != 2 || labels.Items[0].Name != "修理" || labels.Items[1].DialledNumbers == nil {
		t.Errorf("labels %+v", labels.Items)
	}
}

// The page has every operation and schema of the contract, and neither a
// script nor anything of another site.
func TestDocs_IsWholeAndAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got := w.do(request{path: "/docs"})
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("status %d of type %q", got.status, got.header.Get("Content-Type"))
	}
	page := string(got.body)
	for pattern, route := range covered.routes {
		if !strings.Contains(page, `id="`+route.Operation.OperationID+`"`) {
			t.Errorf("the page does not have %s", pattern)
		}
	}
	for name := range covered.doc.Components.Schemas {
		if !strings.Contains(page, `id="schema-`+name+`"`) {
			t.Errorf("the page does not have schema %s", name)
		}
	}
	for _, foreign := range []string{"<script", `="http`, "<link", "<img", "@import", "url("} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page holds %s", foreign)
		}
	}
	policy := got.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("Content-Security-Policy %q", policy)
	}
}
