package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/ari/aritest"
	"callbackd/lab/labtest"
)

// siege is the daemon as operators run it, a process of its own that logs all
// it can, before a PBX that says whatever the test wants.
type siege struct {
	world

	fake    *aritest.Server
	file    string            // the configuration
	secrets map[string]string // by the name of their file
	command *exec.Cmd
	log     *watchedLog
	ended   chan error
}

// siegeConfig has every secret that a configuration can have. Bucket and event
// log are nowhere: what is said of that must not tell their secrets either.
const siegeConfig = `
database: {url_file: database-url}
listen: {api: "127.0.0.1:0", ops: "localhost:0", plain_cookies: true}
log: {format: json, level: debug}
pbx:
  - name: pbx1
    ari: {url: "%s", password_file: pbx1-password}
    trunks: [PJSIP/trunk]
    recordings:
      pbx_directory: /var/spool/asterisk/recording
      s3: {endpoint: "http://127.0.0.1:9", bucket: recordings, region: here, access_key: callbackd, secret_key_file: pbx1-s3}
    cel: {database: {url_file: pbx1-cel}}
call_centers:
  - {id: support, name: サポート窓口, extension: "7001", queues: [support]}
terminals: [{extension: "_200X"}]
`

// siegePatience is how long a siege waits for what must come. A process of its
// own, with the race detector in it, starts slowly on a busy machine.
const siegePatience = 3 * time.Minute

// newSiege prepares a siege; start begins it.
func newSiege(t *testing.T) *siege {
	t.Helper()
	const password = "the-password-of-the-pbx"
	fake, err := aritest.New(aritest.Options{Users: []aritest.User{{Name: "callbackd", Password: password}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fake.Close() }) //nolint:errcheck // a fake
	s := &siege{fake: fake, world: world{database: databases.New(t), seen: map[string]bool{}}}
	s.makeToken(t)
	folder := t.TempDir()
	s.secrets = map[string]string{
		"database-url": serving(t, s.database), "pbx1-password": password, "pbx1-s3": "the-secret-key-of-the-bucket",
		"pbx1-cel": "postgres://callbackd_cel:the-password-of-the-log@127.0.0.1:9/asterisk",
	}
	for name, secret := range s.secrets {
		writeFile(t, filepath.Join(folder, name), secret+"\n", 0o600)
	}
	s.file = filepath.Join(folder, "callbackd.yaml")
	writeFile(t, s.file, fmt.Sprintf(siegeConfig, fake.URL()), 0o600)
	return s
}

// start runs the daemon until the test ends, and waits until it answers.
func (s *siege) start(t *testing.T, environment ...string) {
	t.Helper()
	s.log, s.ended = &watchedLog{Writer: io.Discard}, make(chan error, 1)
	s.command = exec.CommandContext(t.Context(), os.Args[0], "--config", s.file, "serve")
	s.command.Env = append(append(os.Environ(), mainEnv+"=1"), environment...)
	s.command.Stderr = s.log
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.command.Wait() }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon's log ends with:\n%s", tail(s.log.String(), 4000))
		}
	})
	labtest.Eventually(t, siegePatience, s.findListeners)
	s.recovers(t)
}

// findListeners reads in the log where the daemon listens.
func (s *siege) findListeners() error {
	lines := bufio.NewScanner(strings.NewReader(s.log.String()))
	for lines.Scan() {
		var said struct{ Msg, API, Ops string }
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.API != "" {
			s.api, s.ops = "http://"+said.API+"/api/v1", "http://"+said.Ops
			return nil
		}
	}
	return fmt.Errorf("it does not say where it listens: %s", tail(s.log.String(), 2000))
}

func (l *watchedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tail is the end of a text.
func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// keepsQuiet fails the test when a text holds a secret, or what else is
// nobody's business.
func (s *siege) keepsQuiet(t *testing.T, what, text string, others ...string) {
	t.Helper()
	for name, secret := range s.secrets {
		// Of a URL it is the password that must not be told.
		if _, rest, ok := strings.Cut(secret, "://"); ok {
			user, _, _ := strings.Cut(rest, "@")
			_, secret, _ = strings.Cut(user, ":")
			secret = ":" + secret + "@"
		}
		if strings.Contains(text, secret) {
			t.Errorf("%s holds the secret of %s", what, name)
		}
	}
	for i, other := range append(others, s.token, officePassword) {
		if strings.Contains(text, other) {
			t.Errorf("%s holds what must not be told, number %d: %.40q", what, i, other)
		}
	}
}

// raw sends bytes to a listener as they are, and returns what comes back until
// the connection ends.
func raw(t *testing.T, base, text string) (string, error) {
	t.Helper()
	address := strings.TrimPrefix(base, "http://")
	address, _, _ = strings.Cut(address, "/")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(siegePatience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err // it was refused while it was sent
	}
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stays open after %.80q, with the answer %.200q", text, answer)
	}
	return string(answer), err
}

// recovers waits until the daemon is connected to the PBX and ready.
func (s *siege) recovers(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, siegePatience, func() error {
		if open, accepted := s.fake.Connections(); open != 1 {
			return fmt.Errorf("the daemon has %d connections to the PBX, after %d", open, accepted)
		}
		status, body, err := request(t.Context(), http.MethodGet, s.ops+"/readyz", "", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("/readyz: %d %s", status, body)
		}
		return err
	})
}

// harmless has a plain call come and go, and waits until it is stored and
// right.
func (s *siege) harmless(t *testing.T) {
	t.Helper()
	s.recovers(t)
	id := s.fake.NewChannelID()
	number := fmt.Sprintf("0399%06d", time.Now().UnixNano()%1_000_000)
	channel := aritest.Channel{
		ID: id, Name: "PJSIP/trunk-" + string(id), State: "Ring", Caller: aritest.Party{Name: "Tanaka", Number: number},
		Dialplan: aritest.Dialplan{Context: "from-trunk", Exten: "7001"}, Vars: map[string]string{"CHANNEL(linkedid)": string(id)},
	}
	s.fake.Send(
		aritest.NewEvent(ari.ChannelCreated, aritest.Fields{"channel": channel}),
		aritest.NewEvent(ari.ChannelDialplan, aritest.Fields{"dialplan_app": "Queue", "dialplan_app_data": "support", "channel": channel}),
		aritest.NewEvent(ari.ChannelHangupRequest, aritest.Fields{"channel": channel}),
		aritest.NewEvent(ari.ChannelDestroyed, aritest.Fields{"cause": 16, "channel": channel}),
	)
	labtest.Eventually(t, siegePatience, func() error {
		status, body, err := request(t.Context(), http.MethodGet, s.world.api+"/calls?number="+number, s.token, nil)
		if err != nil {
			return err
		}
		var page struct {
			Items []struct {
				Kind, State, Outcome string
				RemoteNumber         string `json:"remote_number"`
			}
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		if status != http.StatusOK || len(page.Items) != 1 {
			return fmt.Errorf("status %d, %d calls of the caller who came after", status, len(page.Items))
		}
		if c := page.Items[0]; c.Kind != "call_center" || c.State != "ended" || c.Outcome != "abandoned" || c.RemoteNumber != number {
			return fmt.Errorf("the call that came after is stored as %+v", c)
		}
		return nil
	})
}
