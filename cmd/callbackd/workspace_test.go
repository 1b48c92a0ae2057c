package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/demo"
	"callbackd/lab"
	"callbackd/lab/provider"
	"callbackd/postgres"
	"callbackd/sip"
	"callbackd/workspace"
)

// onlyScenarios helps who writes one: go test ./cmd/callbackd -run InABrowser
// -args -browser 'title'.
var onlyScenarios = flag.String("browser", "", "run only the scenarios in the browser whose title matches this `pattern`")

// browserPatience bounds all scenarios of workspace/browser together.
const browserPatience = 12 * time.Minute

// TestWorkspace_InABrowser runs the scenarios of workspace/browser, in which
// people work at their browsers while phones call: a real PBX, a database, the
// daemon, and Chromium.
func TestWorkspace_InABrowser(t *testing.T) {
	t.Parallel()
	page, err := workspace.Open()
	if err != nil {
		t.Fatal(err)
	}
	if !page.Built() {
		t.Fatal("this test was built without the workspace page: run `make workspace` first")
	}
	o := newOffice(t)
	control := httptest.NewServer(o.handler())
	t.Cleanup(control.Close)
	ctx, cancel := context.WithTimeout(t.Context(), browserPatience)
	defer cancel()
	folder := filepath.Join("..", "..", "workspace")
	arguments := []string{"test", "--config", "browser/playwright.config.ts", "--grep", *onlyScenarios}
	playwright := exec.CommandContext(ctx, filepath.Join("node_modules", ".bin", "playwright"), arguments...)
	playwright.Dir = folder
	playwright.Env = append(os.Environ(), "CALLBACKD_URL="+o.url(), "CALLBACKD_OFFICE="+control.URL, "CALLBACKD_OPS="+o.w.ops,
		"CALLBACKD_EMBEDDER="+o.embedding.listed.URL, "CALLBACKD_STRANGER="+o.embedding.stranger.URL)
	// SIGINT has it close its browsers.
	playwright.Cancel = func() error { return playwright.Process.Signal(os.Interrupt) }
	playwright.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	playwright.Stdout, playwright.Stderr = &out, &out
	ended := make(chan error, 1)
	go func() { ended <- playwright.Run() }()
	err = o.obey(ended)
	t.Logf("playwright: %s", out.String())
	if err != nil {
		t.Errorf("scenarios failed: %v; pictures are in %s", err, filepath.Join(folder, "artefacts"))
	}
}

// office is a world whose phones the scenarios tell what to do.
type office struct {
	t *testing.T
	w *world
	// embedding are pages of others that hold a player.
	embedding embedding

	phones   map[string]*sip.Phone
	orders   chan order
	receiver *webhookReceiver
	answered atomic.Int32 // what the receiver answers

	mu    sync.Mutex
	calls map[string]*sip.Call
}

// order is to stop or start the daemon.
type order struct {
	running bool
	done    chan<- struct{}
}

// officePassword is that of all accounts of the office; workspace/browser
// knows it.
const officePassword = "correct horse battery"

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{
		t: t, w: newStoppedWorld(t, lab.AsteriskOptions{}),
		phones: make(map[string]*sip.Phone), calls: make(map[string]*sip.Call), orders: make(chan order),
	}
	o.w.cfg.Listen.PlainCookies = true
	o.receiver = newWebhookReceiver(t, o.w.cfg)
	o.answered.Store(http.StatusNoContent)
	o.receiver.status = func(string) int { return int(o.answered.Load()) }
	o.w.start(t)
	// The daemon is at the same address when it is started again.
	o.w.cfg.Listen.API, o.w.cfg.Listen.Ops = o.w.daemon.api.Addr().String(), o.w.daemon.ops.Addr().String()
	o.w.stop()
	o.signsOn()
	o.embedding = o.embeds()
	o.w.start(t)
	service := accounts.NewService(accounts.Options{Store: o.w.daemon.db.Accounts(), HasCallCenter: o.w.daemon.hasCallCenter})
	for _, a := range demo.Accounts() {
		_, err := service.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
			Name: a.Name, DisplayName: a.DisplayName, Role: a.Role, CallCenters: a.CallCenters, Endpoint: a.Endpoint, Password: officePassword,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	o.phones["outside"] = o.w.outside(t, sip.Behaviour{})
	for _, extension := range []string{"2001", "2002", "2003", "2004"} {
		o.phones[extension] = o.w.agent(t, extension, sip.Behaviour{Ignore: true})
	}
	return o
}

