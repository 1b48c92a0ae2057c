package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callbackd/ari"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// storyExtensions are what some stories need beside the published dialplan.
var storyExtensions = []string{
	`8001,1,ExecIf(1?Queue(support,t))`,
	`8002,1,Queue("support",t)`,
	`8003,1,Answer()`, `8003,2,Exec(Queue(support,t))`,
	`8004,1,PickupChan(PJSIP/2001,p)`,
	`8005,1,Dial(PJSIP/2001&PJSIP/2002,1)`, `8005,2,Queue(support,t)`,
	`8006,1,Dial(PJSIP/09012345678@trunk,20)`,
	`8007,1,Set(CALLERID(num)=0699999999)`, `8007,2,Queue(SUPPORT,t)`,
	`8008,1,Queue(nosuch,t)`, `8008,2,Hangup()`,
	`8009,1,RetryDial(none,1,1,PJSIP/2001,20)`,
	`8010,1,Set(CALLBACKD_CALL_CENTER=support)`, `8010,2,Stasis(program)`,
}

// prepareStories adds to a PBX what some stories need.
func (w *world) prepareStories(t *testing.T) {
	t.Helper()
	parking := "[general]\n[default]\nparkext = 700\nparkpos = 701-720\ncontext = parkedcalls\n"
	if err := os.WriteFile(filepath.Join(w.pbx.Recordings, "../../etc/res_parking.conf"), []byte(parking), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"app_directed_pickup", "app_exec", "res_parking"} {
		w.cli(t, "module load "+module+".so", "Loaded")
	}
	for _, line := range storyExtensions {
		w.cli(t, "dialplan add extension "+strings.ReplaceAll(line, `"`, `\"`)+" into stories", "added")
	}
	for _, context := range []string{"from-internal", "from-trunk"} {
		w.cli(t, "dialplan add include stories into "+context, "included")
	}
	w.cli(t, "dialplan add include parkedcalls into from-internal", "included")
}

// anotherProgram is connected to ARI beside callbackd, under a name, for this
// test.
func (w *world) anotherProgram(t *testing.T, application string) {
	t.Helper()
	client, err := ari.NewClient(ari.ClientOptions{URL: w.pbx.ARI, Username: w.pbx.Username, Password: w.pbx.Password, Application: application})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := ari.NewStream(ari.StreamOptions{Client: client, Filter: ari.NewFilter(nil, nil)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stream.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		client.Close()
	})
	if _, err := stream.Next(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
}

// cli runs a command of Asterisk, whose answer must contain want.
func (w *world) cli(t *testing.T, command, want string) {
	t.Helper()
	out, err := w.pbx.CLI(siptest.Within(t), command)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, want) {
		t.Fatalf("%s: Asterisk answers %q, want %q in it", command, out, want)
	}
}

// channel is what a story wants to know of a channel in the PBX.
type channel struct {
	ID, Name, State string
	Dialplan        struct {
		App string `json:"app_name"`
	}
}

// ari makes a request of ARI and decodes the answer, if there is one.
func (w *world) ari(t *testing.T, method, path string, query url.Values, answer any) {
	t.Helper()
	credentials := base64.StdEncoding.EncodeToString([]byte(w.pbx.Username + ":" + w.pbx.Password))
	status, body, err := request(t.Context(), method, w.pbx.ARI+path+"?"+query.Encode(), "", map[string]string{"Authorization": "Basic " + credentials})
	if err != nil {
		t.Fatal(err)
	}
	if status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %s", method, path, status, body)
	}
	if answer != nil {
		if err := json.Unmarshal(body, answer); err != nil {
			t.Fatal(err)
		}
	}
}

// channel waits for the latest channel whose name begins with prefix to be as
// wanted, and returns it.
func (w *world) channel(t *testing.T, prefix string, wanted func(channel) bool) channel {
	t.Helper()
	var found channel
	labtest.Eventually(t, patience, func() error {
		var all []channel
		w.ari(t, http.MethodGet, "/channels", nil, &all)
		found = channel{}
		for _, c := range all {
			if strings.HasPrefix(c.Name, prefix) && c.Name > found.Name {
				found = c
			}
		}
		if found.ID == "" || !wanted(found) {
			return fmt.Errorf("no channel %s is as wanted: %+v", prefix, all)
		}
		return nil
	})
	return found
}

// together waits until two channels, known by how their names begin, and no
// others are in a bridge.
func (w *world) together(t *testing.T, a, b string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		var channels []channel
		w.ari(t, http.MethodGet, "/channels", nil, &channels)
		var bridges []struct{ Channels []string }
		w.ari(t, http.MethodGet, "/bridges", nil, &bridges)
		for _, bridge := range bridges {
			in := 0
			for _, c := range channels {
				if slices.Contains(bridge.Channels, c.ID) && (strings.HasPrefix(c.Name, a) || strings.HasPrefix(c.Name, b)) {
					in++
				}
			}
			if in == 2 && len(bridge.Channels) == 2 {
				return nil
			}
		}
		return fmt.Errorf("%s and %s are not in a bridge: %v, %+v", a, b, bridges, channels)
	})
}

func up(c channel) bool { return c.State == "Up" }

// joined waits until of the calls that a story made just one runs, and the
// others point to it: two that were joined are not shown as two.
func (w *world) joined(t *testing.T) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		var active, into []any
		for _, c := range w.calls(t) {
			if c["state"] == "active" {
				active = append(active, c["request_id"])
			} else {
				into = append(into, c["merged_into"])
			}
		}
		if len(active) != 1 || len(into) != 1 || active[0] != into[0] {
			return fmt.Errorf("running: %v, merged into: %v", active, into)
		}
		return nil
	})
}

// agentIs waits until the only call is with an agent, and no other.
func (w *world) agentIs(t *testing.T, endpoint string) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		calls := w.calls(t)
		if len(calls) != 1 || calls[0]["agent"] != endpoint || len(calls[0]["agents"].([]any)) != 1 {
			return fmt.Errorf("want one call with %s alone: %v", endpoint, calls)
		}
		return nil
	})
}

// ends hangs a call up and waits for the other side's end.
func ends(t *testing.T, call, other *sip.Call) {
	t.Helper()
	siptest.Leave(t, call)
	siptest.Over(t, other)
}

// stage is a world whose trunk stays open from story to story: on a busy
// machine somebody else may take its port in between.
type stage struct {
	*world
	trunk *sip.Phone
}

// story is a scenario that is played on a stage.
type story struct {
	name         string
	play         func(t *testing.T, w *stage)
	want         []fields
	registration []int
}

// outside is the far end of the trunk, as a new phone would be.
func (w *stage) outside(t *testing.T, behaviour sip.Behaviour) *sip.Phone {
	t.Helper()
	if err := w.trunk.SetBehaviour(behaviour); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a story that failed must not spoil the next
		for _, call := range w.trunk.Calls() {
			if err := call.Hangup(context.WithoutCancel(t.Context())); err != nil {
				t.Log(err)
			}
		}
	})
	for {
		select {
		case <-w.trunk.Incoming(): // of an earlier story
		default:
			return w.trunk
		}
	}
}

// connected brings the customer to agent 2001.
func (w *stage) connected(t *testing.T, number string) (call, agents *sip.Call) {
	t.Helper()
	agent := w.agent(t, "2001", sip.Behaviour{})
	call = siptest.Dial(t, w.outside(t, sip.Behaviour{}), number, sip.CallOptions{CallerNumber: customer})
	agents = siptest.Arrives(t, agent)
	siptest.Hears(t, agents, 500)
	return call, agents
}
