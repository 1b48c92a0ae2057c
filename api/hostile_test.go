package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"

	"callbackd/accounts"
)

// Values that are right for no parameter, and for no text either.
var wrongValues = []string{"a\x00b", "\xff\xfe", strings.Repeat("9", 5000), ""}

// Values that no parameter but a free text takes.
var wrongWords = []string{"\u202e 電話", "\r\nX-Injected: 1"}

// Values that are right for some parameters: these must only do no harm.
var oddValues = []string{
	"99999999999999999999999", "-1", "1e3", "0x10", "1.5", "NaN", "null", "true", "[]", "{}", "call,call", "' OR 1=1 --", "%", "_", "\\",
	"9223372036854775808", "2026-13-45T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T00:00:00+99:99",
	"eyJ0IjotMSwiaSI6IngifQ", "eyJ0IjoxLCJpIjoiXHUwMDAwIn0", "eyJ0Ijo5MjIzMzcyMDM2ODU0Nzc1ODA3LCJpIjoieCJ9", "e30", "..", "a/b",
	"'; DROP TABLE callbacks; --", "%27%20OR%201=1", "$1", "\U0001F4DE", "ｶﾅ",
}

// parametersOf returns all parameters of an operation.
func parametersOf(pattern string) []*openapi3.Parameter {
	route := covered.routes[pattern]
	var all []*openapi3.Parameter
	for _, ref := range slices.Concat(route.PathItem.Parameters, route.Operation.Parameters) {
		all = append(all, ref.Value)
	}
	return all
}

// isFreeText reports whether a schema takes any text of a length.
func isFreeText(schema *openapi3.Schema) bool {
	return schema.Type.Is(openapi3.TypeString) && schema.Pattern == "" && schema.Format == "" && len(schema.Enum) == 0
}

// with puts a value into a request; it is not ok when HTTP cannot carry it.
func (r request) with(pattern string, parameter *openapi3.Parameter, value string) (request, bool) {
	switch parameter.In {
	case openapi3.ParameterInQuery:
		r.query = maps.Clone(r.query)
		r.query.Set(parameter.Name, value)
	case openapi3.ParameterInHeader:
		if value == "" || strings.ContainsAny(value, "\x00\r\n") {
			return r, false
		}
		r.header = maps.Clone(r.header)
		r.header[parameter.Name] = value
	case openapi3.ParameterInPath:
		_, path, _ := strings.Cut(pattern, " "+basePath)
		r.path = anyPath(strings.ReplaceAll(path, "{"+parameter.Name+"}", url.PathEscape(value)))
	}
	return r, true
}

// Whatever a parameter holds, the answer is never a fault of the server, and
// where it cannot be right the problem names the parameter.
func TestHostileParameters_NamesTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	shared := map[string]bool{}
	for pattern := range covered.routes {
		for _, parameter := range parametersOf(pattern) {
			odd := oddValues
			if parameter.In == openapi3.ParameterInHeader && shared[parameter.Name] {
				odd = nil // what all operations have is read in one place
			}
			shared[parameter.Name] = true
			wrong := wrongValues
			if !isFreeText(parameter.Schema.Value) {
				wrong = slices.Concat(wrongValues, wrongWords)
			}
			for i, value := range slices.Concat(wrong, wrongWords, odd) {
				if pattern == "GET "+basePath+"/events" && i >= len(wrong) && !strings.ContainsAny(value, "%'{[") {
					continue // a value that is right opens a stream
				}
				r, ok := anyRequest(pattern).with(pattern, parameter, value)
				if !ok {
					continue
				}
				r.token = token
				what := fmt.Sprintf("%s with %s %.20q", pattern, parameter.Name, value)
				got := w.do(r)
				if got.status >= 500 {
					t.Errorf("%s: status %d: %s", what, got.status, got.body)
				}
				if i < len(wrong) && (parameter.In != openapi3.ParameterInPath || got.status != http.StatusNotFound) {
					w.wantField(what, got, parameter.Name, parameter.In)
				}
			}
		}
	}
}

// wantField fails the test unless an answer refuses one field.
func (w *world) wantField(what string, got answer, field, in string) {
	w.t.Helper()
	if got.status != http.StatusBadRequest {
		w.t.Errorf("%s: status %d, want 400: %s", what, got.status, got.body)
		return
	}
	p := problem(w.t, got, http.StatusBadRequest, "invalid_request")
	// Of a list it may be an item that is wrong.
	if len(p.Fields) != 1 || !strings.HasPrefix(p.Fields[0].Field+"/", field+"/") || p.Fields[0].In != in || p.Fields[0].Detail == "" {
		w.t.Errorf("%s: fields %+v, want %s in %s", what, p.Fields, field, in)
	}
}

