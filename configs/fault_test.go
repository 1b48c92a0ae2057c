package configs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/faults.golden anew")

// Everything that testdata/faults.yaml gets wrong is reported at once, in
// order, with its place and its line.
func TestLoad_AllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load("testdata/faults.yaml")
	faults, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("Load = %v, want a *configs.Error", err)
	}
	if *update {
		if err := os.WriteFile("testdata/faults.golden", []byte(err.Error()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, readErr := os.ReadFile("testdata/faults.golden")
	if readErr != nil {
		t.Fatal(readErr)
	}
	if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the text of the error shows a secret")
	}
	for i, f := range faults.Faults[1:] {
		if before := faults.Faults[i]; f.Line < before.Line || f.Line == before.Line && f.Column < before.Column {
			t.Errorf("fault %q comes after %q", f, before)
		}
	}
}

// A file that an editor on Windows saved has its faults on the same lines.
func TestParse_LineEnds(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/faults.yaml")
	if err != nil {
		t.Fatal(err)
	}
	unix := append([]byte("# a comment\n\n"), data...)
	_, want := Parse(unix, Source{Path: "c.yaml"})
	for _, end := range []string{"\r\n", "\r"} {
		windows := append([]byte("\ufeff"), bytes.ReplaceAll(unix, []byte("\n"), []byte(end))...)
		_, got := Parse(windows, Source{Path: "c.yaml"})
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
			t.Errorf("faults with lines that end in %q (-want +got):\n%s", end, diff)
		}
	}
}

