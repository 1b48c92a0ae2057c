package postgres_test

import (
	"strings"
	"testing"
)

// The schema holds by itself what the program promises of entries.
func TestPhonebookConstraints(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	pool := connect(t, url)
	const insert = `
		INSERT INTO phonebook_entries (number, name, note, search, grams, created_at, updated_at, updated_by)
		VALUES ($1, $2, $3, $1, '{}', now(), now(), $4)`
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
