package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
)

// fields returns the fields that an error finds fault with.
func fields(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // it walks the tree itself
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, fields(e)...)
		}
		return all
	}
	if field, ok := err.(*accounts.FieldError); ok { //nolint:errorlint // as above
		return []string{field.Field}
	}
	if inner := errors.Unwrap(err); inner != nil {
		return fields(inner)
	}
	return nil
}

func TestService_Create(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got, err := w.accounts.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: "sato@example.jp", Role: accounts.RoleSupervisor, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := accounts.Account{
		ID: 1, Name: "sato@example.jp", DisplayName: "sato@example.jp", Role: accounts.RoleSupervisor, CallCenters: []string{},
		Enabled: true, HasPassword: true, Version: 1, Generation: 1, CreatedAt: w.now(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	_, err = w.accounts.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: "token:x", DisplayName: " ", Role: "root", CallCenters: []string{"nowhere"}, Endpoint: "2001", Password: "short",
	})
	if diff := cmp.Diff([]string{"name", "password", "display_name", "role", "endpoint", "call_centers"}, fields(err)); diff != "" {
		t.Errorf("faults of an account with nothing right (-want +got):\n%s\n%v", diff, err)
	}
	for _, name := range []string{"", "Sato", "sa to", "-sato", "sato:x", "佐藤", "sato\n", "sa\x00to", strings.Repeat("x", 65)} {
		_, err := w.accounts.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
			Name: name, DisplayName: "x", Role: accounts.RoleAgent, Password: password,
		})
		if diff := cmp.Diff([]string{"name"}, fields(err)); diff != "" {
			t.Errorf("faults of the name %q (-want +got):\n%s", name, diff)
		}
	}
	_, err = w.accounts.Create(t.Context(), accounts.Operator(), accounts.NewAccount{
		Name: got.Name, Role: accounts.RoleAgent, Password: password,
	})
	if !errors.Is(err, accounts.ErrNameTaken) {
		t.Errorf("a name twice: %v, want ErrNameTaken", err)
	}
}

