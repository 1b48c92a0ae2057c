package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TokenID identifies an API token to people who manage tokens. It is no
// secret.
type TokenID int64

// ErrUnauthorized says that what was presented is not valid: a token that was
// never issued, expired or revoked; a session that ended; a password that is
// another one. Which of them is not told.
var ErrUnauthorized = errors.New("not authenticated")

// ErrMayNotActFor says that a token may not act for an account: for none at
// all, or not for this one, since there is no such account or it is disabled.
var ErrMayNotActFor = errors.New("token may not act for this account")

// ErrTokenNotFound says that no token has that ID.
var ErrTokenNotFound = errors.New("token not found")

// ErrTokenNameTaken says that a token, perhaps a revoked one, has that name
// already. Names are never used again because they stay on the records that
// the token made.
var ErrTokenNameTaken = errors.New("token name is taken")

// Token is an API token without its secret.
type Token struct {
	ID   TokenID
	Name string
	Role Role
	// CallCenters limits the token, as Principal.CallCenters does.
	CallCenters []string
	// MayActFor says that the token may act for accounts.
	MayActFor bool
	CreatedAt time.Time
	// ExpiresAt is nil for a token that does not expire.
	ExpiresAt *time.Time
	// LastUsedAt is right to about a minute; nil for a token never used.
	LastUsedAt *time.Time
	// RevokedAt is nil for a token that was not revoked.
	RevokedAt *time.Time
}

// NewToken says what token to create.
type NewToken struct {
	// Name is 1 to 100 characters and was never used for a token before.
	Name string
	Role Role
	// CallCenters limits the token; nil for no limit.
	CallCenters []string
	// MayActFor lets the token act for accounts, within its own role and call
	// centers.
	MayActFor bool
	// ExpiresAt is nil for a token that does not expire.
	ExpiresAt *time.Time
}

// validate reports everything that is wrong with the wish at once.
func (n NewToken) validate(now time.Time) error {
	var errs []error
	if length := utf8.RuneCountInString(n.Name); length < 1 || length > 100 || !utf8.ValidString(n.Name) ||
		strings.ContainsRune(n.Name, 0) {
		errs = append(errs, errors.New("name: must be 1 to 100 characters"))
	}
	if !n.Role.Valid() {
		errs = append(errs, fmt.Errorf("role: %q is none of %q", n.Role, Roles))
	}
	if slices.Contains(n.CallCenters, "") {
		errs = append(errs, errors.New("call centers: an id is empty"))
	}
	if n.ExpiresAt != nil && !n.ExpiresAt.After(now) {
		errs = append(errs, errors.New("expiry: must lie in the future"))
	}
	return errors.Join(errs...)
}

// TokenHash is what is stored of a token's secret.
type TokenHash [sha256.Size]byte

// TokenStore keeps tokens.
type TokenStore interface {
	// CreateToken returns ErrTokenNameTaken when the name was used before.
	CreateToken(ctx context.Context, token NewToken, hash TokenHash, at time.Time) (Token, error)
	// TokenByHash returns ErrTokenNotFound when no token has that hash.
	TokenByHash(ctx context.Context, hash TokenHash) (Token, error)
	// AccountByName returns ErrAccountNotFound when there is none.
	AccountByName(ctx context.Context, name string) (Account, error)
	// TouchToken records that a token was used.
	TouchToken(ctx context.Context, id TokenID, at time.Time) error
	// RevokeToken returns ErrTokenNotFound when there is no such token, and
	// leaves the time of a token that was revoked before.
	RevokeToken(ctx context.Context, id TokenID, at time.Time) error
	// ListTokens returns all tokens in order of their IDs.
	ListTokens(ctx context.Context) ([]Token, error)
}

// Tokens manages API tokens. It is safe for concurrent use.
type Tokens struct {
	store TokenStore
	now   func() time.Time
}

// NewTokens returns the tokens of a store. now is the clock that decides
// about expiry; nil for the system's.
func NewTokens(store TokenStore, now func() time.Time) *Tokens {
	if now == nil {
		now = time.Now
	}
	return &Tokens{store: store, now: now}
}

