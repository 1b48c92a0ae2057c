package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/api"
	"callbackd/ari"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// alertsHurry is how much faster than published the rules of these tests are,
// in their windows and waiting times: an alert that looks back for an hour is
// over after 30 s. Thresholds stay what they are.
const alertsHurry = 120

// hurried returns rules whose times are so much shorter.
func hurried(rules string, times time.Duration) string {
	pattern := regexp.MustCompile(`(\[|for: )(\d+)([smh])`)
	return pattern.ReplaceAllStringFunc(rules, func(text string) string {
		m := pattern.FindStringSubmatch(text)
		n, err := time.ParseDuration(m[2] + m[3])
		if err != nil {
			panic(err) // the pattern leaves only what parses
		}
		return m[1] + strconv.FormatInt((n/times).Milliseconds(), 10) + "ms"
	})
}

// prometheusServer is a real Prometheus that watches one daemon.
type prometheusServer struct{ url string }

// startPrometheus starts one that scrapes host:port all the time, with rules in
// a hurry.
func startPrometheus(t *testing.T, target string, hurry time.Duration) *prometheusServer {
	t.Helper()
	folder := t.TempDir()
	rules := readFile(t, filepath.Join(alertsFolder, "callbackd-rules.yml"))
	writeFile(t, filepath.Join(folder, "callbackd-rules.yml"), hurried(rules, hurry), 0o600)
	config := readFile(t, filepath.Join(alertsFolder, "prometheus.yml"))
	config = strings.ReplaceAll(config, "127.0.0.1:9090", target)
	config = strings.ReplaceAll(config, "_interval: 15s", "_interval: 150ms")
	writeFile(t, filepath.Join(folder, "prometheus.yml"), config, 0o600)

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	ctx, stop := context.WithCancel(t.Context())
	cmd, err := prometheusProgram(t).Server(ctx, "--config.file="+filepath.Join(folder, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+address, "--log.level=warn")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was interrupted
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", &log)
		}
	})
	return &prometheusServer{"http://" + address}
}

