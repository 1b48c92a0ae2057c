package ari_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/ari"
)

// asked is a request as Asterisk gets it.
type asked struct {
	Method, Path, Query string
	Body                map[string]any
}

// Parameters must be in the body, since URLs are logged, and IDs are escaped.
func TestClient_ControlsChannels(t *testing.T) {
	t.Parallel()
	requests := make(chan asked, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := asked{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery}
		if r.ContentLength > 0 {
			if err := json.NewDecoder(r.Body).Decode(&a.Body); err != nil {
				t.Error(err)
			}
		}
		requests <- a
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	c := newClient(t, ari.ClientOptions{URL: server.URL + "/ari", Username: "u", Password: "p", Application: "a"})
	const id = ari.ChannelID("pbx/1.0")
	for _, tc := range []struct {
		do   func(context.Context) error
		want asked
	}{
		{func(ctx context.Context) error { return c.Answer(ctx, id) }, asked{Method: "POST", Path: "/ari/channels/pbx%2F1.0/answer"}},
		{func(ctx context.Context) error { return c.Continue(ctx, id) }, asked{Method: "POST", Path: "/ari/channels/pbx%2F1.0/continue"}},
		{func(ctx context.Context) error { return c.Hangup(ctx, id) }, asked{Method: "DELETE", Path: "/ari/channels/pbx%2F1.0"}},
		{
			func(ctx context.Context) error { return c.SetChannelVariable(ctx, id, "STATUS", "DONE") },
			asked{Method: "POST", Path: "/ari/channels/pbx%2F1.0/variable", Body: map[string]any{"variable": "STATUS", "value": "DONE"}},
		},
		{
			func(ctx context.Context) error {
				return c.Play(ctx, id, "p1", ari.Media{URIs: []string{"sound:a", "sound:b"}, Language: "ja"})
			},
			asked{Method: "POST", Path: "/ari/channels/pbx%2F1.0/play/p1", Body: map[string]any{"media": []any{"sound:a", "sound:b"}, "lang": "ja"}},
		},
		{func(ctx context.Context) error { return c.StopPlayback(ctx, "p1") }, asked{Method: "DELETE", Path: "/ari/playbacks/p1"}},
		{
			func(ctx context.Context) error {
				return c.Record(ctx, id, ari.RecordingOptions{
					Name: "m", Format: "wav", MaxDuration: 1500 * time.Millisecond, Beep: true, TerminateOn: "#",
				})
			},
			asked{Method: "POST", Path: "/ari/channels/pbx%2F1.0/record", Body: map[string]any{
				"name": "m", "format": "wav", "maxDurationSeconds": 2.0, "maxSilenceSeconds": 0.0, "beep": true,
				"ifExists": "fail", "terminateOn": "#",
			}},
		},
		{
			func(ctx context.Context) error {
				return c.Originate(ctx, ari.Origination{
					Endpoint: "Local/x@y", Context: "y", Extension: "x", Channel: "a", OtherChannel: "b", Timeout: 1500 * time.Millisecond,
				})
			},
			asked{Method: "POST", Path: "/ari/channels", Body: map[string]any{
				"endpoint": "Local/x@y", "context": "y", "extension": "x", "priority": 1.0, "channelId": "a", "otherChannelId": "b", "timeout": 2.0,
			}},
		},
		{func(ctx context.Context) error { return c.StopRecording(ctx, "m") }, asked{Method: "POST", Path: "/ari/recordings/live/m/stop"}},
	} {
		if err := tc.do(t.Context()); err != nil {
			t.Errorf("%s %s: %v", tc.want.Method, tc.want.Path, err)
		}
		if diff := cmp.Diff(tc.want, <-requests); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.want.Path, diff)
		}
	}
}

func TestError_ChannelThatIsNotInStasis(t *testing.T) {
	t.Parallel()
	conflict := error(&ari.Error{Status: http.StatusConflict})
	if !ari.IsNotInStasis(conflict) || ari.IsGone(conflict) || ari.IsNotInStasis(errors.New("x")) {
		t.Error("409 is not told apart")
	}
}
