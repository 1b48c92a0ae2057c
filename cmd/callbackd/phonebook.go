package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"callbackd/accounts"
	"callbackd/configs"
	"callbackd/phonebook"
	"callbackd/postgres"
)

func newPhonebookCommand(opts *options) *cobra.Command {
	command := &cobra.Command{
		Use:   "phonebook",
		Short: "Import and export the shared phone book",
	}
	command.AddCommand(newPhonebookImportCommand(opts), newPhonebookExportCommand(opts))
	return command
}

// withPhonebook runs a subcommand's work on the phone book of the configured
// database.
func (o *options) withPhonebook(ctx context.Context, work func(ctx context.Context, book *phonebook.Book) error) error {
	return o.withDatabase(ctx, func(cfg *configs.Config, db *postgres.DB) error {
		return work(ctx, phonebook.NewBook(db.Phonebook(), cfg.Region, nil))
	})
}

func newPhonebookImportCommand(opts *options) *cobra.Command {
	var replace bool
	command := &cobra.Command{
		Use:   "import FILE",
		Short: "Add the entries of a CSV file, all of them or none",
		Long: "import adds the entries of a CSV file to the phone book. A number that is there\n" +
			"already gets the file's name and note. FILE is - for standard input.\n" +
			"\n" +
			"The file is UTF-8 or, as Japanese Excel writes it, Shift_JIS. Its columns are\n" +
			"number, name and note, unless the first row names them (番号, 名前, 備考); the\n" +
			"note may be missing. Numbers may be written in any way. When anything is wrong\n" +
			"with the file, every line at fault is printed and nothing is changed.",
		Example: "  callbackd phonebook import customers.csv --replace",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return opts.withPhonebook(cmd.Context(), func(ctx context.Context, book *phonebook.Book) error {
				file, err := openInput(cmd, args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				return importPhonebook(ctx, cmd, book, file, replace)
			})
		},
	}
	command.Flags().BoolVar(&replace, "replace", false, "delete the entries whose numbers are not in the file")
	return command
}

// openInput opens the file that an argument names, "-" for standard input.
func openInput(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(name)
}

func importPhonebook(ctx context.Context, cmd *cobra.Command, book *phonebook.Book, file io.Reader, replace bool) error {
	bar := newProgressBar(cmd.ErrOrStderr())
	result, err := book.Import(ctx, accounts.Operator(), file, phonebook.ImportOptions{
		Replace:  replace,
		Progress: func(p phonebook.ImportProgress) { bar.show(importStages[p.Stage], p.Done, p.Total) },
	})
	bar.clear()
	if importErr, ok := errors.AsType[*phonebook.ImportError](err); ok {
		for i := range importErr.Lines {
			fmt.Fprintln(cmd.ErrOrStderr(), &importErr.Lines[i])
		}
		return fmt.Errorf("import phone book: faults in the file: %d; nothing was changed", len(importErr.Lines))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Imported %d entries: %d added, %d updated, %d unchanged, %d removed.\n",
		result.Added+result.Updated+result.Unchanged, result.Added, result.Updated, result.Unchanged, result.Removed)
	return err
}

// importStages are the stages of an import as people read them.
var importStages = map[phonebook.ImportStage]string{
	phonebook.StageCheck: "Checking",
	phonebook.StageSend:  "Sending",
	phonebook.StageMerge: "Merging",
}

func newPhonebookExportCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print the phone book as a CSV file that import takes",
		Long: "export prints all entries as CSV for spreadsheets: UTF-8 with a byte order mark.\n" +
			"A cell that a spreadsheet would take for a formula has an apostrophe before it,\n" +
			"which import takes away.",
		Example: "  callbackd phonebook export > phonebook.csv",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return opts.withPhonebook(cmd.Context(), func(ctx context.Context, book *phonebook.Book) error {
				count, err := book.Export(ctx, accounts.Operator(), cmd.OutOrStdout())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.ErrOrStderr(), "Exported %d entries.\n", count)
				return err
			})
		},
	}
}
