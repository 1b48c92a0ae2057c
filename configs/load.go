package configs

import (
	"fmt"
	"os"
	"path/filepath"
)

// Source says where a configuration comes from and what surrounds it.
type Source struct {
	// Path is the name of the file in faults; its folder is where relative
	// file names in the configuration begin.
	Path string
	// LookupEnv answers for the environment; nil means that there is none.
	LookupEnv func(name string) (value string, ok bool)
}

// Load reads the configuration file at path, with the environment of the
// process. When the file can be read and is wrong, the error is an [*Error].
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(data, Source{Path: path, LookupEnv: os.LookupEnv})
}

// Parse reads a configuration from data. It reads the files that data names as
// holding secrets and certificates, and nothing else. The error is an
// [*Error].
func Parse(data []byte, src Source) (*Config, error) {
	d := newDecoder(data)
	cfg := defaults()
	if root := d.parse(); root != nil {
		d.decode(root, cfg)
		for i := range cfg.PBX {
			cfg.PBX[i].setDefaults()
		}
		cfg.OIDC.setDefaults()
		v := &validator{decoder: d, source: src}
		v.secrets(cfg)
		v.environment(&cfg.Log)
		v.config(cfg)
		cfg.Listen.TLS = v.source.tls(cfg.Listen.TLS)
	}
	if err := d.err(src.Path); err != nil {
		return nil, err
	}
	return cfg, nil
}

// file returns the path of a file that the configuration names.
func (s Source) file(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(s.Path), name)
}

// secretFile returns the path of a file that holds a secret: of the credential
// that the service manager gives the process under that name, or else like
// [Source.file]. So one configuration serves both the service, which may not
// read the files themselves, and who runs subcommands as root.
func (s Source) secretFile(name string) string {
	if folder := s.env("CREDENTIALS_DIRECTORY"); folder != "" && filepath.IsLocal(name) {
		credential := filepath.Join(folder, name)
		if _, err := os.Stat(credential); err == nil {
			return credential
		}
	}
	return s.file(name)
}

// tls returns the files of TLS by paths that mean the same wherever the program
// runs.
func (s Source) tls(t TLS) TLS {
	if t.Enabled() {
		t.Certificate, t.Key = s.file(t.Certificate), s.file(t.Key)
	}
	return t
}

// env returns a variable of the environment. An empty one counts as not set,
// since that is what service managers make of a line without a value.
func (s Source) env(name string) string {
	if s.LookupEnv == nil {
		return ""
	}
	value, _ := s.LookupEnv(name)
	return value
}
