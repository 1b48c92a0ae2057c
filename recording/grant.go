package recording

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"callbackd/accounts"
)

// Reasons for which something is not played.
var (
	// ErrSessionRequired says that only a person in a session can listen: a
	// token would be a way to fetch recordings by a program.
	ErrSessionRequired = errors.New("only a person in a session can listen")
	// ErrPlaybackNotFound says that there is no such grant, or that it is
	// another session's.
	ErrPlaybackNotFound = errors.New("playback grant not found")
	// ErrPlaybackExpired says that the grant's time is over, or that the
	// account was changed since.
	ErrPlaybackExpired = errors.New("playback grant has expired")
)

// NotReadyError says that a recording cannot be played, and why.
type NotReadyError struct {
	State State
	Cause Cause // of StateMissing
}

func (e *NotReadyError) Error() string {
	if e.Cause != "" {
		return "recording is " + string(e.State) + ": " + string(e.Cause)
	}
	return "recording is " + string(e.State)
}

// PlayID is a grant's number. It is no secret, and is kept on the receipt when
// the grant is gone.
type PlayID int64

// Grant allows a session to play a recording for some minutes.
type Grant struct {
	ID          PlayID
	SessionID   accounts.SessionID
	AccountID   accounts.AccountID
	RecordingID ID
	// AccountVersion is the account's when the grant was made. A later one
	// voids it: its role or call centers may be others.
	AccountVersion       int
	CreatedAt, ExpiresAt time.Time
}

// GrantHash is what is stored of a grant's secret. The secret is random, so
// there is no dictionary to try.
type GrantHash [sha256.Size]byte

// newSecret returns a new grant's secret, which is part of its URL.
func newSecret() string {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

func hashSecret(secret string) GrantHash { return sha256.Sum256([]byte(secret)) }

// PlaybackStore keeps grants, budgets and receipts. A grant ends with its
// session.
type PlaybackStore interface {
	// CreateGrant stores a grant and assigns its ID and AccountVersion. Of the
	// account's grants only the newest so many are kept. It returns
	// accounts.ErrUnauthorized when the session has ended.
	CreateGrant(ctx context.Context, grant Grant, hash GrantHash, keep int) (Grant, error)
	// GrantByHash returns a grant and the account's version as it is now, or
	// ErrPlaybackNotFound.
	GrantByHash(ctx context.Context, hash GrantHash) (grant Grant, accountVersion int, err error)
	// RenewGrant moves the end of a grant. It returns ErrPlaybackNotFound when
	// the grant is gone.
	RenewGrant(ctx context.Context, id PlayID, until time.Time) error

	// ChangeBudgets replaces an account's budgets by what decide makes of them.
	// Nobody else changes them meanwhile. The clock is the store's own, so
	// that all processes go by one.
	ChangeBudgets(ctx context.Context, account accounts.AccountID, recording ID, decide func(b Budgets, now time.Time) Budgets) error

	// AddListen adds the parts of a receipt to what is stored of it, and
	// stores it first if need be. A receipt begins with what was sent: one
	// that only has heard parts is not stored anew.
	AddListen(ctx context.Context, listen Listen) error
	// Listens returns receipts of a recording, newest first.
	Listens(ctx context.Context, id ID, filter ListenFilter) ([]Listen, error)
}