func TestParse_Fault(t *testing.T) {
	t.Parallel()
	const node = "pbx: [{name: pbx1, ari: {url: 'http://pbx/ari', password: p}}]\n"
	library := func(keys string) string {
		return strings.Replace(node, "}]", ",\n recordings: {"+keys+"}}]", 1)
	}
	const bucket = "s3: {endpoint: 'https://s3', bucket: rec, access_key: a, secret_key: b}"
	const celNode = "pbx: [{name: pbx1, ari: {url: 'http://pbx/ari', password: p}, "
	tests := []struct{ name, yaml, want string }{
		{"empty", "# nothing\n", "1:1: the file is empty"},
		{"not YAML", "pbx:\n  - name: [pbx1\nregion: JP\n", "not YAML"},
		{"tab", "listen:\n\tapi: ':1'\n", "2:1: not YAML"},
		{"Shift JIS", node + "# \x83\x54\x83\x7c\n", "2:1: is not UTF-8"},
		{"UTF-16", "\xff\xfer\x00e\x00", "1:1: is not UTF-8"},
		{"full-width extension", node + "terminals: [{extension: ７００１}]\n", "has the character '７'"},
		{"a list", "- a\n", "1:1: is a list, must be keys with values"},
		{"two documents", node + "---\n" + node, "3:1: a second YAML document"},
		{"no node", "region: JP\n", "1:1: pbx: no PBX to follow"},
		{"empty list of nodes", "region: JP\npbx: []\n", "2:1: pbx: no PBX to follow"},
		{"merge key", node + "x: &x {a: 1}\nlisten: {<<: *x}\n", "listen.<<: YAML merge keys"},
		{"anchor", node + "region: &r JP\n", "2:9: region: YAML anchors"},
		{"tag", node + "region: !!str JP\n", "2:9: region: YAML anchors"},
		{"no port", node + "listen: {api: 'localhost:'}\n", `2:15: listen.api: "localhost:" is not an address`},
		{"one port twice", node + "listen: {api: ':9090'}\n", `listen.ops: ":9090" is already the address of listen.api`},
		{"proxy is no network", node + "listen: {trusted_proxies: [10.0.0.1, proxy]}\n", `2:38: listen.trusted_proxies[1]: "proxy" is not a network: write it as`},
		{"proxy is everybody", node + "listen: {trusted_proxies: ['::/0']}\n", `2:28: listen.trusted_proxies[0]: "::/0" is everybody`},
		{"proxy in its network", node + "listen: {trusted_proxies: [10.1.2.3/16]}\n", `"10.1.2.3/16" is an address within the network 10.1.0.0/16`},
		{"proxy with a zone", node + "listen: {trusted_proxies: ['fe80::1%eth0']}\n", "is not a network"},
		{"origin without scheme", node + "listen: {embed_origins: [crm.example.org]}\n", `2:26: listen.embed_origins[0]: "crm.example.org" is not an origin: write it as https://crm.example.org`},
		{"origin of another kind", node + "listen: {embed_origins: ['file:///crm']}\n", "is not an origin"},
		{"origin that is anybody", node + "listen: {embed_origins: ['*']}\n", `"*" stands for many: name each of them`},
		{"origin that is many", node + "listen: {embed_origins: ['https://*.example.org']}\n", "stands for many"},
		{"origin over HTTP", node + "listen: {embed_origins: ['http://crm.example.org']}\n", "could be changed on the way: use HTTPS"},
		{"origin with a path", node + "listen: {embed_origins: ['https://crm.example.org/']}\n", "without a path: write https://crm.example.org"},
		{"origin with a query", node + "listen: {embed_origins: ['https://crm.example.org?a']}\n", "without a path"},
		{"origin with a user", node + "listen: {embed_origins: ['https://a@crm.example.org']}\n", "write https://crm.example.org"},
		{"origin in capitals", node + "listen: {embed_origins: ['https://CRM.example.org']}\n", "write https://crm.example.org"},
		{"origin with the usual port", node + "listen: {embed_origins: ['https://crm.example.org:443']}\n", "write https://crm.example.org"},
		{"origin with no port", node + "listen: {embed_origins: ['https://crm.example.org:']}\n", "write https://crm.example.org"},
		{"origin with a zero before its port", node + "listen: {embed_origins: ['https://crm.example.org:08443']}\n", "write https://crm.example.org:8443"},
		{"origin with a port that is none", node + "listen: {embed_origins: ['https://crm.example.org:84430']}\n", "has no port by that number: take one of 1 to 65535"},
		{"origin by address in another form", node + "listen: {embed_origins: ['https://0x7f.1']}\n", "has an address, which browsers do not compare"},
		{"origin without a part of its name", node + "listen: {embed_origins: ['https://crm..example.org']}\n", "has no host by that name"},
		{"origin in letters of its own", node + "listen: {embed_origins: ['https://窓口.example.org']}\n", "begins with xn--"},
		{"origin by address", node + "listen: {embed_origins: ['https://192.0.2.1']}\n", "has an address, which browsers do not compare"},
		{"origin by long address", node + "listen: {embed_origins: ['http://[::1]:80']}\n", "has an address"},
		{"origin with a semicolon", node + "listen: {embed_origins: ['https://crm.example.org;script-src']}\n", "has no host by that name"},
		{"origin twice", node + "listen: {embed_origins: ['https://a.example.org', 'https://a.example.org']}\n", "every origin may occur only once"},
		{"plain cookies for all", node + "listen: {plain_cookies: true}\n", "2:25: listen.plain_cookies: sessions could be stolen"},
		{"plain cookies for a network", node + "listen: {plain_cookies: true, api: '10.0.0.1:80'}\n", "listen.plain_cookies: sessions could be stolen"},
		{"TLS without key", node + "listen: {tls: {certificate: c.pem}}\n", "2:10: listen.tls.key: is missing"},
		{"TLS without certificate", node + "listen: {tls: {key: k.pem}}\n", "2:10: listen.tls.certificate: is missing"},
		{"TLS unreadable", node + "listen: {tls: {certificate: c.pem, key: k.pem}}\n", "2:29: listen.tls.certificate: certificate and key cannot be used: open "},
		{"CEL without database", celNode + "cel: {table: cel}}]\n", "1:63: pbx[0].cel.database: is missing"},
		{"CEL table", celNode + "cel: {database: {url: 'postgres://db/a'}, table: 'cel; DROP'}}]\n", `"cel; DROP" is not a table`},
		{"CEL zone", celNode + "cel: {database: {url: 'postgres://db/a'}, timezone: Tokyo}}]\n", `"Tokyo" is not a time zone`},
		{"CEL URL", celNode + "cel: {database: {url: 'mysql://db/a'}}}]\n", "pbx[0].cel.database.url: not a PostgreSQL URL"},
		{"CEL system name", celNode + "cel: {database: {url: 'postgres://db/a'}, systemname: 'a b'}}]\n", `"a b" is not a system name`},
		{"URL twice", node + "database: {url: 'postgres://db/a', url_file: f}\n", "2:46: database.url_file: there is also database.url"},
		{"URL file empty", node + "database: {url_file: empty}\n", `empty" is empty`},
		{"URL file huge", node + "database: {url_file: huge}\n", "larger than 65536 bytes"},
		{"URL file missing", node + "database: {url_file: none}\n", "2:22: database.url_file: the secret's file cannot be read: open "},
		{"URL file is a folder", node + "database: {url_file: .}\n", "cannot be read: read "},
		{"URL file wrong", node + "database: {url_file: wrong}\n", "2:22: database.url_file: not a PostgreSQL URL"},
		{"local time", node + "timezone: Local\n", `timezone: "Local" is not a time zone`},
		{"number for a list", node + "call_centers: 1\n", "2:15: call_centers: is a number, must be a list"},
		{"query in URL", strings.Replace(node, "ari'", "ari?api_key=a:b'", 1), "has something behind the path"},
		{"file URL", strings.Replace(node, "http:", "file:", 1), "is not an HTTP URL"},
		{"recordings nowhere", library("purge: true"), "2:2: pbx[0].recordings: it is not said where recordings lie"},
		{"recordings in two places", library("directory: /a, ari: true"), "2:2: pbx[0].recordings: directory and ari are set: keep one of them"},
		{"relative directory", library("directory: a"), `2:26: pbx[0].recordings.directory: "a" is a relative path`},
		{"relative directory of the PBX", library("directory: /a, pbx_directory: b"), `pbx[0].recordings.pbx_directory: "b" is a relative path`},
		{"ARI without copies", library("ari: true"), "2:20: pbx[0].recordings.ari: recordings that come through ARI need a folder"},
		{"ARI with a directory", library("ari: true, pbx_directory: /a"), "pbx[0].recordings.pbx_directory: means nothing with ari"},
		{"ARI with purge", library("ari: true, purge: true"), "pbx[0].recordings.purge: is not possible with ari"},
		{"relative copies", node + "recordings: {copies: a}\n", `recordings.copies: "a" is a relative path`},
		{"bucket without its folder", library(bucket), "pbx[0].recordings.pbx_directory: is missing"},
		{"bucket with a bad name", library(strings.Replace(bucket, "rec", "R", 1)), `"R" is not the name of a bucket`},
		{"bucket without a key", library(strings.Replace(bucket, "access_key: a, ", "", 1)), "s3.access_key: is missing"},
		{
			"bucket without a secret", library(strings.Replace(bucket, "secret_key: b", "", 1)),
			"s3.secret_key: the secret is missing: set pbx[0].recordings.s3.secret_key_file or the environment variable CALLBACKD_PBX_PBX1_S3_SECRET_KEY",
		},
		{"bucket with a path", library(strings.Replace(bucket, "//s3", "//s3/x", 1)), "s3.endpoint: the endpoint is not the URL of a service"},
		{"bucket with a way up", library(strings.Replace(bucket, "bucket:", "prefix: a/../b, bucket:", 1)), `s3.prefix: "a/../b" is not the beginning of a key`},
		{"kept for no day", node + "call_centers: [{recordings: {keep_days: 0}}]\n", `2:41: call_centers[0].recordings.keep_days: "0" is not a number of days`},
		{"no URL", strings.Replace(node, "url: 'http://pbx/ari', ", "", 1), "1:20: pbx[0].ari.url: the ARI URL is missing"},
	}
	folder := t.TempDir()
	for name, text := range map[string]string{"empty": "\n", "huge": strings.Repeat("x", 1<<17), "wrong": "host=db user=callbackd\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range tests {
		_, err := Parse([]byte(tt.yaml), Source{Path: filepath.Join(folder, "c.yaml")})
		if got := fmt.Sprint(err); !strings.Contains(got, tt.want) {
			t.Errorf("%s: Parse = %v, want %q", tt.name, got, tt.want)
		}
	}
}