// firing returns the alerts that fire now, by name, and by line where they are
// about one.
func (p *prometheusServer) firing(t *testing.T) ([]string, error) {
	t.Helper()
	status, body, err := request(t.Context(), http.MethodGet, p.url+"/api/v1/alerts", "", nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("ask Prometheus for alerts: %d, %w", status, err)
	}
	var answer struct {
		Data struct {
			Alerts []struct {
				State  string            `json:"state"`
				Labels map[string]string `json:"labels"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	var names []string
	for _, alert := range answer.Data.Alerts {
		if alert.State == "firing" {
			names = append(names, strings.TrimSpace(alert.Labels["alertname"]+" "+alert.Labels["line"]))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// fires waits until an alert fires, or until it does not any more.
func (p *prometheusServer) fires(t *testing.T, alert string, want bool) {
	t.Helper()
	began := time.Now()
	labtest.Eventually(t, 3*patience, func() error {
		names, err := p.firing(t)
		if err == nil && slices.Contains(names, alert) != want {
			err = fmt.Errorf("firing: %q, want %s in it: %t", names, alert, want)
		}
		return err
	})
	t.Logf("%s is %t after %v", alert, want, time.Since(began).Round(time.Millisecond))
}

// TestAlerts_OnRealFaults makes faults at a real daemon, one after the other,
// while a real Prometheus watches: the alert fires, and clears when the fault
// is mended.
func TestAlerts_OnRealFaults(t *testing.T) {
	t.Parallel()
	w, l := newLinkedWorld(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "60"}})
	// The calls of this queue have no call center.
	w.cfg.CallCenters = slices.DeleteFunc(w.cfg.CallCenters, func(c configs.CallCenter) bool { return slices.Contains(c.Queues, "sales") })
	relay, outside := w.asksBySIP(t), w.outside(t, sip.Behaviour{})
	receiver := newBrokenReceiver(t, w.cfg)
	journal := w.keepsJournal(t)
	w.sendsCanaries(time.Second)
	w.start(t)
	w.cfg.Listen.Ops = w.daemon.ops.Addr().String() // for when it starts again
	p := startPrometheus(t, w.cfg.Listen.Ops, alertsHurry)
	p.allIsWell(t)

	receiver.subscribe(t, w)
	mendJournal := breakJournal(t, journal)
	l.cut()
	p.fires(t, "CallbackdEventsNotFollowed", true)
	l.heal()
	p.fires(t, "CallbackdEventsNotFollowed", false)
	p.fires(t, "CallbackdGap", true)

	agent := w.agent(t, "2003", sip.Behaviour{Ignore: true})
	call := siptest.Dial(t, outside, "7002", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	siptest.Arrives(t, agent) // so it is in the queue
	siptest.Leave(t, call)
	p.fires(t, "CallbackdQueueNotConfigured", true)

	w.refuseCallsOf(t, secondCustomer)
	refused := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: secondCustomer})
	siptest.Talks(t, refused)
	siptest.Leave(t, refused)
	p.fires(t, "CallbackdCallRefused", true)

	receiver.hourPasses(t, w)
	relay.cut()
	p.fires(t, "CallbackdSipUnreachable pbx", true)
	relay.restore()
	p.fires(t, "CallbackdSipUnreachable pbx", false)
	if err := outside.Close(); err != nil {
		t.Fatal(err)
	}
	p.fires(t, "CallbackdSipUnreachable PJSIP/trunk", true)
	w.outside(t, sip.Behaviour{})
	p.fires(t, "CallbackdSipUnreachable PJSIP/trunk", false)
	p.fires(t, "CallbackdWebhookDisabled", true)
	p.fires(t, "CallbackdWebhooksLate", true)
	receiver.mend(t, w)
	p.fires(t, "CallbackdJournalIncomplete", true) // it looks each minute whether its file is still there
	mendJournal()

	leaveIt := w.takeApplication(t)
	p.fires(t, "CallbackdApplicationTaken", true)
	p.fires(t, "CallbackdCanaryLate", true)
	leaveIt()
	p.fires(t, "CallbackdWebhookDisabled", false)
	p.fires(t, "CallbackdWebhooksLate", false)
	w.stop() // by itself it would only look in half a minute
	p.fires(t, "CallbackdDown", true)
	w.start(t)
	p.fires(t, "CallbackdDown", false)
	p.fires(t, "CallbackdApplicationTaken", false)

	p.fires(t, "CallbackdCanaryLate", false)

	for _, alert := range []string{"CallbackdGap", "CallbackdJournalIncomplete", "CallbackdQueueNotConfigured", "CallbackdCallRefused"} {
		p.fires(t, alert, false)
	}
}

// brokenReceiver is the receiver of two webhooks: for one it says that it is
// gone for good, for the other it fails.
type brokenReceiver struct {
	*webhookReceiver
	mended atomic.Bool
	gone   api.CreatedWebhook
}

func newBrokenReceiver(t *testing.T, cfg *configs.Config) *brokenReceiver {
	t.Helper()
	r := &brokenReceiver{webhookReceiver: newWebhookReceiver(t, cfg)}
	r.status = func(path string) int {
		switch {
		case r.mended.Load():
			return http.StatusNoContent
		case path == "/gone":
			return http.StatusGone
		}
		return http.StatusInternalServerError
	}
	return r
}

func (r *brokenReceiver) subscribe(t *testing.T, w *world) {
	t.Helper()
	create := func(name string) api.CreatedWebhook {
		return asked[api.CreatedWebhook](t, w, http.MethodPost, "/webhooks", map[string]any{
			"name": name, "url": r.URL + "/" + name, "kinds": []string{"call", "node"},
		})
	}
	r.gone = create("gone")
	create("fails")
}

// settle changes the deliveries that are pending until as many are as wanted:
// some, or none.
func (r *brokenReceiver) settle(t *testing.T, w *world, change string, pending bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	labtest.Eventually(t, 3*patience, func() error {
		changed, err := conn.Exec(t.Context(), "UPDATE webhook_deliveries SET "+change+" WHERE state = 'pending'")
		if err == nil && (changed.RowsAffected() > 0) != pending {
			err = fmt.Errorf("%d deliveries are pending", changed.RowsAffected())
		}
		return err
	})
}

// hourPasses makes what could not be delivered an hour old.
func (r *brokenReceiver) hourPasses(t *testing.T, w *world) {
	t.Helper()
	r.settle(t, w, "happened_at = happened_at - interval '1 hour'", true)
}

// mend makes all receivers take what they are sent, and has it sent again at
// once instead of after the pause.
func (r *brokenReceiver) mend(t *testing.T, w *world) {
	t.Helper()
	r.mended.Store(true)
	asked[api.Webhook](t, w, http.MethodPatch, fmt.Sprintf("/webhooks/%d", r.gone.ID), map[string]any{"active": true})
	r.settle(t, w, "next_try_at = now()", false)
}

// takeApplication has another client take the application's name, until the
// function that it returns is called.
func (w *world) takeApplication(t *testing.T) (leave func()) {
	t.Helper()
	other, err := ari.NewStream(ari.StreamOptions{Client: w.ariClient(t), Filter: ari.NewFilter(nil, nil)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	return func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// refuseCallsOf has the schema refuse the calls of a number, as if it and the
// program disagreed.
func (w *world) refuseCallsOf(t *testing.T, number string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// Not a parameter: this is no statement that takes one.
	if _, err := conn.Exec(t.Context(), "ALTER TABLE calls ADD CONSTRAINT refused CHECK (remote_number <> '"+number+"')"); err != nil {
		t.Fatal(err)
	}
}

// TestAlerts_OnDatabaseFault holds PostgreSQL still: nothing can be stored, and
// requests fail.
func TestAlerts_OnDatabaseFault(t *testing.T) {
	t.Parallel()
	server := labtest.Postgres(t, lab.PostgresOptions{})
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, lab.AsteriskOptions{}, url)
	w.start(t)
	p := startPrometheus(t, w.daemon.ops.Addr().String(), alertsHurry)
	outside := w.outside(t, sip.Behaviour{})
	for range 3 {
		if status, _ := w.call(t, http.MethodGet, "/calls", nil); status != http.StatusOK {
			t.Fatalf("GET /calls answers %d", status)
		}
	}

	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	resume := func() {
		if err := server.Resume(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(resume)
	ctx, stop := context.WithCancel(t.Context())
	asked := make(chan struct{})
	go func() { // an agent who tries again and again
		defer close(asked)
		again := time.NewTicker(50 * time.Millisecond)
		defer again.Stop()
		for ctx.Err() == nil {
			_, _, _ = request(ctx, http.MethodGet, w.api+"/calls", w.token, nil) // it is to fail
			<-again.C
		}
	}()
	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	p.fires(t, "CallbackdRequestsFail", true)
	p.fires(t, "CallbackdCannotStore", true)
	resume()
	p.fires(t, "CallbackdCannotStore", false)
	p.fires(t, "CallbackdRequestsFail", false)
	stop()
	<-asked
	siptest.Leave(t, call)
}
