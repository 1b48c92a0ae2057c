package main

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"callbackd/configs"
	sample "callbackd/configs/asterisk"
	"callbackd/doctor"
	"callbackd/lab"
	"callbackd/lab/provider"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// diagnosis is what doctor prints of a site; folders are of Asterisk's
// configuration.
func diagnosis(t *testing.T, cfg *configs.Config, folders map[string]string) string {
	t.Helper()
	site := siteOf(cfg)
	site.AsteriskConfig = folders
	var text strings.Builder
	if err := printFindings(&text, site.Examine(t.Context())); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// finds fails unless a diagnosis has a line of the level with the text, and, of
// what is wrong, says what to change.
func finds(t *testing.T, diagnosis string, l doctor.Level, text string) {
	t.Helper()
	line := `(?m)^  ` + string(l) + ` +.*` + regexp.QuoteMeta(text) + `.*$`
	if l != doctor.Good {
		line += `\n +→ .`
	}
	if !regexp.MustCompile(line).MatchString(diagnosis) {
		t.Errorf("doctor finds no %s that says %q:\n%s", l, text, diagnosis)
	}
}

// TestDoctor_RealPBX: of a PBX that is arranged as the sample nothing is at
// fault, and what is arranged otherwise is found.
func TestDoctor_RealPBX(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.AsteriskOptions{})
	outside, agent := w.outside(t, sip.Behaviour{}), w.agent(t, "2001", sip.Behaviour{Ignore: true})
	findings := diagnosis(t, w.cfg, nil)
	finds(t, findings, doctor.Warning, "no call at present")
	finds(t, findings, doctor.Warning, "no call is stored yet")

	call := siptest.Dial(t, outside, "7001", sip.CallOptions{CallerNumber: customer})
	siptest.Arrives(t, agent)
	findings = diagnosis(t, w.cfg, nil)
	for _, good := range []string{
		"Asterisk 22.", "may also write", "connected as application callbackd", "channels tell", "trunk PJSIP/trunk is ", "recordings can be listed",
	} {
		finds(t, findings, doctor.Good, good)
	}
	finds(t, findings, doctor.Good, "answers")
	finds(t, findings, doctor.Warning, "no channel event log")
	siptest.Leave(t, call)
	w.ended(t, 1)
	findings = diagnosis(t, w.cfg, map[string]string{"pbx1": w.pbx.Config})
	if !strings.Contains(findings, "\n0 faults, ") {
		t.Errorf("faults are found in the sample:\n%s", findings)
	}
	for _, good := range []string{
		"sessionlimit is 100", "websocket_write_timeout is", "channelvars names", "queues.conf has the queues", "extensions.conf has the extensions",
	} {
		finds(t, findings, doctor.Good, good)
	}

	wrong := *w.cfg
	wrong.PBX = slices.Clone(w.cfg.PBX)
	node := &wrong.PBX[0]
	node.Trunks, node.Recordings.Directory = []string{"PJSIP/other"}, t.TempDir()+"/none"
	wrong.CallCenters = slices.Clone(w.cfg.CallCenters)
	wrong.CallCenters[0].Queues = []string{"suport"}
	findings = diagnosis(t, &wrong, nil)
	finds(t, findings, doctor.Fault, "no endpoint PJSIP/other")
	finds(t, findings, doctor.Fault, "recordings cannot be read")
	finds(t, findings, doctor.Warning, `queue "suport" of call center support had no call since`)
	refused, err := url.Parse(w.cfg.Database.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	refused.User = url.UserPassword(refused.User.Username(), "of somebody else")
	wrong.Database.URL = configs.NewSecret(refused.String())
	node.CEL = configs.CEL{Database: wrong.Database, Table: "cel", Timezone: "UTC"}
	findings = diagnosis(t, &wrong, nil)
	finds(t, findings, doctor.Fault, "password authentication failed")
	finds(t, findings, doctor.Fault, "look at the channel event log's table: ")
	for _, change := range []string{"user and password in database.url or", "user and password in cel.database.url or", "~/.pgpass", "pg_hba.conf"} {
		if !strings.Contains(findings, change) {
			t.Errorf("of a database that refuses the password, doctor does not name %s:\n%s", change, findings)
		}
	}
	if strings.Contains(findings, "somebody else") || strings.Contains(findings, url.QueryEscape("of somebody else")) || strings.Contains(findings, "of%20somebody") {
		t.Errorf("doctor shows the password:\n%s", findings)
	}
	node.ARI.Username = "nobody"
	finds(t, diagnosis(t, &wrong, nil), doctor.Fault, "the user or its password is wrong")
	node.ARI.URL = "http://127.0.0.1:9/ari"
	finds(t, diagnosis(t, &wrong, nil), doctor.Fault, "connection refused")
}

// badFiles are the sample's, with all that doctor looks for wrong.
func badFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, changes := range map[string][]string{
		"http.conf":       {"sessionlimit = 100", "sessionlimit = 10"},
		"ari.conf":        {"channelvars = CHANNEL(linkedid),CALLBACKD_CALL_CENTER,CALLBACKD_LABEL", "websocket_write_timeout = 50", "read_only = no", "read_only = yes"},
		"queues.conf":     {"[support](queue-defaults)", "[suport](queue-defaults)"},
		"extensions.conf": {"exten => 6002,1,", "exten => 6003,1,"},
	} {
		text, err := sample.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		changed := string(text)
		for i := 0; i < len(changes); i += 2 {
			if !strings.Contains(changed, changes[i]) {
				t.Fatalf("the sample %s has no %q", name, changes[i])
			}
			changed = strings.ReplaceAll(changed, changes[i], changes[i+1])
		}
		files[name] = changed
	}
	return files
}

