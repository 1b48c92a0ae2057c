package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"callbackd/accounts"
	"callbackd/configs"
	"callbackd/postgres"
)

func newAccountCommand(opts *options) *cobra.Command {
	command := &cobra.Command{
		Use:   "account",
		Short: "Create, list, change and disable the accounts of people",
	}
	command.AddCommand(
		newAccountCreateCommand(opts),
		newAccountListCommand(opts),
		newAccountSetCommand(opts),
		newAccountSetPasswordCommand(opts),
		newAccountActionCommand(opts, "disable", "Keep somebody from logging in and log them out; accounts are never deleted", "is disabled",
			func(ctx context.Context, service *accounts.Service, id accounts.AccountID) error {
				_, err := service.Disable(ctx, accounts.Operator(), id)
				return err
			}),
		newAccountActionCommand(opts, "enable", "Let somebody log in again", "is enabled",
			func(ctx context.Context, service *accounts.Service, id accounts.AccountID) error {
				_, err := service.Enable(ctx, accounts.Operator(), id)
				return err
			}),
		newAccountActionCommand(opts, "logout", "Log somebody out everywhere", "is logged out everywhere",
			func(ctx context.Context, service *accounts.Service, id accounts.AccountID) error {
				return service.LogoutEverywhere(ctx, accounts.Operator(), id)
			}),
		newAccountLinkCommand(opts),
		newAccountActionCommand(opts, "unlink", "Take an account away from who logs in with single sign-on, and log them out", "is nobody's elsewhere any more",
			func(ctx context.Context, service *accounts.Service, id accounts.AccountID) error {
				return service.Unlink(ctx, accounts.Operator(), id)
			}),
	)
	return command
}

// withAccounts runs a subcommand's work on the accounts of the configured
// database.
func (o *options) withAccounts(ctx context.Context, work func(ctx context.Context, service *accounts.Service) error) error {
	return o.withDatabase(ctx, func(_ *configs.Config, db *postgres.DB) error {
		return work(ctx, accounts.NewService(accounts.Options{Store: db.Accounts()}))
	})
}

// accountFlags are what can be said of an account.
type accountFlags struct {
	displayName, role, endpoint string
	callCenters                 []string
}

func (f *accountFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.displayName, "display-name", "", "`name` that people read (default the login name)")
	flags.StringVar(&f.role, "role", "", "`role`: "+roleNames())
	flags.StringArrayVar(&f.callCenters, "call-center", nil, "`id` of a call center that the account belongs to; repeatable")
	flags.StringVar(&f.endpoint, "endpoint", "", "the person's phone as Asterisk names it, such as `PJSIP/2001`")
}

// check finds what is wrong with the command line before a password is asked
// for.
func (f *accountFlags) check(opts *options, roleIsSet bool) error {
	if roleIsSet && !accounts.Role(f.role).Valid() {
		return usageErrorf("--role %q: the roles are %s", f.role, roleNames())
	}
	cfg, err := opts.loadConfig()
	if err != nil {
		return err
	}
	f.callCenters, err = configured(cfg, f.callCenters)
	return err
}

func newAccountCreateCommand(opts *options) *cobra.Command {
	var (
		name  string
		flags accountFlags
		from  passwordSource
	)
	command := &cobra.Command{
		Use:   "create --name NAME --role ROLE [--call-center ID]…",
		Short: "Create an account",
		Long: "create creates an account that a person logs in with. The name is recorded on what\n" +
			"the person changes: it cannot be changed or used again. Agents and supervisors see\n" +
			"the call centers that they belong to, administrators see all.\n\n" + passwordHelp,
		Example: "  callbackd account create --name admin --role admin\n" +
			"  callbackd account create --name sato --display-name 佐藤 --role agent --call-center support --endpoint PJSIP/2001",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(opts, true); err != nil {
				return err
			}
			password, err := from.read(cmd)
			if err != nil {
				return err
			}
			return opts.withAccounts(cmd.Context(), func(ctx context.Context, service *accounts.Service) error {
				account, err := service.Create(ctx, accounts.Operator(), accounts.NewAccount{
					Name: name, DisplayName: flags.displayName, Role: accounts.Role(flags.role),
					CallCenters: flags.callCenters, Endpoint: flags.endpoint, Password: password,
				})
				if err != nil {
					return err
				}
				said := fmt.Sprintf("Account %q (%s) is created.\n", account.Name, account.Role)
				if account.Role != accounts.RoleAdmin && len(account.CallCenters) == 0 {
					said += fmt.Sprintf("It sees no list until it has a call center: callbackd account set %s --call-center ID\n", account.Name)
				}
				_, err = io.WriteString(cmd.ErrOrStderr(), said)
				return err
			})
		},
	}
	command.Flags().StringVar(&name, "name", "", "`name` to log in with: small letters, digits and . _ - @; never used again")
	flags.add(command)
	from.add(command)
	requireFlags(command, "name", "role")
	return command
}

func newAccountListCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all accounts",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return opts.withAccounts(cmd.Context(), func(ctx context.Context, service *accounts.Service) error {
				return printAccounts(ctx, cmd.OutOrStdout(), service)
			})
		},
	}
}

