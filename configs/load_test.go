package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// env returns the lookup of an environment that holds just these variables.
func env(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

func TestLoad_TraceConfiguration(t *testing.T) {
	t.Parallel()
	got, err := Load("testdata/traces.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Listen:   Listen{API: ":8080", Ops: ":9090"},
		Timezone: "Asia/Tokyo",
		Region:   "JP",
		Log:      Log{Format: LogText, Level: LogLevel{slog.LevelInfo}, Numbers: LogMasked},
		PBX: []PBX{{
			Name: "pbx1",
			ARI: ARI{
				URL: "http://127.0.0.1:8088/ari", Username: "pbxd",
				Password: NewSecret("secret"), Application: "pbxd",
			},
			Dialplan:   DialplanGeneric,
			Trunks:     []string{"PJSIP/trunk"},
			Recordings: Library{Directory: "/var/spool/asterisk/recording"},
		}},
		CallCenters: []CallCenter{
			{ID: "support", Name: "サポート窓口", Extension: "7001", Queues: []string{"support"}},
			{ID: "sales", Name: "営業窓口", Extension: "7003", Queues: []string{"sales"}},
		},
		RingGroups: []RingGroup{
			{ID: "frontdesk", Name: "受付", Extension: "6001"},
			{ID: "night", Name: "夜間", Extension: "6002", Queues: []string{"ringgroup6002"}},
		},
		Terminals: []Terminal{{Extension: MustParsePattern("_2XXX")}},
		Attendant: defaultAttendant(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if got := got.Location().String(); got != "Asia/Tokyo" {
		t.Errorf("Location() = %s, want Asia/Tokyo", got)
	}
}

func TestParse_Example(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("callbackd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse(data, Source{Path: "callbackd.yaml", LookupEnv: env(map[string]string{
		"CALLBACKD_DATABASE_URL":      "postgres://callbackd@db/callbackd",
		"CALLBACKD_PBX_PBX1_PASSWORD": "from the environment",
	})})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.PBX[0].ARI.Password.Reveal(), "from the environment"; got != want {
		t.Errorf("password of pbx1 = %q, want %q", got, want)
	}
	for key := range keysOf(reflect.TypeFor[Config]()) {
		if !regexp.MustCompile(`(?m)^[ #-]*` + key + `:`).Match(data) {
			t.Errorf("the example does not explain the key %q", key)
		}
	}
	d := defaults()
	for _, value := range []any{d.Listen.API, d.Listen.Ops, d.Timezone, d.Region, d.Log.Format, "info", d.Log.Numbers} {
		if !regexp.MustCompile(fmt.Sprintf(`Default: "?%v\b`, value)).Match(data) {
			t.Errorf("the example does not say that the default of a key is %v", value)
		}
	}
}

// keysOf returns every YAML key of a struct and of the structs inside it.
func keysOf(t reflect.Type) map[string]bool {
	keys := make(map[string]bool)
	for field := range t.Fields() {
		keys[field.Tag.Get("yaml")] = true
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if isCollection(inner) {
			for key := range keysOf(inner) {
				keys[key] = true
			}
		}
	}
	return keys
}

func TestLoad_MissingFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a file that does not exist = %v, want fs.ErrNotExist", err)
	}
}

const minimal = "pbx: [{name: tokyo-1, ari: {url: 'https://pbx.example.org/ari', %s}}]\n"

