package phonebook

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"callbackd/accounts"
)

const (
	// MaxFileSize is the largest size of a file to import in bytes.
	MaxFileSize = 64 << 20

	// MaxFileRows is the largest number of rows of a file to import.
	MaxFileRows = 1_000_000
)

// ImportOptions say how to import a file.
type ImportOptions struct {
	// Replace deletes the entries whose numbers are not in the file. Without
	// it the others stay.
	Replace bool
	// Progress is called from time to time, never by two goroutines at once;
	// nil for nobody.
	Progress func(ImportProgress)
}

// ImportStage is a part of an import.
type ImportStage string

// The stages, in their order.
const (
	StageCheck ImportStage = "check" // rows are checked
	StageSend  ImportStage = "send"  // entries are sent to the database
	StageMerge ImportStage = "merge" // the database takes them over, and cannot say how far it is
)

// ImportProgress says how far an import is.
type ImportProgress struct {
	Stage ImportStage
	// Done of Total rows have passed the stage.
	Done, Total int
}

// ImportResult says what an import did.
type ImportResult struct {
	// Added, Updated and Unchanged count the rows of the file, all together.
	Added, Updated, Unchanged int
	// Removed counts the entries that Replace deleted.
	Removed int
}

// LineError says what is wrong with one line of a file. It holds nothing of
// what the line says.
type LineError struct {
	// Line counts from 1. It is where the row begins, for a quoted field may
	// hold line breaks.
	Line  int
	Fault Fault
	// Other is the line that has the same number; 0 for other faults.
	Other int
}

func (e *LineError) Error() string {
	if e.Other != 0 {
		return fmt.Sprintf("line %d: the number is that of line %d", e.Line, e.Other)
	}
	field, problem := e.Fault.describe()
	return fmt.Sprintf("line %d: the %s %s", e.Line, field, problem)
}

// ImportError refuses a file. Nothing was changed.
type ImportError struct {
	// Lines are all faults, in the order of their lines. A line may have
	// several.
	Lines []LineError
}

func (e *ImportError) Error() string {
	const most = 3
	var shown []string
	for i := range e.Lines[:min(most, len(e.Lines))] {
		shown = append(shown, e.Lines[i].Error())
	}
	if more := len(e.Lines) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return "the file has faults: " + strings.Join(shown, "; ")
}

// errTooLarge refuses a file before all of it is read.
var errTooLarge error = &FieldError{
	Field: "file", Problem: fmt.Sprintf("must be at most %d MiB and %d rows", MaxFileSize>>20, MaxFileRows),
}

// Import adds the entries of a CSV file, or replaces name and note of those
// whose number is there already: all of them, or nothing at all. It is refused
// with an *ImportError that names every line that is wrong, a *FieldError for
// the whole "file", or accounts.ErrForbidden. The package's comment says what
// the file may look like.
func (b *Book) Import(ctx context.Context, by accounts.Principal, file io.Reader, options ImportOptions) (ImportResult, error) {
	result, err := b.importFile(ctx, by, file, options)
	if err != nil {
		return ImportResult{}, fmt.Errorf("import phone book: %w", err)
	}
	return result, nil
}

func (b *Book) importFile(ctx context.Context, by accounts.Principal, file io.Reader, options ImportOptions) (ImportResult, error) {
	if !accounts.Can(by, accounts.ActionManagePhonebook, nil) {
		return ImportResult{}, accounts.ErrForbidden
	}
	progress := options.Progress
	if progress == nil {
		progress = func(ImportProgress) {}
	}
	rows, faults, err := readRows(file)
	if err != nil {
		return ImportResult{}, err
	}
	records, more, err := checkRows(ctx, rows, b.region, progress)
	if err != nil {
		return ImportResult{}, err
	}
	if faults = append(faults, more...); len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b LineError) int { return a.Line - b.Line })
		return ImportResult{}, &ImportError{Lines: faults}
	}
	if len(records) == 0 {
		// With Replace, a wrong file would empty the book.
		return ImportResult{}, &FieldError{Field: "file", Problem: "must have at least one entry"}
	}
	batch := Batch{Records: records, Replace: options.Replace, By: by.Signature(), At: b.now()}
	return b.store.Import(ctx, batch, func(sent int) {
		stage := StageSend
		if sent == len(records) {
			stage = StageMerge
		}
		progress(ImportProgress{Stage: stage, Done: sent, Total: len(records)})
	})
}

// checkRows returns the records of rows, and everything that is wrong with
// them. Most of the time goes into the numbers, so all processors are used.
func checkRows(ctx context.Context, rows []row, region string, progress func(ImportProgress)) ([]Record, []LineError, error) {
	const chunk = 1000
	records := make([]Record, len(rows))
	faults := make([][]Fault, len(rows))
	var (
		wg        sync.WaitGroup
		next      atomic.Int64
		mu        sync.Mutex
		checked   int // guarded by mu
		completed = func(n int) {
			mu.Lock()
			defer mu.Unlock()
			checked += n
			progress(ImportProgress{Stage: StageCheck, Done: checked, Total: len(rows)})
		}
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(chunk)) - chunk
				if from >= len(rows) {
					return
				}
				to := min(from+chunk, len(rows))
				for i := from; i < to; i++ {
					var entry Entry
					entry, faults[i] = rows[i].entry.entry(region)
					records[i] = newRecord(entry, region)
				}
				completed(to - from)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, nil, err
	}
	return records, lineErrors(rows, records, faults), nil
}

// lineErrors returns the faults of rows with their lines, and those of numbers
// that come more than once.
func lineErrors(rows []row, records []Record, faults [][]Fault) []LineError {
	var errs []LineError
	seen := make(map[string]int, len(rows)) // the line of a number
	for i := range rows {
		for _, fault := range faults[i] {
			errs = append(errs, LineError{Line: rows[i].line, Fault: fault})
		}
		number := records[i].Number
		if !IsNumber(number) {
			continue
		}
		if line, repeated := seen[number]; repeated {
			errs = append(errs, LineError{Line: rows[i].line, Fault: FaultNumberRepeated, Other: line})
			continue
		}
		seen[number] = rows[i].line
	}
	return errs
}
