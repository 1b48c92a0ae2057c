package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/phonebook"
	"callbackd/postgres"
	"callbackd/recording"
	"callbackd/webhooks"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// world is a server over a database of its own, with tokens.
type world struct {
	t        testing.TB
	db       *postgres.DB
	database string // its URL
	tokens   *accounts.Tokens
	accounts *accounts.Service
	registry *prometheus.Registry
	sounds   *sounds
	server   *api.Server
	handler  http.Handler
	url      string
	client   *http.Client
	log      *lockedBuffer
	stop     func() // ends Server.Run and waits for it

	mu      sync.Mutex
	secrets []string
	ahead   time.Duration // of the clock that decides about grants
}

// newWorld starts a server. change may exchange parts of it.
func newWorld(t testing.TB, change func(*api.Options)) *world {
	t.Helper()
	return newWorldAt(t, databases.New(t), change)
}

func newWorldAt(t testing.TB, database string, change func(*api.Options)) *world {
	t.Helper()
	w := &world{t: t, database: database, registry: prometheus.NewRegistry(), sounds: &sounds{}, log: &lockedBuffer{}}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	db, err := postgres.Open(t.Context(), database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w.db, w.tokens = db, accounts.NewTokens(db.Tokens(), nil)
	w.accounts = accounts.NewService(accounts.Options{
		Store: db.Accounts(), HasCallCenter: hasCallCenter, Cost: accounts.Cost{Memory: 64, Passes: 1, Threads: 1},
	})
	feed := db.Feed()
	book := phonebook.NewBook(db.Phonebook(), "JP", nil)
	options := api.Options{
		Calls: db.Calls(), Gaps: db.Calls(), Changes: feed,
		Callbacks: callbacks.NewService(db.Callbacks(), callbacks.Options{
			Numbers: callbacks.InRegion("JP"), Book: book, Names: func() callbacks.Names { return names },
		}),
		Accounts: w.accounts, Sessions: accounts.NewSessions(accounts.SessionOptions{Store: db.Sessions(), PlainCookies: true}),
		Tokens: w.tokens, Phonebook: book,
		Webhooks: webhooks.NewService(webhooks.ServiceOptions{Store: db.Webhooks(), HasCallCenter: hasCallCenter}),
		Monitor:  db.Monitor([]string{"pbx1", "pbx2"}), MonitorEvery: time.Nanosecond,
		Recordings: db.Recordings(), Player: recording.NewPlayer(recording.PlayerOptions{
			Recordings: db.Recordings(), Sounds: w.sounds, Store: db.Playback(), Now: w.now, Log: logger, Registry: w.registry,
		}),
		Plan: func() api.Plan { return plan }, Location: time.FixedZone("JST", 9*60*60),
		IsUnavailable: postgres.IsUnavailable, Log: logger, Registry: w.registry,
	}
	if change != nil {
		change(&options)
	}
	server := api.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	var group errgroup.Group
	group.Go(func() error { return feed.Run(ctx) })
	group.Go(func() error { return server.Run(ctx) })
	w.stop = func() {
		cancel()
		if err := group.Wait(); err != nil {
			t.Errorf("run: %v", err)
		}
	}
	w.server, w.handler = server, server.Handler()
	http1 := httptest.NewUnstartedServer(w.handler)
	http1.Listener = smallBuffers{http1.Listener}
	http1.Start()
	w.url = http1.URL + basePath
	w.client = &http.Client{Transport: checkedTransport{t: t, next: http1.Client().Transport}}
	t.Cleanup(func() {
		w.stop()
		http1.Close()
		w.checkLog()
	})
	return w
}

// plan is the dialplan of all tests, and names what people call its parts.
var (
	plan = api.Plan{
		CallCenters: []callcenter.CallCenter{
			{ID: "support", Name: "サポート窓口", Extension: "7001", Queues: []string{"support"}, Label: "repairs"},
			{ID: "sales", Name: "受注窓口", Extension: "7002", Queues: []string{"sales"}},
		},
		Labels: []callcenter.Label{{ID: "repairs", Name: "修理", DIDs: []string{"0312340001"}}, {ID: "orders", Name: "注文"}},
	}
	names = callbacks.Names{
		CallCenters:    map[string]string{"support": "サポート窓口", "sales": "受注窓口"},
		BusinessLabels: map[string]string{"repairs": "修理", "orders": "注文"},
	}
)

func hasCallCenter(id string) bool { return names.CallCenters[id] != "" }

// reportingTo returns the world for a part of its test, which reports to its
// own T and makes nothing but requests.
func (w *world) reportingTo(t testing.TB) *world {
	next := w.client.Transport.(checkedTransport).next
	return &world{t: t, url: w.url, client: &http.Client{Transport: checkedTransport{t: t, next: next}}}
}

// smallBuffers makes slow readers felt after some kilobytes, not megabytes.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
}