// TestDoctor_BadPBX: of a PBX on which everything is wrong that can be while it
// runs, doctor says so.
func TestDoctor_BadPBX(t *testing.T) {
	t.Parallel()
	w := newStoppedWorld(t, lab.AsteriskOptions{Files: badFiles(t)})
	w.anotherProgram(t, "callbackd")
	w.cfg.PBX[0].ARI.EventFilter = true
	findings := diagnosis(t, w.cfg, map[string]string{"pbx1": w.pbx.Config})
	for want, l := range map[string]doctor.Level{
		"may only read, but an event filter is to be set":       doctor.Fault,
		"another program is connected as application callbackd": doctor.Fault,
		"sessionlimit is 10: callbackd may need 11":             doctor.Fault,
		"websocket_write_timeout is 50 ms":                      doctor.Warning,
		"channelvars does not name CHANNEL(linkedid)":           doctor.Fault,
		`queue "suport" of queues.conf is in no call center`:    doctor.Warning,
		`queue "support" of call center support is not in`:      doctor.Fault,
		"extension 6002 of ring group frontdesk-queue is in no": doctor.Warning,
		"no channel event log":                                  doctor.Warning,
	} {
		finds(t, findings, l, want)
	}
}

// TestDoctor_RealProvider: of a provider that knows callbackd nothing is at
// fault, and what is configured otherwise is found.
func TestDoctor_RealProvider(t *testing.T) {
	t.Parallel()
	p := provider.Start(t)
	p.Register("http://127.0.0.1:8080")
	c := configs.OIDC{
		Issuer: p.URL, ClientID: provider.ClientID, ClientSecret: configs.NewSecret(provider.ClientSecret),
		PublicURL: "http://127.0.0.1:8080", Scopes: []string{"profile"},
	}
	of := func(c configs.OIDC) string { return diagnosis(t, &configs.Config{OIDC: c}, nil) }
	findings := of(c)
	if !strings.HasSuffix(findings, "\n1 faults, 1 warnings\n") { // there is no database, and so no call
		t.Errorf("of a good provider:\n%s", findings)
	}
	for _, good := range []string{p.URL + " answers", "has nothing against client_id callbackd and its secret", "redirect URI http://127.0.0.1:8080/sso/callback, after logout http://127.0.0.1:8080/"} {
		finds(t, findings, doctor.Good, good)
	}

	wrong := c
	wrong.ClientSecret = configs.NewSecret("of somebody else")
	finds(t, of(wrong), doctor.Fault, "does not take client_id callbackd with its secret")
	wrong = c
	wrong.ClientID = "nobody"
	finds(t, of(wrong), doctor.Fault, "does not take client_id nobody")
	wrong = c
	wrong.Issuer += "/"
	finds(t, of(wrong), doctor.Fault, "letter by letter")
	wrong.Issuer = p.URL + "/other"
	finds(t, of(wrong), doctor.Fault, "404")
	p.Away(true)
	finds(t, of(c), doctor.Fault, "502")
	if findings := of(configs.OIDC{}); strings.Contains(findings, "oidc") {
		t.Errorf("without a provider:\n%s", findings)
	}
}

func TestFoldersOf(t *testing.T) {
	t.Parallel()
	one := &configs.Config{PBX: []configs.PBX{{Name: "pbx1"}}}
	two := &configs.Config{PBX: []configs.PBX{{Name: "pbx1"}, {Name: "pbx2"}}}
	for _, test := range []struct {
		cfg   *configs.Config
		given string
		want  string // of pbx1, or of the error
	}{
		{one, "/etc/asterisk", "/etc/asterisk"},
		{two, "pbx1=/etc/asterisk", "/etc/asterisk"},
		{two, "/etc/asterisk", "write --asterisk-config NODE=FOLDER"},
		{two, "pbx3=/etc/asterisk", `no pbx named "pbx3"`},
		{two, "=/etc/asterisk", `no pbx named ""`},
	} {
		folders, err := foldersOf(test.cfg, []string{test.given})
		if err == nil && folders["pbx1"] != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v; want %s", test.given, folders, err, test.want)
		}
	}
}

func TestDescribeFindings(t *testing.T) {
	t.Parallel()
	got := describeFindings([]doctor.Finding{
		{Level: doctor.Warning, Part: "queues", What: "queue \"vip\x1b[2J\" is in no call center", Change: "its name"},
		{Level: doctor.Good, Part: "queues", What: "受付 had calls"},
	})
	const want = "queues\n  warning  queue \"vip\\x1b[2J\" is in no call center\n           → its name\n  good     受付 had calls\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestDoctor is the command: what it prints, and its exit code.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for _, form := range [][]string{nil, {"--json"}} {
		code, stdout, stderr := execute(t, append([]string{"doctor", "--config", "../../configs/testdata/traces.yaml"}, form...)...)
		if code != exitFailure || !strings.Contains(stderr, " faults found") || !strings.Contains(stdout, "none is configured") ||
			!strings.Contains(stdout, "database.url or database.url_file") || !strings.Contains(stdout, "pbx pbx1") {
			t.Errorf("doctor %v: exit code %d, stdout %q, stderr %q", form, code, stdout, stderr)
		}
	}
}