// Two nodes may not follow one Asterisk, however its URL is written.
func TestParse_OneAsteriskTwice(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`pbx:
- {name: a, ari: {url: "http://PBX:8088/ari", password: p}}
- {name: b, ari: {url: "http://pbx:8088/ari/", password: p}}
`), Source{Path: "c.yaml"})
	want := `1 fault in the configuration:
c.yaml:3:24: pbx[1].ari.url: "http://pbx:8088/ari/" is already taken by pbx[0].ari.url (line 2): every ARI URL may occur only once
     3 | - {name: b, ari: {url: "http://pbx:8088/ari/", password: …}}`
	if got := fmt.Sprint(err); got != want {
		t.Errorf("Parse =\n%s\nwant\n%s", got, want)
	}
}

// A file may be broken in just the place that holds a secret.
func TestParse_FaultsHideSecrets(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{
		"pbx: [{ari: {password: hunter2",
		"password: hunter2: hunter2\n",
		"pbx:\n - ari:\n    password: 'hunter2\n",
		"pbx:\n - ari: {'password': \"hunter2\"]\n",
		"pbx: [{ari: {password: {a: hunter2}}}]",
		"pbx: [{ari: {password: &hunter2 hunter2}}]",
		"pbx: [{ari: {passwd: hunter2, urll: 'hunter2'}}]",
		"pbx: [{ari: {password: |\n    hunter2\n    hunter2\n  }}]",
		"pbx:\n - ari:\n    password: >\n      hunter2\n      hunter2\n    password: x\n    passsword:\n      - hunter2\n",
		"pbx: [{ari: hunter2}]\n",
		"pbx: [{ari: {url: 'ftp://root:hunter2@pbx'}}]\n",
		"pbx: [{ari: {url: 'http://root:hunter2@pbx:x/'}}]\n",
		"database: {url: 'postgres://root:hunter2@pbx:x/'}\n",
		"database: {url: 'postgres://root:hunter2/@pbx/'}\n",
		"database: {url: [postgres://root:hunter2@pbx/]\n",
		"listen: {password: hunter2}\n",
		"pbx: [{recordings: {s3: {secret_key: hunter2, endpoint: 'https://root:hunter2@s3'}}}]\n",
		"pbx: [{recordings: {s3: {secret_key: [hunter2]}}}]\n",
		"terminals: [password: hunter2]\n",
		"listen: {password: true, <<: {a: hunter2}}\n",
	} {
		_, err := Parse([]byte(yaml), Source{Path: "c.yaml"})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q) = %v, want an error without the secret", yaml, err)
		}
	}
}