func TestService_Update(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.create("sato", accounts.RoleAgent, "support")
	update := func(change accounts.AccountChange) (accounts.Account, error) {
		return w.accounts.Update(t.Context(), accounts.Operator(), account.ID, change)
	}
	changed, err := update(accounts.AccountChange{Version: 1, DisplayName: new("佐藤"), CallCenters: &[]string{"sales", "sales"}})
	if err != nil {
		t.Fatal(err)
	}
	want := account
	want.DisplayName, want.CallCenters, want.Version = "佐藤", []string{"sales"}, 2
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	_, err = update(accounts.AccountChange{Version: 1, DisplayName: new("鈴木")})
	stale, ok := errors.AsType[*accounts.StaleError](err)
	if !ok {
		t.Fatalf("a change of an old version: %v, want *StaleError", err)
	}
	if diff := cmp.Diff(want, stale.Current); diff != "" {
		t.Errorf("the record of the refusal (-want +got):\n%s", diff)
	}
	if same, err := update(accounts.AccountChange{Version: 2, DisplayName: new("佐藤")}); err != nil || same.Version != 2 {
		t.Errorf("a change that changes nothing: version %d, %v", same.Version, err)
	}
	_, err = update(accounts.AccountChange{Version: 2, DisplayName: new("a\x00"), Role: new(accounts.Role("x")), Endpoint: new("x"), CallCenters: &[]string{""}})
	if diff := cmp.Diff([]string{"display_name", "role", "endpoint", "call_centers"}, fields(err)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if got, err := w.accounts.Get(t.Context(), accounts.Operator(), account.ID); err != nil || !cmp.Equal(got, want) {
		t.Errorf("after refused changes the account is %+v, %v", got, err)
	}
	if _, err := w.accounts.Update(t.Context(), accounts.Operator(), 99, accounts.AccountChange{Version: 1}); !errors.Is(err, accounts.ErrAccountNotFound) {
		t.Errorf("no such account: %v", err)
	}
}

func TestService_Endpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.create("first", accounts.RoleAgent), w.create("second", accounts.RoleAgent)
	set := func(account accounts.Account, endpoint string) (accounts.Account, error) {
		return w.accounts.Update(t.Context(), accounts.Operator(), account.ID, accounts.AccountChange{Version: account.Version, Endpoint: &endpoint})
	}
	first, err := set(first, "PJSIP/2001")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set(second, "PJSIP/2001"); !errors.Is(err, accounts.ErrEndpointTaken) {
		t.Errorf("a phone twice: %v, want ErrEndpointTaken", err)
	}
	if _, err := w.accounts.Disable(t.Context(), accounts.Operator(), first.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := set(second, "PJSIP/2001"); err != nil {
		t.Errorf("the phone of somebody who left: %v", err)
	}
	if _, err := w.accounts.Enable(t.Context(), accounts.Operator(), first.ID); !errors.Is(err, accounts.ErrEndpointTaken) {
		t.Errorf("who left comes back to the phone: %v, want ErrEndpointTaken", err)
	}
}

// Who may do what to an account, by who they are to it.
func TestService_WhoMay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.create("sato", accounts.RoleAgent, "support")
	colleague := w.create("colleague", accounts.RoleAgent, "support")
	boss := w.create("boss", accounts.RoleSupervisor, "support", "sales")
	stranger := w.create("stranger", accounts.RoleSupervisor, "sales")
	admin := w.create("admin", accounts.RoleAdmin)
	acting := target.Principal()
	acting.TokenID = 7
	none, forbidden := accounts.ErrAccountNotFound, accounts.ErrForbidden
	for _, tt := range []struct {
		name                 string
		by                   accounts.Principal
		read, manage, logout error
	}{
		{"self", target.Principal(), nil, forbidden, nil},
		{"token acting for it", acting, nil, forbidden, forbidden},
		{"colleague", colleague.Principal(), nil, forbidden, forbidden},
		{"supervisor", boss.Principal(), nil, forbidden, forbidden},
		{"supervisor elsewhere", stranger.Principal(), none, none, none},
		{"admin", admin.Principal(), nil, nil, nil},
		{"admin's token", accounts.Principal{Kind: accounts.KindToken, Role: accounts.RoleAdmin}, nil, nil, nil},
		{"admin's limited token", accounts.Principal{Kind: accounts.KindToken, Role: accounts.RoleAdmin, CallCenters: []string{"support"}}, nil, forbidden, forbidden},
		{"nobody", accounts.Principal{}, none, none, none},
	} {
		check := func(what string, got, want error) {
			if !errors.Is(got, want) || want == nil && got != nil {
				t.Errorf("%s by %s: %v, want %v", what, tt.name, got, want)
			}
		}
		_, err := w.accounts.Get(t.Context(), tt.by, target.ID)
		check("get", err, tt.read)
		_, err = w.accounts.GetByName(t.Context(), tt.by, "Sato")
		check("get by name", err, tt.read)
		_, err = w.accounts.Enable(t.Context(), tt.by, target.ID)
		check("enable", err, tt.manage)
		_, err = w.accounts.Update(t.Context(), tt.by, target.ID, accounts.AccountChange{Version: 1})
		check("update", err, tt.manage)
		check("set password", w.accounts.SetPassword(t.Context(), tt.by, target.ID, password), tt.manage)
		check("log out", w.accounts.LogoutEverywhere(t.Context(), tt.by, target.ID), tt.logout)
		wantCreate := tt.manage
		if wantCreate != nil {
			wantCreate = forbidden
		}
		_, err = w.accounts.Create(t.Context(), tt.by, accounts.NewAccount{Name: "by-" + strings.ReplaceAll(strings.ReplaceAll(tt.name, " ", "-"), "'", ""), Role: accounts.RoleAgent, Password: password})
		check("create", err, wantCreate)
	}
}

