package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"callbackd/phonebook"
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

// A search gives the entries that reading all of them would give, in order,
// whether it is frequent or rare, in names or in numbers.
func TestPhonebook_ListOfMany(t *testing.T) {
	t.Parallel()
	db, url := open(t)
	pool := connect(t, url)
	if err := loadAll(t.Context(), pool, site{callbacks: 30_000, calls: 30_000}, []string{pick, loadedEntries, `ANALYZE phonebook_entries`}); err != nil {
		t.Fatal(err)
	}
	type entry struct{ name, search string }
	rows, err := pool.Query(t.Context(), `SELECT name, search FROM phonebook_entries ORDER BY name COLLATE "C", id`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) { return e, row.Scan(&e.name, &e.search) })
	if err != nil || len(all) != 3000 {
		t.Fatalf("%d entries, %v, want 3000", len(all), err)
	}
	for _, search := range []phonebook.Search{
		{},
		{Terms: []string{"沢"}},
		{Terms: []string{"黒島"}, Letters: "黒島"},
		{Terms: []string{"青山商店"}},
		{Terms: []string{"会社青山"}, Letters: "会社青山"},
		{Terms: []string{"会 社青"}, Letters: "会社青"},
		{Terms: []string{"7"}},
		{Terms: []string{"x"}},
		{Terms: []string{"+81"}},
		{Terms: []string{"030000"}},
		{Terms: []string{"0300000007"}},
		{Terms: []string{"病院", "81300001"}},
		{Terms: []string{"鰐"}},
		{Terms: []string{"鰐", "9"}},
	} {
		terms := search.Terms
		var want []string
		for _, e := range all {
			if len(terms) == 0 || slices.ContainsFunc(terms, func(term string) bool { return strings.Contains(e.search, term) }) ||
				search.Letters != "" && strings.Contains(withoutSpace(e.name), search.Letters) {
				want = append(want, e.name)
			}
		}
		if total, err := db.Phonebook().Count(t.Context(), search); err != nil || total != int64(len(want)) {
			t.Errorf("%q: Count = %d, %v, want %d", terms, total, err, len(want))
		}
		var got []string
		var after *phonebook.Cursor
		for {
			page, err := db.Phonebook().List(t.Context(), search, after, 200)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				got = append(got, e.Name)
			}
			if len(page) < 200 {
				break
			}
			last := page[len(page)-1]
			after = &phonebook.Cursor{Name: last.Name, ID: last.ID}
		}
		if !slices.Equal(want, got) {
			t.Errorf("%q: pages gave %d entries, want %d, or in another order", terms, len(got), len(want))
		}
	}
}
