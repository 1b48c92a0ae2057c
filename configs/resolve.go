package configs

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// secrets fills in the secrets that the environment and files hold, and
// reports those that are missing or unreadable.
func (v *validator) secrets(cfg *Config) {
	v.secret(&cfg.Database.URL, secretPlace{
		path:     "database.url",
		file:     cfg.Database.URLFile,
		variable: "CALLBACKD_DATABASE_URL",
		optional: true,
	})
	if cfg.OIDC.Enabled() {
		v.secret(&cfg.OIDC.ClientSecret, secretPlace{
			path: "oidc.client_secret", file: cfg.OIDC.ClientSecretFile, variable: "CALLBACKD_OIDC_CLIENT_SECRET",
		})
	}
	for i := range cfg.PBX {
		p := &cfg.PBX[i]
		s := secretPlace{path: fmt.Sprintf("pbx[%d].ari.password", i), file: p.ARI.PasswordFile}
		if nodeName.MatchString(p.Name) {
			s.variable = p.PasswordVariable()
		}
		v.secret(&p.ARI.Password, s)
		s = secretPlace{path: fmt.Sprintf("pbx[%d].cel.database.url", i), file: p.CEL.Database.URLFile, optional: true}
		if nodeName.MatchString(p.Name) {
			s.variable = p.CELVariable()
		}
		v.secret(&p.CEL.Database.URL, s)
		p.CEL.setDefaults()
		if (p.Recordings.S3 == S3{}) {
			continue
		}
		s = secretPlace{path: fmt.Sprintf("pbx[%d].recordings.s3.secret_key", i), file: p.Recordings.S3.SecretKeyFile}
		if nodeName.MatchString(p.Name) {
			s.variable = p.SecretKeyVariable()
		}
		v.secret(&p.Recordings.S3.SecretKey, s)
	}
}

// environment puts what the environment says of the log over what the file
// says, and reports what makes no sense.
func (v *validator) environment(log *Log) {
	for _, place := range []struct {
		variable, path string
		value          encoding.TextUnmarshaler
	}{
		{LogFormatVariable, "log.format", &log.Format},
		{LogLevelVariable, "log.level", &log.Level},
		{LogNumbersVariable, "log.numbers", &log.Numbers},
	} {
		text := v.source.env(place.variable)
		if text == "" {
			continue
		}
		if err := place.value.UnmarshalText([]byte(text)); err != nil {
			v.report(place.path, "in the environment variable %s: %v", place.variable, err)
		}
	}
}

// secretPlace says where a secret may come from.
type secretPlace struct {
	path     string // of the key that holds it; with _file, of the key that names a file
	file     string // what the latter says
	variable string // of the environment; empty if it cannot be told
	optional bool
}

func (v *validator) secret(secret *Secret, s secretPlace) {
	literal, filePath := *secret, s.path+"_file"
	if !literal.IsZero() && s.file != "" {
		v.report(filePath, "there is also %s: keep one of the two", s.path)
	}
	if s.variable != "" {
		if value := v.source.env(s.variable); value != "" {
			*secret = NewSecret(value)
			return
		}
	}
	if s.file != "" {
		text, err := readSecret(v.source.secretFile(s.file))
		if err != nil {
			v.report(filePath, "%v", err)
			return
		}
		*secret = NewSecret(text)
	}
	if secret.IsZero() && !s.optional && v.sound(s.path) && v.sound(filePath) {
		ways := filePath
		if s.variable != "" {
			ways += " or the environment variable " + s.variable
		}
		v.report(s.path, "the secret is missing: set %s", ways)
	}
}

// readSecret returns what the file at path holds, without line ends at its
// end and a byte order mark, which editors add and no password has.
func readSecret(path string) (string, error) {
	// Much more than a secret is a wrong path, /dev/zero at worst.
	const longest = 64 << 10
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, longest+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("the secret's file cannot be read: %w", err)
	}
	text := strings.TrimRight(strings.TrimPrefix(string(data), byteOrderMark), "\r\n")
	switch {
	case len(data) > longest:
		return "", fmt.Errorf("the file %s is larger than %d bytes: a secret is one line", quote(path), longest)
	case text == "":
		return "", fmt.Errorf("the file %s is empty: it must hold the secret", quote(path))
	}
	return text, nil
}