func printAccounts(ctx context.Context, w io.Writer, service *accounts.Service) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tDISPLAY NAME\tROLE\tCALL CENTERS\tENDPOINT\tENABLED\tCREATED")
	filter := accounts.AccountFilter{Limit: accounts.MaxPageSize}
	for {
		page, err := service.List(ctx, accounts.Operator(), filter)
		if err != nil {
			return err
		}
		for i := range page.Items {
			a := &page.Items[i]
			callCenters := strings.Join(a.CallCenters, ",")
			switch {
			case a.Role == accounts.RoleAdmin:
				callCenters = "all"
			case callCenters == "":
				callCenters = "none"
			}
			endpoint := a.Endpoint
			if endpoint == "" {
				endpoint = "-"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, printable(a.DisplayName), a.Role,
				callCenters, printable(endpoint), yesNo(a.Enabled), stamp(a.CreatedAt))
		}
		if filter.After = page.Next; filter.After == "" {
			return table.Flush()
		}
	}
}

func newAccountSetCommand(opts *options) *cobra.Command {
	var (
		flags         accountFlags
		noCallCenters bool
	)
	command := &cobra.Command{
		Use:   "set NAME [--role ROLE] [--call-center ID]… [--display-name NAME] [--endpoint ENDPOINT]",
		Short: "Change what an account is",
		Long: "set changes what is given and leaves the rest. The call centers that are given\n" +
			"replace those that the account has; an empty endpoint takes the phone away. It\n" +
			"counts from the person's next request on.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			is := cmd.Flags().Changed
			if err := flags.check(opts, is("role")); err != nil {
				return err
			}
			var change accounts.AccountChange
			if is("display-name") {
				change.DisplayName = &flags.displayName
			}
			if is("role") {
				role := accounts.Role(flags.role)
				change.Role = &role
			}
			if is("call-center") || noCallCenters {
				change.CallCenters = &flags.callCenters
			}
			if is("endpoint") {
				change.Endpoint = &flags.endpoint
			}
			return opts.withAccount(cmd, args[0], "is changed", func(ctx context.Context, service *accounts.Service, account *accounts.Account) error {
				change.Version = account.Version
				_, err := service.Update(ctx, accounts.Operator(), account.ID, change)
				return err
			})
		},
	}
	flags.add(command)
	command.Flags().BoolVar(&noCallCenters, "no-call-centers", false, "take all call centers away")
	command.MarkFlagsMutuallyExclusive("call-center", "no-call-centers")
	command.MarkFlagsOneRequired("display-name", "role", "call-center", "no-call-centers", "endpoint")
	return command
}

func newAccountSetPasswordCommand(opts *options) *cobra.Command {
	var from passwordSource
	command := &cobra.Command{
		Use:   "set-password NAME",
		Short: "Give an account another password and log the person out",
		Long:  "set-password replaces the password and ends the account's sessions.\n\n" + passwordHelp,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			const done = "has the new password and is logged out everywhere"
			return opts.withAccount(cmd, args[0], done, func(ctx context.Context, service *accounts.Service, account *accounts.Account) error {
				password, err := from.read(cmd)
				if err != nil {
					return err
				}
				return service.SetPassword(ctx, accounts.Operator(), account.ID, password)
			})
		},
	}
	from.add(command)
	return command
}

// newAccountActionCommand returns a subcommand that only needs the account's
// name.
func newAccountActionCommand(opts *options, use, short, done string,
	act func(ctx context.Context, service *accounts.Service, id accounts.AccountID) error,
) *cobra.Command {
	return &cobra.Command{
		Use:   use + " NAME",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return opts.withAccount(cmd, args[0], done, func(ctx context.Context, service *accounts.Service, account *accounts.Account) error {
				return act(ctx, service, account.ID)
			})
		},
	}
}

func newAccountLinkCommand(opts *options) *cobra.Command {
	var subject string
	command := &cobra.Command{
		Use:   "link NAME --subject SUBJECT",
		Short: "Have somebody log in with single sign-on, whose account was made here",
		Long: "link makes an account that of the person whom the configured OpenID Connect provider\n" +
			"knows by a subject (its claim sub), who then logs in there. Without that, somebody\n" +
			"of the same name is refused: a name proves nothing.",
		Example: "  callbackd account link sato --subject 3b1c0f9e-58f1-4a47-9d5e-0a3f4a6f2d10",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			if !cfg.OIDC.Enabled() {
				return errors.New("no provider is configured: write oidc in the configuration")
			}
			return opts.withAccount(cmd, args[0], "is linked", func(ctx context.Context, service *accounts.Service, account *accounts.Account) error {
				err := service.Link(ctx, accounts.Operator(), account.ID, cfg.OIDC.Issuer, subject)
				if errors.Is(err, accounts.ErrIdentityTaken) {
					err = fmt.Errorf("%w: 'callbackd account unlink' takes back whose it is now", err)
				}
				return err
			})
		},
	}
	command.Flags().StringVar(&subject, "subject", "", "the person's `claim` sub")
	if err := command.MarkFlagRequired("subject"); err != nil {
		panic(err) // there is no such flag
	}
	return command
}

// withAccount does something to the account of a name and says that it is
// done.
func (o *options) withAccount(cmd *cobra.Command, name, done string,
	act func(ctx context.Context, service *accounts.Service, account *accounts.Account) error,
) error {
	return o.withAccounts(cmd.Context(), func(ctx context.Context, service *accounts.Service) error {
		account, err := service.GetByName(ctx, accounts.Operator(), name)
		if err != nil {
			return fmt.Errorf("account %q: %w; see 'callbackd account list'", name, err)
		}
		if err := act(ctx, service, &account); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "Account %q %s.\n", account.Name, done)
		return err
	})
}