func TestFault_Excerpt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("長", 200)
	_, err := Parse([]byte("a\x1b[31m: "+long+"\r\nregion:\tXX\r\n# "+long+"\n"+strings.Repeat(" ", 200)+"log: 1"), Source{Path: "c.yaml"})
	faults, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("Parse = %v, want a *configs.Error", err)
	}
	for _, f := range faults.Faults {
		if n := utf8.RuneCountInString(f.Excerpt); n > 122 || strings.ContainsAny(f.Excerpt, "\x1b\r\t") {
			t.Errorf("excerpt of %d characters %q, want at most 122 and all visible", n, f.Excerpt)
		}
	}
}

// FuzzParse checks that no text makes Parse panic, that every fault has a
// place in the file, and that what Parse accepts keeps its promises.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"callbackd.yaml", "testdata/faults.yaml", "testdata/traces.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("pbx: [{name: a, ari: {url: 'http://a/ari', password: |\n  b\n}}]\nterminals: [{extension: 1}]"))
	f.Add([]byte("? a\n: b\n--- \n&a *a !!x <<: %"))
	f.Fuzz(func(t *testing.T, data []byte) {
		// A _file key must not make the fuzzer read what it finds on the machine.
		if strings.Contains(string(data), "_file") || strings.Contains(string(data), "tls") {
			return
		}
		cfg, err := Parse(data, Source{Path: "fuzz.yaml"})
		if err == nil {
			cfg.Location()
			for _, p := range cfg.PBX {
				if p.Name == "" || p.ARI.URL == "" || p.ARI.Password.IsZero() {
					t.Errorf("accepted a node without name, URL or password: %v", p)
				}
			}
			return
		}
		faults, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("Parse = %v, want a *configs.Error", err)
		}
		lines := strings.Count(lineEnds.Replace(string(data)), "\n") + 1
		for _, f := range faults.Faults {
			if f.Line < 1 || f.Line > lines || f.Column < 1 || f.Problem == "" {
				t.Errorf("fault without a place in a file of %d lines: %s", lines, f)
			}
		}
	})
}
