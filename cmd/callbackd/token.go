package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"callbackd/accounts"
	"callbackd/configs"
	"callbackd/postgres"
)

func newTokenCommand(opts *options) *cobra.Command {
	command := &cobra.Command{
		Use:   "token",
		Short: "Create, list and revoke the API tokens of other systems",
	}
	command.AddCommand(newTokenCreateCommand(opts), newTokenListCommand(opts), newTokenRevokeCommand(opts))
	return command
}

// withTokens runs a subcommand's work on the tokens of the configured
// database.
func (o *options) withTokens(ctx context.Context, work func(ctx context.Context, tokens *accounts.Tokens) error) error {
	return o.withDatabase(ctx, func(_ *configs.Config, db *postgres.DB) error {
		return work(ctx, accounts.NewTokens(db.Tokens(), nil))
	})
}

func newTokenCreateCommand(opts *options) *cobra.Command {
	var (
		name, role  string
		callCenters []string
		mayActFor   bool
		expires     time.Duration
	)
	command := &cobra.Command{
		Use:   "create --name NAME --role ROLE [--call-center ID]…",
		Short: "Create a token and print it",
		Long: "create prints the new token on standard output, this once: only its hash is\n" +
			"stored. Whoever has it may do what its role may, for the calls of the given call\n" +
			"centers; for all calls when none is given. A token that may act for accounts can do\n" +
			"what both it and the account may; the history names both.",
		Example: "  callbackd token create --name crm --role supervisor --call-center support --expires 8760h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wish := accounts.NewToken{Name: name, Role: accounts.Role(role), MayActFor: mayActFor}
			if !wish.Role.Valid() {
				return usageErrorf("--role %q: the roles are %s", role, roleNames())
			}
			if expires < 0 {
				return usageErrorf("--expires %s lies in the past", expires)
			}
			if expires > 0 {
				at := time.Now().Add(expires)
				wish.ExpiresAt = &at
			}
			cfg, err := opts.loadConfig()
			if err != nil {
				return err
			}
			if wish.CallCenters, err = configured(cfg, callCenters); err != nil {
				return err
			}
			return opts.withTokens(cmd.Context(), func(ctx context.Context, tokens *accounts.Tokens) error {
				secret, token, err := tokens.Create(ctx, wish)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "Token %d %q (%s), %s, %s. It is shown this once:\n",
					token.ID, token.Name, token.Role, limits(token), validity(token))
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	flags := command.Flags()
	flags.StringVar(&name, "name", "", "`name` that is recorded on what the token changes; never used again")
	flags.StringVar(&role, "role", "", "`role`: "+roleNames())
	flags.StringArrayVar(&callCenters, "call-center", nil, "`id` of a call center to which the token is limited; repeatable (default all calls)")
	flags.BoolVar(&mayActFor, "may-act-for", false, "let the token act for accounts")
	flags.DurationVar(&expires, "expires", 0, "`duration` until the token expires, such as 720h (default never)")
	requireFlags(command, "name", "role")
	return command
}

func requireFlags(command *cobra.Command, names ...string) {
	for _, name := range names {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(err) // there is no such flag
		}
	}
}

// configured returns the ids without repetitions, nil for none, or an error
// when one is no call center's: a token for it would show nothing.
func configured(cfg *configs.Config, ids []string) ([]string, error) {
	known := hasCallCenter(cfg)
	for _, id := range ids {
		if !known(id) {
			return nil, usageErrorf("--call-center %q: the configuration has no such call center", id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// hasCallCenter returns the question whether a call center is configured.
func hasCallCenter(cfg *configs.Config) func(id string) bool {
	return func(id string) bool {
		return slices.ContainsFunc(cfg.CallCenters, func(c configs.CallCenter) bool { return c.ID == id })
	}
}

func roleNames() string {
	var names []string
	for _, role := range accounts.Roles {
		names = append(names, string(role))
	}
	return strings.Join(names, ", ")
}

func newTokenListCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all tokens, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return opts.withTokens(cmd.Context(), func(ctx context.Context, tokens *accounts.Tokens) error {
				list, err := tokens.List(ctx)
				if err != nil {
					return err
				}
				return printTokens(cmd.OutOrStdout(), list)
			})
		},
	}
}

func printTokens(w io.Writer, tokens []accounts.Token) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tROLE\tCALL CENTERS\tACTS FOR ACCOUNTS\tCREATED\tLAST USED\tVALIDITY")
	for _, token := range tokens {
		used := "never"
		if token.LastUsedAt != nil {
			used = stamp(*token.LastUsedAt)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", token.ID, printable(token.Name), token.Role,
			limits(token), yesNo(token.MayActFor), stamp(token.CreatedAt), used, validity(token))
	}
	return table.Flush()
}

// printable quotes a name that would disturb a table or a terminal.
func printable(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

func limits(token accounts.Token) string {
	switch {
	case token.CallCenters == nil:
		return "all"
	case len(token.CallCenters) == 0:
		return "none"
	default:
		return strings.Join(token.CallCenters, ",")
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func validity(token accounts.Token) string {
	switch {
	case token.RevokedAt != nil:
		return "revoked " + stamp(*token.RevokedAt)
	case token.ExpiresAt == nil:
		return "does not expire"
	case token.ExpiresAt.Before(time.Now()):
		return "expired " + stamp(*token.ExpiresAt)
	default:
		return "expires " + stamp(*token.ExpiresAt)
	}
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func newTokenRevokeCommand(opts *options) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token for good",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usageErrorf("%q is not a token's ID; see 'callbackd token list'", args[0])
			}
			return opts.withTokens(cmd.Context(), func(ctx context.Context, tokens *accounts.Tokens) error {
				if err := tokens.Revoke(ctx, accounts.TokenID(id)); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.ErrOrStderr(), "Token %d is revoked.\n", id)
				return err
			})
		},
	}
}
