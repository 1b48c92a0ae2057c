package lab

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	sample "callbackd/configs/asterisk"
)

// setting is one value of a configuration file, changed as an administrator
// would: on the line where the published sample has it.
type setting struct {
	file, section, key string
	value              string // new value; "" turns the line into a comment
}

// writeSample writes the published configuration into dir with the settings
// changed, the globals added to those of the dialplan, and others in place of
// its own files of the same names.
func writeSample(dir string, settings []setting, globals, others map[string]string) error {
	names, err := fs.Glob(sample.Files, "*.conf")
	if err != nil {
		return err
	}
	files := make(map[string]string, len(names))
	for _, name := range names {
		text, err := sample.Files.ReadFile(name)
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	for _, s := range settings {
		text, err := change(files[s.file], s)
		if err != nil {
			return err
		}
		files[s.file] = text
	}
	for _, name := range slices.Sorted(maps.Keys(globals)) {
		s := setting{"instance.conf", "instance-globals", name, globals[name]}
		text, err := change(files[s.file], s)
		if err != nil {
			header := "[" + s.section + "](!)\n"
			text = strings.Replace(files[s.file], header, header+name+" = "+s.value+"\n", 1)
		}
		files[s.file] = text
	}
	maps.Copy(files, others)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

var (
	sectionLine = regexp.MustCompile(`^\[([^\]]+)\]`)
	settingLine = regexp.MustCompile(`^;?([\w-]+)(\s*=>?\s*)`)
)

// change returns the text of a configuration file with one setting changed. A
// line that the sample has as a comment (";key = value") is used, too. It is
// an error when the sample has no such line: the sample and lab have come
// apart.
func change(text string, s setting) (string, error) {
	lines := strings.Split(text, "\n")
	section := ""
	for i, line := range lines {
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1]
			continue
		}
		m := settingLine.FindStringSubmatch(line)
		if section != s.section || m == nil || m[1] != s.key {
			continue
		}
		if lines[i] = s.key + m[2] + s.value; s.value == "" {
			lines[i] = ";" + line
		}
		return strings.Join(lines, "\n"), nil
	}
	return "", fmt.Errorf("the sample %s has no %q in section [%s]", s.file, s.key, s.section)
}

// settings returns all that differs between this instance and the sample.
func (a *Asterisk) settings() []setting {
	first, last := rtpPorts()
	instance := func(section, key, value string) setting {
		return setting{"instance.conf", "instance-" + section, key, value}
	}
	s := []setting{
		instance("http", "bindaddr", loopback),
		instance("http", "bindport", strconv.Itoa(a.httpPort)),
		instance("ari", "password", a.Password),
		instance("transport", "bind", a.SIP),
		instance("media", "media_address", loopback),
		instance("media", "bind_rtp_to_media_address", "yes"),
		instance("phone", "password", a.PhonePassword),
		instance("trunk", "contact", "sip:"+a.Trunk),
		instance("trunk", "qualify_frequency", "0"),
		// On the loopback address everybody comes from the same one.
		instance("trunk-identify", "match", ""),
		instance("trunk-identify", "match_header", TrunkHeader+": "+TrunkHeaderValue),
		instance("rtp", "rtpstart", strconv.Itoa(first)),
		instance("rtp", "rtpend", strconv.Itoa(last)),
		instance("music", "directory", a.folder.join("moh")),
		instance("globals", "RECORDINGS", a.Recordings),
		{"asterisk.conf", "options", "systemname", a.Name},
	}
	directories := map[string]string{
		"astetcdir":    a.folder.join("etc"),
		"astmoddir":    a.program.modules,
		"astvarlibdir": a.folder.join("lib"),
		"astdbdir":     a.folder.join("lib"),
		"astkeydir":    a.folder.join("lib"),
		"astdatadir":   a.folder.join("data"),
		"astagidir":    a.folder.join("lib"),
		"astspooldir":  a.folder.join("spool"),
		"astrundir":    a.folder.join("run"),
		"astlogdir":    a.folder.join("log"),
	}
	for _, key := range slices.Sorted(maps.Keys(directories)) {
		s = append(s, setting{"asterisk.conf", "directories", key, directories[key]})
	}
	if a.options.WithoutChannelVars {
		s = append(s, setting{"ari.conf", "general", "channelvars", ""})
	}
	modules := slices.Clone(a.options.Modules)
	if a.options.CallDetails {
		modules = append(modules, detailModules...)
	}
	if db := a.events; db != nil {
		modules = append(modules, "cel_pgsql.so")
		s = append(s,
			instance("cel", "enable", "yes"),
			instance("cel-database", "hostname", db.Host),
			instance("cel-database", "port", strconv.Itoa(int(db.Port))),
			instance("cel-database", "dbname", db.Database),
			instance("cel-database", "user", db.User),
			instance("cel-database", "password", db.Password))
	}
	if len(modules) > 0 {
		s = append(s, instance("modules", "load", strings.Join(modules, "\nload = ")))
	}
	return s
}

// writeMusic writes ten seconds of two soft notes for callers who wait, in
// place of a package of music.
func writeMusic(path string) error {
	const rate, seconds = 8000, 10
	sound := make([]byte, rate*seconds)
	for i := range sound {
		t := float64(i) / rate
		note := 392.0
		if int(t)%2 == 1 {
			note = 523.25
		}
		fade := 1 - math.Mod(t, 1)
		sound[i] = muLaw(int16(4000 * fade * math.Sin(2*math.Pi*note*t)))
	}
	return os.WriteFile(path, sound, 0o600)
}

// muLaw encodes a sample by G.711.
func muLaw(sample int16) byte {
	const bias, clip = 0x84, 32635
	v, sign := int(sample), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, clip) + bias
	exponent := byte(7)
	for mask := 0x4000; v&mask == 0 && exponent > 0; mask >>= 1 {
		exponent--
	}
	return ^(sign | exponent<<4 | byte(v>>(exponent+3))&0x0f)
}
