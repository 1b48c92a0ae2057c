package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"callbackd/configs"
)

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
		level Level
		want  string
	}{
		"default sessionlimit":  {nil, Good, "sessionlimit is Asterisk's default, 100"},
		"default write timeout": {nil, Good, "websocket_write_timeout is Asterisk's default, 100 ms"},
		"channelvars":           {nil, Good, "channelvars names what it should"},
		"queues":                {nil, Good, "queues.conf has the queues of the configuration, and no others"},
		"extensions":            {nil, Good, "extensions.conf has the extensions"},
		"sessionlimit":          {map[string]string{"http.conf": "[general]\nsessionlimit=5\n"}, Fault, "sessionlimit is 5"},
		"sessionlimit, tight":   {map[string]string{"http.conf": "[general]\nsessionlimit=20\n"}, Warning, "sessionlimit is 20"},
		"sessionlimit, ample":   {map[string]string{"http.conf": "[general]\nsessionlimit=1000\n"}, Good, "sessionlimit is 1000"},
		"by a template":         {map[string]string{"http.conf": "[limits](!)\nsessionlimit=7\n[general](limits)\n"}, Fault, "sessionlimit is 7"},
		"by an inclusion": {map[string]string{
			"http.conf": "[general]\n#include \"http.d/*.conf\"\n", "http.d/a.conf": "sessionlimit=8\n",
		}, Fault, "sessionlimit is 8"},
		"included by itself": {map[string]string{"http.conf": "#include http.conf\n"}, Fault, "files include each other"},
		"write timeout":      {map[string]string{"ari.conf": "[general]\nwebsocket_write_timeout = 20\n"}, Warning, "websocket_write_timeout is 20 ms"},
		"ample write time":   {map[string]string{"ari.conf": "[general]\nwebsocket_write_timeout = 500\n"}, Good, "websocket_write_timeout is 500 ms"},
		"no user":            {map[string]string{"ari.conf": "[general]\n"}, Fault, "ari.conf has no user callbackd"},
		"no channelvars":     {map[string]string{"ari.conf": "[general]\n;" + vars}, Warning, "does not name CHANNEL(linkedid)"},
		"queue too many":     {map[string]string{"queues.conf": good["queues.conf"] + "[vip]\n"}, Warning, `queue "vip" of queues.conf is in no call center`},
		"queue too few":      {map[string]string{"queues.conf": "[general]\n[night]\n"}, Fault, `queue "support" of call center support is not in`},
		"queues by a program": {
			map[string]string{"queues.conf": "#exec /usr/bin/queues\n"},
			Good,
			"a program makes a part of queues.conf",
		},
		"extension missing": {map[string]string{"extensions.conf": "[a]\nexten => 7001,1,NoOp()\n"}, Warning, "extension 6001 of ring group night is in no context"},
		"no dialplan":       {map[string]string{"extensions.conf": "[general]\n"}, Good, "the dialplan is not in extensions.conf alone"},
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
	found(t, judgeAsteriskConfig(cfg, &cfg.PBX[0], readAsteriskConfig(t.TempDir()+"/none")), Fault, "pbx pbx1", "cannot be read")
}
