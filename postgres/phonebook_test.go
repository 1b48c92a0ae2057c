package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The schema holds by itself what the program promises of entries.
func TestPhonebookConstraints(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	pool := connect(t, url)
	const insert = `
		INSERT INTO phonebook_entries (number, name, note, search, created_at, updated_at, updated_by)
		VALUES ($1, $2, $3, $1, now(), now(), $4)`
	exec(t, pool, insert, "+81312345678", "佐藤", "", "sato")
	tests := []struct {
		constraint               string
		number, name, note, user string
	}{
		{"phonebook_entries_number", "+81312345678", "鈴木", "", "sato"},
		{"phonebook_entries_normalised", "03-1234-5678", "鈴木", "", "sato"},
		{"phonebook_entries_normalised", "*", "鈴木", "", "sato"},
		{"phonebook_entries_normalised", "sato", "鈴木", "", "sato"},
		{"phonebook_entries_name", "110", "", "", "sato"},
		{"phonebook_entries_name", "110", strings.Repeat("あ", 101), "", "sato"},
		{"phonebook_entries_note", "110", "警察", strings.Repeat("あ", 501), "sato"},
		{"phonebook_entries_updated_by", "110", "警察", "", ""},
	}
	for _, tt := range tests {
		_, err := pool.Exec(t.Context(), insert, tt.number, tt.name, tt.note, tt.user)
		if err == nil || !strings.Contains(err.Error(), `"`+tt.constraint+`"`) {
			t.Errorf("insert of %.20q %.20q = %v, want a violation of %s", tt.number, tt.name, err, tt.constraint)
		}
	}
}

func TestPhonebookGrams(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	pool := connect(t, url)
	grams := func(text string) (found []int64) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), `SELECT phonebook_grams($1)`, text).Scan(&found); err != nil {
			t.Fatal(err)
		}
		return found
	}
	pair := func(a, b rune) int64 { return int64(a)<<32 | int64(b) }
	tests := []struct {
		text string
		want []int64
	}{
		{"", []int64{}},
		{"a", []int64{}},
		{"佐", []int64{'佐'}},
		{"ab", []int64{pair('a', 'b')}},
		{"佐藤", []int64{'佐', '藤', pair('佐', '藤')}},
		{"a\nb", []int64{}},
		{"a b", []int64{pair('a', ' '), pair(' ', 'b')}},
		{"x😀", []int64{'😀', pair('x', '😀')}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, grams(tt.text)); diff != "" {
			t.Errorf("grams of %q: (-want +got)\n%s", tt.text, diff)
		}
	}

	// What is part of a text must never be excluded by the grams: a search
	// would lose entries silently.
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab01 佐藤\n\t😀")))
	rapid.Check(t, func(t *rapid.T) {
		part := text.Draw(t, "part")
		whole := text.Draw(t, "before") + part + text.Draw(t, "after")
		var found bool
		err := pool.QueryRow(t.Context(), `SELECT phonebook_grams($1) @> phonebook_grams($2)`, whole, part).Scan(&found)
		if err != nil || !found {
			t.Fatalf("the grams of %q are not all among those of %q (%v)", part, whole, err)
		}
	})
}