// signsOn has people log in with a provider, too: two, of whom one may not.
func (o *office) signsOn() {
	p := provider.Start(o.t)
	p.Register(o.url())
	for subject, groups := range map[string][]string{"honda": {"agents"}, "guest": {"visitors"}} {
		p.Put(provider.Person{
			Subject: subject, Name: subject, Password: officePassword, First: "真理子", Last: "本田",
			Claims: map[string]any{"groups": groups, "desks": []string{"support"}},
		})
	}
	o.w.cfg.OIDC = configs.OIDC{
		Issuer: p.URL, ClientID: provider.ClientID, ClientSecret: configs.NewSecret(provider.ClientSecret),
		Name: "社内アカウント", PublicURL: o.url(), Scopes: []string{"profile"},
		Claims: configs.OIDCClaims{Account: "preferred_username", Name: "name", Roles: "groups", CallCenters: "desks"},
		Roles:  configs.OIDCRoles{Agent: []string{"agents"}},
	}
}

func (o *office) url() string { return "http://" + o.w.cfg.Listen.API }

// handler takes what workspace/browser/office.ts says.
func (o *office) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /call", command(o.call))
	mux.Handle("POST /answer", command(o.answer))
	mux.Handle("POST /hear", command(o.hear))
	mux.Handle("POST /hangup", command(o.hangUp))
	mux.Handle("POST /past", command(o.past))
	mux.Handle("POST /odd", command(o.odd))
	mux.Handle("POST /daemon", command(o.runDaemon))
	mux.Handle("POST /receiver", command(o.answers))
	return mux
}

// command makes a handler of what the office can do; the answer names the
// call that it is about.
func command[T any](do func(ctx context.Context, how T) (call string, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		var how T
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&how)
		var call string
		if err == nil {
			call, err = do(ctx, how)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"call": call})
	})
}

type callCommand struct {
	From, To, Number string
	Withheld         bool
}

// call has a phone place a call.
func (o *office) call(ctx context.Context, how callCommand) (string, error) {
	phone := o.phones[how.From]
	if phone == nil {
		return "", fmt.Errorf("there is no phone %q", how.From)
	}
	options := sip.CallOptions{Withheld: how.Withheld}
	if how.From == "outside" {
		options.CallerNumber = how.Number
	}
	// A call lasts longer than the request that begins it.
	call, err := phone.Call(context.WithoutCancel(ctx), how.To, options)
	if err != nil {
		return "", fmt.Errorf("call %s from %s: %w", how.To, how.From, err)
	}
	return o.keep(call), nil
}

// answer has a phone answer the call that rings on it, or is going to, and
// returns when the two hear each other: a PBX that learns that the caller has
// left before it has connected them sees a call that nobody answered. Calls
// that rang and were answered elsewhere are passed over.
func (o *office) answer(ctx context.Context, how struct{ Phone string }) (string, error) {
	phone := o.phones[how.Phone]
	if phone == nil {
		return "", fmt.Errorf("there is no phone %q", how.Phone)
	}
	for {
		select {
		case call := <-phone.Incoming():
			err := call.Answer(ctx)
			if err == nil {
				err = until(ctx, func() bool { _, level := call.DominantTone(); return level > 0.5 || isOver(call) })
			}
			if isOver(call) {
				continue
			}
			if err != nil {
				return "", fmt.Errorf("answer on %s: %w", how.Phone, err)
			}
			return o.keep(call), nil
		case <-ctx.Done():
			return "", fmt.Errorf("no call rings on %s: %w", how.Phone, ctx.Err())
		}
	}
}

// hear waits until an end of a call has heard so many seconds of it.
func (o *office) hear(ctx context.Context, how struct {
	Call    string
	Seconds float64
},
) (string, error) {
	call, err := o.called(how.Call)
	if err != nil {
		return "", err
	}
	err = until(ctx, func() bool { return call.Heard().Audio.Seconds() >= how.Seconds || isOver(call) })
	if err == nil && isOver(call) {
		err = fmt.Errorf("call %s ended after %v", how.Call, call.Heard().Audio)
	}
	return how.Call, err
}

