package main

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

// demoPassword is that of every account of a demo. It protects nothing: the
// demo listens on the loopback address, and all that is in it is invented.
const demoPassword = "callbackd-demo"

// demoAccount is somebody who can log in to a demo.
type demoAccount struct {
	Name        string        `json:"name"`
	DisplayName string        `json:"display_name"`
	Role        accounts.Role `json:"role"`
	CallCenters []string      `json:"call_centers"` // null for an administrator
	Endpoint    string        `json:"endpoint,omitempty"`
}

// demoAccounts are the people at the phones of the sample configuration, who
// serve the queues that these phones are members of, and those who lead them.
func demoAccounts() []demoAccount {
	return []demoAccount{
		{"sato", "佐藤 恵子", accounts.RoleAgent, []string{demoDesk}, "PJSIP/2001"},
		{"suzuki", "鈴木 一郎", accounts.RoleAgent, []string{demoDesk}, "PJSIP/2002"},
		{"takahashi", "高橋 明", accounts.RoleAgent, []string{"sales"}, "PJSIP/2003"},
		{"ito", "伊藤 美穂", accounts.RoleAgent, []string{"sales"}, "PJSIP/2004"},
		{"yamada", "山田 和子", accounts.RoleSupervisor, []string{demoDesk, "sales"}, ""},
		{"admin", "システム管理者", accounts.RoleAdmin, nil, ""},
	}
}

// demoVisitors are the accounts as the login page shows them.
func demoVisitors() []api.DemoAccount {
	var visitors []api.DemoAccount
	for _, a := range demoAccounts() {
		visitors = append(visitors, api.DemoAccount{
			Name: a.Name, DisplayName: a.DisplayName, Role: api.Role(a.Role), Password: demoPassword,
		})
	}
	return visitors
}

// people makes the demo's accounts, and enters the customers in the phone
// book, but for the last few: some callers are always unknown.
func (d *demo) people(ctx context.Context) error {
	service := accounts.NewService(accounts.Options{Store: d.daemon.db.Accounts(), HasCallCenter: d.daemon.hasCallCenter})
	creating, ctx := errgroup.WithContext(ctx)
	for _, a := range demoAccounts() {
		creating.Go(func() error {
			_, err := service.Create(ctx, accounts.Operator(), accounts.NewAccount{
				Name: a.Name, DisplayName: a.DisplayName, Role: a.Role,
				CallCenters: a.CallCenters, Endpoint: a.Endpoint, Password: demoPassword,
			})
			return err
		})
	}
	const unknown = 4
	file := strings.NewReader(customersCSV(unknown))
	book := phonebook.NewBook(d.daemon.db.Phonebook(), d.daemon.cfg.Region, nil)
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
