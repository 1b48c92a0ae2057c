package labtest

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// Transitions are the edges of a state diagram as a test has seen them
// happen: what leads from a state to another.
type Transitions map[[2]string]map[string]bool

// Add notes that something leads from one state to another.
func (tr Transitions) Add(from, to, by string) {
	edge := [2]string{from, to}
	if tr[edge] == nil {
		tr[edge] = map[string]bool{}
	}
	tr[edge][by] = true
}

// Holds holds the Mermaid state diagram under a heading of a page against the
// transitions. Where they differ, it prints the diagram as it should be.
func (tr Transitions) Holds(t testing.TB, page, heading string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(text), "\n## "+heading+"\n")
	_, below, opened := strings.Cut(below, "```mermaid\n")
	got, _, closed := strings.Cut(below, "```")
	if !found || !opened || !closed {
		t.Fatalf("%s has no diagram under %q", page, heading)
	}
	if want := tr.diagram(); got != want {
		t.Errorf("%s, %q shows\n%s\nwant\n%s", page, heading, got, want)
	}
}

// diagram writes the transitions in Mermaid's words, in order of the states.
func (tr Transitions) diagram() string {
	edges := slices.SortedFunc(maps.Keys(tr), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var out strings.Builder
	out.WriteString("stateDiagram-v2\n")
	for _, e := range edges {
		out.WriteString("    " + e[0] + " --> " + e[1] + ": " + strings.Join(slices.Sorted(maps.Keys(tr[e])), ", ") + "\n")
	}
	return out.String()
}
