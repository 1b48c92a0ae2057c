package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"

	"callbackd/accounts"
	"callbackd/phonebook"
)

// ListPhonebook lists the phone book.
func (o operations) ListPhonebook(ctx context.Context, request ListPhonebookRequestObject) (ListPhonebookResponseObject, error) {
	p := request.Params
	by := principalFrom(ctx)
	filter := phonebook.Filter{Text: value(p.Q), Cursor: value(p.Cursor), Limit: value(p.PageSize)}
	page, err := o.options.Phonebook.List(ctx, by, filter)
	if err != nil {
		return nil, err
	}
	list := PhonebookList{Items: make([]PhonebookEntry, len(page.Items)), NextCursor: orNull(page.Next)}
	for i := range page.Items {
		list.Items[i] = o.entryOf(&page.Items[i])
	}
	if value(p.Total) {
		total, err := o.options.Phonebook.Count(ctx, by, filter)
		if err != nil {
			return nil, err
		}
		list.Total = &total
	}
	return ListPhonebook200JSONResponse(list), nil
}

// CreatePhonebookEntry adds a number to the phone book.
func (o operations) CreatePhonebookEntry(ctx context.Context, request CreatePhonebookEntryRequestObject) (CreatePhonebookEntryResponseObject, error) {
	wish := request.Body
	entry, err := o.options.Phonebook.Create(ctx, principalFrom(ctx), phonebook.NewEntry{
		Number: wish.Number, Name: wish.Name, Note: value(wish.Note),
	})
	if err != nil {
		return nil, err
	}
	return CreatePhonebookEntry201JSONResponse{
		Headers: CreatePhonebookEntry201ResponseHeaders{Location: fmt.Sprintf("%s/phonebook/%d", basePath, entry.ID)},
		Body:    o.entryOf(&entry),
	}, nil
}

// GetPhonebookEntry shows an entry of the phone book.
func (o operations) GetPhonebookEntry(ctx context.Context, request GetPhonebookEntryRequestObject) (GetPhonebookEntryResponseObject, error) {
	entry, err := o.options.Phonebook.Get(ctx, principalFrom(ctx), phonebook.ID(request.ID))
	if err != nil {
		return nil, err
	}
	return GetPhonebookEntry200JSONResponse(o.entryOf(&entry)), nil
}

// UpdatePhonebookEntry changes an entry of the phone book.
func (o operations) UpdatePhonebookEntry(ctx context.Context, request UpdatePhonebookEntryRequestObject) (UpdatePhonebookEntryResponseObject, error) {
	wish := request.Body
	entry, err := o.options.Phonebook.Update(ctx, principalFrom(ctx), phonebook.ID(request.ID), phonebook.Patch{
		Version: wish.Version, Number: wish.Number, Name: wish.Name, Note: wish.Note,
	})
	if err != nil {
		return nil, o.withEntry(err)
	}
	return UpdatePhonebookEntry200JSONResponse(o.entryOf(&entry)), nil
}

// DeletePhonebookEntry removes an entry from the phone book.
func (o operations) DeletePhonebookEntry(ctx context.Context, request DeletePhonebookEntryRequestObject) (DeletePhonebookEntryResponseObject, error) {
	err := o.options.Phonebook.Delete(ctx, principalFrom(ctx), phonebook.ID(request.ID), request.Params.Version)
	if err != nil {
		return nil, o.withEntry(err)
	}
	return DeletePhonebookEntry204Response{}, nil
}

// staleEntry is a *phonebook.StaleError with the entry as the contract shows
// it.
type staleEntry struct {
	error
	current PhonebookEntry
}

func (e *staleEntry) Unwrap() error { return e.error }

// withEntry adds the entry to an error that carries one.
func (o operations) withEntry(err error) error {
	stale, ok := errors.AsType[*phonebook.StaleError](err)
	if !ok {
		return err
	}
	return &staleEntry{error: err, current: o.entryOf(&stale.Current)}
}

// ImportPhonebook imports a CSV file.
func (o operations) ImportPhonebook(ctx context.Context, request ImportPhonebookRequestObject) (ImportPhonebookResponseObject, error) {
	by := principalFrom(ctx)
	if !accounts.Can(by, accounts.ActionManagePhonebook, nil) {
		return nil, accounts.ErrForbidden // without reading the file
	}
	file := request.Body
	if request.MultipartBody != nil {
		part, err := filePart(ctx, request.MultipartBody)
		if err != nil {
			return nil, err
		}
		file = part
	}
	result, err := o.options.Phonebook.Import(ctx, by, file, phonebook.ImportOptions{Replace: value(request.Params.Replace)})
	if err != nil {
		return nil, err
	}
	return ImportPhonebook200JSONResponse(PhonebookImport{
		Added: result.Added, Updated: result.Updated, Unchanged: result.Unchanged, Removed: result.Removed,
	}), nil
}

