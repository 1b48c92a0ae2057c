package ari_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
	"callbackd/ari/aritest"
)

func newClient(t *testing.T, o ari.ClientOptions) *ari.Client {
	t.Helper()
	c, err := ari.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestNewClient_ReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := ari.NewClient(ari.ClientOptions{URL: "ftp://x", Application: "a,b", MaxConnections: 11})
	for _, want := range []string{"username", "password", "application", "max connections", "url"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
	for _, u := range []string{"http://joe:hunter2@pbx/ari", "http://pbx/ari?api_key=joe:hunter2", "http://joe:hunter2@pbx:x/"} {
		_, err := ari.NewClient(ari.ClientOptions{URL: u, Username: "u", Password: "hunter2", Application: "a"})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want an error without the password", u, err)
		}
	}
}

func TestClient_ReadsWhatWasSent(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	c := newClient(t, pbx.ClientOptions())
	ctx := t.Context()

	info, err := c.AsteriskInfo(ctx)
	if err != nil || info.SystemName != "pbx1" || info.Version != aritest.DefaultVersion || time.Since(info.StartupAt) > time.Minute {
		t.Errorf("got %+v, %v", info, err)
	}
	if none, err := c.Channels(ctx); err != nil || len(none) != 0 {
		t.Errorf("got %v, %v, want no channels", none, err)
	}
	const id = ari.ChannelID("a/b?c=1.0") // Asterisk takes IDs from ARI users as they are
	bridge := aritest.Bridge{ID: "b", Technology: "simple_bridge", Type: "mixing", Channels: []ari.ChannelID{id}, CreationTime: "2026-11-23T03:49:05.948+0000"}
	pbx.Send(channelCreated(id), variableSet(id, "__NAME", "a b&c"), aritest.NewEvent(ari.BridgeCreated, aritest.Fields{"bridge": bridge}))

	all, err := c.Channels(ctx)
	if err != nil || len(all) != 1 || all[0].ID != id {
		t.Fatalf("got %+v, %v, want the channel", all, err)
	}
	one, err := c.Channel(ctx, id)
	if diff := cmp.Diff(all[0], one); err != nil || diff != "" {
		t.Errorf("%v; listed and asked for differ:\n%s", err, diff)
	}
	if v, err := c.ChannelVariable(ctx, id, "NAME"); err != nil || v != "a b&c" {
		t.Errorf("got %q, %v, want the variable's value", v, err)
	}
	if _, err := c.ChannelVariable(ctx, id, "OTHER"); !ari.IsGone(err) {
		t.Errorf("got %v, want gone", err)
	}
	bridges, err := c.Bridges(ctx)
	if err != nil || len(bridges) != 1 || len(bridges[0].Channels) != 1 || bridges[0].Channels[0] != id {
		t.Errorf("got %+v, %v, want the bridge", bridges, err)
	}
	if b, err := c.Bridge(ctx, "b"); err != nil || b.Type != "mixing" {
		t.Errorf("got %+v, %v, want the bridge", b, err)
	}
	pbx.Send(aritest.NewEvent(ari.ChannelDestroyed, aritest.Fields{"channel": aritest.Channel{ID: id}}))
	if _, err := c.Channel(ctx, id); !ari.IsGone(err) {
		t.Errorf("got %v, want gone", err)
	}
}

func TestClient_QuestionsAboutErrors(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	c := newClient(t, pbx.ClientOptions())
	for _, test := range []struct {
		path                                     string
		status                                   int
		gone, booting, unauthorized, isForbidden bool
	}{
		{path: "/channels/1", status: 404, gone: true},
		{path: "/channels/1", status: 503, booting: true},
		{path: "/channels/1", status: 401, unauthorized: true},
		{path: "/channels/1", status: 403, isForbidden: true},
		{path: "/channels/1", status: 409},
		{path: "/channels/1", status: 422},
		{path: "/channels/1", status: 500},
		{path: "/channels/1", status: 302},
		{path: "/channels", status: 404, booting: true}, // ARI is not loaded yet
	} {
		pbx.Answer(http.MethodGet, test.path, test.status, "No such luck", 1)
		var err error
		if test.path == "/channels" {
			_, err = c.Channels(t.Context())
		} else {
			_, err = c.Channel(t.Context(), "1")
		}
		got := []bool{ari.IsGone(err), ari.IsBooting(err), ari.IsUnauthorized(err), ari.IsForbidden(err), ari.Timeout(err)}
		want := []bool{test.gone, test.booting, test.unauthorized, test.isForbidden, false}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %d: %v: gone, booting, unauthorized, forbidden, timeout (-want +got):\n%s", test.path, test.status, err, diff)
		}
		e, ok := errors.AsType[*ari.Error](err)
		if diff := cmp.Diff(&ari.Error{Method: "GET", Path: test.path, Status: test.status, Message: "No such luck"}, e); !ok || diff != "" {
			t.Errorf("got %v:\n%s", err, diff)
		}
	}
}

func TestClient_RepeatsOnlyGET(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	pbx.CreateApplication(aritest.DefaultApplication)
	c := newClient(t, pbx.ClientOptions())
	pbx.CloseUnanswered(1)
	if _, err := c.Channels(t.Context()); err != nil {
		t.Errorf("got %v, want the GET made again", err)
	}
	pbx.CloseUnanswered(1)
	if err := c.SendUserEvent(t.Context(), aritest.DefaultApplication, ari.UserEvent{Name: "x"}); err == nil {
		t.Error("got an answer to a POST whose connection was closed, want an error")
	}
	pbx.CloseUnanswered(0)
	var posts int
	for _, r := range pbx.Requests() {
		if r.Method == http.MethodPost {
			posts++
		}
	}
	if posts != 1 {
		t.Errorf("got %d POSTs, want 1", posts)
	}
}

func TestClient_TimesOut(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	pbx.Hang("/channels")
	o := pbx.ClientOptions()
	o.Timeout = time.Second // a busy machine answers the others within it
	c := newClient(t, o)
	_, err := c.Channels(t.Context())
	if !ari.Timeout(err) || !strings.Contains(err.Error(), "GET /channels") {
		t.Errorf("got %v, want a time-out that names the request", err)
	}
	if _, err := c.Bridges(t.Context()); err != nil {
		t.Errorf("got %v, want other requests answered", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Bridges(ctx); !errors.Is(err, context.Canceled) || ari.Timeout(err) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestClient_BoundsConnectionsAndAnswers(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	o := pbx.ClientOptions()
	o.MaxConnections, o.MaxBody = 2, 1000
	c := newClient(t, o)
	pbx.SetSessionLimit(2) // a third connection would be closed unanswered
	pbx.SetLatency(10 * time.Millisecond)
	done := make(chan error)
	for range 10 {
		go func() {
			_, err := c.AsteriskInfo(t.Context())
			done <- err
		}()
	}
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	pbx.SetLatency(0)
	for range 10 {
		pbx.Send(channelCreated(pbx.NewChannelID()))
	}
	if _, err := c.Channels(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
		t.Errorf("got %v, want the answer refused for its size", err)
	}
}

func TestClient_NeverShowsThePassword(t *testing.T) {
	t.Parallel()
	pbx := startPBX(t, aritest.Options{})
	o := pbx.ClientOptions()
	o.Password = "hunter2"
	c := newClient(t, o)
	_, refused := c.Channels(t.Context())
	pbx.SetDown(true)
	_, reset := c.Channels(t.Context())
	for _, err := range []error{refused, reset} {
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want an error without the password", err)
		}
	}
}
