package lab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/lab"
	"callbackd/lab/labtest"
)

// channel is what these tests look at of a channel, as ARI tells it.
type channel struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Caller struct {
		Number string `json:"number"`
	} `json:"caller"`
	Dialplan struct {
		Exten   string `json:"exten"`
		AppName string `json:"app_name"`
		AppData string `json:"app_data"`
	} `json:"dialplan"`
	Variables map[string]string `json:"channelvars"`
}

// channels asks ARI for all channels, in the order of their names.
func channels(t *testing.T, a *lab.Asterisk) []channel {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.ARI+"/channels", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(a.Username, a.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []channel
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(x, y channel) int { return strings.Compare(x.Name, y.Name) })
	return all
}

// eventually waits until the channels are as want says, by name without the
// number behind it, and state.
func eventually(t *testing.T, a *lab.Asterisk, want ...string) []channel {
	t.Helper()
	var all []channel
	labtest.Eventually(t, 10*time.Second, func() error {
		all = channels(t, a)
		var got []string
		for _, c := range all {
			got = append(got, c.Name[:strings.LastIndexByte(c.Name, '-')]+" "+c.State)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return errors.New("channels (-want +got):\n" + diff)
		}
		return nil
	})
	return all
}

// allowed are the complaints of Asterisk that are right and of no concern.
var allowed = map[string]string{
	"'acl.conf'":              "no named access lists are used",
	"'udptl.conf'":            "no faxes are sent",
	"'pjproject.conf'":        "the defaults are meant",
	"'websocket_client.conf'": "Asterisk connects to nobody by websocket",
	"ccss.conf":               "call completion is not used",

	"Is endpoint registered and reachable?": "a ring group dials phones that are off, too",
	"Failed to create outgoing session":     "as the line above",
}

// complaints returns the lines of the log which tell of a fault.
func complaints(a *lab.Asterisk) []string {
	var faults []string
	for line := range strings.Lines(a.LogTail(10_000)) {
		if !strings.Contains(line, "WARNING[") && !strings.Contains(line, "ERROR[") {
			continue
		}
		known := false
		for words := range allowed {
			known = known || strings.Contains(line, words)
		}
		if !known {
			faults = append(faults, strings.TrimSpace(line))
		}
	}
	return faults
}

func TestAsterisk_LoadsTheSampleWithoutComplaint(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{})
	if diff := cmp.Diff([]string(nil), complaints(a)); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
	modules, err := a.CLI(t.Context(), "module show")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(modules, "app_queue.so") {
		t.Errorf("the queues are not there:\n%s", modules)
	}
	for line := range strings.Lines(modules) {
		if strings.Contains(line, "Not Running") {
			t.Errorf("not running: %s", line)
		}
	}
}

