package configs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func TestSecret_NeverPrinted(t *testing.T) {
	t.Parallel()
	const text = "hunter2"
	cfg := &Config{
		Database: Database{URL: NewSecret(text)},
		PBX:      []PBX{{ARI: ARI{Password: NewSecret(text)}}},
	}
	inUnexported := struct{ hidden Secret }{NewSecret(text)}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		fmt.Fprintf(&printed, verb+verb+verb+verb, NewSecret(text), cfg, *cfg, inUnexported)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
		slog.New(handler).Info("start", "secret", NewSecret(text), "config", cfg)
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
		out, err := marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(out, []byte(redacted)) {
			t.Errorf("marshalled configuration does not show that there is a secret: %s", out)
		}
		printed.Write(out)
	}
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("the secret was printed, as %q:\n%s", form, printed.String())
		}
	}
}

func TestSecret_Zero(t *testing.T) {
	t.Parallel()
	var zero Secret
	if got := fmt.Sprint(zero); got != "" || !zero.IsZero() || zero.Reveal() != "" {
		t.Errorf("zero Secret prints %q and reveals %q, want nothing", got, zero.Reveal())
	}
	if !zero.Equal(NewSecret("")) || zero.Equal(NewSecret("a")) {
		t.Error("zero Secret does not equal the empty one, or equals another")
	}
}
