package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"callbackd/accounts"
	"callbackd/api"
)

// The daemon takes the contract for valid, since to validate it takes seconds.
func TestContract_IsValid(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestValidation_SaysWhatIsExpected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	tests := map[string]struct{ ja, en string }{
		"/calls?kind=x":                           {"次のいずれかを指定してください: call_center, ring_group, terminal, ivr, unknown。", "Must be one of: call_center, ring_group, terminal, ivr, unknown."},
		"/calls?page_size=201":                    {"1 以上 200 以下の整数を指定してください。", "Must be a whole number from 1 to 200."},
		"/calls?page_size=1.5":                    {"1 以上 200 以下の整数を指定してください。", "Must be a whole number from 1 to 200."},
		"/calls?active=maybe":                     {"true または false を指定してください。", "Must be true or false."},
		"/calls?from=yesterday":                   {"RFC 3339 の日時を指定してください (例: 2026-11-20T00:00:00Z)。", "Must be an RFC 3339 time, such as 2026-11-20T00:00:00Z."},
		"/calls?from=2026-11-20T00:00:00%2B25:00": {"RFC 3339 の日時を指定してください (例: 2026-11-20T00:00:00Z)。", "Must be an RFC 3339 time, such as 2026-11-20T00:00:00Z."},
		"/calls?from=2026-11-20T00:00:00+09:00": {
			"RFC 3339 の日時を指定してください (例: 2026-11-20T00:00:00Z)。URL では + を %2B と書いてください。",
			"Must be an RFC 3339 time, such as 2026-11-20T00:00:00Z. In a URL, + is written %2B.",
		},
		"/callbacks?q=":            {"1 文字以上 200 文字以下の文字列を指定してください。", "Must be text of 1 to 200 characters."},
		"/callbacks?assignee=":     {"1 個以上 100 個以下の値をコンマで区切り、重複なく指定してください。", "Must be 1 to 100 values, separated by commas, each once."},
		"/playback/abc":            {"43 文字で、正規表現 ^[A-Za-z0-9_-]{43}$ に合う文字列を指定してください。", "Must be text of 43 characters that matches ^[A-Za-z0-9_-]{43}$."},
		"/calls?cursor=abc":        {"前のページの next_cursor を指定してください。", "Must be the next_cursor of the page before."},
		"/calls?kindd=ivr":         {"このパラメータはありません。", "There is no such parameter."},
		"/calls?kind=ivr&kind=ivr": {"1 回だけ指定してください。", "Give it only once."},
		"/calls?kind=%zz":          {"クエリ文字列の形式が正しくありません。", "The query string is malformed."},
		"/callbacks/0":             {"1 以上の整数を指定してください。", "Must be a whole number of at least 1."},
		"/callbacks/x":             {"1 以上の整数を指定してください。", "Must be a whole number of at least 1."},
		"/events?kinds=call,call":  {"次の値をコンマで区切り、重複なく指定してください: call, callback, node。", "Must be some of these values, separated by commas, each once: call, callback, node."},
		"/me?x=1":                  {"このパラメータはありません。", "There is no such parameter."},
		"/gaps?node=a%20b":         {"1 文字以上 64 文字以下で、正規表現 ^[A-Za-z0-9._-]+$ に合う文字列を指定してください。", "Must be text of 1 to 64 characters that matches ^[A-Za-z0-9._-]+$."},
		"/calls/a%20b":             {"1 文字以上 64 文字以下で、正規表現 ^[A-Za-z0-9_-]+$ に合う文字列を指定してください。", "Must be text of 1 to 64 characters that matches ^[A-Za-z0-9_-]+$."},
	}
	for target, want := range tests {
		for lang, sentence := range map[string]string{"ja": want.ja, "en": want.en} {
			got := w.doURL(request{token: token, header: map[string]string{"Accept-Language": lang}}, w.url+target)
			p := problem(t, got, http.StatusBadRequest, "invalid_request")
			if len(p.Fields) != 1 || p.Fields[0].Detail != sentence {
				t.Errorf("%s: %+v, want %s", target, p.Fields, sentence)
			}
		}
	}
	several := problem(t, w.do(request{path: "/calls", token: token, query: url.Values{"kind": {"x"}, "page_size": {"0"}, "wrong": {"1"}}}),
		http.StatusBadRequest, "invalid_request")
	if len(several.Fields) != 3 {
		t.Errorf("three faults, told of %+v", several.Fields)
	}
}

// What is wrong with a member of a JSON document is said in words of JSON.
func TestValidation_OfBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := w.token(accounts.RoleAdmin)
	tests := map[string]struct{ method, path, body, field, ja, en string }{
		"an empty array": {
			http.MethodPost, "/tokens", `{"name": "crm", "role": "agent", "call_centers": []}`, "/call_centers",
			"1 個以上 1000 個以下の値の配列を、重複なく指定してください。", "Must be an array of 1 to 1000 values, each once.",
		},
		"a call center that there is not": {
			http.MethodPost, "/tokens", `{"name": "crm", "role": "agent", "call_centers": ["supprt"]}`, "/call_centers",
			"設定にないコールセンターです: supprt", "There is no such call center: supprt.",
		},
		"the same of a webhook": {
			http.MethodPost, "/webhooks", `{"name": "crm", "url": "https://crm.example.org/", "kinds": ["call"], "call_centers": ["supprt"]}`, "/call_centers",
			"設定にないコールセンターです: supprt", "There is no such call center: supprt.",
		},
		"null for text": {
			http.MethodPatch, "/callbacks/1", `{"version": 1, "memo": null}`, "/memo",
			"0 文字以上 2000 文字以下の文字列を指定してください。", "Must be text of 0 to 2000 characters.",
		},
	}
	for name, test := range tests {
		for lang, sentence := range map[string]string{"ja": test.ja, "en": test.en} {
			header := map[string]string{"Accept-Language": lang, "Content-Type": "application/json"}
			got := w.do(request{method: test.method, path: test.path, body: test.body, token: admin, header: header})
			p := problem(t, got, http.StatusBadRequest, "invalid_request")
			if len(p.Fields) != 1 || p.Fields[0].Field != test.field || p.Fields[0].Detail != sentence {
				t.Errorf("%s: %+v, want %s: %s", name, p.Fields, test.field, sentence)
			}
		}
	}
}

// Who may not do something is told what would be right: a token that acts for
// nobody has another way.
func TestForbidden_SaysWhatIsRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "")
	alone, actor := w.token(accounts.RoleAgent), w.actor(accounts.RoleAdmin)
	english := map[string]string{"Accept-Language": "en"}
	const both = "It takes another role, or a call center that is not yours."
	for _, r := range []request{{token: alone}, {token: actor, acting: "sato"}} {
		r.path, r.header = "/tokens", english
		p := problem(t, w.do(r), http.StatusForbidden, "forbidden")
		if !strings.Contains(p.Detail, both) || strings.Contains(p.Detail, "X-Callbackd-Account") != (r.acting == "") {
			t.Errorf("acting for %q: %q", r.acting, p.Detail)
		}
	}
}
