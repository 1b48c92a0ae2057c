package doctor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"callbackd/configs"
)

// asteriskConfig is what the files of a PBX's configuration say of what ARI does
// not tell.
type asteriskConfig struct {
	// err is why it cannot be read; nil when it can.
	err error

	http, ari, queues, extensions asteriskFile
	queueNames                    []string
	// dialled are the extensions of all contexts.
	dialled []configs.Pattern
}

// asteriskFile is a configuration file with all that it includes.
type asteriskFile struct {
	sections []*asteriskSection
	// elsewhere says that a program or a database makes a part of it.
	elsewhere bool
}

// asteriskSection is a section, with what it has from templates.
type asteriskSection struct {
	name     string
	template bool
	settings [][2]string // in the order of the file: the last of a name counts
}

const (
	maxAsteriskFile  = 16 << 20
	maxAsteriskDepth = 16
)

// errTooDeep is returned for files that include each other.
var errTooDeep = errors.New("files include each other")

// readAsterisk reads a file of Asterisk's configuration folder. A file that does
// not exist is empty: Asterisk has defaults.
func readAsterisk(folder, name string) (asteriskFile, error) {
	f := asteriskFile{}
	err := f.read(folder, name, 0)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	return f, err
}

func (f *asteriskFile) read(folder, name string, depth int) error {
	if depth > maxAsteriskDepth {
		return fmt.Errorf("read %s: %w", name, errTooDeep)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(folder, name)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxAsteriskFile))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(withoutComment(line))
		switch directive, argument, _ := strings.Cut(line, " "); {
		case line == "":
		case directive == "#include", directive == "#tryinclude":
			if err := f.include(folder, strings.Trim(strings.TrimSpace(argument), `"<>`), depth); err != nil {
				return err
			}
		case directive == "#exec":
			f.elsewhere = true
		case line[0] == '[':
			f.begin(line)
		case len(f.sections) > 0:
			if key, value, ok := strings.Cut(line, "="); ok {
				s := f.sections[len(f.sections)-1]
				s.settings = append(s.settings, [2]string{strings.TrimSpace(key), strings.TrimSpace(strings.TrimPrefix(value, ">"))})
			}
		}
	}
	return nil
}

// withoutComment cuts off what follows a semicolon that is not kept by a
// backslash.
func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == ';' && (i == 0 || line[i-1] != '\\') {
			return line[:i]
		}
	}
	return line
}

// include reads the files that a pattern names. None is none.
func (f *asteriskFile) include(folder, pattern string, depth int) error {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(folder, pattern)
	}
	names, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("include %s: %w", pattern, err)
	}
	for _, name := range names {
		if err := f.read(folder, name, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a section: [name], [name](!) for a template, [name](other) with
// another's settings, [name](+) that goes on.
func (f *asteriskFile) begin(line string) {
	name, options, _ := strings.Cut(line[1:], "]")
	s := &asteriskSection{name: strings.TrimSpace(name)}
	for option := range strings.SplitSeq(strings.Trim(strings.TrimSpace(options), "()"), ",") {
		switch option = strings.TrimSpace(option); option {
		case "", "+":
		case "!":
			s.template = true
		default:
			for _, other := range f.sections {
				if other.name == option {
					s.settings = append(s.settings, other.settings...)
				}
			}
		}
	}
	f.sections = append(f.sections, s)
}

// get returns a setting of a section, empty when there is none.
func (f *asteriskFile) get(section, key string) string {
	value := ""
	for _, s := range f.sections {
		if s.name != section || s.template {
			continue
		}
		for _, setting := range s.settings {
			if strings.EqualFold(setting[0], key) {
				value = setting[1]
			}
		}
	}
	return value
}

// has reports whether there is a section.
func (f *asteriskFile) has(section string) bool {
	return slices.ContainsFunc(f.sections, func(s *asteriskSection) bool { return s.name == section && !s.template })
}

// readAsteriskConfig reads what is looked at of a folder such as /etc/asterisk.
func readAsteriskConfig(folder string) *asteriskConfig {
	c := &asteriskConfig{}
	_, c.err = os.ReadDir(folder)
	for name, file := range map[string]*asteriskFile{"http.conf": &c.http, "ari.conf": &c.ari, "queues.conf": &c.queues, "extensions.conf": &c.extensions} {
		var err error
		if *file, err = readAsterisk(folder, name); err != nil && c.err == nil {
			c.err = err
		}
	}
	for _, s := range c.queues.sections {
		if s.name != "general" && !s.template && !slices.Contains(c.queueNames, s.name) {
			c.queueNames = append(c.queueNames, s.name)
		}
	}
	for _, s := range c.extensions.sections {
		for _, setting := range s.settings {
			exten, _, _ := strings.Cut(setting[1], ",")
			exten, _, _ = strings.Cut(exten, "/") // for a caller's number
			if !strings.EqualFold(setting[0], "exten") {
				continue
			}
			if p, err := configs.ParsePattern(strings.TrimSpace(exten)); err == nil {
				c.dialled = append(c.dialled, p)
			}
		}
	}
	return c
}
