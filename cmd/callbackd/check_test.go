package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck_Right(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // where neither sox nor ffmpeg is
	code, stdout, stderr := execute(t, "check", "../../configs/testdata/traces.yaml")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d, stderr %q; want 0 and nothing", code, stderr)
	}
	want := `../../configs/testdata/traces.yaml is right.
  database         none: serve needs one
  listen           api :8080 (http), ops :9090
  time, numbers    Asia/Tokyo, JP
  pbx pbx1         http://127.0.0.1:8088/ari as pbxd, trunks PJSIP/trunk
    channel events none: calls in a gap stay unknown
    journal        none
    canary         none
    sip            not asked
    recordings     /var/spool/asterisk/recording, /var/spool/asterisk/recording on the PBX, never removed
  copies           none: only WAV with PCM can be played
  GSM, wav49       cannot be played: install sox or ffmpeg
  call center      7001 support, queues support, recordings kept for ever
  call center      7003 sales, queues sales, recordings kept for ever
  ring group       6001 frontdesk, queues none
  ring group       6002 night, queues ringgroup6002
  terminals        _2XXX
`
	if stdout != want {
		t.Errorf("check wrote\n%s\nwant\n%s", stdout, want)
	}
}

// What looks like a slip is said after what was understood, and is no fault.
func TestCheck_Warning(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "callbackd.yaml")
	writeFile(t, file, readFile(t, "../../configs/testdata/traces.yaml")+`
listen: {embed_origins: ['https://crm.example.com']}
oidc: {issuer: 'https://login.test', client_id: callbackd, client_secret: secret, name: Office,
  public_url: 'https://callbackd.example.org', roles: {agent: [agents]}}
`, 0o600)
	code, stdout, stderr := execute(t, "check", file)
	const want = "\nlisten\n  warning  embed_origins names https://crm.example.com, which is of another site than https://callbackd.example.org: "
	if code != exitOK || stderr != "" || !strings.Contains(stdout, " is right.\n") || !strings.Contains(stdout, want) {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
}

// The faults themselves are tested where they are found.
func TestCheck_Wrong(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := execute(t, "check", "../../configs/testdata/faults.yaml")
	if code != exitFailure || stdout != "" {
		t.Errorf("exit code %d, stdout %q; want 1 and nothing", code, stdout)
	}
	for _, want := range []string{
		"faults in the configuration:\n",
		"\n../../configs/testdata/faults.yaml:29:42: call_centers[1].extension: ",
		"\n    47 | timezone: UTC\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("check does not say %q:\n%s", want, stderr)
		}
	}
	if strings.Contains(stderr, "--help") {
		t.Errorf("check blames the command line for the configuration:\n%s", stderr)
	}
}
