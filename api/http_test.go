package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callcenter"
)

// anyRequests returns a request for every operation of the contract, with
// plausible parameters and body.
func anyRequests() []request {
	var requests []request
	for pattern := range covered.routes {
		requests = append(requests, anyRequest(pattern))
	}
	slices.SortFunc(requests, func(a, b request) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return requests
}

func anyRequest(pattern string) request {
	method, path, _ := strings.Cut(pattern, " ")
	r := request{method: method, path: anyPath(strings.TrimPrefix(path, basePath)), header: map[string]string{}, query: url.Values{}}
	operation := covered.routes[pattern].Operation
	for _, parameter := range operation.Parameters {
		if parameter.Value.Required && parameter.Value.In == openapi3.ParameterInQuery {
			r.query.Set(parameter.Value.Name, "1")
		}
	}
	if operation.RequestBody != nil {
		r.setBody(operation.RequestBody.Value)
	}
	return r
}

// anyPath puts ids into a path of the contract; nothing has them.
func anyPath(path string) string {
	id := string(callcenter.NewRequestID("pbx1", "none"))
	return strings.NewReplacer("{request_id}", id, "{id}", "999", "{delivery_id}", "999", "{grant}", strings.Repeat("g", 43)).Replace(path)
}

// setBody gives a request an example of its operation's body.
func (r *request) setBody(body *openapi3.RequestBody) {
	if media := body.Content["text/csv"]; media != nil {
		r.header["Content-Type"], r.body = "text/csv", fmt.Sprint(media.Example)
		return
	}
	media := body.Content["application/json"]
	r.json = media.Example
	for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
		r.json = media.Examples[name].Value.Value
	}
}

// isPublic reports whether the operation of a request asks for no caller.
func isPublic(r request) bool {
	return r.path == "/openapi.yaml" || r.path == "/docs" || r.path == "/site" || r.path == "/session"
}

func TestContract_IsServedToEverybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got := w.do(request{path: "/openapi.yaml"})
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/yaml" || !bytes.Equal(got.body, api.Contract) {
		t.Errorf("status %d, %q, %d bytes; want openapi.yaml", got.status, got.header.Get("Content-Type"), len(got.body))
	}
}

func TestAuthentication_OnEveryOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	past := time.Now().Add(-time.Hour)
	clock := accounts.NewTokens(w.db.Tokens(), func() time.Time { return past.Add(-time.Hour) })
	expired, _, err := clock.Create(t.Context(), accounts.NewToken{Name: "expired", Role: accounts.RoleAdmin, ExpiresAt: &past})
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{
		"none": "", "another scheme": "Basic " + w.token(accounts.RoleAdmin), "no token": "Bearer ",
		"unknown": "Bearer cbd_" + strings.Repeat("0", 64), "expired": "Bearer " + expired,
	}
	for _, r := range anyRequests() {
		if isPublic(r) {
			continue
		}
		for name, header := range headers {
			delete(r.header, "Authorization")
			if header != "" {
				r.header["Authorization"] = header
			}
			got := w.do(r)
			problem(t, got, http.StatusUnauthorized, "unauthorized")
			if got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: no WWW-Authenticate", name)
			}
		}
	}
}

// A token that may not act for an account does nothing in its name.
func TestActing_RefusedOnEveryOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAdmin, "")
	actor, plain := w.actor(accounts.RoleAdmin), w.token(accounts.RoleAdmin)
	for _, r := range anyRequests() {
		if isPublic(r) {
			continue
		}
		for token, account := range map[string]string{actor: "nobody", plain: "sato"} {
			r.token, r.acting = token, account
			problem(t, w.do(r), http.StatusForbidden, "acting_refused")
		}
	}
}

