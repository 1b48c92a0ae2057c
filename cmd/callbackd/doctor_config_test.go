package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callbackd/configs"
	sample "callbackd/configs/asterisk"
	"callbackd/lab"
)

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
	findings := examine(t.Context(), w.cfg, map[string]string{"pbx1": w.pbx.Config})
	for want, l := range map[string]level{
		"may only read, but an event filter is to be set":       levelFault,
		"another program is connected as application callbackd": levelFault,
		"sessionlimit is 10: callbackd may need 11":             levelFault,
		"websocket_write_timeout is 50 ms":                      levelWarning,
		"channelvars does not name CHANNEL(linkedid)":           levelFault,
		`queue "suport" of queues.conf is in no call center`:    levelWarning,
		`queue "support" of call center support is not in`:      levelFault,
		"extension 6002 of ring group frontdesk-queue is in no": levelWarning,
		"no channel event log":                                  levelWarning,
	} {
		found(t, findings, l, "pbx pbx1", want)
	}
}

func TestJudgeAsteriskConfig(t *testing.T) {
	t.Parallel()
	const vars = "channelvars = CHANNEL(linkedid), CALLBACKD_CALL_CENTER, CALLBACKD_LABEL\n"
	good := map[string]string{
		"http.conf":       "[general]\nenabled = yes\n",
		"ari.conf":        "[general]\nenabled = yes ; as it must\n" + vars + "[callbackd]\ntype = user\n",
		"queues.conf":     "[general]\n[queue](!)\nstrategy = ringall\n[Support](queue)\n[night](queue)\n",
		"extensions.conf": "[from-internal]\nexten => _700X,1,NoOp()\nexten = 6001/1234,1,NoOp()\n same => n,Hangup()\n",
	}
	for name, test := range map[string]struct {
		files map[string]string
		level level
		want  string
	}{
		"default sessionlimit":  {nil, levelGood, "sessionlimit is Asterisk's default, 100"},
		"default write timeout": {nil, levelGood, "websocket_write_timeout is Asterisk's default, 100 ms"},
		"channelvars":           {nil, levelGood, "channelvars names what it should"},
		"queues":                {nil, levelGood, "queues.conf has the queues of the configuration, and no others"},
		"extensions":            {nil, levelGood, "extensions.conf has the extensions"},
		"sessionlimit":          {map[string]string{"http.conf": "[general]\nsessionlimit=5\n"}, levelFault, "sessionlimit is 5"},
		"sessionlimit, tight":   {map[string]string{"http.conf": "[general]\nsessionlimit=20\n"}, levelWarning, "sessionlimit is 20"},
		"sessionlimit, ample":   {map[string]string{"http.conf": "[general]\nsessionlimit=1000\n"}, levelGood, "sessionlimit is 1000"},
		"by a template":         {map[string]string{"http.conf": "[limits](!)\nsessionlimit=7\n[general](limits)\n"}, levelFault, "sessionlimit is 7"},
		"by an inclusion": {map[string]string{
			"http.conf": "[general]\n#include \"http.d/*.conf\"\n", "http.d/a.conf": "sessionlimit=8\n",
		}, levelFault, "sessionlimit is 8"},
		"included by itself": {map[string]string{"http.conf": "#include http.conf\n"}, levelFault, "files include each other"},
		"write timeout":      {map[string]string{"ari.conf": "[general]\nwebsocket_write_timeout = 20\n"}, levelWarning, "websocket_write_timeout is 20 ms"},
		"ample write time":   {map[string]string{"ari.conf": "[general]\nwebsocket_write_timeout = 500\n"}, levelGood, "websocket_write_timeout is 500 ms"},
		"no user":            {map[string]string{"ari.conf": "[general]\n"}, levelFault, "ari.conf has no user callbackd"},
		"no channelvars":     {map[string]string{"ari.conf": "[general]\n;" + vars}, levelWarning, "does not name CHANNEL(linkedid)"},
		"queue too many":     {map[string]string{"queues.conf": good["queues.conf"] + "[vip]\n"}, levelWarning, `queue "vip" of queues.conf is in no call center`},
		"queue too few":      {map[string]string{"queues.conf": "[general]\n[night]\n"}, levelFault, `queue "support" of call center support is not in`},
		"queues by a program": {
			map[string]string{"queues.conf": "#exec /usr/bin/queues\n"},
			levelGood,
			"a program makes a part of queues.conf",
		},
		"extension missing": {map[string]string{"extensions.conf": "[a]\nexten => 7001,1,NoOp()\n"}, levelWarning, "extension 6001 of ring group night is in no context"},
		"no dialplan":       {map[string]string{"extensions.conf": "[general]\n"}, levelGood, "the dialplan is not in extensions.conf alone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for _, files := range []map[string]string{good, test.files} {
				for name, text := range files {
					if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			cfg := &configs.Config{
				PBX:         []configs.PBX{{Name: "pbx1", ARI: configs.ARI{Username: "callbackd"}}},
				CallCenters: []configs.CallCenter{{ID: "support", Extension: "7001", Queues: []string{"support"}}},
				RingGroups:  []configs.RingGroup{{ID: "night", Extension: "6001", Queues: []string{"night"}}},
			}
			found(t, judgeAsteriskConfig(cfg, &cfg.PBX[0], readAsteriskConfig(folder)), test.level, "pbx pbx1", test.want)
		})
	}
	cfg := &configs.Config{PBX: []configs.PBX{{Name: "pbx1"}}}
	found(t, judgeAsteriskConfig(cfg, &cfg.PBX[0], readAsteriskConfig(t.TempDir()+"/none")), levelFault, "pbx pbx1", "cannot be read")
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
