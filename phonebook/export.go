package phonebook

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"

	"callbackd/accounts"
)

// Export writes all entries as a CSV file that [Book.Import] takes, in the
// order of their numbers, and returns how many there were. It is written as it
// is read from the database, and so may have begun when an error ends it. All
// customers at once are for those who keep the book: others are refused with
// accounts.ErrForbidden.
func (b *Book) Export(ctx context.Context, by accounts.Principal, file io.Writer) (count int, err error) {
	if !accounts.Can(by, accounts.ActionManagePhonebook, nil) {
		return 0, fmt.Errorf("export phone book: %w", accounts.ErrForbidden)
	}
	if count, err = b.export(ctx, file); err != nil {
		return 0, fmt.Errorf("export phone book: %w", err)
	}
	return count, nil
}

func (b *Book) export(ctx context.Context, file io.Writer) (count int, err error) {
	buffer := bufio.NewWriter(file)
	if _, err := buffer.WriteString(bom); err != nil {
		return 0, err
	}
	w := csv.NewWriter(buffer)
	w.UseCRLF = true // RFC 4180
	if err := w.Write([]string{"電話番号", "名前", "備考"}); err != nil {
		return 0, err
	}
	err = b.store.Each(ctx, func(e Entry) error {
		count++
		return w.Write([]string{guard(Format(e.Number, b.region)), guard(e.Name), guard(e.Note)})
	})
	if err != nil {
		return 0, err
	}
	if w.Flush(); w.Error() != nil {
		return 0, w.Error()
	}
	return count, buffer.Flush()
}
