// Package phonebook keeps the shared phone book (共通電話帳), which says whose
// a number is, and knows how numbers are written.
//
//	number := phonebook.Normalise("０３－１２３４－５６７８", "JP") // "+81312345678"
//	book := phonebook.NewBook(db.Phonebook(), cfg.Region, nil)
//	names, err := book.Lookup(ctx, []string{"0312345678", "2001"})
//
// # Numbers
//
// [Normalise] is pure and total: every text has exactly one normalised form,
// whose normalised form is itself. Numbers are compared, stored and looked up
// in that form; [Format] gives the one that people read. With [Forms] and
// [SearchKeys] a number is found by every part of every spelling; [Beginnings]
// finds it where nothing but the spelling of a PBX is stored.
//
// # Names
//
// Names are looked up when a record is read and are stored nowhere else. So a
// record shows the new name from the next time it is read; the change log does
// not tell of it, as one import may rename the callers of every record.
//
// # Who may do what
//
// The book belongs to no call center: whoever has a call center reads it,
// supervisors and administrators change and export it. Package accounts
// decides.
// [Book.Lookup] is for the program itself and asks for nobody.
//
// # Files
//
// [Book.Import] takes CSV of RFC 4180: UTF-8 with or without a byte order mark,
// or Shift_JIS as Japanese Excel writes it. The columns are number, name and,
// if wanted, note, in this order; or in any order among others when the first
// row names them in English or Japanese (番号, 電話番号, 名前, 氏名, 備考, …).
// Empty rows are passed over. A number whose leading zero a spreadsheet has
// eaten is understood where that leaves no doubt.
//
// [Book.Export] writes what Import takes: UTF-8 with a byte order mark, and
// cells that a spreadsheet would take for a formula after an apostrophe, which
// Import takes away.
package phonebook
