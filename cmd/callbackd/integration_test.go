package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/postgres"
)

// passage is a block of commands of docs/integration.md, and what the page says
// that they print; empty when it does not say.
type passage struct{ commands, prints string }

// passagesOf returns the commands of a page, in order.
func passagesOf(page string) []passage {
	var passages []passage
	for _, m := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:```(?:json|text)\n(.*?)^```\n)?").FindAllStringSubmatch(page, -1) {
		passages = append(passages, passage{m[1], m[2]})
	}
	return passages
}

// TestDocs_Integration runs the very commands of docs/integration.md, in one
// shell, against a daemon on a real database. No PBX is there: the calls are
// stored already.
func TestDocs_Integration(t *testing.T) {
	t.Parallel()
	passages := passagesOf(readFile(t, "../../docs/integration.md"))
	if len(passages) < 10 {
		t.Fatalf("the page has only %d blocks of commands", len(passages))
	}
	w := &world{database: databases.New(t)}
	w.cfg = exampleConfig(t, &lab.Asterisk{ARI: "http://127.0.0.1:9/ari", Password: "none", Recordings: t.TempDir()}, w.database)
	receiver := newWebhookReceiver(t, w.cfg)
	storeCalls(t, w.database)
	w.run(t)
	labtest.Eventually(t, patience, func() error {
		_, _, err := request(t.Context(), http.MethodGet, w.api+"/openapi.yaml", "", nil)
		return err
	})

	folder := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(folder, "callbackd.yaml"), string(configs.Example), 0o600)
	writeFile(t, filepath.Join(folder, "bin", "callbackd"),
		fmt.Sprintf("#!/bin/sh\n%s=1 exec %s --config %s/callbackd.yaml \"$@\"\n", mainEnv, program, folder), 0o700)
	const mark = "--- end of step"
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\n")
	for _, s := range passages {
		script.WriteString(s.commands + "echo; echo '" + mark + "'\n")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script.String())
	shell.Dir = folder
	shell.Env = append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"), "API="+w.api, "RECEIVER="+receiver.URL,
		"CALLBACKD_DATABASE_URL="+serving(t, w.database), "CALLBACKD_PBX_PBX1_PASSWORD=none")
	var problems bytes.Buffer
	shell.Stderr = &problems
	printed, err := shell.Output()
	if err != nil {
		t.Errorf("the commands end with %v: %s", err, problems.String())
	}
	parts := strings.Split(string(printed), mark)
	for i, s := range passages {
		if i >= len(parts)-1 {
			t.Fatalf("the shell ended before step %d:\n%s\n%s", i+1, s.commands, problems.String())
		}
		if !matches(s.prints, parts[i]) {
			t.Errorf("the commands\n%s\nprint\n%s\nbut the page says\n%s", s.commands, parts[i], s.prints)
		}
	}
	receiver.verifiedAsDocumented(t, readFile(t, filepath.Join(folder, "webhook.json")))
}

// matches reports whether a text is what a page says, in which … stands for
// anything; line breaks and spaces only serve the reader.
func matches(says, text string) bool {
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	var pattern strings.Builder
	for i, piece := range strings.Split(squeeze(says), "…") {
		if i > 0 {
			pattern.WriteString("(?s:.*)")
		}
		pattern.WriteString(regexp.QuoteMeta(piece))
	}
	return regexp.MustCompile("^(?:"+pattern.String()+")$").MatchString(squeeze(text)) || says == ""
}

// storeCalls stores an answered call of the call center and one to a phone.
func storeCalls(t *testing.T, database string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), database, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	begin := time.Date(2026, 11, 20, 1, 6, 19, 0, time.UTC)
	end := begin.Add(time.Minute)
	call := callcenter.Call{
		Node: "pbx1", Kind: callcenter.KindCallCenter, Direction: callcenter.DirectionInbound,
		CallCenter: "support", CallCenters: []string{"support"}, RemoteNumber: "0312345678", LocalNumber: "7001",
		Agent: "PJSIP/2001", Agents: []string{"PJSIP/2001"}, State: callcenter.StateEnded,
		Outcome:   callcenter.Outcome{Result: callcenter.ResultAnswered, Reason: "agent-answered"},
		StartedAt: begin, AnsweredAt: &begin, EndedAt: &end, LastEventAt: end,
	}
	phone := call
	phone.Kind, phone.CallCenter, phone.CallCenters, phone.LocalNumber = callcenter.KindTerminal, "", nil, "2001"
	phone.Receipt = []callcenter.Signal{{
		At: begin, Event: "Dial", Channel: "c", Rule: callcenter.RuleTerminalDial, Kind: callcenter.KindTerminal, Value: "PJSIP/2001",
	}}
	for i, c := range []*callcenter.Call{&call, &phone} {
		c.LinkedID = fmt.Sprintf("pbx1-1795405579.%d", i)
		c.RequestID = callcenter.NewRequestID(c.Node, c.LinkedID)
		if err := db.Calls().SaveCalls(t.Context(), []callcenter.Call{*c}); err != nil {
			t.Fatal(err)
		}
	}
}
