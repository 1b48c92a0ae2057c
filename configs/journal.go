package configs

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Journal says where all raw events of a node are kept for a while, so that it
// can be looked at afterwards what was known when. The zero value keeps none.
type Journal struct {
	// Directory is the absolute path of a folder of callbackd's own, in which
	// each node has one; empty for no journal.
	Directory string `yaml:"directory"`
	// KeepDays is how long events are kept; 7 when omitted.
	KeepDays Days `yaml:"keep_days"`
	// MaxSize bounds what the node's journal takes there; 1GiB when omitted.
	MaxSize Size `yaml:"max_size"`
}

// Enabled reports whether a journal is kept.
func (j Journal) Enabled() bool { return j.Directory != "" }

// Folder returns where the events of a node are kept.
func (j Journal) Folder(node string) string { return filepath.Join(j.Directory, node) }

// MaxAge returns how long events are kept.
func (j Journal) MaxAge() time.Duration { return time.Duration(j.KeepDays) * 24 * time.Hour }

// Size is a number of bytes, at least MinSize.
type Size int64

// MinSize is the least size that can be asked for.
const MinSize Size = 16 << 20

// UnmarshalText accepts whole numbers of MiB and GiB.
func (s *Size) UnmarshalText(text []byte) error {
	for unit, bytes := range map[string]Size{"MiB": 1 << 20, "GiB": 1 << 30} {
		number, ok := strings.CutSuffix(string(text), unit)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 20)
		if err != nil || Size(n)*bytes < MinSize { //nolint:gosec // of 20 bits
			break
		}
		*s = Size(n) * bytes //nolint:gosec // of 20 bits
		return nil
	}
	return fmt.Errorf("%s is not a size: write a whole number of MiB or GiB, such as 512MiB, 16MiB at least", quote(string(text)))
}

// String returns the size as it is written.
func (s Size) String() string {
	if s%(1<<30) == 0 {
		return fmt.Sprintf("%dGiB", s>>30)
	}
	return fmt.Sprintf("%dMiB", s>>20)
}

// setDefaults fills in what was left out of a journal, if one is kept.
func (j *Journal) setDefaults() {
	if !j.Enabled() {
		return
	}
	if j.KeepDays == 0 {
		j.KeepDays = 7
	}
	if j.MaxSize == 0 {
		j.MaxSize = 1 << 30
	}
}

// journal checks where the events of a node are kept.
func (v *validator) journal(path string, j Journal) {
	v.absolute(path+".directory", j.Directory)
	if j != (Journal{}) && !j.Enabled() && v.sound(path+".directory") {
		v.report(path+".directory", "is missing: write the absolute path of a folder, or leave journal out")
	}
}
