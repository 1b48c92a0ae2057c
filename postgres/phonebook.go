package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"callbackd/phonebook"
)

// Phonebook stores the shared phone book.
type Phonebook struct{ db *DB }

var _ phonebook.Store = (*Phonebook)(nil)

// Phonebook returns the store of the shared phone book.
func (db *DB) Phonebook() *Phonebook { return &Phonebook{db: db} }

// entryColumns are the columns of an entryRow.
const entryColumns = `id, number, name, note, version, created_at, updated_at, updated_by`

type entryRow struct {
	ID        int64     `db:"id"`
	Number    string    `db:"number"`
	Name      string    `db:"name"`
	Note      string    `db:"note"`
	Version   int       `db:"version"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
	UpdatedBy string    `db:"updated_by"`
}

func (r *entryRow) entry() phonebook.Entry {
	return phonebook.Entry{
		ID: phonebook.ID(r.ID), Number: r.Number, Name: r.Name, Note: r.Note,
		Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy,
	}
}

// Names implements phonebook.Store.
func (p *Phonebook) Names(ctx context.Context, numbers []string) (map[string]string, error) {
	type nameRow struct {
		Number string `db:"number"`
		Name   string `db:"name"`
	}
	rows, err := collect[nameRow](ctx, p.db.pool, `
		SELECT number, name FROM phonebook_entries WHERE number = ANY (@numbers)`,
		pgx.StrictNamedArgs{"numbers": numbers})
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(rows))
	for _, row := range rows {
		names[row.Number] = row.Name
	}
	return names, nil
}

// Entry implements phonebook.Store.
func (p *Phonebook) Entry(ctx context.Context, id phonebook.ID) (phonebook.Entry, error) {
	return getEntry(ctx, p.db.pool, id)
}

func getEntry(ctx context.Context, q querier, id phonebook.ID) (phonebook.Entry, error) {
	row, err := collectOne[entryRow](ctx, q, `
		SELECT `+entryColumns+` FROM phonebook_entries WHERE id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return phonebook.Entry{}, phonebook.ErrNotFound
	}
	if err != nil {
		return phonebook.Entry{}, err
	}
	return row.entry(), nil
}

// walkedEntries is how many entries of the list are looked at one after
// another before the index of grams is asked. It finds what is frequent.
const walkedEntries = 1000

// List implements phonebook.Store. What is frequent is found by looking at the
// next entries of the list, all else by the index of grams, whose finds have
// to be sorted.
func (p *Phonebook) List(ctx context.Context, search phonebook.Search, after *phonebook.Cursor, limit int) ([]phonebook.Entry, error) {
	place, args := `true`, pgx.StrictNamedArgs{}
	if after != nil {
		place = `(name COLLATE "C", id) > (@after_name, @after_id)`
		args["after_name"], args["after_id"] = after.Name, int64(after.ID)
	}
	const byName = ` ORDER BY name COLLATE "C", id `
	read := func(from string) ([]phonebook.Entry, error) {
		rows, err := collect[entryRow](ctx, p.db.pool, `
			SELECT `+entryColumns+` FROM `+from+byName+fmt.Sprintf(`LIMIT %d`, limit), args)
		entries := make([]phonebook.Entry, len(rows))
		for i := range rows {
			entries[i] = rows[i].entry()
		}
		return entries, err
	}
	if len(search.Terms) == 0 {
		return read(`phonebook_entries WHERE ` + place)
	}
	grams, text := entryConditions(search, args)
	entries, err := read(fmt.Sprintf(`
		(SELECT * FROM phonebook_entries WHERE %s %s LIMIT %d) AS walked
		WHERE %s`, place, byName, max(walkedEntries, limit), text))
	if err != nil || len(entries) == limit {
		return entries, err
	}
	if grams == "" {
		return read(`phonebook_entries WHERE ` + place + ` AND ` + text)
	}
	// OFFSET 0 keeps the scan of the index alone: in the order of names, the
	// planner would make out the grams of every entry.
	return read(`(SELECT * FROM phonebook_entries WHERE ` + grams + ` OFFSET 0) AS found WHERE ` + place + ` AND ` + text)
}

// Count implements phonebook.Store.
func (p *Phonebook) Count(ctx context.Context, search phonebook.Search) (int64, error) {
	if len(search.Terms) == 0 {
		return scalar[int64](ctx, p.db.pool, `SELECT count(*) FROM phonebook_entries`, nil)
	}
	args := pgx.StrictNamedArgs{}
	grams, text := entryConditions(search, args)
	if grams == "" {
		return scalar[int64](ctx, p.db.pool, `SELECT count(*) FROM phonebook_entries WHERE `+text, args)
	}
	return scalar[int64](ctx, p.db.pool, `
		SELECT count(*) FROM (SELECT * FROM phonebook_entries WHERE `+grams+` OFFSET 0) AS found WHERE `+text, args)
}

// nameLetters is SQL for the name of a phone book's entry as phonebook.Letters
// has it: the second line of what searches go through, without space. It is the
// expression of the index phonebook_entries_by_letters.
const nameLetters = `replace(split_part(search, E'\n', 2), ' ', '')`