func TestAsterisk_CallWaitsInTheQueueAndIsRecorded(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{Name: "pbx7"})
	call := fromTrunk(t, a, `"Tanaka" <sip:0312345678@127.0.0.1>`, "0355550001").start(t)

	waiting := eventually(t, a, "PJSIP/trunk Up")[0]
	labtest.Eventually(t, 5*time.Second, func() error {
		waiting = channels(t, a)[0]
		if app := waiting.Dialplan.AppName; app != "Queue" {
			return fmt.Errorf("the call is in %q, want Queue", app)
		}
		return nil
	})
	if got, want := waiting.Dialplan.AppData, "support,t,,,30"; got != want {
		t.Errorf("got queue %q, want %q", got, want)
	}
	if got, want := waiting.Caller.Number, "0312345678"; got != want {
		t.Errorf("got caller %q, want %q", got, want)
	}
	if !strings.HasPrefix(waiting.ID, "pbx7-") {
		t.Errorf("got unique id %q, want it to begin with the PBX's name", waiting.ID)
	}
	want := map[string]string{"CHANNEL(linkedid)": waiting.ID, "CALLBACKD_CALL_CENTER": "", "CALLBACKD_LABEL": ""}
	if diff := cmp.Diff(want, waiting.Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if n, err := a.Channels(t.Context()); err != nil || n != 1 {
		t.Errorf("got %d channels (%v), want 1", n, err)
	}
	if leaked := foreignSockets(t, a.PID()); leaked != nil {
		t.Errorf("sockets outside of the loopback address: %v", leaked)
	}

	recordings, err := filepath.Glob(filepath.Join(a.Recordings, waiting.ID+"-*.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if len(recordings) != 1 {
		t.Fatalf("got recordings %q, want one", recordings)
	}
	// A second of sound is 16,000 bytes.
	labtest.Eventually(t, 10*time.Second, func() error {
		file, err := os.Stat(recordings[0])
		if err == nil && file.Size() < 16_000 {
			err = fmt.Errorf("the recording has %d bytes", file.Size())
		}
		return err
	})
	hangUp(t, a)
	wait(t, call)
}

func TestAsterisk_AgentsAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		phone, number string
		want          []string
	}{
		"queue":                   {"2001", "7001", []string{"PJSIP/2001 Up", "PJSIP/trunk Up"}},
		"queue of Local channels": {"2003", "7002", []string{"Local/2003@agents Up", "Local/2003@agents Up", "PJSIP/2003 Up", "PJSIP/trunk Up"}},
		"Local without /n":        {"2004", "7002", []string{"PJSIP/2004 Up", "PJSIP/trunk Up"}},
		"ring group":              {"2002", "6001", []string{"PJSIP/2002 Up", "PJSIP/trunk Up"}},
		"ring group by queue":     {"2002", "6002", []string{"PJSIP/2002 Up", "PJSIP/trunk Up"}},
		"phone":                   {"2004", "2004", []string{"PJSIP/2004 Up", "PJSIP/trunk Up"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := labtest.Asterisk(t, lab.AsteriskOptions{})
			agent := answer(t, a, test.phone)
			caller := fromTrunk(t, a, "<sip:0312345678@127.0.0.1>", test.number).start(t)
			talking := eventually(t, a, test.want...)
			for _, c := range talking {
				if got, want := c.Variables["CHANNEL(linkedid)"], talking[len(talking)-1].ID; got != want {
					t.Errorf("channel %s: got linkedid %q, want %q", c.Name, got, want)
				}
			}
			hangUp(t, a)
			wait(t, caller)
			wait(t, agent)
			if diff := cmp.Diff([]string(nil), complaints(a)); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAsterisk_PhonesCallOutside(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ keyed, callCenter string }{
		"plain":                       {"0312345678", ""},
		"in the name of call centers": {"*70020312345678", "7002"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := labtest.Asterisk(t, lab.AsteriskOptions{})
			far := sipp{pbx: a, port: portOf(t, a.Trunk), service: "trunk", scenario: []string{"-sf", scenario("answer")}}.start(t)
			phone := fromPhone(t, a, "2001", test.keyed).start(t)

			talking := eventually(t, a, "PJSIP/2001 Up", "PJSIP/trunk Up")
			if got, want := talking[0].Dialplan.AppData, "PJSIP/0312345678@trunk,60,T"; got != want {
				t.Errorf("dialled %q, want %q", got, want)
			}
			for _, c := range talking {
				if got := c.Variables["CALLBACKD_CALL_CENTER"]; got != test.callCenter {
					t.Errorf("channel %s: got call center %q, want %q", c.Name, got, test.callCenter)
				}
			}
			hangUp(t, a)
			wait(t, phone)
			wait(t, far)
		})
	}
}

func TestAsterisk_WithheldNumberDoesNotReachARI(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{})
	call := fromTrunk(t, a, `"Anonymous" <sip:anonymous@anonymous.invalid>`, "7001").start(t)
	got := eventually(t, a, "PJSIP/trunk Up")[0].Caller.Number
	if want := "anonymous"; got != want {
		t.Errorf("got caller %q, want %q", got, want)
	}
	hangUp(t, a)
	wait(t, call)
}

func TestAsterisk_QueueTimeoutIsAGlobalVariable(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"IVR_TIMEOUT": "1", "EXTRA": "x"}})
	if err := a.SetGlobal(t.Context(), "QUEUE_TIMEOUT", "1"); err != nil {
		t.Fatal(err)
	}
	globals, err := a.CLI(t.Context(), "dialplan show globals")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"QUEUE_TIMEOUT=1", "IVR_TIMEOUT=1", "EXTRA=x"} {
		if !strings.Contains(globals, want+"\n") {
			t.Errorf("no %s in\n%s", want, globals)
		}
	}
}

func TestAsterisk_IVRSaysGoodbyeWithoutAKey(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"IVR_TIMEOUT": "1"}})
	originate(t, a, "7480")
	eventually(t, a, "Local/7480@from-trunk Up", "Local/7480@from-trunk Up")
	eventually(t, a)
	if diff := cmp.Diff([]string(nil), complaints(a)); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
}

