package callbacks_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/phonebook"
)

// desk is a site with names, numbers of Japan and a phone book.
func desk(t *testing.T) *site {
	t.Helper()
	s := staff(t)
	book := phonebook.NewBook(s.db.Phonebook(), "JP", nil)
	_, err := book.Create(t.Context(), accounts.Operator(), phonebook.NewEntry{Number: "03-1234-5678", Name: "株式会社ＡＢＣ商事"})
	if err != nil {
		t.Fatal(err)
	}
	s.Service = callbacks.NewService(s.db.Callbacks(), callbacks.Options{
		Now: func() time.Time { return start }, Numbers: callbacks.InRegion("JP"), Book: book,
		Names: func() callbacks.Names {
			return callbacks.Names{
				CallCenters:    map[string]string{"support": "サポート窓口", "sales": "販売"},
				BusinessLabels: map[string]string{"repairs": "修理受付"},
			}
		},
	})
	return s
}

// 絞り込み finds what people see, in the way they write it, and nothing across
// two fields.
func TestService_ListText(t *testing.T) {
	t.Parallel()
	s := desk(t)
	first := s.call(t, func(c *callcenter.Call) { c.BusinessLabel, c.RemoteNumber = "repairs", "1860312345678" })
	second := s.call(t, func(c *callcenter.Call) {
		c.CallCenter, c.CallCenters, c.RemoteNumber, c.LocalNumber = "sales", []string{"sales"}, "0669999999", "7777"
	})
	for _, r := range []struct {
		call callcenter.Call
		memo string
	}{{first, "至急、ﾃｽﾄのCallBack 100%_\\"}, {second, "値引き\n再見積"}} {
		if _, err := s.Register(t.Context(), admin, r.call.RequestID, callbacks.Registration{Memo: r.memo}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Claim(t.Context(), sato, 1, 1, ""); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		text string
		want []callbacks.ID
	}{
		{"", []callbacks.ID{1, 2}},
		{" 　", []callbacks.ID{1, 2}},
		{"急", []callbacks.ID{1}},
		{"テスト", []callbacks.ID{1}},
		{"ｔｅｓｔ", nil},
		{"CALLBACK", []callbacks.ID{1}},
		{"%", []callbacks.ID{1}},
		{"_\\", []callbacks.ID{1}},
		{"'; --", nil},
		{"2", []callbacks.ID{1, 2}}, // part of the number of 1, the ID of 2
		{"03-1234-5678", []callbacks.ID{1}},
		{"+81 3 1234 5678", []callbacks.ID{1}},
		{"０３１２３４５６７８", []callbacks.ID{1}},
		{"（03）1234", []callbacks.ID{1}},
		{"1234-5678", []callbacks.ID{1}},
		{"184-03-1234-5678", []callbacks.ID{1}},
		{"06 6999", []callbacks.ID{2}},
		{"abc商", []callbacks.ID{1}},
		{"ＡＢＣ", []callbacks.ID{1}},
		{"サポート", []callbacks.ID{1}},
		{"sales", []callbacks.ID{2}},
		{"販", []callbacks.ID{2}},
		{"修理", []callbacks.ID{1}},
		{"sato", []callbacks.ID{1}},
		{"SATO", []callbacks.ID{1}},
		{"7777", []callbacks.ID{2}},
		{"supportrepairs", nil},
		{"再見", []callbacks.ID{2}},
		{"き再", nil},
	}
	for _, test := range tests {
		page, err := s.List(t.Context(), admin, callbacks.Filter{Text: test.text})
		var got []callbacks.ID
		for _, c := range page.Items {
			got = append(got, c.ID)
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("text %q finds %v, %v, want %v", test.text, got, err, test.want)
		}
	}
	rows, err := s.Rows(t.Context(), []callbacks.Callback{{RemoteNumber: "+81312345678", CallCenter: "support", Assignee: "sato"}, {CallCenter: "x"}})
	if err != nil || rows[0].RemoteName != "株式会社ＡＢＣ商事" || rows[0].CallCenterName != "サポート窓口" ||
		rows[0].AssigneeName != "SATO" || rows[1].CallCenterName != "x" || rows[1].RemoteName != "" {
		t.Errorf("Rows = %+v, %v", rows, err)
	}
}

// What a list is asked for and cannot be is said field by field.
func TestService_ListRefusals(t *testing.T) {
	t.Parallel()
	s := staff(t)
	for range 3 {
		s.registered(t)
	}
	byID, err := s.List(t.Context(), admin, callbacks.Filter{Limit: 1})
	if err != nil || byID.Next == "" {
		t.Fatalf("List = %+v, %v", byID, err)
	}
	raw := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	tests := []struct {
		field  string
		filter callbacks.Filter
	}{
		{"text", callbacks.Filter{Text: strings.Repeat("あ", 201)}},
		{"text", callbacks.Filter{Text: "\xff"}},
		{"text", callbacks.Filter{Text: "a\x1fb"}},
		{"status", callbacks.Filter{Statuses: []callbacks.Status{"closed"}}},
		{"origin", callbacks.Filter{Origins: []callbacks.Origin{""}}},
		{"sort", callbacks.Filter{Sort: "memo"}},
		{"page_size", callbacks.Filter{Limit: 201}},
		{"page_size", callbacks.Filter{Limit: -1}},
		{"assignee", callbacks.Filter{Assignees: []string{"\x00"}}},
		{"assignee", callbacks.Filter{Assignees: make([]string, 101)}},
		{"assignee", callbacks.Filter{Mine: true}},
		{"call_center", callbacks.Filter{CallCenters: []string{strings.Repeat("x", 256)}}},
		{"remote_number", callbacks.Filter{RemoteNumber: "sato"}},
		{"from", callbacks.Filter{From: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"cursor", callbacks.Filter{Cursor: "%"}},
		{"cursor", callbacks.Filter{Cursor: strings.Repeat("A", 2000)}},
		{"cursor", callbacks.Filter{Cursor: raw(`{"s":"id","i":"x"}`)}},
		{"cursor", callbacks.Filter{Cursor: raw(`{"s":"id","d":false,"k":"","i":-1}`)}},
		{"cursor", callbacks.Filter{Cursor: raw(`{"s":"id","d":false,"k":"","i":9223372036854775807}`)}},
		{"cursor", callbacks.Filter{Cursor: raw(`{"s":"assignee","d":false,"k":"\u0000","i":1}`), Sort: callbacks.SortAssignee}},
		{"cursor", callbacks.Filter{Cursor: byID.Next, Descending: true}},
		{"cursor", callbacks.Filter{Cursor: byID.Next, Sort: callbacks.SortStatus}},
	}
	for _, test := range tests {
		for _, do := range []func() error{
			func() error { _, err := s.List(t.Context(), admin, test.filter); return err },
			func() error { _, err := s.Count(t.Context(), admin, test.filter); return err },
		} {
			err := do()
			if e, ok := errors.AsType[*callbacks.FieldError](err); !ok || e.Field != test.field {
				t.Errorf("%+v: %v, want field %s", test.filter, err, test.field)
			}
		}
	}
	far := callbacks.Filter{Cursor: raw(`{"s":"id","d":false,"k":"","i":9223372036854775806}`)}
	if page, err := s.List(t.Context(), admin, far); err != nil || len(page.Items) != 0 {
		t.Errorf("a page after all IDs: %+v, %v", page, err)
	}
	nobody := accounts.Principal{}
	if page, err := s.List(t.Context(), nobody, callbacks.Filter{}); err != nil || len(page.Items) != 0 {
		t.Errorf("the list of a principal without a role: %+v, %v", page, err)
	}
}

// A list of nothing is empty, in whatever way it is looked for.
func TestService_ListOfNothing(t *testing.T) {
	t.Parallel()
	s := staff(t)
	for _, f := range []callbacks.Filter{
		{},
		{Text: "急"},
		{Text: "急", Descending: true},
		{Sort: callbacks.SortAssignee, Statuses: callbacks.Statuses},
		{From: start},
		{RequestID: "r1"},
	} {
		page, err := s.List(t.Context(), admin, f)
		if err != nil || len(page.Items) != 0 || page.Next != "" {
			t.Errorf("%+v: %+v, %v", f, page, err)
		}
	}
}

// How many are new since a list was read: registrations, not changes, that
// match the list.
func TestService_NewSince(t *testing.T) {
	t.Parallel()
	s := desk(t)
	old := s.registered(t)
	last := s.lastChange(t)
	count := func(by accounts.Principal, f callbacks.Filter, want int64) {
		t.Helper()
		if got, err := s.NewSince(t.Context(), by, f, last); err != nil || got != want {
			t.Errorf("NewSince = %d, %v, want %d", got, err, want)
		}
	}
	count(admin, callbacks.Filter{}, 0)
	if _, err := s.Claim(t.Context(), sato, old.ID, 1, ""); err != nil {
		t.Fatal(err)
	}
	count(admin, callbacks.Filter{}, 0)
	s.registered(t)
	s.registered(t)
	if _, err := s.Claim(t.Context(), sato, 2, 1, ""); err != nil {
		t.Fatal(err)
	}
	count(admin, callbacks.Filter{}, 2)
	count(sato, callbacks.Filter{Mine: true}, 1)
	count(mori, callbacks.Filter{}, 0)
	last = 1 << 60
	count(admin, callbacks.Filter{}, 0)
	last = -1
	count(admin, callbacks.Filter{}, 3)
}

func TestService_OpenOf(t *testing.T) {
	t.Parallel()
	s := desk(t)
	for _, number := range []string{"0312345678", "+81312345678", "184-03-1234-5678", "0399999999"} {
		call := s.call(t, func(c *callcenter.Call) { c.RemoteNumber = number })
		if _, err := s.Register(t.Context(), admin, call.RequestID, callbacks.Registration{}); err != nil {
			t.Fatal(err)
		}
	}
	completed := callbacks.StatusCompleted
	if _, err := s.Change(t.Context(), ito, 1, callbacks.Patch{Version: 1, Assignee: new("sato"), Status: &completed}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		by                 accounts.Principal
		number, callCenter string
		want               int
	}{
		{admin, "０３－１２３４－５６７８", "support", 2},
		{sato, "+81 3 1234 5678", "", 2},
		{sato, "0312345678", "sales", 0},
		{mori, "0312345678", "", 0},
		{admin, "", "", 0},
		{accounts.Principal{}, "0312345678", "", 0},
	} {
		got, err := s.OpenOf(t.Context(), test.by, test.number, test.callCenter)
		if err != nil || got != test.want {
			t.Errorf("OpenOf(%s, %q, %q) = %d, %v, want %d", test.by.Name, test.number, test.callCenter, got, err, test.want)
		}
	}
	if _, err := s.OpenOf(t.Context(), admin, "\xff", ""); err == nil {
		t.Error("a number that is not UTF-8 was counted")
	}
}

// Times of registration never run backwards in the order of the IDs, whatever
// the clocks of the daemons show; so a period is a range of IDs.
func TestService_RegistrationTimes(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	register := func(at time.Time) callbacks.Callback {
		t.Helper()
		service := callbacks.NewService(s.db.Callbacks(), callbacks.Options{Now: func() time.Time { return at }})
		result, err := service.Register(context.Background(), admin, s.call(t, nil).RequestID, callbacks.Registration{})
		if err != nil {
			t.Fatal(err)
		}
		return result.Callback
	}
	first, late, early, next := register(start), register(start.Add(time.Second)), register(start), register(start.Add(time.Minute))
	if !early.RegisteredAt.Equal(late.RegisteredAt) {
		t.Errorf("a registration by a slow clock is dated %s, want %s", early.RegisteredAt, late.RegisteredAt)
	}
	for _, test := range []struct {
		from, to time.Time
		want     []callbacks.ID
	}{
		{start, start.Add(time.Second), []callbacks.ID{first.ID}},
		{start.Add(time.Second), time.Time{}, []callbacks.ID{late.ID, early.ID, next.ID}},
		{start.Add(time.Hour), time.Time{}, nil},
		{time.Time{}, start, nil},
	} {
		page, err := s.List(t.Context(), admin, callbacks.Filter{From: test.from, To: test.to})
		var got []callbacks.ID
		for _, c := range page.Items {
			got = append(got, c.ID)
		}
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("from %s to %s: %v (-want +got):\n%s", test.from, test.to, err, diff)
		}
	}
}
