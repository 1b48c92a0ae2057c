package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"callbackd/callcenter"
	"callbackd/configs"
)

// testLog is the log of a world's daemon. Whatever the test is about, the
// daemon must not name a number, though it logs everything.
func testLog(t *testing.T) *slog.Logger {
	everything := newLogger(&numberWatch{t: t}, configs.Log{}, slog.LevelDebug)
	shown := newLogger(testWriter{t}, configs.Log{}, slog.LevelWarn)
	return slog.New(slog.NewMultiHandler(everything.Handler(), shown.Handler()))
}

// numberWatch fails the test when a number of the outside is written.
type numberWatch struct{ t *testing.T }

var japaneseNumber = regexp.MustCompile(`\b(0|\+?81)[0-9]{9,10}\b`)

func (w *numberWatch) Write(p []byte) (int, error) {
	if w.t.Context().Err() == nil && japaneseNumber.Match(p) {
		w.t.Errorf("the log names a number: %s", p)
	}
	return len(p), nil
}

// Nothing that may be logged names a number, and what tells calls and channels
// apart is left.
func TestLogger_Numbers(t *testing.T) {
	t.Parallel()
	id := callcenter.NewRequestID("pbx1", "1767225600.17")
	logged := func(format configs.LogFormat, numbers configs.LogNumbers) string {
		var out bytes.Buffer
		log := newLogger(&out, configs.Log{Format: format, Numbers: numbers}, slog.LevelInfo).With(slog.String("endpoint", "PJSIP/0312345678"))
		log.Info("called 0312345678",
			slog.String("remote_number", "+81312345678"), slog.Any("err", fmt.Errorf("dial: %w", errors.New("no route to 09012345678@trunk"))),
			slog.Any("all", []string{"03-1234-5678", "０３１２３４５６７８", "+81-3-9876-5432"}),
			slog.Any("body", []byte("called 0366666666")), slog.Group("of", slog.String("memo", "call 0120444444")),
			slog.String("request_id", string(id)), slog.String("channel", "1767225600.17"), slog.String("extension", "7001"))
		log.Debug("too much")
		return out.String()
	}
	for _, format := range []configs.LogFormat{configs.LogText, configs.LogJSON} {
		masked, full := logged(format, configs.LogMasked), logged(format, configs.LogFull)
		for _, number := range []string{"312345678", "9012345678", "03-1234-5678", "０３１２", "0120444444", "9876", "0366666666"} {
			if strings.Contains(masked, number) {
				t.Errorf("%s: %s is not masked: %s", format, number, masked)
			}
			if !strings.Contains(full, number) {
				t.Errorf("%s: %s is masked though that was not asked for: %s", format, number, full)
			}
		}
		for _, kept := range []string{string(id), "1767225600.17", "7001", "PJSIP/********78", "**-****-**78", "INFO"} {
			if !strings.Contains(masked, kept) {
				t.Errorf("%s: no %s is left in: %s", format, kept, masked)
			}
		}
	}
}

// Whoever makes up a long text does not fill the log with it; what is cut is
// whole characters, says so, and has no part of a number at its end.
func TestLogger_LongTexts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"as long as may be": {strings.Repeat("x", maxLogText), strings.Repeat("x", maxLogText)},
		"one more":          {strings.Repeat("x", maxLogText+1), strings.Repeat("x", maxLogText) + "… (257 bytes)"},
		"wide":              {strings.Repeat("長", 100), strings.Repeat("長", 85) + "… (300 bytes)"},
		"number at the end": {strings.Repeat("x", maxLogText-5) + "03-1234-5678", strings.Repeat("x", maxLogText-5) + "… (263 bytes)"},
		"broken":            {strings.Repeat("\x80", 300), strings.Repeat("\x80", 252) + "… (300 bytes)"},
	} {
		if begin, end := shortened(test.text, maxLogText); begin+end != test.want {
			t.Errorf("%s: %q, want %q", name, begin+end, test.want)
		}
	}
	for _, format := range []configs.LogFormat{configs.LogText, configs.LogJSON} {
		for _, numbers := range []configs.LogNumbers{configs.LogMasked, configs.LogFull} {
			var out bytes.Buffer
			long := strings.Repeat("9長", 20_000)
			log := newLogger(&out, configs.Log{Format: format, Numbers: numbers}, slog.LevelInfo).With(slog.String("with", long))
			log.WithGroup("of").Error(long, slog.String("msg", long), slog.Any("err", fmt.Errorf("store: %w", errors.New(long))),
				slog.Any("all", []string{long, long}), slog.Group("in", slog.String("stack", strings.Repeat("a", 5000))))
			if n := out.Len(); n > 9_000 || !utf8.Valid(out.Bytes()) || strings.Count(out.String(), "… (") != 5 || !strings.Contains(out.String(), "… (80000 bytes)") {
				t.Errorf("%s, %s: a line of %d bytes: %s", format, numbers, n, &out)
			}
		}
	}
}

// What is said on the command line goes before the environment, and that
// before the file.
func TestLogFlags(t *testing.T) {
	t.Parallel()
	source := configs.Source{LookupEnv: func(name string) (string, bool) {
		value, ok := map[string]string{
			configs.LogFormatVariable: "json", configs.LogLevelVariable: "warn", "CALLBACKD_PBX_PBX1_PASSWORD": "p",
		}[name]
		return value, ok
	}}
	const file = "pbx: [{name: pbx1, ari: {url: 'http://127.0.0.1:9/ari'}}]\nlog: {format: text, level: error, numbers: full}\n"
	cfg, err := configs.Parse([]byte(file), source)
	if err != nil {
		t.Fatal(err)
	}
	var flags logFlags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.register(set)
	if err := set.Parse([]string{"--log-level", "debug"}); err != nil {
		t.Fatal(err)
	}
	want := configs.Log{Format: configs.LogJSON, Level: configs.LogLevel{Level: slog.LevelDebug}, Numbers: configs.LogFull}
	if diff := cmp.Diff(want, flags.over(cfg.Log)); diff != "" {
		t.Errorf("what is logged (-want +got):\n%s", diff)
	}
	if err := set.Parse([]string{"--log-numbers", "none"}); err == nil || !strings.Contains(err.Error(), "write masked or full") {
		t.Errorf("--log-numbers none: %v", err)
	}
}

// SIGHUP makes another level count at once, in a daemon that runs. A faulty
// configuration changes nothing.
func TestServe_LogLevel(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "callbackd.yaml")
	database := serving(t, databases.New(t))
	write := func(level string) {
		text := "database: {url: '" + database + "'}\nlisten: {api: '127.0.0.1:0', ops: 'localhost:0'}\nlog: {level: " + level + "}\n" +
			"pbx: [{name: pbx1, ari: {url: 'http://127.0.0.1:9/ari', password: none}}]\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("warn")
	log := &watchedLog{Writer: io.Discard}
	c := exec.CommandContext(t.Context(), os.Args[0], "--config", config, "serve")
	c.Env = append(os.Environ(), mainEnv+"=1")
	c.Stderr = log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	log.says(t, "level=WARN") // the PBX cannot be reached
	write("loud")
	send(t, c, syscall.SIGHUP)
	log.says(t, "loud")
	write("info")
	send(t, c, syscall.SIGHUP)
	log.says(t, "level=INFO")
	if got := log.String(); strings.Contains(got, "callbackd serves") || !strings.Contains(got, "were read again") {
		t.Errorf("the log, first of level warn and then of info:\n%s", got)
	}
	send(t, c, syscall.SIGTERM)
	if err := c.Wait(); err != nil {
		t.Errorf("the daemon ended with %v:\n%s", err, log)
	}
}
