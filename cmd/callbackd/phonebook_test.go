package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/text/encoding/japanese"

	"callbackd/postgres"
)

// tempFile returns the path of a new file.
func tempFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The book's way in and out: a file from Excel, one with faults, one that
// replaces, and the export that leads back.
func TestPhonebook(t *testing.T) {
	t.Parallel()
	config, url := configWithDatabase(t)
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	want := func(wantCode int, wantOut, wantErr string, args ...string) (stdout string) {
		t.Helper()
		code, stdout, stderr := execute(t, append(args, "--config", config)...)
		if code != wantCode || stdout != wantOut && wantOut != "*" || stderr != wantErr {
			t.Errorf("callbackd %q: exit code %d, stdout %q, stderr %q; want %d, %q, %q",
				args, code, stdout, stderr, wantCode, wantOut, wantErr)
		}
		return stdout
	}
	sjis, err := japanese.ShiftJIS.NewEncoder().String("電話番号,氏名\r\n03-1234-5678,佐藤\r\n2001,受付\r\n")
	if err != nil {
		t.Fatal(err)
	}
	excel := tempFile(t, "excel.csv", sjis)
	want(exitOK, "Imported 2 entries: 2 added, 0 updated, 0 unchanged, 0 removed.\n", "", "phonebook", "import", excel)
	want(exitFailure, "",
		"line 2: the number is that of line 1\nline 3: the name is missing\n"+
			"callbackd: import phone book: faults in the file: 2; nothing was changed\n",
		"phonebook", "import", "--replace", tempFile(t, "faults.csv", "110,警察\n１１０,警察\n119,\n"))
	want(exitFailure, "", "callbackd: import phone book: file: must have at least one entry\n",
		"phonebook", "import", "--replace", "-")

	export := want(exitOK, "*", "Exported 2 entries.\n", "phonebook", "export")
	if want := "\ufeff電話番号,名前,備考\r\n03-1234-5678,佐藤,\r\n2001,受付,\r\n"; export != want {
		t.Errorf("export = %q, want %q", export, want)
	}
	want(exitOK, "Imported 1 entries: 1 added, 0 updated, 0 unchanged, 2 removed.\n", "",
		"phonebook", "import", "--replace", tempFile(t, "police.csv", "110,警察\n"))
	want(exitOK, "Imported 2 entries: 2 added, 0 updated, 0 unchanged, 0 removed.\n", "",
		"phonebook", "import", tempFile(t, "exported.csv", export))

	missing := filepath.Join(t.TempDir(), "none.csv")
	want(exitFailure, "", "callbackd: open "+missing+": no such file or directory\n", "phonebook", "import", missing)
}

// A person at a terminal sees how far it is, and nothing of it afterwards.
func TestPhonebook_Progress(t *testing.T) {
	t.Parallel()
	config, url := configWithDatabase(t)
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&rows, "03-1234-%04d,佐藤\n", i)
	}
	person, terminal := newTerminal(t)
	var out bytes.Buffer
	code := run(t.Context(), []string{"phonebook", "import", tempFile(t, "many.csv", rows.String()), "--config", config},
		strings.NewReader(""), &out, terminal)
	if code != exitOK || !strings.HasPrefix(out.String(), "Imported 3000 entries") {
		t.Errorf("exit code %d, stdout %q", code, out.String())
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	// Once nobody has the terminal open, what was written ends in EIO.
	shown, err := io.ReadAll(person)
	if err != nil && !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	screen := string(shown)
	for _, stage := range []string{"Checking ", "Sending ", "Merging ", "100%"} {
		if !strings.Contains(screen, stage) {
			t.Errorf("the terminal showed %q, want %q in it", screen, stage)
		}
	}
	if !strings.HasSuffix(screen, eraseLine) {
		t.Errorf("the terminal showed %q, want the bar taken away", screen)
	}
}