func TestMe_ShowsTheCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	limited := decode[map[string]any](t, w.do(request{
		path: "/me", token: w.token(accounts.RoleAgent, "support", "sales"), header: map[string]string{"Accept-Language": "en-US"},
	}), http.StatusOK)
	want := map[string]any{
		"kind": "token", "name": "token-of-agent-0", "token": "token-of-agent-0", "role": "agent",
		"call_centers": []any{"support", "sales"}, "language": "en",
		"account_id": nil, "display_name": nil, "endpoint": nil, "has_password": false,
	}
	if diff := cmp.Diff(want, limited); diff != "" {
		t.Errorf("me (-want +got):\n%s", diff)
	}
	if all := decode[api.Me](t, w.do(request{path: "/me", token: w.token(accounts.RoleAdmin)}), http.StatusOK); all.CallCenters != nil || all.Language != "ja" {
		t.Errorf("me without a limit: %+v", all)
	}
}

// Whatever would change something is refused when another site's page sends
// it, with a session or a token.
func TestCrossOrigin_IsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAdmin, "")
	cookie, token := w.login("sato"), w.token(accounts.RoleAdmin)
	for _, r := range anyRequests() {
		if r.method == http.MethodGet {
			continue
		}
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"} {
			for _, as := range []request{{cookie: cookie}, {token: token}} {
				r.cookie, r.token = as.cookie, as.token
				r.header = maps.Clone(r.header)
				r.header[name] = value
				problem(t, w.do(r), http.StatusForbidden, "cross_origin")
				delete(r.header, name)
			}
		}
	}
	call := centerCall(1, "support")
	w.save(call)
	if got := w.register(&call, token, map[string]string{"Sec-Fetch-Site": "same-origin"}); got.status != http.StatusCreated {
		t.Errorf("status %d from the same origin", got.status)
	}
}

// A parameter that does not exist is refused by every operation.
func TestUnknownParameter_IsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	for _, r := range anyRequests() {
		r.token = token
		r.query.Set("statuss", "open")
		w.wantField(r.method+" "+r.path, w.do(r), "statuss", "query")
	}
}

func TestRouting_AnswersProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	token := w.token(accounts.RoleAdmin)
	for _, path := range []string{"/", "/unknown", "/calls/", "//calls", "/./calls", "/calls/../me", "/calls/a/b", "/callback", "/CALLS", "/calls%2f"} {
		problem(t, w.do(request{path: path, token: token}), http.StatusNotFound, "not_found")
	}
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		got := w.do(request{method: method, path: "/calls", token: token})
		problem(t, got, http.StatusMethodNotAllowed, "method_not_allowed")
		if got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("Allow: %q", got.header.Get("Allow"))
		}
	}
	if got := w.do(request{method: http.MethodHead, path: "/calls", token: token}); got.status != http.StatusOK || len(got.body) > 0 {
		t.Errorf("HEAD: status %d with %d bytes", got.status, len(got.body))
	}
	if got := w.do(request{method: http.MethodHead, path: "/events", token: token}); got.status != http.StatusOK {
		t.Errorf("HEAD of a stream: status %d", got.status)
	}
}

func TestAnswers_AreNothingButDataToBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, r := range []request{{path: "/openapi.yaml"}, {path: "/unknown"}, {path: "/me"}, {path: "/me", token: w.token(accounts.RoleAdmin)}} {
		got := w.do(r)
		for name, want := range map[string]string{
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-store",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", r.path, name, got.header.Get(name), want)
			}
		}
	}
}

func TestBody_TooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call := centerCall(1, "support")
	path := "/calls/" + string(call.RequestID) + "/callback"
	got := w.do(request{method: http.MethodPost, path: path, token: w.token(accounts.RoleAdmin), body: strings.Repeat(" ", 64<<10+1)})
	p := decode[api.Problem](t, got, http.StatusRequestEntityTooLarge)
	if p.Code != "request_too_large" {
		t.Errorf("code %q", p.Code)
	}
}