// filePart returns the part of a form that is the file.
func filePart(ctx context.Context, form *multipart.Reader) (io.Reader, error) {
	for {
		part, err := form.NextPart()
		switch {
		case err == nil && part.FormName() == "file":
			return part, nil
		case err == nil: // another field
		case errors.Is(err, io.EOF):
			return nil, invalidField(languageFrom(ctx), "/file", inBody, "ファイルを指定してください。", "There must be a file.")
		case isTooLarge(err):
			return nil, err
		default:
			return nil, invalidField(languageFrom(ctx), "", inBody, "フォームの形式が正しくありません。", "The form is malformed.")
		}
	}
}

// ExportPhonebook answers with the phone book as CSV.
func (o operations) ExportPhonebook(ctx context.Context, _ ExportPhonebookRequestObject) (ExportPhonebookResponseObject, error) {
	// Who may look names up may not therefore carry all of them away.
	if !accounts.Can(principalFrom(ctx), accounts.ActionManagePhonebook, nil) {
		return nil, accounts.ErrForbidden
	}
	return &phonebookExport{server: o.Server, ctx: ctx}, nil
}

// phonebookExport is an export on its way to the caller.
type phonebookExport struct {
	server *Server
	ctx    context.Context // the request's, as in callbackExport
}

// VisitExportPhonebookResponse implements ExportPhonebookResponseObject.
func (e *phonebookExport) VisitExportPhonebookResponse(w http.ResponseWriter) error {
	out := e.server.newDownload(e.ctx, w)
	_, err := e.server.options.Phonebook.Export(e.ctx, principalFrom(e.ctx), out.buffer)
	return out.finish(err)
}

// entryOf is an entry as the contract shows it.
func (s *Server) entryOf(e *phonebook.Entry) PhonebookEntry {
	return PhonebookEntry{
		ID: int64(e.ID), Number: e.Number, NumberAsWritten: phonebook.Format(e.Number, s.options.Phonebook.Region()),
		Name: e.Name, Note: e.Note, CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(), UpdatedBy: e.UpdatedBy,
		Version: int64(e.Version),
	}
}

// maxLineProblems is how many lines of a refused import are told of.
const maxLineProblems = 10_000

// lineProblems says what is wrong with the lines of a file.
func lineProblems(faults []phonebook.LineError, lang Language) []LineProblem {
	faults = faults[:min(len(faults), maxLineProblems)]
	lines := make([]LineProblem, len(faults))
	for i := range faults {
		f := &faults[i]
		lines[i] = LineProblem{Line: f.Line, Fault: string(f.Fault), Detail: faultSentence(f, lang)}
		if f.Other != 0 {
			lines[i].OtherLine = &f.Other
		}
	}
	return lines
}

func faultSentence(f *phonebook.LineError, lang Language) string {
	switch f.Fault {
	case phonebook.FaultNumberMissing:
		return lang.pick("番号がありません。", "The number is missing.")
	case phonebook.FaultNumberInvalid:
		return lang.pick("番号が電話番号でも内線番号でもありません。", "The number is neither a telephone number nor an extension.")
	case phonebook.FaultNumberRepeated:
		return fmt.Sprintf(lang.pick("%d 行目と同じ番号です。", "The number is that of line %d."), f.Other)
	case phonebook.FaultNameMissing:
		return lang.pick("名前がありません。", "The name is missing.")
	case phonebook.FaultNameTooLong:
		return fmt.Sprintf(lang.pick("名前が %d 文字を超えています。", "The name is longer than %d characters."), phonebook.MaxNameLength)
	case phonebook.FaultNameInvalid:
		return lang.pick("名前に制御文字が含まれています。", "The name holds control characters.")
	case phonebook.FaultNoteTooLong:
		return fmt.Sprintf(lang.pick("備考が %d 文字を超えています。", "The note is longer than %d characters."), phonebook.MaxNoteLength)
	case phonebook.FaultNoteInvalid:
		return lang.pick("備考に制御文字が含まれています。", "The note holds control characters.")
	case phonebook.FaultEncoding:
		return lang.pick("UTF-8 でも Shift_JIS でもない文字が含まれています。", "The line is neither UTF-8 nor Shift_JIS.")
	case phonebook.FaultSyntax:
		return lang.pick("引用符の対応が正しくありません。", "The line has quotes that do not pair.")
	case phonebook.FaultColumns:
		return lang.pick("番号、名前、備考 (任意) の列が必要です。", "The line must have the columns number, name and, if wanted, note.")
	default:
		return lang.pick("行に誤りがあります。", "The line is wrong.")
	}
}