// until waits for what is not signalled.
func until(ctx context.Context, holds func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func isOver(call *sip.Call) bool {
	select {
	case <-call.Done():
		return true
	default:
		return false
	}
}

// hangUp ends a call, and returns when the PBX has seen it.
func (o *office) hangUp(ctx context.Context, how struct{ Call string }) (string, error) {
	call, err := o.called(how.Call)
	if err != nil {
		return "", err
	}
	return how.Call, call.Hangup(ctx)
}

// called returns the end of a call that has a name.
func (o *office) called(name string) (*sip.Call, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if call := o.calls[name]; call != nil {
		return call, nil
	}
	return nil, fmt.Errorf("there is no call %q", name)
}

// keep names a call.
func (o *office) keep(call *sip.Call) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls[call.ID()] = call
	return call.ID()
}

// past has calls of sales in the database that nobody answered yesterday, as
// many as no phone is patient enough to make.
func (o *office) past(ctx context.Context, how struct{ Calls int }) (string, error) {
	conn, err := pgx.Connect(ctx, o.w.database)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `
		INSERT INTO calls (request_id, node, linked_id, kind, direction, call_center, call_centers, remote_number,
			local_number, state, result, started_at, ended_at, last_event_at)
		SELECT 'past' || n, 'pbx1', 'past' || n, 'call_center', 'inbound', 'sales', '{sales}', '039998' || lpad(n::text, 4, '0'),
			'7002', 'ended', 'abandoned', at, at + interval '10 seconds', at + interval '10 seconds'
		FROM generate_series(1, $1::int) AS n, LATERAL (SELECT now() - interval '1 day' + n * interval '1 minute') AS x (at)`,
		how.Calls)
	return "", err
}

// odd stores a call and one to a queue that is not known, in which a text stands
// wherever a PBX may put any.
func (o *office) odd(ctx context.Context, how struct{ Text string }) (string, error) {
	db, err := postgres.Open(ctx, o.w.database, postgres.Options{})
	if err != nil {
		return "", err
	}
	defer db.Close()
	begin := time.Now().UTC().Add(-time.Hour)
	end := begin.Add(time.Minute)
	call := callcenter.Call{
		Node: "pbx1", LinkedID: "odd" + how.Text, Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound,
		CallCenter: "support", CallCenters: []string{"support"}, BusinessLabel: how.Text, RemoteNumber: how.Text, LocalNumber: how.Text,
		Agent: how.Text, Agents: []string{how.Text}, State: callcenter.StateEnded,
		Outcome:   callcenter.Outcome{Result: callcenter.ResultAnswered, Reason: how.Text},
		StartedAt: begin, AnsweredAt: &begin, EndedAt: &end, LastEventAt: end, Recordings: []string{how.Text},
		Receipt: []callcenter.Signal{{
			At: begin, Event: ari.EventType(how.Text), Channel: ari.ChannelID(how.Text), Rule: callcenter.RuleCallCenterQueue,
			Kind: callcenter.KindCallCenter, CallCenter: "support", Value: how.Text,
		}},
		Legs: []callcenter.Leg{{Channel: ari.ChannelID(how.Text), Endpoint: how.Text, StartedAt: begin, DialStatus: how.Text, EndedAt: &end}},
	}
	unknown := call
	unknown.LinkedID, unknown.Kind, unknown.CallCenter, unknown.CallCenters = "queue"+how.Text, callcenter.KindUnknown, "", nil
	unknown.Receipt = []callcenter.Signal{{
		At: begin, Event: ari.ChannelDialplan, Channel: "c", Rule: callcenter.RuleUnknownQueue, Kind: callcenter.KindUnknown, Value: how.Text,
	}}
	calls := []callcenter.Call{call, unknown}
	for i := range calls {
		calls[i].RequestID = callcenter.NewRequestID("pbx1", calls[i].LinkedID)
	}
	return string(calls[0].RequestID) + " " + string(calls[1].RequestID), db.Calls().SaveCalls(ctx, calls)
}

// answers has the receiver of webhooks answer with a status from now on, and
// says where it is.
func (o *office) answers(_ context.Context, how struct{ Status int32 }) (string, error) {
	o.answered.Store(how.Status)
	return o.receiver.URL, nil
}

// runDaemon stops the daemon or starts it again, which is done by the test's
// own goroutine.
func (o *office) runDaemon(ctx context.Context, how struct{ Running bool }) (string, error) {
	done := make(chan struct{})
	select {
	case o.orders <- order{running: how.Running, done: done}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	select {
	case <-done:
		return "", nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// obey carries out orders until the scenarios have ended, and returns how.
func (o *office) obey(ended <-chan error) error {
	for {
		select {
		case order := <-o.orders:
			if order.running {
				o.w.start(o.t)
			} else {
				o.w.stop()
			}
			close(order.done)
		case err := <-ended:
			return err
		}
	}
}
