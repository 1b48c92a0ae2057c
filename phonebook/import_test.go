package phonebook_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"

	"callbackd/phonebook"
)

// importText imports a file and fails the test when it is refused.
func importText(t *testing.T, book *phonebook.Book, text string, options phonebook.ImportOptions) phonebook.ImportResult {
	t.Helper()
	result, err := book.Import(t.Context(), supervisor, strings.NewReader(text), options)
	if err != nil {
		t.Fatalf("import of %.60q: %v", text, err)
	}
	return result
}

// contents returns the book as lines "number name|note".
func contents(t *testing.T, book *phonebook.Book) []string {
	t.Helper()
	page, err := book.List(t.Context(), agent, phonebook.Filter{Limit: phonebook.MaxPageSize})
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, e := range page.Items {
		lines = append(lines, e.Number+" "+e.Name+"|"+e.Note)
	}
	return lines
}

func TestImport_Files(t *testing.T) {
	t.Parallel()
	sjis, err := japanese.ShiftJIS.NewEncoder().String("電話番号,氏名,備考\r\n03-1234-5678,髙橋 ①花子,ﾒﾓ～\r\n")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"no header", "0312345678,佐藤\n2001,受付,内線", []string{"+81312345678 佐藤|", "2001 受付|内線"}},
		{"byte order mark", "\ufeff0312345678,佐藤", []string{"+81312345678 佐藤|"}},
		{"Japanese header", "電話番号,名前,備考\r\n0312345678,佐藤,x\r\n", []string{"+81312345678 佐藤|x"}},
		{"English header", "Name,Company,Phone\nSato,ABC,0312345678\n", []string{"+81312345678 Sato|"}},
		{"header after a mark, full width", "\ufeffＮＡＭＥ,ＴＥＬ\nSato,0312345678\n", []string{"+81312345678 Sato|"}},
		{"Shift_JIS", sjis, []string{"+81312345678 髙橋 ①花子|ﾒﾓ～"}},
		{"an entry that looks like a header", "110,電話\n", []string{"110 電話|"}},
		{"quotes and line breaks", "110,\"a, \"\"b\"\"\",\"c\r\nd\"\n", []string{"110 a, \"b\"|c\nd"}},
		{"empty rows", "\n,,\n110,x\n\n , ,\n", []string{"110 x|"}},
		{"empty columns behind", "110,x,,,\n", []string{"110 x|"}},
		{"a zero that a spreadsheet ate", "312345678,佐藤\n", []string{"+81312345678 佐藤|"}},
		{"guarded cells", "'+1 650 253 0000,'=x,''@y\n", []string{"+16502530000 =x|'@y"}},
		{"an apostrophe of its own", "110,'x\n", []string{"110 'x|"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			book, _ := newBook(t)
			result := importText(t, book, tt.text, phonebook.ImportOptions{})
			if diff := cmp.Diff(tt.want, contents(t, book)); diff != "" {
				t.Errorf("entries: (-want +got)\n%s", diff)
			}
			if want := (phonebook.ImportResult{Added: len(tt.want)}); result != want {
				t.Errorf("result = %+v, want %+v", result, want)
			}
		})
	}
}