// body is the JSON of a request with some members replaced, in a form that a
// decoder may not be able to hold.
func bodyWith(t testing.TB, example any, change map[string]string) string {
	t.Helper()
	var members []string
	object, _ := example.(map[string]any)
	for name, value := range object {
		if _, replaced := change[name]; replaced {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, fmt.Sprintf("%q:%s", name, text))
	}
	for name, raw := range change {
		if raw != "" {
			members = append(members, fmt.Sprintf("%q:%s", name, raw))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// Values that are right for no member of a body. Texts with NUL or of such a
// length have no place anywhere.
var wrongMembers = []string{
	`{}`, `"a\u0000b"`, `"` + strings.Repeat("長", 5000) + `"`, `1e400`, `1.5`, `-1`, `99999999999999999999`, `[[[]]]`, "\"\xff\xfe\"", `"\ud800"`,
}

// Values that are right for some.
var oddMembers = []string{
	`null`, `true`, `0`, `1`, `""`, `"' OR 1=1 --"`, `"'; DROP TABLE accounts; --"`, `[]`, `[""]`, `["' OR 1=1"]`, `"\u202e"`, `"%"`,
	`"9999-12-31T23:59:59Z"`, `"0000-01-01T00:00:00Z"`, `2147483647`, `1.0`, `1e0`, `"2026-02-30T00:00:00Z"`, `" "`, `"\t\r\n"`, `"📞"`,
}

// Whatever a member of a body holds, the answer is never a fault of the
// server, and where it cannot be right the problem names the member.
func TestHostileBodies_NamesTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	send := func(pattern, body string) answer {
		r := anyRequest(pattern)
		r.token, r.json, r.body = token, nil, body
		r.header["Content-Type"] = "application/json"
		return w.do(r)
	}
	for pattern, route := range covered.routes {
		if route.Operation.RequestBody == nil || route.Operation.RequestBody.Value.Content["application/json"] == nil {
			continue
		}
		schema := route.Operation.RequestBody.Value.Content["application/json"].Schema.Value
		example := anyRequest(pattern).json
		for name := range schema.Properties {
			for i, raw := range slices.Concat(wrongMembers, oddMembers) {
				if strings.HasPrefix(pattern, "POST "+basePath+"/session") && i >= len(wrongMembers) {
					continue // would count as an attempt to log in
				}
				what := fmt.Sprintf("%s with %s %.20q", pattern, name, raw)
				got := send(pattern, bodyWith(t, example, map[string]string{name: raw}))
				if got.status >= 500 {
					t.Errorf("%s: status %d: %s", what, got.status, got.body)
				}
				if i < len(wrongMembers) {
					w.wantField(what, got, "/"+name, "body")
				}
			}
			if slices.Contains(schema.Required, name) {
				w.wantField(pattern+" without "+name, send(pattern, bodyWith(t, example, map[string]string{name: ""})), "/"+name, "body")
			}
			text := bodyWith(t, example, map[string]string{name: "1"})
			twice := strings.Replace(text, fmt.Sprintf("%q:1", name), fmt.Sprintf("%q:1,%q:1", name, name), 1)
			w.wantField(pattern+" with "+name+" twice", send(pattern, twice), "/"+name, "body")
		}
		w.wantField(pattern+" with another member", send(pattern, bodyWith(t, example, map[string]string{"a/b~": "1"})), "/a~1b~0", "body")
		for _, body := range []string{"{", "null", "[]", `"x"`, "1", "{}{}", "\x00", strings.Repeat("[", 20_000)} {
			if got := send(pattern, body); got.status != http.StatusBadRequest {
				t.Errorf("%s with body %.20q: status %d, want 400", pattern, body, got.status)
			}
		}
	}
}

func TestBodies_OfAnotherType(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	for pattern, route := range covered.routes {
		if route.Operation.RequestBody == nil {
			continue
		}
		for _, kind := range []string{"", "text/plain", "application/json; charset=shift_jis", "application/x-www-form-urlencoded", "multipart/form-data, x"} {
			r := anyRequest(pattern)
			r.token, r.json, r.body = token, nil, "{}"
			r.header["Content-Type"] = kind
			problem(t, w.do(r), http.StatusUnsupportedMediaType, "unsupported_media_type")
		}
		for _, encoding := range []string{"gzip", "br", "identity, gzip", ""} {
			r := anyRequest(pattern)
			r.token, r.header["Content-Encoding"] = token, encoding
			problem(t, w.do(r), http.StatusUnsupportedMediaType, "unsupported_media_type")
		}
		r := anyRequest(pattern)
		r.token, r.json = token, nil
		r.header["Content-Type"] = "application/json"
		if pattern == "POST "+basePath+"/phonebook/import" {
			r.header["Content-Type"] = "text/csv"
		}
		r.body = strings.Repeat(" ", 32<<20+1)
		if pattern != "POST "+basePath+"/phonebook/import" {
			r.body = r.body[:64<<10+1]
		}
		problem(t, w.do(r), http.StatusRequestEntityTooLarge, "request_too_large")
	}
}

// FuzzContract sends whatever the fuzzer finds to whatever operation: the
// answer is always what the contract says (the client checks that), and never
// a fault of the server.
func FuzzContract(f *testing.F) {
	f.Add(uint8(0), uint8(0), "a\x00b", `{"version":1}`)
	f.Add(uint8(9), uint8(3), "' OR 1=1 --", `{"version":1,"memo":"\u0000"}`)
	f.Add(uint8(17), uint8(1), "\xff", `{"number":"03","name":"\ud800"}`)
	f.Add(uint8(23), uint8(7), strings.Repeat("9", 300), "[")
	w := newWorld(f, nil)
	token := w.token(accounts.RoleAdmin)
	patterns := slices.Sorted(maps.Keys(covered.routes))
	f.Fuzz(func(t *testing.T, operation, parameter uint8, value, body string) {
		pattern := patterns[int(operation)%len(patterns)]
		if strings.HasSuffix(pattern, "/events") {
			return // a request that is right would not end
		}
		r := anyRequest(pattern)
		r.token = token
		if all := parametersOf(pattern); len(all) > 0 {
			var ok bool
			if r, ok = r.with(pattern, all[int(parameter)%len(all)], value); !ok {
				return
			}
		}
		if r.json != nil {
			r.json, r.body = nil, body
			r.header["Content-Type"] = "application/json"
		}
		for _, v := range r.header {
			if strings.ContainsFunc(v, unicode.IsControl) {
				return // no client sends such a header
			}
		}
		if got := w.reportingTo(t).do(r); got.status >= 500 {
			t.Errorf("%s %s?%s: status %d: %s", r.method, r.path, r.query.Encode(), got.status, got.body)
		}
	})
}
