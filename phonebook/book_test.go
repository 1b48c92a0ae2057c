package phonebook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/phonebook"
)

func TestBook_CreateGetUpdateDelete(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	got := create(t, book, "０３－１２３４－５６７８", " 佐藤 花子 ", "毎週月曜")
	want := phonebook.Entry{
		ID: got.ID, Number: "+81312345678", Name: "佐藤 花子", Note: "毎週月曜",
		Version: 1, CreatedAt: now, UpdatedAt: now, UpdatedBy: "sato",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Create: (-want +got)\n%s", diff)
	}

	name := "鈴木"
	got, err := book.Update(t.Context(), supervisor, got.ID, phonebook.Patch{Version: 1, Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	want.Name, want.Version = name, 2
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Update: (-want +got)\n%s", diff)
	}
	if got, err = book.Update(t.Context(), supervisor, got.ID, phonebook.Patch{Version: 2, Name: &name}); err != nil || got.Version != 2 {
		t.Errorf("an update that changes nothing = version %d, %v", got.Version, err)
	}

	stale := func(what string, err error) {
		t.Helper()
		staleErr, ok := errors.AsType[*phonebook.StaleError](err)
		if !ok {
			t.Errorf("%s from an old version = %v, want a StaleError", what, err)
			return
		}
		if diff := cmp.Diff(want, staleErr.Current); diff != "" {
			t.Errorf("%s from an old version: (-want +got)\n%s", what, diff)
		}
	}
	note := "-"
	_, err = book.Update(t.Context(), supervisor, got.ID, phonebook.Patch{Version: 1, Note: &note})
	stale("Update", err)
	stale("Delete", book.Delete(t.Context(), supervisor, got.ID, 1))

	if err := book.Delete(t.Context(), supervisor, got.ID, 2); err != nil {
		t.Error(err)
	}
	_, getErr := book.Get(t.Context(), agent, got.ID)
	_, updateErr := book.Update(t.Context(), supervisor, got.ID, phonebook.Patch{Version: 2})
	for what, err := range map[string]error{
		"Get": getErr, "Update": updateErr, "Delete": book.Delete(t.Context(), supervisor, got.ID, 2),
	} {
		if !errors.Is(err, phonebook.ErrNotFound) {
			t.Errorf("%s of what was deleted = %v, want ErrNotFound", what, err)
		}
	}
}

func TestBook_NumbersAreUnique(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	first := create(t, book, "03-1234-5678", "佐藤", "")
	second := create(t, book, "2001", "受付", "")
	_, err := book.Create(t.Context(), supervisor, phonebook.NewEntry{Number: "+81 3 1234 5678", Name: "鈴木"})
	if taken, ok := errors.AsType[*phonebook.TakenError](err); !ok || taken.ID != first.ID {
		t.Errorf("Create of a number that is there = %v, want a TakenError for %d", err, first.ID)
	}
	number := "0312345678"
	_, err = book.Update(t.Context(), supervisor, second.ID, phonebook.Patch{Version: 1, Number: &number})
	if taken, ok := errors.AsType[*phonebook.TakenError](err); !ok || taken.ID != first.ID {
		t.Errorf("Update to a number that is there = %v, want a TakenError for %d", err, first.ID)
	}
}

func TestBook_RefusesBadEntries(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	long := strings.Repeat("あ", 501)
	tests := []struct {
		wish phonebook.NewEntry
		want []string
	}{
		{phonebook.NewEntry{}, []string{"number", "name"}},
		{phonebook.NewEntry{Number: "sato", Name: " "}, []string{"number", "name"}},
		{phonebook.NewEntry{Number: "非通知", Name: "x"}, []string{"number"}},
		{phonebook.NewEntry{Number: "110", Name: long[:303], Note: long}, []string{"name", "note"}},
		{phonebook.NewEntry{Number: "110", Name: "a\nb", Note: "a\x00b"}, []string{"name", "note"}},
		{phonebook.NewEntry{Number: "110", Name: "\xff", Note: "\xff"}, []string{"name", "note"}},
	}
	for _, tt := range tests {
		_, err := book.Create(t.Context(), supervisor, tt.wish)
		if diff := cmp.Diff(tt.want, fields(err)); diff != "" {
			t.Errorf("Create(%.40q): fields (-want +got)\n%s\n%v", tt.wish, diff, err)
		}
	}
	entry := create(t, book, "110", strings.Repeat("あ", 100), long[:1500])
	empty := ""
	_, err := book.Update(t.Context(), supervisor, entry.ID, phonebook.Patch{Version: 1, Name: &empty})
	if diff := cmp.Diff([]string{"name"}, fields(err)); diff != "" {
		t.Errorf("Update to no name: fields (-want +got)\n%s", diff)
	}
	for _, filter := range []phonebook.Filter{
		{Text: "\xff"},
		{Text: "\x00"},
		{Text: strings.Repeat("x", 201)},
		{Limit: -1},
		{Limit: 201},
		{Cursor: "x"},
		{Cursor: "bnVsbA=="},
		{Cursor: "eyJuYW1lIjoiXHUwMDAwIn0"},
	} {
		if _, err := book.List(t.Context(), agent, filter); len(fields(err)) != 1 {
			t.Errorf("List(%.40v) = %v, want one FieldError", filter, err)
		}
	}
}

// fields returns the fields of all FieldErrors that are joined in err.
func fields(err error) []string {
	all := []error{err}
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		all = joined.Unwrap()
	}
	var names []string
	for _, err := range all {
		if fieldErr, ok := errors.AsType[*phonebook.FieldError](err); ok {
			names = append(names, fieldErr.Field)
		}
	}
	return names
}