// All faults of a file are told, and nothing of it is taken.
func TestImport_ReportsEveryLine(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	create(t, book, "110", "警察", "")
	tests := []struct {
		name, text string
		want       []phonebook.LineError
	}{
		{"all kinds", strings.Join([]string{
			"番号,名前,備考",                           // 1
			"0312345678,佐藤",                      // 2
			",名無し",                               // 3
			"sato,",                              // 4
			"+81 3 1234 5678,鈴木",                 // 5
			"2001,\x00",                          // 6
			"2002,x," + strings.Repeat("あ", 501), // 7
			"\"2003,\"y\"",                       // 8
			"2004," + strings.Repeat("あ", 101),   // 9
			"2005,\"a",                           // 10
			"b\"",                                // 11
			"2006",                               // 12: with a header, columns may be missing
			"2007,\ufffd",                        // 13
			"03-1234-5678,田中",                    // 14
		}, "\r\n"), []phonebook.LineError{
			{Line: 3, Fault: phonebook.FaultNumberMissing},
			{Line: 4, Fault: phonebook.FaultNumberInvalid},
			{Line: 4, Fault: phonebook.FaultNameMissing},
			{Line: 5, Fault: phonebook.FaultNumberRepeated, Other: 2},
			{Line: 6, Fault: phonebook.FaultNameInvalid},
			{Line: 7, Fault: phonebook.FaultNoteTooLong},
			{Line: 8, Fault: phonebook.FaultSyntax},
			{Line: 9, Fault: phonebook.FaultNameTooLong},
			{Line: 10, Fault: phonebook.FaultNameInvalid},
			{Line: 12, Fault: phonebook.FaultNameMissing},
			{Line: 13, Fault: phonebook.FaultEncoding},
			{Line: 14, Fault: phonebook.FaultNumberRepeated, Other: 2},
		}},
		{"columns", "110\n119,x,y,z\n118,x", []phonebook.LineError{
			{Line: 1, Fault: phonebook.FaultColumns}, {Line: 2, Fault: phonebook.FaultColumns},
		}},
		{"a header without names", "電話番号,備考\n110,x", []phonebook.LineError{{Line: 1, Fault: phonebook.FaultColumns}}},
		{"one bad byte in UTF-8", "110,警察\n119,消\xff防\n118,海上保安庁", []phonebook.LineError{{Line: 2, Fault: phonebook.FaultEncoding}}},
		{"UTF-16", "\xff\xfe1\x001\x000\x00,\x00a\x00", []phonebook.LineError{{Line: 1, Fault: phonebook.FaultEncoding}}},
		{"control characters", "110,a\x00b,c\x07", []phonebook.LineError{
			{Line: 1, Fault: phonebook.FaultNameInvalid}, {Line: 1, Fault: phonebook.FaultNoteInvalid},
		}},
	}
	for _, tt := range tests {
		for _, replace := range []bool{false, true} {
			result, err := book.Import(t.Context(), supervisor, strings.NewReader(tt.text), phonebook.ImportOptions{Replace: replace})
			importErr, ok := errors.AsType[*phonebook.ImportError](err)
			if !ok {
				t.Errorf("%s: Import = %+v, %v, want an ImportError", tt.name, result, err)
				continue
			}
			if diff := cmp.Diff(tt.want, importErr.Lines); diff != "" {
				t.Errorf("%s: faults (-want +got)\n%s", tt.name, diff)
			}
		}
	}
	if diff := cmp.Diff([]string{"110 警察|"}, contents(t, book)); diff != "" {
		t.Errorf("entries afterwards: (-want +got)\n%s", diff)
	}
}

