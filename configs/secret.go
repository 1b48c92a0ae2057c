package configs

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// redacted is what a secret prints as.
const redacted = "[redacted]"

// Secret is a text that must not appear in logs, errors or dumps of the
// configuration. The zero value is the empty secret, which prints as nothing.
//
// The text sits behind a pointer because fmt does not call methods of
// unexported fields: a struct that hides a Secret in one would otherwise print
// it in full.
type Secret struct{ text *string }

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text itself. Pass it straight to what needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether both hold the same text.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String returns a stand-in for the text.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString returns a stand-in for the text.
func (s Secret) GoString() string { return fmt.Sprintf("configs.Secret(%q)", s.String()) }

// Format prints the stand-in for every verb; String alone would leave %d and
// %x to print the field.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = io.WriteString(f, s.GoString()) // fmt.State has nowhere to report to
		return
	}
	_, _ = io.WriteString(f, s.String())
}

// LogValue logs the stand-in.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes the stand-in.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText writes the stand-in, for YAML and whatever else is asked for.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text as it is.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