// entryConditions returns the conditions of a search: the grams find the rows
// that come into question, the text decides. There are no grams when the index
// does not know one of the terms.
func entryConditions(search phonebook.Search, args pgx.StrictNamedArgs) (grams, text string) {
	var anyGrams, anyText []string
	for i, term := range search.Terms {
		name := fmt.Sprintf("term%d", i)
		anyGrams = append(anyGrams, `phonebook_grams(search) @> phonebook_grams(@`+name+`)`)
		anyText = append(anyText, `strpos(search, @`+name+`) > 0`)
		args[name] = term
	}
	if search.Letters != "" {
		anyGrams = append(anyGrams, `phonebook_grams(`+nameLetters+`) @> phonebook_grams(@letters)`)
		anyText = append(anyText, `strpos(`+nameLetters+`, @letters) > 0`)
		args["letters"] = search.Letters
	}
	grams, text = `(`+strings.Join(anyGrams, ` OR `)+`)`, `(`+strings.Join(anyText, ` OR `)+`)`
	if !slices.ContainsFunc(search.Terms, func(term string) bool { return !hasGrams(term) }) {
		return grams, text
	}
	return "", text
}

// hasGrams reports whether phonebook_grams has any for a text.
func hasGrams(text string) bool {
	first, size := utf8.DecodeRuneInString(text)
	return first >= utf8.RuneSelf || size < len(text)
}

// Create implements phonebook.Store.
func (p *Phonebook) Create(ctx context.Context, record phonebook.Record) (phonebook.Entry, error) {
	row, err := collectOne[entryRow](ctx, p.db.pool, `
		INSERT INTO phonebook_entries (number, name, note, search, version, created_at, updated_at, updated_by)
		VALUES (@number, @name, @note, @search, @version, @created_at, @updated_at, @updated_by)
		RETURNING `+entryColumns, pgx.StrictNamedArgs{
		"number": record.Number, "name": record.Name, "note": record.Note, "search": record.Searchable,
		"version": record.Version, "created_at": record.CreatedAt,
		"updated_at": record.UpdatedAt, "updated_by": record.UpdatedBy,
	})
	if violates(err, "phonebook_entries_number") {
		return phonebook.Entry{}, p.taken(ctx, record.Number, err)
	}
	if err != nil {
		return phonebook.Entry{}, err
	}
	return row.entry(), nil
}

// Update implements phonebook.Store.
func (p *Phonebook) Update(ctx context.Context, record phonebook.Record) (phonebook.Entry, error) {
	row, err := collectOne[entryRow](ctx, p.db.pool, `
		UPDATE phonebook_entries
		SET number = @number, name = @name, note = @note, search = @search,
			version = version + 1, updated_at = @updated_at, updated_by = @updated_by
		WHERE id = @id AND version = @version
		RETURNING `+entryColumns, pgx.StrictNamedArgs{
		"id": int64(record.ID), "version": record.Version,
		"number": record.Number, "name": record.Name, "note": record.Note, "search": record.Searchable,
		"updated_at": record.UpdatedAt, "updated_by": record.UpdatedBy,
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return phonebook.Entry{}, p.stale(ctx, record.ID)
	case violates(err, "phonebook_entries_number"):
		return phonebook.Entry{}, p.taken(ctx, record.Number, err)
	case err != nil:
		return phonebook.Entry{}, err
	}
	return row.entry(), nil
}

// Delete implements phonebook.Store.
func (p *Phonebook) Delete(ctx context.Context, id phonebook.ID, version int) error {
	tag, err := p.db.pool.Exec(ctx, `
		DELETE FROM phonebook_entries WHERE id = @id AND version = @version`,
		pgx.StrictNamedArgs{"id": int64(id), "version": version})
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return p.stale(ctx, id)
	}
	return nil
}

// stale returns why no row had both the ID and the version.
func (p *Phonebook) stale(ctx context.Context, id phonebook.ID) error {
	current, err := p.Entry(ctx, id)
	if err != nil {
		return err
	}
	return &phonebook.StaleError{Current: current}
}

// taken returns which entry has the number that a statement could not take, or
// the statement's error when that entry is gone by now.
func (p *Phonebook) taken(ctx context.Context, number string, violation error) error {
	id, err := scalar[int64](ctx, p.db.pool, `
		SELECT id FROM phonebook_entries WHERE number = @number`, pgx.StrictNamedArgs{"number": number})
	if errors.Is(err, pgx.ErrNoRows) {
		return violation
	}
	if err != nil {
		return err
	}
	return &phonebook.TakenError{ID: phonebook.ID(id)}
}

// Each implements phonebook.Store. The rows are read as f takes them.
func (p *Phonebook) Each(ctx context.Context, f func(phonebook.Entry) error) error {
	rows, err := p.db.pool.Query(ctx, `
		SELECT `+entryColumns+` FROM phonebook_entries ORDER BY number COLLATE "C"`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := pgx.RowToStructByName[entryRow](rows)
		if err != nil {
			return err
		}
		if err := f(row.entry()); err != nil {
			return err
		}
	}
	return rows.Err()
}