func TestService_List(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.create(fmt.Sprintf("agent%d", i), accounts.RoleAgent, []string{"support", "sales"}[i%2])
	}
	boss := w.create("boss", accounts.RoleSupervisor, "sales")
	w.create("z_admin", accounts.RoleAdmin)
	gone := w.create("gone_100", accounts.RoleAgent, "support", "sales")
	if _, err := w.accounts.Update(t.Context(), accounts.Operator(), gone.ID, accounts.AccountChange{
		Version: 1, Enabled: new(false), DisplayName: new("退職 Ｓａｔｏ"),
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		by     accounts.Principal
		filter accounts.AccountFilter
		want   string
	}{
		{"all", accounts.Operator(), accounts.AccountFilter{}, "agent0 agent1 agent2 agent3 agent4 boss gone_100 z_admin"},
		{"those of the supervisor", boss.Principal(), accounts.AccountFilter{}, "agent1 agent3 boss gone_100"},
		{"by role", accounts.Operator(), accounts.AccountFilter{Roles: []accounts.Role{"supervisor", "admin"}}, "boss z_admin"},
		{"by call center", accounts.Operator(), accounts.AccountFilter{CallCenter: "support"}, "agent0 agent2 agent4 gone_100"},
		{"by text", accounts.Operator(), accounts.AccountFilter{Text: "AGENT3"}, "agent3"},
		{"by display name", accounts.Operator(), accounts.AccountFilter{Text: "退職"}, "gone_100"},
		{"by display name without space", accounts.Operator(), accounts.AccountFilter{Text: "職sato"}, "gone_100"},
		{"signs mean themselves", accounts.Operator(), accounts.AccountFilter{Text: "_1"}, "gone_100"},
		{"disabled", accounts.Operator(), accounts.AccountFilter{Enabled: new(false)}, "gone_100"},
		{"enabled of one", boss.Principal(), accounts.AccountFilter{Enabled: new(true), CallCenter: "support"}, ""},
		{"without a call center", accounts.Principal{Kind: accounts.KindAccount, Role: accounts.RoleAgent, CallCenters: []string{}}, accounts.AccountFilter{}, ""},
	} {
		for limit := 1; limit <= 9; limit += 4 {
			filter := tt.filter
			filter.Limit = limit
			var names []string
			for {
				page, err := w.accounts.List(t.Context(), tt.by, filter)
				if err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				for i := range page.Items {
					names = append(names, page.Items[i].Name)
				}
				if filter.After = page.Next; page.Next == "" {
					break
				}
			}
			if got := strings.Join(names, " "); got != tt.want {
				t.Errorf("%s in pages of %d: %q, want %q", tt.name, limit, got, tt.want)
			}
		}
	}
	_, err := w.accounts.List(t.Context(), accounts.Operator(), accounts.AccountFilter{
		Text: "\x00", CallCenter: "\xff", After: strings.Repeat("x", 1000), Roles: []accounts.Role{"x"}, Limit: 201,
	})
	if diff := cmp.Diff([]string{"q", "call_center", "cursor", "role", "page_size"}, fields(err)); diff != "" {
		t.Errorf("faults of a filter (-want +got):\n%s", diff)
	}
	if _, err := w.accounts.List(t.Context(), accounts.Principal{}, accounts.AccountFilter{}); !errors.Is(err, accounts.ErrForbidden) {
		t.Errorf("for nobody: %v", err)
	}
}

// Of administrators who take each other away at the same time one stays.
func TestService_LastAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var admins []accounts.Account
	for i := range 4 {
		admins = append(admins, w.create(fmt.Sprintf("admin%d", i), accounts.RoleAdmin))
	}
	for range 5 {
		var group sync.WaitGroup
		for i := range admins {
			by, id := admins[i].Principal(), admins[(i+1)%len(admins)].ID
			group.Go(func() {
				var err error
				if i%2 == 0 {
					_, err = w.accounts.Disable(t.Context(), by, id)
				} else {
					var now accounts.Account
					if now, err = w.accounts.Get(t.Context(), by, id); err == nil {
						_, err = w.accounts.Update(t.Context(), by, id, accounts.AccountChange{Version: now.Version, Role: new(accounts.RoleAgent)})
					}
				}
				_, stale := errors.AsType[*accounts.StaleError](err)
				if err != nil && !errors.Is(err, accounts.ErrLastAdmin) && !stale {
					t.Errorf("take an administrator away: %v", err)
				}
			})
		}
		group.Wait()
		if left := query[int](w, "SELECT count(*) FROM accounts WHERE role = 'admin' AND enabled"); left != 1 {
			t.Fatalf("%d administrators are left, want 1", left)
		}
		for _, admin := range admins {
			now, err := w.accounts.Get(t.Context(), accounts.Operator(), admin.ID)
			if err == nil {
				_, err = w.accounts.Update(t.Context(), accounts.Operator(), admin.ID, accounts.AccountChange{
					Version: now.Version, Role: new(accounts.RoleAdmin), Enabled: new(true),
				})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The schema keeps accounts, whatever asks.
func TestAccounts_SchemaKeepsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("sato", accounts.RoleAgent)
	conn, err := pgx.Connect(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const insert = `INSERT INTO accounts (name, display_name, role, call_centers, password_hash, created_at) VALUES `
	for _, sql := range []string{
		`DELETE FROM accounts`,
		`UPDATE accounts SET name = 'suzuki'`,
		`UPDATE accounts SET role = 'root'`,
		`UPDATE accounts SET password_hash = 'secret'`,
		`UPDATE accounts SET endpoint = ''`,
		insert + `('token:crm', 'x', 'agent', '{}', '$argon2id$x', now())`,
		insert + `('a (token:b)', 'x', 'agent', '{}', '$argon2id$x', now())`,
		insert + `('sato', 'x', 'agent', '{}', '$argon2id$x', now())`,
		insert + `('suzuki', '', 'agent', '{}', '$argon2id$x', now())`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s was accepted", sql)
		}
	}
}
