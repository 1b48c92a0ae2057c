package main

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"callbackd/accounts"
	"callbackd/postgres"
)

// A new site's first administrator, and what is done to accounts from the
// command line.
func TestAccount(t *testing.T) {
	t.Parallel()
	config, url := configWithDatabase(t)
	if err := postgres.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	want := func(wantCode int, stdin, wantOut, wantErr string, args ...string) {
		t.Helper()
		var out, problems bytes.Buffer
		code := run(t.Context(), append([]string{"account", "--config", config}, args...), strings.NewReader(stdin), &out, &problems)
		if code != wantCode || !strings.Contains(out.String(), wantOut) || !strings.Contains(problems.String(), wantErr) {
			t.Errorf("callbackd account %q: exit code %d, stdout %q, stderr %q; want %d, %q, %q",
				args, code, out.String(), problems.String(), wantCode, wantOut, wantErr)
		}
		if secret, _, _ := strings.Cut(stdin, "\n"); len(secret) > 4 && strings.Contains(out.String()+problems.String(), secret) {
			t.Errorf("callbackd account %q shows the password", args)
		}
	}
	const first, second = "first password", "second password"
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(first+"\r\nignored\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	want(exitUsage, "", "", `required flag(s) "name", "role" not set`, "create")
	want(exitUsage, "", "", "the roles are agent, supervisor, admin", "create", "--name", "x", "--role", "root")
	want(exitUsage, "", "", "no such call center", "create", "--name", "x", "--role", "agent", "--call-center", "x")
	want(exitFailure, "", "", "the line is empty", "create", "--name", "admin", "--role", "admin")
	want(exitFailure, "", "", "no such file", "create", "--name", "admin", "--role", "admin", "--password-file", file+".none")
	want(exitFailure, "short\n", "", "password: must be 10 to 128 characters", "create", "--name", "admin", "--role", "admin")
	want(exitFailure, first, "", "name: must be 1 to 64 small letters", "create", "--name", "Admin!", "--role", "admin")
	want(exitOK, "", "", `Account "admin" (admin) is created.`, "create", "--name", "admin", "--role", "admin", "--password-file", file)
	want(exitFailure, first, "", "name is taken", "create", "--name", "admin", "--role", "agent")
	want(exitOK, second+"\nsecond line\n", "", `"sato" (agent) is created`, "create", "--name", "sato", "--role", "agent",
		"--display-name", "佐藤", "--call-center", "support", "--call-center", "support", "--endpoint", "PJSIP/2001")
	want(exitOK, first, "", "It sees no list until it has a call center: callbackd account set suzuki-h --call-center ID\n",
		"create", "--name", "suzuki-h", "--role", "agent")
	want(exitOK, "", "佐藤", "", "list")

	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	service := accounts.NewService(accounts.Options{Store: db.Accounts()})
	login := func(name, password string) (accounts.Account, bool) {
		t.Helper()
		account, err := service.Authenticate(t.Context(), name, password, netip.IPv6Loopback())
		if err != nil && !errors.Is(err, accounts.ErrUnauthorized) {
			t.Fatal(err)
		}
		return account, err == nil
	}
	if _, ok := login("admin", first); !ok {
		t.Error("the administrator cannot log in with the password of the file's first line")
	}
	if got, ok := login("sato", second); !ok || got.DisplayName != "佐藤" || got.Endpoint != "PJSIP/2001" || len(got.CallCenters) != 1 {
		t.Errorf("the agent logs in as %+v, %t", got, ok)
	}

	want(exitUsage, "", "", "at least one of the flags", "set", "sato")
	want(exitUsage, "", "", "none of the others can be", "set", "sato", "--call-center", "sales", "--no-call-centers")
	want(exitUsage, "", "", "the roles are", "set", "sato", "--role", "")
	want(exitOK, "", "", "is changed", "set", "sato", "--role", "supervisor", "--call-center", "sales", "--endpoint", "")
	if got, _ := login("sato", second); got.Role != accounts.RoleSupervisor || got.CallCenters[0] != "sales" || got.Endpoint != "" || got.DisplayName != "佐藤" {
		t.Errorf("after set the account is %+v", got)
	}
	want(exitOK, "", "", "is changed", "set", "sato", "--no-call-centers")
	want(exitOK, "", "none", "", "list")

	want(exitFailure, "", "", "account not found; see 'callbackd account list'", "set-password", "suzuki")
	want(exitOK, first, "", "has the new password", "set-password", "SATO")
	if _, ok := login("sato", first); !ok {
		t.Error("the new password is not valid")
	}
	want(exitOK, "", "", "logged out everywhere", "logout", "sato")
	want(exitOK, "", "", `"sato" is disabled`, "disable", "sato")
	if _, ok := login("sato", first); ok {
		t.Error("a disabled account can log in")
	}
	want(exitOK, "", "", `"sato" is enabled`, "enable", "sato")
	if _, ok := login("sato", first); !ok {
		t.Error("an enabled account cannot log in")
	}
	want(exitFailure, "", "", "no provider is configured", "link", "sato", "--subject", "1")
	provider := withProvider(t, config)
	want(exitFailure, "", "", "account not found", "link", "suzuki", "--subject", "1", "--config", provider)
	want(exitFailure, "", "", "subject: must be", "link", "sato", "--subject", "", "--config", provider)
	want(exitOK, "", "", `Account "sato" is linked.`, "link", "sato", "--subject", "1", "--config", provider)
	want(exitFailure, "", "", "identity is taken: 'callbackd account unlink'", "link", "sato", "--subject", "2", "--config", provider)
	linked, err := service.AuthenticateElsewhere(t.Context(), netip.IPv6Loopback(), func(context.Context) (accounts.Identity, error) {
		return accounts.Identity{Issuer: "https://login.test", Subject: "1", Name: "sato.h", Role: accounts.RoleAgent}, nil
	})
	if err != nil || linked.Name != "sato" || !linked.HasPassword {
		t.Errorf("whose account was linked logs in as %+v, %v", linked, err)
	}
	if _, ok := login("sato", first); !ok {
		t.Error("the password of a linked account is not valid any more")
	}
	want(exitOK, "", "", `Account "sato" is nobody's elsewhere any more.`, "unlink", "sato")
	want(exitFailure, "", "", "account is nobody's elsewhere", "unlink", "sato")
	want(exitOK, "", "", `Account "sato" is linked.`, "link", "sato", "--subject", "2", "--config", provider)
	want(exitFailure, "", "", "last enabled administrator", "disable", "admin")
	want(exitFailure, "", "", "last enabled administrator", "set", "admin", "--role", "agent")
}

// withProvider returns a copy of a configuration with which people log in
// elsewhere.
func withProvider(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "callbackd.yaml")
	writeFile(t, file, readFile(t, config)+`
oidc: {issuer: 'https://login.test', client_id: callbackd, client_secret: secret, name: Office,
  public_url: 'https://callbackd.test', roles: {agent: [agents]}}
`, 0o600)
	return file
}