func TestAsterisk_WithoutChannelVars(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{WithoutChannelVars: true})
	originate(t, a, "7001")
	for _, c := range eventually(t, a, "Local/7001@from-trunk Up", "Local/7001@from-trunk Up") {
		if len(c.Variables) != 0 {
			t.Errorf("channel %s: got variables %v, want none", c.Name, c.Variables)
		}
	}
}

func TestAsterisk_RestartsAfterKillWhereItWas(t *testing.T) {
	t.Parallel()
	a := labtest.Asterisk(t, lab.AsteriskOptions{})
	agent := answer(t, a, "2001")
	originate(t, a, "7001")
	eventually(t, a, "Local/7001@from-trunk Up", "Local/7001@from-trunk Up", "PJSIP/2001 Up")
	// Asterisk writes its database once a second.
	labtest.Eventually(t, 5*time.Second, func() error {
		text, err := os.ReadFile(filepath.Join(a.Folder(), "lib", "astdb.sqlite3"))
		if err == nil && !bytes.Contains(text, []byte("sip:2001@127.0.0.1")) {
			err = errors.New("the phone's registration is not in the database")
		}
		return err
	})
	ari, sip := a.ARI, a.SIP
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.Done():
	default:
		t.Error("Done is not closed after Kill")
	}
	if _, err := a.CLI(t.Context(), "core show version"); err == nil {
		t.Error("a killed Asterisk answers")
	}
	if err := a.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.ARI != ari || a.SIP != sip {
		t.Errorf("got %s and %s, want %s and %s", a.ARI, a.SIP, ari, sip)
	}
	eventually(t, a)
	contacts, err := a.CLI(t.Context(), "pjsip show contacts")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(contacts, "2001/sip:2001@127.0.0.1") {
		t.Errorf("the phone is not registered any more:\n%s", contacts)
	}
	if err := agent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = agent.Wait() // nobody hung up on it
}

func TestAsterisk_TwoAtOnce(t *testing.T) {
	t.Parallel()
	first := labtest.Asterisk(t, lab.AsteriskOptions{Name: "pbx1"})
	second := labtest.Asterisk(t, lab.AsteriskOptions{Name: "pbx2"})
	originate(t, first, "7001")
	eventually(t, first, "Local/7001@from-trunk Up", "Local/7001@from-trunk Up")
	eventually(t, second)
}

func TestAsterisk_StopLeavesNothing(t *testing.T) {
	t.Parallel()
	a, err := lab.StartAsterisk(t.Context(), lab.AsteriskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	originate(t, a, "7001")
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if running(a.PID()) {
		t.Error("Asterisk is still running")
	}
	if _, err := os.Stat(a.Folder()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there (%v)", err)
	}
	if err := a.Stop(); err != nil {
		t.Errorf("stop again: %v", err)
	}
}

// originate places a call from the trunk's context without a phone.
func originate(t *testing.T, a *lab.Asterisk, number string) {
	t.Helper()
	out, err := a.CLI(t.Context(), "channel originate Local/"+number+"@from-trunk/n application Wait 20")
	if err != nil {
		t.Fatal(err)
	}
	if out = strings.TrimSpace(out); out != "" {
		t.Fatalf("originate a call to %s: %s", number, out)
	}
}

var inode = regexp.MustCompile(`^socket:\[(\d+)\]$`)

// foreignSockets returns the process's sockets that are bound to another than
// the loopback address, in the notation of /proc/net.
func foreignSockets(t *testing.T, pid int) []string {
	t.Helper()
	own := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil {
			continue // closed meanwhile
		}
		if m := inode.FindStringSubmatch(target); m != nil {
			own[m[1]] = true
		}
	}
	seen := 0
	// The SIP library opens one socket each of IPv4 and IPv6 to ask name
	// servers from, whether it ever does or not. There is no option against.
	dns := map[string]bool{}
	var foreign []string
	for _, kind := range []string{"tcp", "udp", "tcp6", "udp6"} {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, kind))
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6
		} else if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			f := strings.Fields(line)
			if len(f) < 10 || !own[f[9]] {
				continue
			}
			seen++
			switch address, _, _ := strings.Cut(f[1], ":"); {
			case address == "0100007F":
			case kind != "tcp" && f[2] == address+":0000" && strings.Trim(address, "0") == "" && !dns[kind]:
				dns[kind] = true
			default:
				foreign = append(foreign, kind+" "+f[1])
			}
		}
	}
	// HTTP, SIP, and RTP and RTCP of one call.
	if seen < 4 {
		t.Errorf("found %d sockets of process %d, want at least 4", seen, pid)
	}
	return foreign
}
