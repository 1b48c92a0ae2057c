package accounts

import (
	"errors"
	"strings"
	"testing"
)

var cheapest = Cost{Memory: 8, Passes: 1, Threads: 1}

func TestPasswords_Hash(t *testing.T) {
	t.Parallel()
	p := newPasswords(cheapest)
	first, err := p.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of a password are the same: they have no salt")
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("hash %q does not name its cost", first)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horsf": false, "": false, "ｃｏｒｒｅｃｔ　horse": true} {
		if ok, outdated, err := p.verify(t.Context(), password, first); ok != want || outdated || err != nil {
			t.Errorf("verify %q = %t, outdated %t, %v; want %t", password, ok, outdated, err, want)
		}
	}
	dearer := newPasswords(Cost{Memory: 16, Passes: 1, Threads: 1})
	if ok, outdated, err := dearer.verify(t.Context(), "correct horse", first); !ok || !outdated || err != nil {
		t.Errorf("verify with another cost = %t, outdated %t, %v", ok, outdated, err)
	}
}

// The hash is the one that everybody else calls argon2id: a test vector of the
// reference implementation.
func TestPasswords_ReferenceHash(t *testing.T) {
	t.Parallel()
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, outdated, err := newPasswords(Cost{}).verify(t.Context(), "password", reference)
	if !ok || !outdated || err != nil {
		t.Errorf("verify = %t, outdated %t, %v", ok, outdated, err)
	}
}

func TestPasswords_MalformedHash(t *testing.T) {
	t.Parallel()
	const salt, key = "c29tZXNhbHQ", "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for _, stored := range []string{
		"", "$", "password",
		"$argon2i$v=19$m=8,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=16$m=8,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=0,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=0,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=1,p=0$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=1,p=256$" + salt + "$" + key,
		"$argon2id$v=19$m=-8,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=4294967295,p=1$" + salt + "$" + key,
		"$argon2id$v=19$m=8,t=1,p=1$$" + key,
		"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$",
		"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$!" + key,
		"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$" + key + "$",
	} {
		ok, _, err := newPasswords(cheapest).verify(t.Context(), "password", stored)
		if ok || !errors.Is(err, errMalformedHash) {
			t.Errorf("verify with the hash %q = %t, %v; want errMalformedHash", stored, ok, err)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for password, want := range map[string]bool{
		"correct horse": true, "パスワードは十文字以上": true, strings.Repeat("a b", 42): true,
		"short": false, "": false, strings.Repeat("ab", 65): false, "with NUL \x00 in it": false, "not UTF-8 \xff": false,
		"sato.taro@example": false, "SATO.taro@example": false, "aaaaaaaaaaaa": false,
	} {
		if err := checkPassword("password", password, "sato.taro@example"); (err == nil) != want {
			t.Errorf("checkPassword(%q) = %v, want it accepted: %t", password, err, want)
		}
	}
}
