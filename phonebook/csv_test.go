package phonebook

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzImport: whatever a file holds, each of its rows is an entry that can be
// stored or has faults that can be told, and what was taken comes back from an
// export as it was.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"0312345678,佐藤\n2001,受付,内線", "\ufeff電話番号,名前,備考\r\n0312345678,佐藤,x\r\n", "Name,Company,Phone\nSato,ABC,0312345678\n",
		"\x93d\x98b\x94\xd4\x8d\x86,\x96\xbc\x91O\r\n0312345678,\x8d\xb2\x93\xa1\r\n", "110,\"a, \"\"b\"\"\",\"c\r\nd\"\n", "\n,,\n110,x\n\n , ,\n",
		"'+1 650 253 0000,'=x,''@y\n", "110,\"x\n120,y", "110,\xff\xfe,\x00\n", "＝1＋1,=cmd|' /C calc'!A0,\t@x\n", "tel,tel,name\n1,2,3\n", strings.Repeat(",", 5000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, faults, err := readRows(bytes.NewReader(file))
		if err != nil && !errors.Is(err, errTooLarge) {
			t.Fatalf("the file is not read: %v", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || !slices.Contains(Faults, fault.Fault) {
				t.Fatalf("a fault cannot be told: %+v", fault)
			}
		}
		records, more, err := checkRows(t.Context(), rows, "JP", func(ImportProgress) {})
		if err != nil {
			t.Fatal(err)
		}
		faulty := map[int]bool{}
		for _, fault := range more {
			faulty[fault.Line] = true
		}
		for i, r := range rows {
			if faulty[r.line] {
				continue
			}
			e := records[i].Entry
			if !IsNumber(e.Number) || e.Name == "" || utf8.RuneCountInString(e.Name) > MaxNameLength || utf8.RuneCountInString(e.Note) > MaxNoteLength ||
				!isText(e.Name, "") || !isText(e.Note, "\n\t") {
				t.Fatalf("line %d is taken as %+v", r.line, e)
			}
			comesBack(t, e)
		}
	})
}

// comesBack exports an entry and reads the file again.
func comesBack(t *testing.T, e Entry) {
	t.Helper()
	cells := []string{guard(Format(e.Number, "JP")), guard(e.Name), guard(e.Note)}
	for _, cell := range cells {
		if cell != "" && strings.ContainsRune(risky, []rune(cell)[0]) {
			t.Fatalf("a spreadsheet takes %q for a formula", cell)
		}
	}
	var file bytes.Buffer
	w := csv.NewWriter(&file)
	w.UseCRLF = true
	_ = w.Write([]string{"電話番号", "名前", "備考"}) // to memory
	_ = w.Write(cells)
	w.Flush()
	rows, faults, err := readRows(&file)
	if err != nil || len(faults) > 0 || len(rows) != 1 {
		t.Fatalf("%+v is read as %+v, %v, %v", e, rows, faults, err)
	}
	again, problems := rows[0].entry.entry("JP")
	if len(problems) > 0 || again.Number != e.Number || again.Name != e.Name || again.Note != e.Note {
		t.Fatalf("%+v comes back as %+v, %v", e, again, problems)
	}
}
