package callbackd_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A room is a top-level folder with Go code: what it may import of ours, and
// what would be lost if it imported more.
type room struct {
	mayImport []string // folders; one named alone includes those inside it
	why       string
}

// rooms is the plan of the house. Folders that do not exist yet are listed
// already, so that they are built where they belong.
var rooms = map[string]room{
	"cmd": {
		mayImport: []string{
			"demo", "doctor", "api", "postgres", "workspace", "attendant", "webhooks", "callbacks", "recording", "accounts",
			"phonebook", "callcenter", "ari", "sip", "configs",
		},
		why: "cmd wires everything and nothing stands on it",
	},
	"demo": {
		mayImport: []string{"api", "postgres", "accounts", "phonebook", "lab", "configs"},
		why:       "a demo is given the daemon by cmd and uses it as any client does",
	},
	"doctor": {
		mayImport: []string{"postgres", "recording", "accounts", "callcenter", "ari", "configs"},
		why:       "doctor looks at what serve uses, and cmd hands it the ways there: nothing that serves stands on it",
	},
	"api": {
		mayImport: []string{"workspace", "webhooks", "callbacks", "recording", "accounts", "phonebook", "callcenter"},
		why: "api is tested and reasoned about without a database or a PBX: it declares what it needs of " +
			"them, and cmd hands it in",
	},
	"postgres": {
		mayImport: []string{"webhooks", "callbacks", "recording", "accounts", "phonebook", "callcenter"},
		why:       "the stores keep what the domain says; they know neither HTTP nor Asterisk",
	},
	"lab": {
		mayImport: []string{"configs", "sip"},
		why:       "lab gives real surroundings to whoever is tested, so it must not need what is tested",
	},
	"attendant": {
		mayImport: []string{"callbacks", "recording", "accounts", "phonebook", "callcenter", "ari"},
		why:       "the attendant talks to callers and has callbacks registered, whatever stores them",
	},
	"webhooks": {
		mayImport: []string{"callbacks", "accounts", "callcenter"},
		why:       "what changed is sent on, whatever stores or shows it",
	},
	"callbacks": {
		mayImport: []string{"accounts", "phonebook", "callcenter"},
		why:       "the rules of callbacks hold whatever stores or shows them",
	},
	"recording": {
		mayImport: []string{"accounts", "callcenter", "ari"},
		why:       "recordings belong to calls, whatever stores or plays them",
	},
	"accounts":   {why: "who may do what is asked by all and needs nobody"},
	"phonebook":  {mayImport: []string{"accounts"}, why: "numbers and names are looked up by all and need to know only who asks"},
	"callcenter": {mayImport: []string{"ari"}, why: "what calls mean depends on events and on what it is told of the dialplan"},
	"ari":        {why: "ari is Asterisk's REST interface and could be a library of its own: no call-center word in it"},
	"sip":        {why: "sip is the SIP side and could be a library of its own"},
	"configs":    {why: "the configuration is read before there is anything else"},
	"workspace":  {why: "workspace embeds a web page, which knows only the API"},
}

// elsewhere are the top-level folders without Go code of this module. Hidden
// ones are not looked at.
var elsewhere = []string{"docs", "tools", "bin", "dist", "testdata", "node_modules"}

// surroundings are packages for the demo and the tests alone.
var surroundings = []string{"demo", "lab", "ari/aritest", "sip/siptest"}

const module = "callbackd"

// aPackage is what `go list` tells of a package, tests left out.
type aPackage struct {
	ImportPath, Dir  string
	Imports, GoFiles []string
	Error            *struct{ Err string }
}

// folder returns the package's path within the module, "" for its root.
func (p aPackage) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages returns all packages of the module.
func packages(t *testing.T) []aPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-json=ImportPath,Dir,Imports,GoFiles,Error", "./...")
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v\n%s", err, problems.String())
	}
	var found []aPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p aPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatalf("read what go list says: %v", err)
		}
		if p.ImportPath != module && !strings.HasPrefix(p.ImportPath, module+"/") {
			continue
		}
		if p.Error != nil {
			t.Errorf("package %s: %s", p.ImportPath, p.Error.Err)
		}
		found = append(found, p)
	}
}

// inside reports whether a folder is another one or lies in it.
func inside(folder, other string) bool {
	return folder == other || strings.HasPrefix(folder, other+"/")
}

// isSurroundings reports whether a folder is for the demo and the tests.
func isSurroundings(folder string) bool {
	return slices.ContainsFunc(surroundings, func(s string) bool { return inside(folder, s) })
}

// reversed returns why a package of one folder may not import one of another,
// or nothing if it may.
func reversed(from, to string) string {
	room, _, _ := strings.Cut(from, "/")
	may := func(folder string) bool { return inside(to, folder) }
	switch {
	case inside(to, room), slices.ContainsFunc(rooms[room].mayImport, may):
		return ""
	default:
		return rooms[room].why
	}
}

func TestArchitecture_ImportsPointDownwards(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from := p.folder()
		for _, imported := range p.Imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			if why := reversed(from, to); why != "" {
				t.Errorf("%s imports %s: %s", from, to, why)
			}
			if isSurroundings(to) && !isSurroundings(from) && to != "demo" {
				t.Errorf("%s imports %s, which is for the demo and the tests: nothing that serves may depend on it", from, to)
			}
		}
	}
}

