package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/lab"
	"callbackd/phonebook"
)

// password is that of every account of a demo. It protects nothing: the
// demo listens on the loopback address, and all that is in it is invented.
const password = "callbackd-demo"

// Account is somebody who can log in to a demo.
type Account struct {
	Name        string        `json:"name"`
	DisplayName string        `json:"display_name"`
	Role        accounts.Role `json:"role"`
	CallCenters []string      `json:"call_centers"` // null for an administrator
	Endpoint    string        `json:"endpoint,omitempty"`
}

// Accounts are the people at the phones of the sample configuration, who
// serve the queues that these phones are members of, and those who lead them.
func Accounts() []Account {
	return []Account{
		{"sato", "佐藤 恵子", accounts.RoleAgent, []string{Desk}, "PJSIP/2001"},
		{"suzuki", "鈴木 一郎", accounts.RoleAgent, []string{Desk}, "PJSIP/2002"},
		{"takahashi", "高橋 明", accounts.RoleAgent, []string{"sales"}, "PJSIP/2003"},
		{"ito", "伊藤 美穂", accounts.RoleAgent, []string{"sales"}, "PJSIP/2004"},
		{"yamada", "山田 和子", accounts.RoleSupervisor, []string{Desk, "sales"}, ""},
		{"admin", "システム管理者", accounts.RoleAdmin, nil, ""},
	}
}

// visitors are the accounts as the login page shows them.
func visitors() []api.DemoAccount {
	var visitors []api.DemoAccount
	for _, a := range Accounts() {
		visitors = append(visitors, api.DemoAccount{
			Name: a.Name, DisplayName: a.DisplayName, Role: api.Role(a.Role), Password: password,
		})
	}
	return visitors
}

// people makes the demo's accounts, and enters the customers in the phone
// book, but for the last few: some callers are always unknown.
func (d *demo) people(ctx context.Context) error {
	service := accounts.NewService(accounts.Options{Store: d.daemon.DB.Accounts(), HasCallCenter: d.daemon.HasCallCenter})
	creating, ctx := errgroup.WithContext(ctx)
	for _, a := range Accounts() {
		creating.Go(func() error {
			_, err := service.Create(ctx, accounts.Operator(), accounts.NewAccount{
				Name: a.Name, DisplayName: a.DisplayName, Role: a.Role,
				CallCenters: a.CallCenters, Endpoint: a.Endpoint, Password: password,
			})
			return err
		})
	}
	const unknown = 4
	file := strings.NewReader(customersCSV(unknown))
	book := phonebook.NewBook(d.daemon.DB.Phonebook(), d.cfg.Region, nil)
	_, err := book.Import(ctx, accounts.Operator(), file, phonebook.ImportOptions{})
	if err = errors.Join(err, creating.Wait()); err != nil {
		return fmt.Errorf("make the demo's accounts and phone book: %w", err)
	}
	return nil
}

// customersCSV is a phone book of all customers but the last few.
func customersCSV(but int) string {
	var text strings.Builder
	text.WriteString("number,name\n")
	customers := lab.Customers()
	for _, c := range customers[:len(customers)-but] {
		fmt.Fprintf(&text, "%s,%s\n", c.Number, c.Name)
	}
	return text.String()
}