func TestProblems_InTheCallersLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for header, want := range map[string]string{
		"": "ja", "en": "en", "en-US,ja;q=0.5": "en", "ja,en": "ja", "ja-JP;q=0.2,en;q=0.1": "ja",
		"de": "ja", "de,en;q=0.1": "en", "*": "ja", "not a language;;": "ja", strings.Repeat("en,", 5000): "en",
	} {
		got := w.do(request{path: "/me", header: map[string]string{"Accept-Language": header}})
		p := problem(t, got, http.StatusUnauthorized, "unauthorized")
		sentence := map[string]string{"ja": "認証が必要です。ログインするか、有効なトークンを指定してください。", "en": "Authentication is needed. Log in or send a valid token."}[want]
		if p.Detail != sentence || got.header.Get("Content-Language") != want {
			t.Errorf("Accept-Language %.20q: %s (%s), want %s", header, p.Detail, got.header.Get("Content-Language"), sentence)
		}
	}
}

// A body that never comes, or breaks off, ends with the request's time, and so
// does its connection. It is the caller's fault: anybody could raise the alarm
// otherwise, who need not even log in.
func TestUnfinishedBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) { o.RequestTimeout = 500 * time.Millisecond })
	target, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	token := w.token(accounts.RoleAdmin)
	for _, to := range []struct{ path, kind string }{
		{"/session", "application/json"},
		{"/tokens", "application/json"},
		{"/phonebook/import", "text/csv"},
		{"/phonebook/import", "multipart/form-data; boundary=x"},
	} {
		for _, breaksOff := range []bool{true, false} {
			if !breaksOff && to.path == "/phonebook/import" {
				continue // has minutes
			}
			conn, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(target.Host)))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n0312345678,",
				basePath, to.path, token, to.kind)
			if breaksOff {
				if err := conn.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			text, err := io.ReadAll(conn)
			if err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("%s: the connection stays open: %v", to.path, err)
			}
			if !strings.HasPrefix(string(text), "HTTP/1.1 400 ") || !strings.Contains(string(text), `"invalid_request"`) {
				t.Errorf("%s, %s, breaks off %t: answered with %q", to.path, to.kind, breaksOff, text)
			}
		}
	}
}

// A request that took all its time, as while the database hangs, leaves
// nothing behind on its connection: what comes next there is served.
func TestTimeout_LeavesTheConnectionGood(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	var asked atomic.Int64
	w := newWorld(t, func(o *api.Options) {
		o.RequestTimeout = timeout
		failToIdentify(func() error {
			if asked.Add(1) > 1 {
				return accounts.ErrUnauthorized
			}
			<-time.After(timeout * 3 / 2) // past the deadline of reading
			return context.DeadlineExceeded
		})(o)
	})
	one := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer one.CloseIdleConnections()
	for i, want := range []int{http.StatusServiceUnavailable, http.StatusUnauthorized, http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/me", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer some")
		res, err := one.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != want {
			t.Errorf("answer %d is %d %s, %v; want %d", i+1, res.StatusCode, body, err, want)
		}
	}
}

// absentTokens takes until the caller has gone away to find out who it is.
type absentTokens struct {
	faultyTokens
	asked chan struct{}
}

func (a absentTokens) Verify(ctx context.Context, _ string) (accounts.Principal, error) {
	close(a.asked)
	<-ctx.Done()
	return accounts.Principal{}, ctx.Err()
}

// Who closes a page while it loads is counted, but not as a fault of ours.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	w := newWorld(t, func(o *api.Options) { o.Tokens = absentTokens{asked: asked} })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-asked
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/calls", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer some")
	if res, err := http.DefaultClient.Do(req); err == nil {
		res.Body.Close()
		t.Fatalf("answered with %s", res.Status)
	}
	w.eventually(func() error { return w.metricIs("callbackd_http_requests_total", 1) })
	w.wantMetrics(`
		# HELP callbackd_http_requests_total Answered requests by route pattern, method and status.
		# TYPE callbackd_http_requests_total counter
		callbackd_http_requests_total{method="GET",route="/api/v1/calls",status="499"} 1
	`, "callbackd_http_requests_total")
}