func TestImportError_Text(t *testing.T) {
	t.Parallel()
	var err phonebook.ImportError
	for i, fault := range phonebook.Faults {
		line := phonebook.LineError{Line: i + 1, Fault: fault}
		if text := line.Error(); strings.HasSuffix(text, " "+string(fault)) {
			t.Errorf("fault %s has no text: %q", fault, text)
		}
		err.Lines = append(err.Lines, line)
	}
	got := err.Error()
	want := "the file has faults: line 1: the number is missing; line 2: the number must be a telephone number or an extension; " +
		"line 3: the number is there already; and 8 more"
	if got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if got, want := (&phonebook.LineError{Line: 5, Fault: phonebook.FaultNumberRepeated, Other: 2}).Error(), "line 5: the number is that of line 2"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestImport_MergesOrReplaces(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	stays := create(t, book, "110", "警察", "")
	changes := create(t, book, "119", "しょうぼう", "old")
	create(t, book, "2001", "受付", "")

	file := "110,警察\n119,消防\n118,海上保安庁\n"
	got := importText(t, book, file, phonebook.ImportOptions{})
	if want := (phonebook.ImportResult{Added: 1, Updated: 1, Unchanged: 1}); got != want {
		t.Errorf("merged: %+v, want %+v", got, want)
	}
	if diff := cmp.Diff([]string{"2001 受付|", "118 海上保安庁|", "119 消防|", "110 警察|"}, contents(t, book)); diff != "" {
		t.Errorf("merged: (-want +got)\n%s", diff)
	}
	for id, version := range map[phonebook.ID]int{stays.ID: 1, changes.ID: 2} {
		if entry, err := book.Get(t.Context(), agent, id); err != nil || entry.Version != version {
			t.Errorf("entry %d has version %d, want %d (%v)", id, entry.Version, version, err)
		}
	}
	got = importText(t, book, file, phonebook.ImportOptions{Replace: true})
	if want := (phonebook.ImportResult{Unchanged: 3, Removed: 1}); got != want {
		t.Errorf("replaced: %+v, want %+v", got, want)
	}
	if page, err := book.List(t.Context(), agent, phonebook.Filter{Text: "消防"}); err != nil || len(page.Items) != 1 {
		t.Errorf("what was imported is found as %v, %v", page.Items, err)
	}
}

func TestImport_RefusesWholeFiles(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	create(t, book, "110", "警察", "")
	rows := strings.Repeat("1,x\n", phonebook.MaxFileRows+1)
	for name, file := range map[string]io.Reader{
		"empty":         strings.NewReader(""),
		"only a header": strings.NewReader("番号,名前\n\n"),
		"too many rows": strings.NewReader(rows),
		"too large":     io.MultiReader(strings.NewReader("110,"), bytes.NewReader(make([]byte, phonebook.MaxFileSize))),
	} {
		_, err := book.Import(t.Context(), supervisor, file, phonebook.ImportOptions{Replace: true})
		if diff := cmp.Diff([]string{"file"}, fields(err)); diff != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	_, err := book.Import(t.Context(), supervisor, io.MultiReader(strings.NewReader("119,消防\n"), failing{broken}), phonebook.ImportOptions{})
	if !errors.Is(err, broken) {
		t.Errorf("a file that cannot be read = %v, want %v", err, broken)
	}
	if diff := cmp.Diff([]string{"110 警察|"}, contents(t, book)); diff != "" {
		t.Errorf("entries afterwards: (-want +got)\n%s", diff)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// What the database refuses in the middle leaves nothing behind.
func TestImport_AllOrNothing(t *testing.T) {
	t.Parallel()
	book, url := newBook(t)
	create(t, book, "110", "警察", "")
	if _, err := connect(t, url).Exec(t.Context(), `
		ALTER TABLE phonebook_entries ADD CONSTRAINT refused CHECK (name <> 'refused')`); err != nil {
		t.Fatal(err)
	}
	_, err := book.Import(t.Context(), supervisor, strings.NewReader("110,けいさつ\n118,a\n119,refused\n"), phonebook.ImportOptions{Replace: true})
	if err == nil {
		t.Error("the import succeeded")
	}
	if diff := cmp.Diff([]string{"110 警察|"}, contents(t, book)); diff != "" {
		t.Errorf("entries afterwards: (-want +got)\n%s", diff)
	}
}

func TestImport_Progress(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	const rows = 2500
	var stages []phonebook.ImportStage
	var last phonebook.ImportProgress
	importText(t, book, manyRows(rows), phonebook.ImportOptions{Progress: func(p phonebook.ImportProgress) {
		if len(stages) == 0 || stages[len(stages)-1] != p.Stage {
			stages = append(stages, p.Stage)
			last = phonebook.ImportProgress{}
		}
		if p.Done < last.Done || p.Done > p.Total || p.Total != rows {
			t.Errorf("progress %+v after %+v", p, last)
		}
		last = p
	}})
	if diff := cmp.Diff([]phonebook.ImportStage{phonebook.StageCheck, phonebook.StageSend, phonebook.StageMerge}, stages); diff != "" {
		t.Errorf("stages: (-want +got)\n%s", diff)
	}
	if count, err := book.Count(t.Context(), agent, phonebook.Filter{}); err != nil || count != rows {
		t.Errorf("the book has %d entries, %v, want %d", count, err, rows)
	}
}

// Two imports of the same numbers, and people who edit meanwhile.
func TestImport_Concurrent(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	file := manyRows(500)
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := book.Import(t.Context(), supervisor, strings.NewReader(file), phonebook.ImportOptions{})
			done <- err
		}()
	}
	go func() {
		var err error
		for i := range 50 {
			_, createErr := book.Create(t.Context(), supervisor, phonebook.NewEntry{Number: fmt.Sprintf("03-3000-%04d", i), Name: "x"})
			if _, taken := errors.AsType[*phonebook.TakenError](createErr); !taken {
				err = errors.Join(err, createErr)
			}
		}
		done <- err
	}()
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if count, err := book.Count(t.Context(), agent, phonebook.Filter{}); err != nil || count != 500 {
		t.Errorf("the book has %d entries, %v, want 500", count, err)
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	create(t, book, "03-1234-5678", "佐藤, 花子", "")
	create(t, book, "+1 650 253 0000", "=1+1", "@x")
	create(t, book, "2001", "'-x", "a\nb")
	create(t, book, "*21", "＝x", "-1")
	var file strings.Builder
	count, err := book.Export(t.Context(), supervisor, &file)
	if err != nil || count != 4 {
		t.Fatalf("Export = %d, %v", count, err)
	}
	want := "\ufeff電話番号,名前,備考\r\n" +
		"*21,'＝x,'-1\r\n" +
		"'+1 650-253-0000,'=1+1,'@x\r\n" +
		"03-1234-5678,\"佐藤, 花子\",\r\n" +
		"2001,''-x,\"a\r\nb\"\r\n"
	if diff := cmp.Diff(want, file.String()); diff != "" {
		t.Errorf("file: (-want +got)\n%s", diff)
	}
	if got := importText(t, book, file.String(), phonebook.ImportOptions{Replace: true}); got != (phonebook.ImportResult{Unchanged: 4}) {
		t.Errorf("the exported file imported again: %+v, want all unchanged", got)
	}
	broken := errors.New("broken")
	if _, err := book.Export(t.Context(), supervisor, writer{broken}); !errors.Is(err, broken) {
		t.Errorf("Export to what cannot be written = %v, want %v", err, broken)
	}
}

type writer struct{ err error }

func (w writer) Write([]byte) (int, error) { return 0, w.err }
