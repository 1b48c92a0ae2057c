package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	traceFolder    = "../../ari/testdata"
	expectedFolder = "../../callcenter/testdata"
)

// TestReplay_RecordedTraces: every recorded stream gives the calls of
// expected.json, with its channel variables and with them stripped.
func TestReplay_RecordedTraces(t *testing.T) {
	t.Parallel()
	var expected map[string][]map[string]any
	data, err := os.ReadFile(filepath.Join(expectedFolder, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &expected); err != nil {
		t.Fatal(err)
	}
	recorded, err := filepath.Glob(filepath.Join(traceFolder, "*.jsonl"))
	if err != nil || len(recorded) != len(expected) {
		t.Fatalf("%d traces, %d expected: %v", len(recorded), len(expected), err)
	}
	for _, path := range recorded {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stripped := filepath.Join(t.TempDir(), "stripped.jsonl")
			stripChannelVars(t, path, stripped)
			for _, file := range []string{path, stripped} {
				got := replayFile(t, file)
				if len(got) != len(expected[name]) {
					t.Fatalf("%s: %d calls, want %d", file, len(got), len(expected[name]))
				}
				for i, want := range expected[name] {
					// Only what expected.json names is compared.
					have := map[string]any{}
					for key := range want {
						have[key] = got[i][key]
					}
					if diff := cmp.Diff(want, have); diff != "" {
						t.Errorf("%s, call %d (-want +got):\n%s", file, i, diff)
					}
				}
			}
		})
	}
}

// replayFile runs the command and returns the calls that it prints.
func replayFile(t *testing.T, path string) []map[string]any {
	t.Helper()
	var out, errs bytes.Buffer
	args := []string{"replay", "--config", filepath.Join(expectedFolder, "callbackd.yaml"), path}
	if code := run(t.Context(), args, nil, &out, &errs); code != exitOK {
		t.Fatalf("callbackd %v: exit code %d: %s", args, code, &errs)
	}
	var calls []map[string]any
	for dec := json.NewDecoder(&out); dec.More(); {
		var c map[string]any
		if err := dec.Decode(&c); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	return calls
}

// With --mask nobody's number can be read, wherever it stands.
func TestReplay_Mask(t *testing.T) {
	t.Parallel()
	traces, err := filepath.Glob(filepath.Join(traceFolder, "*.jsonl"))
	if err != nil || len(traces) == 0 {
		t.Fatalf("%d traces: %v", len(traces), err)
	}
	for _, path := range traces {
		args := []string{"replay", "--mask", "--config", filepath.Join(expectedFolder, "callbackd.yaml"), path}
		code, out, errs := execute(t, args...)
		if code != exitOK {
			t.Fatalf("callbackd %v: exit code %d: %s", args, code, errs)
		}
		for _, text := range regexp.MustCompile(`"(?:remote_number|local_number|agent|value)":"[^"]*"`).FindAllString(out, -1) {
			if outsideNumber.MatchString(text) {
				t.Errorf("%s: %s", path, text)
			}
		}
		if strings.Contains(path, "cc-answered") && !strings.Contains(out, "**") {
			t.Errorf("%s: nothing is masked:\n%s", path, out)
		}
	}
}

// stripChannelVars writes a trace as a PBX without channelvars sends it.
func stripChannelVars(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var ev map[string]any
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			t.Fatal(err)
		}
		for _, side := range []string{"channel", "caller", "peer"} {
			if ch, ok := ev[side].(map[string]any); ok {
				delete(ch, "channelvars")
			}
		}
		if err := json.NewEncoder(&out).Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(to, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReplay_Faults(t *testing.T) {
	t.Parallel()
	config := filepath.Join(expectedFolder, "callbackd.yaml")
	broken := filepath.Join(t.TempDir(), "broken.jsonl")
	if err := os.WriteFile(broken, []byte("{\"type\":\"Dial\"}\nnot json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.jsonl")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"an empty file is no silence", []string{empty}, "no call was found in 0 events", exitOK},
		{"nor is an interval without calls", []string{"--to", "2020-01-01", filepath.Join(traceFolder, "cc-answered.jsonl")}, "no call was found in ", exitOK},
		{"a line that is no JSON is named", []string{broken}, "broken.jsonl:2", exitFailure},
		{"a missing file is named", []string{"no-such-file.jsonl"}, "no-such-file.jsonl", exitFailure},
		{"an unknown node is named", []string{"--node", "pbx9", broken}, `"pbx9"`, exitFailure},
		{"no trace and no journal is a wrong command line", nil, "pbx1 of the configuration keeps none", exitUsage},
		{"a time that is none is a wrong command line", []string{"--from", "noon", broken}, `--from "noon"`, exitUsage},
		{"an interval that is none is a wrong command line", []string{"--from", "2026-11-23", "--to", "2026-11-22T09:00", broken}, "not after --from", exitUsage},
		{"a folder without a journal is named", []string{filepath.Dir(broken)}, "no piece of a journal", exitFailure},
		{"comparing takes a database", []string{"--diff", filepath.Join(traceFolder, "cc-answered.jsonl")}, "no database", exitTrouble},
		{"repeating zero times is a wrong command line", []string{"--repeat", "0", broken}, "--repeat 0", exitUsage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"replay", "--config", config}, tc.args...), nil, &out, &errs)
			if code != tc.code || !strings.Contains(errs.String(), tc.want) {
				t.Errorf("exit code %d, %q; want %d and %q in it", code, &errs, tc.code, tc.want)
			}
		})
	}
}
