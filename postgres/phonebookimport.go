package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"callbackd/phonebook"
)

// Import implements phonebook.Store: the records are copied into a table of
// this transaction and merged from there, so that the time in which nobody
// else can change the book does not depend on how fast the client sends.
// Readers see the book as it was until the end.
func (p *Phonebook) Import(ctx context.Context, batch phonebook.Batch, progress func(sent int)) (phonebook.ImportResult, error) {
	var result phonebook.ImportResult
	err := pgx.BeginFunc(ctx, p.db.pool, func(tx pgx.Tx) error {
		for _, sql := range importPreparation {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("prepare: %w", err)
			}
		}
		if err := copyRecords(ctx, tx, batch.Records, progress); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		var err error
		result, err = merge(ctx, tx, batch)
		return err
	})
	if err != nil {
		return phonebook.ImportResult{}, err
	}
	return result, nil
}

var importPreparation = []string{
	// The time-out is meant for statements that serve a page. The context ends
	// an import.
	`SET LOCAL statement_timeout = 0`,
	// New entries of the index of grams are put on its list first and sorted
	// in when the list is full. Done once, at the end, that is much faster than
	// for every 4 MB, the default.
	`SET LOCAL gin_pending_list_limit = '1GB'`,
	`SET LOCAL maintenance_work_mem = '256MB'`,
	`CREATE TEMPORARY TABLE phonebook_import (
		number text NOT NULL,
		name   text NOT NULL,
		note   text NOT NULL,
		search text NOT NULL
	) ON COMMIT DROP`,
}

func copyRecords(ctx context.Context, tx pgx.Tx, records []phonebook.Record, progress func(sent int)) error {
	const tell = 1000 // records between two calls of progress
	columns := []string{"number", "name", "note", "search"}
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"phonebook_import"}, columns, pgx.CopyFromSlice(len(records), func(i int) ([]any, error) {
		if i%tell == 0 {
			progress(i)
		}
		r := &records[i]
		return []any{r.Number, r.Name, r.Note, r.Searchable}, nil
	}))
	if err == nil {
		progress(len(records))
	}
	return err
}

// merge brings the book in line with phonebook_import.
func merge(ctx context.Context, tx pgx.Tx, batch phonebook.Batch) (phonebook.ImportResult, error) {
	by := pgx.StrictNamedArgs{"by": batch.By, "at": batch.At}
	var affected int
	run := func(what, sql string, args ...any) error {
		tag, err := tx.Exec(ctx, sql, args...)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		affected = int(tag.RowsAffected())
		return nil
	}
	// Nobody else changes the book until the end, so no number comes into it
	// between two statements.
	if err := run("lock", `LOCK TABLE phonebook_entries IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return phonebook.ImportResult{}, err
	}
	// A new table has no statistics, and without any the joins below may become
	// nested loops.
	if err := run("analyze", `ANALYZE phonebook_import`); err != nil {
		return phonebook.ImportResult{}, err
	}
	result := phonebook.ImportResult{}
	if batch.Replace {
		if err := run("remove", `
			DELETE FROM phonebook_entries e
			WHERE NOT EXISTS (SELECT FROM phonebook_import i WHERE i.number = e.number)`); err != nil {
			return phonebook.ImportResult{}, err
		}
		result.Removed = affected
	}
	if err := run("update", `
		UPDATE phonebook_entries e
		SET name = i.name, note = i.note, search = i.search,
			version = version + 1, updated_at = @at, updated_by = @by
		FROM phonebook_import i
		WHERE i.number = e.number AND (e.name, e.note, e.search) IS DISTINCT FROM (i.name, i.note, i.search)`, by); err != nil {
		return phonebook.ImportResult{}, err
	}
	result.Updated = affected
	if err := run("add", `
		INSERT INTO phonebook_entries (number, name, note, search, created_at, updated_at, updated_by)
		SELECT number, name, note, search, @at, @at, @by
		FROM phonebook_import i
		WHERE NOT EXISTS (SELECT FROM phonebook_entries e WHERE e.number = i.number)`, by); err != nil {
		return phonebook.ImportResult{}, err
	}
	result.Added = affected
	result.Unchanged = len(batch.Records) - result.Added - result.Updated
	// Every search would have to read what is on the lists, and is planned by
	// how frequent grams are.
	return result, run("sort in", `SELECT sort_in_phonebook()`)
}