// TestArchitecture_Page holds docs/architecture.md against the imports: its
// diagram shows each arrow that no way over another folder stands for, and its
// table says for each folder what it may import.
func TestArchitecture_Page(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	if diagram := houseDiagram(t); !strings.Contains(string(page), diagram) {
		t.Errorf("docs/architecture.md does not show how the house stands:\n%s", diagram)
	}
	for name, room := range rooms {
		row := regexp.MustCompile("(?m)^\\| `" + name + "[`/].*\\| (.*) \\|$").FindStringSubmatch(string(page))
		want := "`" + strings.Join(room.mayImport, "`, `") + "`"
		switch {
		case row == nil:
			t.Errorf("docs/architecture.md has no row for %s", name)
		case name == "cmd" && row[1] != "all", len(room.mayImport) == 0 && row[1] != "–", len(room.mayImport) > 0 && name != "cmd" && !sameNames(row[1], want):
			t.Errorf("docs/architecture.md says that %s may import %s, want %s", name, row[1], want)
		}
	}
}

// houseDiagram draws in Mermaid's words which folder imports which.
func houseDiagram(t *testing.T) string {
	t.Helper()
	arrows := map[string][]string{}
	for _, p := range packages(t) {
		from, _, _ := strings.Cut(p.folder(), "/")
		for _, imported := range p.Imports {
			to, _, _ := strings.Cut(strings.TrimPrefix(imported, module+"/"), "/")
			if _, ours := rooms[to]; ours && from != "" && to != from && !slices.Contains(arrows[from], to) {
				arrows[from] = append(arrows[from], to)
			}
		}
	}
	var reaches func(from, to string) bool
	reaches = func(from, to string) bool {
		return slices.ContainsFunc(arrows[from], func(next string) bool { return next == to || reaches(next, to) })
	}
	var diagram strings.Builder
	diagram.WriteString("```mermaid\nflowchart TD\n")
	for _, from := range slices.Sorted(maps.Keys(arrows)) {
		slices.Sort(arrows[from])
		for _, to := range arrows[from] {
			if !slices.ContainsFunc(arrows[from], func(over string) bool { return reaches(over, to) }) {
				diagram.WriteString("    " + from + " --> " + to + "\n")
			}
		}
	}
	return diagram.String() + "```\n"
}

// sameNames reports whether two lists have the same names in any order.
func sameNames(a, b string) bool {
	one, other := strings.Split(a, ", "), strings.Split(b, ", ")
	slices.Sort(one)
	slices.Sort(other)
	return slices.Equal(one, other)
}

// A new folder has to be given its place in the plan.
func TestArchitecture_EveryFolderHasItsPlace(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		_, known := rooms[name]
		if e.IsDir() && !known && !strings.HasPrefix(name, ".") && !slices.Contains(elsewhere, name) {
			t.Errorf("folder %s is in no table of architecture_test.go: say what it may import, and why", name)
		}
	}
	for name, room := range rooms {
		for _, other := range room.mayImport {
			if _, known := rooms[other]; !known {
				t.Errorf("%s may import %s, which is no folder of the table", name, other)
			}
		}
	}
}

// The rules themselves: each arrow that the design names is held.
func TestArchitecture_Plan(t *testing.T) {
	t.Parallel()
	for _, arrow := range [][2]string{
		{"api", "postgres"},
		{"api", "ari"},
		{"api", "lab"},
		{"callcenter", "callbacks"},
		{"callcenter", "postgres"},
		{"callcenter", "cmd/callbackd"},
		{"callbacks", "postgres"},
		{"callbacks", "api"},
		{"recording", "postgres"},
		{"callbacks", "attendant"},
		{"callcenter", "attendant"},
		{"attendant", "postgres"},
		{"attendant", "api"},
		{"accounts", "callbacks"},
		{"ari", "callcenter"},
		{"ari", "configs"},
		{"ari/aritest", "callcenter"},
		{"configs", "ari"},
		{"configs/asterisk", "lab"},
		{"lab", "callcenter"},
		{"postgres", "api"},
		{"sip", "lab"},
		{"callcenter", "sip"},
		{"callcenter", "configs"},
		{"lab", "ari"},
		{"cmd/callbackd", "lab"},
		{"demo", "callcenter"},
		{"lab", "demo"},
		{"doctor", "api"},
		{"api", "doctor"},
	} {
		if reversed(arrow[0], arrow[1]) == "" {
			t.Errorf("%s may import %s, want a reason why not", arrow[0], arrow[1])
		}
	}
	for _, arrow := range [][2]string{
		{"cmd/callbackd", "postgres"},
		{"cmd/callbackd", "attendant"},
		{"attendant", "callbacks"},
		{"cmd/callbackd", "demo"},
		{"demo", "lab"},
		{"doctor", "postgres"},
		{"callcenter", "ari"},
		{"ari/aritest", "ari"},
		{"api", "callbacks"},
		{"postgres", "callcenter"},
		{"lab/labtest", "lab"},
	} {
		if why := reversed(arrow[0], arrow[1]); why != "" {
			t.Errorf("%s may not import %s: %s", arrow[0], arrow[1], why)
		}
	}
}

// Whoever opens a folder finds in doc.go what it is for.
func TestArchitecture_EveryPackageIsExplained(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		path := filepath.Join(p.Dir, "doc.go")
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("package %s has no doc.go", p.ImportPath)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want := "Package " + file.Name.Name + " "
		if file.Name.Name == "main" {
			want = "Command " + filepath.Base(p.Dir) + " "
		}
		if text := file.Doc.Text(); !strings.HasPrefix(text, want) {
			t.Errorf("%s does not begin with a comment %q", path, want+"…")
		}
	}
}
