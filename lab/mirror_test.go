package lab

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDebianMirror(t *testing.T) {
	t.Parallel()
	const (
		sources = "etc/apt/sources.list.d/debian.sources"
		vendor  = "etc/apt/sources.list.d/a-vendor.list"
		list    = "etc/apt/sources.list"
		release = "etc/os-release"
	)
	for name, test := range map[string]struct {
		files map[string]string
		want  string // "" for an error
	}{
		"stanzas, after vendors that use other suites": {
			files: map[string]string{
				vendor: "deb http://vendor.example/apt vendor-bookworm main\n",
				"etc/apt/sources.list.d/b-vendor.sources": "Types: deb\nURIs: http://vendor.example/node\nSuites: nodistro\nComponents: main\n",
				sources: "Types: deb\n# a comment: with a colon\nURIs: http://mirror.example/debian\n" +
					"Suites: bookworm\n bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n" +
					"Types: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n",
			},
			want: "http://mirror.example/debian",
		},
		"lines with options": {
			files: map[string]string{list: "# deb http://old.example/debian bookworm main\n" +
				"deb-src http://source.example/debian trixie main\n" +
				"deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian/ trixie main contrib # ours\n"},
			want: "http://mirror.example/debian",
		},
		"vendor with Debian's suite names comes second": {
			files: map[string]string{
				vendor: "deb http://vendor.example/packages bookworm main\n",
				list:   "deb http://mirror.example/debian bookworm main\n",
			},
			want: "http://mirror.example/debian",
		},
		"mirror under another path": {
			files: map[string]string{list: "deb http://mirror.example/frozen/20260701T000000Z bookworm main\n"},
			want:  "http://mirror.example/frozen/20260701T000000Z",
		},
		"a release that is not known yet": {
			files: map[string]string{
				release: "ID=debian\nVERSION_CODENAME=\"duke\"\n",
				list:    "deb http://mirror.example/debian duke main\n",
			},
			want: "http://mirror.example/debian",
		},
		"list of mirrors": {
			files: map[string]string{
				sources:                       "Types: deb deb-src\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: trixie\nComponents: main\n",
				"etc/apt/mirrors/debian.list": "# first\nhttp://mirror.example/debian/\tpriority:1\n",
			},
			want: "http://mirror.example/debian",
		},
		"switched off": {
			files: map[string]string{sources: "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\n"},
		},
		"other system": {
			files: map[string]string{list: "deb http://mirror.example/ubuntu noble main\n"},
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for path, text := range test.files {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := debianMirror(root)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %q and error %v, want %q", got, err, test.want)
			}
		})
	}
}