func TestParse_Secrets(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("password", "from the file \r\n\n")
	if err := os.Mkdir(filepath.Join(folder, "credentials"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("credentials/password", "the credential\n")
	credentials := map[string]string{"CREDENTIALS_DIRECTORY": filepath.Join(folder, "credentials")}
	write("other", "no credential")
	write("marked", "\ufefffrom Windows\r\n")
	write("url", "postgres://callbackd:x@db/callbackd\n")
	fromEnv := map[string]string{"CALLBACKD_PBX_TOKYO_1_PASSWORD": "from the environment"}
	tests := []struct {
		name, yaml string
		env        map[string]string
		want       string
	}{
		{"literal", fmt.Sprintf(minimal, "password: literal"), nil, "literal"},
		{"number", fmt.Sprintf(minimal, "password: 0012"), nil, "0012"},
		{"file", fmt.Sprintf(minimal, "password_file: password"), nil, "from the file "},
		{"file with a byte order mark", fmt.Sprintf(minimal, "password_file: marked"), nil, "from Windows"},
		{"absolute file", fmt.Sprintf(minimal, "password_file: "+filepath.Join(folder, "password")), nil, "from the file "},
		{"environment before literal", fmt.Sprintf(minimal, "password: literal"), fromEnv, "from the environment"},
		{"environment before file", fmt.Sprintf(minimal, "password_file: none"), fromEnv, "from the environment"},
		{"credential before file", fmt.Sprintf(minimal, "password_file: password"), credentials, "the credential"},
		{"file without a credential", fmt.Sprintf(minimal, "password_file: other"), credentials, "no credential"},
		{"absolute file, not the credential", fmt.Sprintf(minimal, "password_file: "+filepath.Join(folder, "password")), credentials, "from the file "},
		{"file outside the credentials", fmt.Sprintf(minimal, "password_file: ./../"+filepath.Base(folder)+"/other"), credentials, "no credential"},
		{"empty variable", fmt.Sprintf(minimal, "password: literal"), map[string]string{"CALLBACKD_PBX_TOKYO_1_PASSWORD": ""}, "literal"},
	}
	for _, tt := range tests {
		cfg, err := Parse([]byte(tt.yaml), Source{Path: filepath.Join(folder, "c.yaml"), LookupEnv: env(tt.env)})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := cfg.PBX[0].ARI.Password.Reveal(); got != tt.want {
			t.Errorf("%s: password = %q, want %q", tt.name, got, tt.want)
		}
	}

	withURL := "database: {url_file: url}\n" + fmt.Sprintf(minimal, "password: p")
	cfg, err := Parse([]byte(withURL), Source{Path: filepath.Join(folder, "c.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Database.URL.Reveal(), "postgres://callbackd:x@db/callbackd"; got != want {
		t.Errorf("database URL = %q, want %q", got, want)
	}
}

func TestParse_Defaults(t *testing.T) {
	t.Parallel()
	cfg, err := Parse([]byte(fmt.Sprintf(minimal, "password: p")+"log:\n  level: debug\n"), Source{})
	if err != nil {
		t.Fatal(err)
	}
	want := defaults()
	want.Log.Level.Level = slog.LevelDebug
	want.PBX = []PBX{{Name: "tokyo-1", ARI: ARI{
		URL: "https://pbx.example.org/ari", Username: "callbackd", Password: NewSecret("p"), Application: "callbackd",
	}, Dialplan: DialplanGeneric}}
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if !cfg.Database.URL.IsZero() || cfg.Listen.TLS.Enabled() {
		t.Error("a database or TLS is configured that nobody asked for")
	}
}

// An extension need not be quoted: YAML would read 0355550001 as a number and
// lose its zero, or read it as octal.
func TestParse_NumbersAsWritten(t *testing.T) {
	t.Parallel()
	cfg, err := Parse([]byte(fmt.Sprintf(minimal, "password: p")+
		"business_labels: [{id: a, name: 2024, did: [0355550001, +81355550002]}]\n"), Source{})
	if err != nil {
		t.Fatal(err)
	}
	want := []BusinessLabel{{ID: "a", Name: "2024", DID: []string{"0355550001", "+81355550002"}}}
	if diff := cmp.Diff(want, cfg.BusinessLabels); diff != "" {
		t.Errorf("business labels (-want +got):\n%s", diff)
	}
}

func TestConfig_LocationOfUnvalidated(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("Location of a wrong time zone did not panic")
		}
	}()
	var _ *time.Location = (&Config{Timezone: "Nowhere/None"}).Location()
}
