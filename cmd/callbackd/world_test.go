package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
	"callbackd/sip"
)

var databases = labtest.NewDatabases(migrate)

// servingRole is the role by which the daemons of all worlds use their
// databases: it may do no more than serve.
const servingRole = "serving"

// migrate prepares a database as operators do, the first of its server.
func migrate(ctx context.Context, url string) error {
	if err := postgres.Migrate(ctx, url); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE ROLE "+servingRole+" LOGIN PASSWORD '"+servingRole+"'")
	return errors.Join(err, conn.Close(ctx), postgres.Grant(ctx, url, servingRole))
}

// serving returns the URL by which the daemon uses a database.
func serving(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(servingRole, servingRole)
	return u.String()
}

// patience is what a busy machine needs at most for one step.
const patience = 20 * time.Second

// world is the whole product on real parts: a PBX, phones, a database, and
// the daemon with its API.
type world struct {
	pbx      *lab.Asterisk
	database string
	cfg      *configs.Config
	daemon   *daemon
	api, ops string
	token    string
	// seen are the calls that earlier scenarios made.
	seen map[string]bool
	stop func()
}

// newWorld starts a world of its own for a test.
func newWorld(t *testing.T, options lab.AsteriskOptions) *world {
	t.Helper()
	w := newStoppedWorld(t, options)
	w.start(t)
	return w
}

// newStoppedWorld is a world in which the daemon does not run yet, so that its
// configuration can be changed.
func newStoppedWorld(t *testing.T, options lab.AsteriskOptions) *world {
	t.Helper()
	return newWorldIn(t, options, databases.New(t))
}

// newWorldIn is newStoppedWorld with a database of the test's own.
func newWorldIn(t *testing.T, options lab.AsteriskOptions, database string) *world {
	t.Helper()
	w := &world{pbx: labtest.Asterisk(t, options), database: database, seen: map[string]bool{}}
	w.cfg = exampleConfig(t, w.pbx, w.database)
	w.makeToken(t)
	return w
}

// makeToken makes the token with which the world's requests are made.
func (w *world) makeToken(t *testing.T) {
	t.Helper()
	db, err := postgres.Open(t.Context(), w.database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w.token, _, err = accounts.NewTokens(db.Tokens(), nil).Create(t.Context(), accounts.NewToken{Name: "test", Role: accounts.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
}

// exampleConfig is the published example, for a private PBX and database.
func exampleConfig(t *testing.T, pbx *lab.Asterisk, database string) *configs.Config {
	t.Helper()
	environment := map[string]string{"CALLBACKD_DATABASE_URL": serving(t, database), "CALLBACKD_PBX_PBX1_PASSWORD": pbx.Password}
	cfg, err := configs.Parse(configs.Example, configs.Source{Path: "callbackd.yaml", LookupEnv: func(name string) (string, bool) {
		v, ok := environment[name]
		return v, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen.API, cfg.Listen.Ops = "127.0.0.1:0", "127.0.0.1:0"
	cfg.PBX[0].ARI.URL = pbx.ARI
	cfg.PBX[0].Recordings.Directory = pbx.Recordings
	cfg.Recordings.Copies = t.TempDir()
	return cfg
}

// start starts the daemon and waits until it is ready.
func (w *world) start(t *testing.T) {
	t.Helper()
	w.run(t)
	w.ready(t, http.StatusOK)
}

// run starts the daemon, ready or not.
func (w *world) run(t *testing.T) {
	t.Helper()
	d, err := openDaemon(t.Context(), w.cfg, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	w.daemon = d
	w.api, w.ops = "http://"+d.api.Addr().String()+"/api/v1", "http://"+d.ops.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the daemon ended with: %v", err)
			}
		case <-time.After(patience):
			t.Error("the daemon does not end")
		}
	}
	t.Cleanup(w.stop)
}

// ready waits until /readyz answers with a status.
func (w *world) ready(t *testing.T, status int) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		got, body, err := request(t.Context(), http.MethodGet, w.ops+"/readyz", "", nil)
		if err == nil && got != status {
			err = fmt.Errorf("/readyz answers %d, want %d: %s", got, status, body)
		}
		return err
	})
}

// request makes a request and returns status and body.
func request(ctx context.Context, method, url, token string, headers map[string]string) (int, []byte, error) {
	status, _, body, err := exchange(ctx, method, url, token, headers)
	return status, body, err
}

// exchange is request, and returns the answer's header, too.
func exchange(ctx context.Context, method, url, token string, headers map[string]string) (int, http.Header, []byte, error) {
	// Clean-ups make requests too, when the test's context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, body, err
}

// call makes an API request and decodes the answer.
func (w *world) call(t *testing.T, method, path string, headers map[string]string) (int, map[string]any) {
	t.Helper()
	status, body, err := request(t.Context(), method, w.api+path, w.token, headers)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, path, status, body, err)
	}
	return status, v
}

// calls returns the calls that no scenario has seen before, oldest first.
func (w *world) calls(t *testing.T) []map[string]any {
	t.Helper()
	status, list := w.call(t, http.MethodGet, "/calls?page_size=200", nil)
	if status != http.StatusOK {
		t.Fatalf("GET /calls: %d %v", status, list)
	}
	items := list["items"].([]any)
	var fresh []map[string]any
	for i := len(items) - 1; i >= 0; i-- {
		c := items[i].(map[string]any)
		if !w.seen[c["request_id"].(string)] {
			fresh = append(fresh, c)
		}
	}
	return fresh
}

// ended waits until a scenario's calls have ended, n of them, and returns
// them, oldest first.
func (w *world) ended(t *testing.T, n int) []map[string]any {
	t.Helper()
	var calls []map[string]any
	labtest.Eventually(t, patience, func() error {
		calls = w.calls(t)
		if len(calls) != n {
			return fmt.Errorf("%d new calls, want %d: %v", len(calls), n, calls)
		}
		for _, c := range calls {
			if c["state"] != "ended" {
				return fmt.Errorf("call has not ended: %v", c)
			}
		}
		return nil
	})
	for _, c := range calls {
		w.seen[c["request_id"].(string)] = true
	}
	return calls
}

// agent opens a registered phone, which queues ring.
func (w *world) agent(t *testing.T, extension string, behaviour sip.Behaviour) *sip.Phone {
	t.Helper()
	return labtest.Agent(t, w.pbx, extension, sip.PhoneOptions{Behaviour: behaviour, Sound: sip.Tone(700)})
}

// outside opens the far end of the trunk.
func (w *world) outside(t *testing.T, behaviour sip.Behaviour) *sip.Phone {
	t.Helper()
	return labtest.Outside(t, w.pbx, sip.PhoneOptions{Behaviour: behaviour, Sound: sip.Tone(500)})
}

// testWriter writes log lines to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil { // afterwards nobody may log
		w.t.Log(strings.TrimSpace(string(bytes.TrimSpace(p))))
	}
	return len(p), nil
}