func TestBook_WhoMayDoWhat(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	entry := create(t, book, "110", "警察", "")
	nobody := accounts.Principal{Kind: accounts.KindAccount, Name: "x", Role: accounts.RoleAdmin, CallCenters: []string{}}
	reading := map[string]func(by accounts.Principal) error{
		"Get": func(by accounts.Principal) error { _, err := book.Get(t.Context(), by, entry.ID); return err },
		"List": func(by accounts.Principal) error {
			_, err := book.List(t.Context(), by, phonebook.Filter{})
			return err
		},
		"Count": func(by accounts.Principal) error {
			_, err := book.Count(t.Context(), by, phonebook.Filter{})
			return err
		},
	}
	editing := map[string]func(by accounts.Principal) error{
		"Create": func(by accounts.Principal) error {
			_, err := book.Create(t.Context(), by, phonebook.NewEntry{Number: "119", Name: "消防"})
			return err
		},
		"Update": func(by accounts.Principal) error {
			_, err := book.Update(t.Context(), by, entry.ID, phonebook.Patch{Version: 1})
			return err
		},
		"Export": func(by accounts.Principal) error {
			_, err := book.Export(t.Context(), by, &strings.Builder{})
			return err
		},
		"Delete": func(by accounts.Principal) error { return book.Delete(t.Context(), by, entry.ID, 1) },
		"Import": func(by accounts.Principal) error {
			_, err := book.Import(t.Context(), by, strings.NewReader("118,海上保安庁"), phonebook.ImportOptions{Replace: true})
			return err
		},
	}
	check := func(what string, err error, allowed bool) {
		t.Helper()
		if errors.Is(err, accounts.ErrForbidden) == allowed {
			t.Errorf("%s = %v, want allowed %t", what, err, allowed)
		}
	}
	for what, do := range reading {
		check(what+" by nobody", do(nobody), false)
		check(what+" by an agent", do(agent), true)
	}
	for what, do := range editing {
		check(what+" by nobody", do(nobody), false)
		check(what+" by an agent", do(agent), false)
	}
	if page, err := book.List(t.Context(), agent, phonebook.Filter{}); err != nil || len(page.Items) != 1 {
		t.Errorf("after refusals the book has %v, %v", page.Items, err)
	}
	for what, do := range editing {
		check(what+" by a supervisor", do(supervisor), true)
	}
}