const (
	// secretPrefix lets people and secret scanners recognise a token that
	// lies where it should not.
	secretPrefix = "cbd_"
	secretBytes  = 32
	secretLength = len(secretPrefix) + 2*secretBytes

	// touchEvery bounds the writes that verification makes: one a minute and
	// token, however many requests come.
	touchEvery = time.Minute
)

// Create makes a token and returns its secret, which is stored nowhere.
func (t *Tokens) Create(ctx context.Context, wish NewToken) (secret string, token Token, err error) {
	now := t.now()
	if err := wish.validate(now); err != nil {
		return "", Token{}, fmt.Errorf("create token: %w", err)
	}
	random := make([]byte, secretBytes)
	// Read never fails: it ends the program when the system has no entropy.
	_, _ = rand.Read(random)
	secret = secretPrefix + hex.EncodeToString(random)
	token, err = t.store.CreateToken(ctx, wish, sha256.Sum256([]byte(secret)), now)
	if err != nil {
		return "", Token{}, fmt.Errorf("create token %q: %w", wish.Name, err)
	}
	return secret, token, nil
}

// Verify returns the principal that presents a token's secret, or
// ErrUnauthorized.
//
// The secret is looked up by its hash. How long that takes tells at most how
// much of a hash was right, from which nothing about the secret follows.
func (t *Tokens) Verify(ctx context.Context, bearer string) (Principal, error) {
	token, err := t.verify(ctx, bearer)
	if err != nil {
		return Principal{}, err
	}
	return token.principal(), nil
}

// VerifyActing returns the principal of an account for which a token acts: it
// is the account, limited to what the token may do as well. It returns
// ErrUnauthorized when the token is not valid, and ErrMayNotActFor when the
// token may not act for the account.
func (t *Tokens) VerifyActing(ctx context.Context, bearer, account string) (Principal, error) {
	token, err := t.verify(ctx, bearer)
	if err != nil {
		return Principal{}, err
	}
	account = foldName(account)
	if !token.MayActFor || !isName(account) {
		return Principal{}, ErrMayNotActFor
	}
	person, err := t.store.AccountByName(ctx, account)
	if errors.Is(err, ErrAccountNotFound) || err == nil && !person.Enabled {
		return Principal{}, ErrMayNotActFor
	}
	if err != nil {
		return Principal{}, fmt.Errorf("find account to act for: %w", err)
	}
	return person.Principal().limitedBy(&token), nil
}

func (t *Tokens) verify(ctx context.Context, bearer string) (Token, error) {
	if len(bearer) != secretLength || !strings.HasPrefix(bearer, secretPrefix) {
		return Token{}, ErrUnauthorized
	}
	token, err := t.store.TokenByHash(ctx, sha256.Sum256([]byte(bearer)))
	if errors.Is(err, ErrTokenNotFound) {
		return Token{}, ErrUnauthorized
	}
	if err != nil {
		return Token{}, fmt.Errorf("verify token: %w", err)
	}
	now := t.now()
	if token.RevokedAt != nil || (token.ExpiresAt != nil && !now.Before(*token.ExpiresAt)) {
		return Token{}, ErrUnauthorized
	}
	if token.LastUsedAt == nil || now.Sub(*token.LastUsedAt) >= touchEvery {
		if err := t.store.TouchToken(ctx, token.ID, now); err != nil {
			return Token{}, fmt.Errorf("verify token: %w", err)
		}
	}
	return token, nil
}

// principal returns who the token is when it acts for nobody.
func (t *Token) principal() Principal {
	return Principal{
		Kind: KindToken, Name: t.Name, Role: t.Role, CallCenters: t.CallCenters,
		TokenID: t.ID, TokenName: t.Name,
	}
}

// Revoke ends a token for good. Revoking it again changes nothing.
func (t *Tokens) Revoke(ctx context.Context, id TokenID) error {
	if err := t.store.RevokeToken(ctx, id, t.now()); err != nil {
		return fmt.Errorf("revoke token %d: %w", id, err)
	}
	return nil
}

// List returns all tokens, expired and revoked ones too, in order of their
// IDs.
func (t *Tokens) List(ctx context.Context) ([]Token, error) {
	tokens, err := t.store.ListTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}