// checkLog fails the test when something that is nobody's business was
// logged.
func (w *world) checkLog() {
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log.String()
	for _, secret := range append(w.secrets, remoteNumber, "=7001", "token-of-", password) {
		if strings.Contains(log, secret) {
			w.t.Errorf("the log holds %q:\n%s", secret, log)
		}
	}
}

// token makes a token; without call centers it has no limit.
func (w *world) token(role accounts.Role, callCenters ...string) string {
	w.t.Helper()
	return w.newToken(accounts.NewToken{Role: role, CallCenters: callCenters})
}

func (w *world) newToken(wish accounts.NewToken) string {
	w.t.Helper()
	w.mu.Lock()
	wish.Name = fmt.Sprintf("token-of-%s-%d", wish.Role, len(w.secrets))
	w.mu.Unlock()
	secret, _, err := w.tokens.Create(context.Background(), wish)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, secret)
	return secret
}

// password is that of all accounts of the tests.
const password = "correct horse battery"

// account creates an enabled account.
func (w *world) account(name string, role accounts.Role, endpoint string, callCenters ...string) accounts.Account {
	w.t.Helper()
	account, err := w.accounts.Create(context.Background(), accounts.Operator(), accounts.NewAccount{
		Name: name, DisplayName: "表示名 " + name, Role: role, CallCenters: callCenters, Endpoint: endpoint, Password: password,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return account
}

// login begins a session and returns its cookie, for request.cookie.
func (w *world) login(name string) string {
	w.t.Helper()
	got := w.do(request{method: http.MethodPost, path: "/session", json: map[string]any{"name": name, "password": password}})
	if got.status != http.StatusOK {
		w.t.Fatalf("log in: status %d: %s", got.status, got.body)
	}
	return w.cookie(got)
}

// cookie returns the session's cookie that an answer sets.
func (w *world) cookie(a answer) string {
	w.t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 || cookies[0].Name != accounts.PlainCookieName || cookies[0].Value == "" {
		w.t.Fatalf("cookies %v, want the session's", cookies)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, cookies[0].Value)
	return cookies[0].Value
}

// actor makes a token that may act for accounts.
func (w *world) actor(role accounts.Role, callCenters ...string) string {
	w.t.Helper()
	return w.newToken(accounts.NewToken{Role: role, CallCenters: callCenters, MayActFor: true})
}

func (w *world) save(calls ...callcenter.Call) {
	w.t.Helper()
	if err := w.db.Calls().SaveCalls(context.Background(), calls); err != nil {
		w.t.Fatal(err)
	}
}

// request is a request of a test; the zero value of a field leaves it out.
type request struct {
	method string // GET when empty
	path   string // below /api/v1
	query  url.Values
	token  string
	cookie string // of a session
	acting string // the account that the token acts for
	header map[string]string
	json   any    // a body
	body   string // a body that is no JSON, or on purpose not
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (w *world) do(r request) answer {
	w.t.Helper()
	target := w.url + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	return w.doURL(r, target)
}

func (w *world) doURL(r request, target string) answer {
	w.t.Helper()
	if r.method == "" {
		r.method = http.MethodGet
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	body := r.body
	if r.json != nil {
		text, err := json.Marshal(r.json)
		if err != nil {
			w.t.Fatal(err)
		}
		body = string(text)
	}
	httpRequest, err := http.NewRequestWithContext(ctx, r.method, target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if r.json != nil {
		httpRequest.Header.Set("Content-Type", "application/json")
	}
	r.identify(httpRequest)
	response, err := w.client.Do(httpRequest)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: text}
}

// identify says in a request who sends it, and sets its header.
func (r *request) identify(to *http.Request) {
	if r.token != "" {
		to.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.cookie != "" {
		to.AddCookie(&http.Cookie{Name: accounts.PlainCookieName, Value: r.cookie})
	}
	if r.acting != "" {
		to.Header.Set("X-Callbackd-Account", r.acting)
	}
	for name, value := range r.header {
		to.Header.Set(name, value)
	}
}

// decode reads an answer that must have a status into a value.
func decode[T any](t testing.TB, a answer, status int) T {
	t.Helper()
	var value T
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if err := json.Unmarshal(a.body, &value); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return value
}

// problem reads an answer that must be a problem with a status and code.
func problem(t testing.TB, a answer, status int, code string) api.Problem {
	t.Helper()
	p := decode[api.Problem](t, a, status)
	if p.Code != code || p.Status != status {
		t.Errorf("problem %q with status %d, want %q with %d", p.Code, p.Status, code, status)
	}
	return p
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// start is when the first call of a test started.
var start = time.Date(2026, 11, 20, 1, 6, 19, 12_000_000, time.UTC)

const remoteNumber = "0312345678"

func at(seconds float64) *time.Time {
	t := start.Add(time.Duration(seconds * float64(time.Second)))
	return &t
}

// centerCall is an answered and ended call to a call center; n tells calls
// apart and orders them.
func centerCall(n int, callCenter string) callcenter.Call {
	linked := fmt.Sprintf("pbx1-1795405579.%d", n)
	begin := start.Add(time.Duration(n) * time.Minute)
	answered, ended := begin.Add(5500*time.Millisecond), begin.Add(65500*time.Millisecond)
	return callcenter.Call{
		RequestID: callcenter.NewRequestID("pbx1", linked), Node: "pbx1", LinkedID: linked,
		Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound,
		CallCenter: callCenter, CallCenters: []string{callCenter},
		RemoteNumber: remoteNumber, LocalNumber: "7001", Agent: "PJSIP/2001", Agents: []string{"PJSIP/2001"},
		State: callcenter.StateEnded, Outcome: callcenter.Outcome{Result: callcenter.ResultAnswered, Reason: "agent-answered"},
		StartedAt: begin, AnsweredAt: &answered, EndedAt: &ended, LastEventAt: ended,
		Recordings: []string{pbxFolder + "/cc.wav"},
		Receipt: []callcenter.Signal{{
			At: begin, Event: "ChannelDialplan", Channel: "c1", Rule: callcenter.RuleCallCenterQueue,
			Kind: callcenter.KindCallCenter, CallCenter: callCenter, Value: callCenter,
		}},
		Legs: []callcenter.Leg{
			{Channel: "c1", Endpoint: "PJSIP/trunk", Trunk: true, StartedAt: begin, AnsweredAt: &answered, EndedAt: &ended, Cause: 16},
			{Channel: "c2", Endpoint: "PJSIP/2001", Dialled: true, CallCenter: callCenter, StartedAt: begin, DialStatus: "ANSWER", Lost: true},
		},
	}
}

// plainCall is a call of another kind, with one signal that says why.
func plainCall(n int, kind callcenter.Kind, rule callcenter.Rule, value string) callcenter.Call {
	call := centerCall(n, "")
	call.Kind, call.CallCenter, call.CallCenters = kind, "", nil
	call.LocalNumber = "2001"
	call.Receipt = []callcenter.Signal{{At: call.StartedAt, Event: "Dial", Channel: "c1", Rule: rule, Kind: kind, Value: value}}
	call.Legs, call.Recordings = nil, nil
	return call
}
