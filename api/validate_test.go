package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"callbackd/accounts"
)

// Whatever a parameter holds, the answer is never a fault of the server, and
// where it cannot be right the problem names the parameter.
func TestHostileInput_NamesTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.save(centerCall(1, "support"))
	token := w.token(accounts.RoleAdmin)
	// Never right, for any parameter.
	wrong := []string{"a\x00b", "\xff\xfe", strings.Repeat("9", 5000), "", "\u202e 電話", "\r\nX-Injected: 1"}
	// Right for some: these must only do no harm.
	odd := []string{
		"99999999999999999999999", "-1", "1e3", "0x10", "1.5", "NaN", "null", "true", "[]", "{}", "call,call", "' OR 1=1 --", "%", "_", "\\",
		"9223372036854775808", "2026-13-45T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T00:00:00+99:99",
		"eyJ0IjotMSwiaSI6IngifQ", "eyJ0IjoxLCJpIjoiXHUwMDAwIn0", "eyJ0Ijo5MjIzMzcyMDM2ODU0Nzc1ODA3LCJpIjoieCJ9", "e30", "..", "a/b",
	}
	for pattern, route := range covered.routes {
		for _, parameter := range route.Operation.Parameters {
			name, in := parameter.Value.Name, parameter.Value.In
			for i, value := range slices.Concat(wrong, odd) {
				if pattern == "GET "+basePath+"/events" && (i >= len(wrong) && !strings.ContainsAny(value, "%'{[")) {
					continue // a value that is right opens a stream
				}
				got, ok := w.hostile(route.Method, route.Path, in, name, value, token)
				if !ok {
					continue
				}
				switch {
				case got.status >= 500:
					t.Errorf("%s with %s %q: status %d: %s", pattern, name, value, got.status, got.body)
				case i < len(wrong) && got.status == http.StatusBadRequest:
					p := problem(t, got, http.StatusBadRequest, "invalid_request")
					if len(p.Fields) != 1 || p.Fields[0].Field != name || p.Fields[0].In != in || p.Fields[0].Detail == "" {
						t.Errorf("%s with %s %q: fields %+v", pattern, name, value, p.Fields)
					}
				case i < len(wrong) && in == "path" && got.status == http.StatusNotFound: // no such route
				case i < len(wrong):
					t.Errorf("%s with %s %.20q: status %d, want 400", pattern, name, value, got.status)
				}
			}
		}
	}
}

// hostile sends one parameter; it is not ok when HTTP cannot carry the value.
func (w *world) hostile(method, path, in, name, value, token string) (answer, bool) {
	w.t.Helper()
	r := request{method: method, token: token, header: map[string]string{}}
	id := string(centerCall(1, "support").RequestID)
	query := ""
	switch in {
	case "query":
		query = "?" + url.Values{name: {value}}.Encode()
	case "header":
		if value == "" || strings.ContainsAny(value, "\x00\r\n") {
			return answer{}, false
		}
		r.header[name] = value
	case "path":
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	path = strings.NewReplacer("{request_id}", id, "{id}", "1").Replace(path)
	return w.doURL(r, w.url+path+query), true
}

func TestValidation_SaysWhatIsExpected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	tests := map[string]struct{ ja, en string }{
		"/calls?kind=x":            {"次のいずれかを指定してください: call_center, ring_group, terminal, ivr, unknown。", "Must be one of: call_center, ring_group, terminal, ivr, unknown."},
		"/calls?page_size=201":     {"1 以上 200 以下の整数を指定してください。", "Must be a whole number from 1 to 200."},
		"/calls?page_size=1.5":     {"1 以上 200 以下の整数を指定してください。", "Must be a whole number from 1 to 200."},
		"/calls?active=maybe":      {"true または false を指定してください。", "Must be true or false."},
		"/calls?from=yesterday":    {"RFC 3339 の日時を指定してください (例: 2026-11-20T00:00:00Z)。", "Must be an RFC 3339 time, such as 2026-11-20T00:00:00Z."},
		"/calls?cursor=abc":        {"前のページの next_cursor を指定してください。", "Must be the next_cursor of the page before."},
		"/calls?kindd=ivr":         {"このパラメータはありません。", "There is no such parameter."},
		"/calls?kind=ivr&kind=ivr": {"1 回だけ指定してください。", "Give it only once."},
		"/calls?kind=%zz":          {"クエリ文字列の形式が正しくありません。", "The query string is malformed."},
		"/callbacks/0":             {"1 以上の整数を指定してください。", "Must be a whole number of at least 1."},
		"/callbacks/x":             {"1 以上の整数を指定してください。", "Must be a whole number of at least 1."},
		"/events?kinds=call,call":  {"次の値をコンマで区切り、重複なく指定してください: call, callback。", "Must be some of these values, separated by commas, each once: call, callback."},
		"/me?x=1":                  {"このパラメータはありません。", "There is no such parameter."},
		"/gaps?node=a%20b":         {"1 文字以上 64 文字以下で、正規表現 ^[A-Za-z0-9._-]+$ に合う文字列を指定してください。", "Must have 1 to 64 characters and match ^[A-Za-z0-9._-]+$."},
		"/calls/a%20b":             {"1 文字以上 64 文字以下で、正規表現 ^[A-Za-z0-9_-]+$ に合う文字列を指定してください。", "Must have 1 to 64 characters and match ^[A-Za-z0-9_-]+$."},
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