func TestBook_Lookup(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	create(t, book, "03-1234-5678", "佐藤", "")
	create(t, book, "2001", "受付", "")
	got, err := book.Lookup(t.Context(), []string{
		"0312345678", "+81312345678", "1840312345678", "2001", "2002", "", "anonymous", "sato\x00", "0312345678",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"0312345678": "佐藤", "+81312345678": "佐藤", "1840312345678": "佐藤", "2001": "受付"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Lookup: (-want +got)\n%s", diff)
	}
	if got, err := book.Lookup(t.Context(), []string{"", "sato"}); err != nil || got == nil || len(got) != 0 {
		t.Errorf("Lookup of no numbers = %v, %v", got, err)
	}
}

func TestBook_Search(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	create(t, book, "03-1234-5678", "佐藤 花子", "")
	create(t, book, "06-8888-1203", "ＡＢＣ商事", "担当 佐々木 100%")
	create(t, book, "2001", "受付 ｻﾄｳ", "a_b\nc")
	create(t, book, "+1 650 253 0000", "O'Brien \"Bob\"", "")
	tests := []struct {
		text string
		want []string
	}{
		{"", []string{"+16502530000", "+81312345678", "2001", "+81688881203"}},
		{"  ", []string{"+16502530000", "+81312345678", "2001", "+81688881203"}},
		{"佐", []string{"+81312345678", "+81688881203"}},
		{"佐藤", []string{"+81312345678"}},
		{"佐藤　花", []string{"+81312345678"}},
		{"サトウ", []string{"2001"}},
		{"ｻﾄ", []string{"2001"}},
		{"abc", []string{"+81688881203"}},
		{"ｂ", []string{"+16502530000", "2001", "+81688881203"}},
		{"o'b", []string{"+16502530000"}},
		{`"bob"`, []string{"+16502530000"}},
		{"0%", []string{"+81688881203"}},
		{"a_b", []string{"2001"}},
		{"b c", []string{"2001", "+81688881203"}},
		{"%", []string{"+81688881203"}},
		{"03-1234", []string{"+81312345678"}},
		{"０３１２", []string{"+81312345678"}},
		{"+81 3", []string{"+81312345678"}},
		{"8888", []string{"+81688881203"}},
		{"1203", []string{"+81688881203"}},
		{"200", []string{"2001"}},
		{"0650", nil},
		{"010-1-650-253-0000", []string{"+16502530000"}},
		{"佐藤花子", []string{"+81312345678"}},
		{"藤花", []string{"+81312345678"}},
		{"佐 藤花　子", []string{"+81312345678"}},
		{"A B C", []string{"+81688881203"}},
		{"当佐", nil}, // a note, in which space counts
		{"花子担", nil},
		{"佐藤 山", nil},
		{"78佐", nil}, // across number and name
	}
	for _, tt := range tests {
		page, err := book.List(t.Context(), agent, phonebook.Filter{Text: tt.text})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, entry := range page.Items {
			got = append(got, entry.Number)
		}
		// In the order of the names.
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("search for %q: (-want +got)\n%s", tt.text, diff)
		}
		if count, err := book.Count(t.Context(), agent, phonebook.Filter{Text: tt.text}); err != nil || count != int64(len(tt.want)) {
			t.Errorf("count of %q = %d, %v, want %d", tt.text, count, err, len(tt.want))
		}
	}
}

func TestBook_Pages(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	var want []phonebook.ID
	for i := range 25 { // many of one name: the ID decides
		want = append(want, create(t, book, fmt.Sprintf("03-1234-%04d", i), "佐藤", "").ID)
	}
	first := create(t, book, "110", "A", "")
	want = append([]phonebook.ID{first.ID}, append(want, create(t, book, "119", "鈴木", "").ID)...)

	var got []phonebook.ID
	filter := phonebook.Filter{Limit: 9}
	for {
		page, err := book.List(t.Context(), agent, filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range page.Items {
			got = append(got, entry.ID)
		}
		if len(got) == 9 { // what comes before the cursor moves no page
			create(t, book, "2001", "AA", "")
			if err := book.Delete(t.Context(), supervisor, first.ID, 1); err != nil {
				t.Fatal(err)
			}
		}
		if filter.Cursor = page.Next; filter.Cursor == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all pages: (-want +got)\n%s", diff)
	}
}

// More numbers than a book remembers, asked for at the same time.
func TestBook_LookupMany(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	importText(t, book, manyRows(100), phonebook.ImportOptions{})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for from := 0; from < 8000; from += 1000 {
				var numbers []string
				for i := range 1000 { // extensions, since they cost little
					numbers = append(numbers, fmt.Sprint(from+i, n))
				}
				numbers = append(numbers, "03-3000-0001", strings.Repeat(" ", 100)+"0330000002")
				names, err := book.Lookup(t.Context(), numbers)
				if err != nil || len(names) != 2 {
					t.Errorf("Lookup = %v, %v, want two names", names, err)
				}
			}
		})
	}
	wg.Wait()
}

// Of changes from one version just one succeeds.
func TestBook_ConcurrentUpdates(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	entry := create(t, book, "110", "x", "")
	const writers = 8
	results := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			name := fmt.Sprint("writer ", i)
			_, results[i] = book.Update(t.Context(), supervisor, entry.ID, phonebook.Patch{Version: 1, Name: &name})
		})
	}
	wg.Wait()
	won := 0
	for i, err := range results {
		if err == nil {
			won++
		} else if stale, ok := errors.AsType[*phonebook.StaleError](err); !ok || stale.Current.Version != 2 {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won, want 1", won)
	}
}

func TestBook_StoppedContext(t *testing.T) {
	t.Parallel()
	book, _ := newBook(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := book.Import(ctx, supervisor, strings.NewReader("110,x"), phonebook.ImportOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Import = %v, want context.Canceled", err)
	}
}
