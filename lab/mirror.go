package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// aptSource is one place that the machine gets packages from.
type aptSource struct {
	uri        string
	suites     []string
	components []string
}

// debianMirror returns the address that this machine gets Debian's own
// packages from, out of apt's sources below root.
func debianMirror(root string) (string, error) {
	var sources []aptSource
	lists, _ := filepath.Glob(filepath.Join(root, "etc/apt/sources.list.d/*"))
	for _, path := range append([]string{filepath.Join(root, "etc/apt/sources.list")}, lists...) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		switch filepath.Ext(path) {
		case ".list":
			sources = append(sources, oneLineSources(string(text))...)
		case ".sources":
			sources = append(sources, deb822Sources(string(text))...)
		}
	}
	uri, err := pickDebian(sources, codename(root))
	if err != nil {
		return "", err
	}
	return resolveMirrorList(root, uri)
}

// pickDebian finds the entry that is Debian's among those of other vendors,
// who have their own names for suites, or Debian's names but not the address.
func pickDebian(sources []aptSource, codename string) (string, error) {
	known := []string{codename, "sid", "unstable", "testing", "stable", "oldstable", "forky", "trixie", "bookworm"}
	best := ""
	for _, s := range sources {
		ours := slices.ContainsFunc(s.suites, func(suite string) bool {
			return suite != "" && slices.Contains(known, suite)
		})
		if !ours || !slices.Contains(s.components, "main") {
			continue
		}
		uri := strings.TrimRight(s.uri, "/")
		if strings.HasSuffix(uri, "/debian") || strings.HasSuffix(uri, "/debian.list") {
			return uri, nil
		}
		if best == "" {
			best = uri
		}
	}
	if best == "" {
		return "", errors.New("no Debian mirror in /etc/apt/sources.list or /etc/apt/sources.list.d: " +
			"install Asterisk 20 or newer by other means")
	}
	return best, nil
}

// oneLineSources reads lines such as "deb [options] URI suite component …".
func oneLineSources(text string) []aptSource {
	var sources []aptSource
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			_, line, _ = strings.Cut(line, "]")
		}
		if f := strings.Fields(line); len(f) >= 2 {
			sources = append(sources, aptSource{uri: f[0], suites: f[1:2], components: f[2:]})
		}
	}
	return sources
}

// deb822Sources reads stanzas of "URIs:", "Suites:", "Components:", parted by
// empty lines.
func deb822Sources(text string) []aptSource {
	var sources []aptSource
	for stanza := range strings.SplitSeq(text, "\n\n") {
		fields, last := map[string][]string{}, ""
		for line := range strings.Lines(stanza) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			name, value, ok := strings.Cut(line, ":")
			if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") || !ok {
				value = line // a continued field
			} else {
				last = strings.ToLower(name)
			}
			fields[last] = append(fields[last], strings.Fields(value)...)
		}
		if !slices.Contains(fields["types"], "deb") || slices.Equal(fields["enabled"], []string{"no"}) {
			continue
		}
		for _, uri := range fields["uris"] {
			sources = append(sources, aptSource{uri: uri, suites: fields["suites"], components: fields["components"]})
		}
	}
	return sources
}

// resolveMirrorList follows a "mirror+file:" address, as cloud images have,
// to the first mirror in the file.
func resolveMirrorList(root, uri string) (string, error) {
	path, ok := strings.CutPrefix(uri, "mirror+file:")
	if !ok {
		return uri, nil
	}
	path = "/" + strings.TrimLeft(path, "/")
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return "", fmt.Errorf("read the list of mirrors: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 0 && !strings.HasPrefix(f[0], "#") {
			return strings.TrimRight(f[0], "/"), nil
		}
	}
	return "", fmt.Errorf("no mirror in %s", path)
}

// codename returns the release's name, such as "bookworm", or "".
func codename(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return ""
}
