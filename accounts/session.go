package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

// SessionID identifies a session. It is no secret: what a session owns, and
// what ends with it, refers to it.
type SessionID int64

// Session is a person's stay in the workspace.
type Session struct {
	ID        SessionID
	AccountID AccountID
	// Data is the session manager's own.
	Data       []byte
	CreatedAt  time.Time
	LastUsedAt time.Time // right to about a minute
	ExpiresAt  time.Time // whatever its use
}

// SessionHash is what is stored of a session's token.
type SessionHash [sha256.Size]byte

// ErrSessionNotFound says that no session has that token.
var ErrSessionNotFound = errors.New("session not found")

// SessionStore keeps sessions.
type SessionStore interface {
	// CreateSession stores a new session, whose ID it assigns. It returns
	// ErrUnauthorized when the account is disabled or not in that generation
	// any more, and decides about that in one order with whatever disables the
	// account or ends its sessions. It also deletes sessions that nobody can
	// use any more: those that expired before session.CreatedAt, and those
	// that were last used before idleSince.
	CreateSession(ctx context.Context, session Session, hash SessionHash, generation int64, idleSince time.Time) (SessionID, error)
	// SessionByHash returns a session and its account, which may be disabled,
	// or ErrSessionNotFound.
	SessionByHash(ctx context.Context, hash SessionHash) (Session, Account, error)
	// TouchSession records that a session was used. It does nothing when the
	// session has ended.
	TouchSession(ctx context.Context, id SessionID, at time.Time) error
	// DeleteSession does nothing when there is no such session.
	DeleteSession(ctx context.Context, hash SessionHash) error
}

// SessionOptions say how sessions are kept.
type SessionOptions struct {
	Store SessionStore
	// Now is the clock that decides about expiry; nil for the system's.
	Now func() time.Time
	// Lifetime is how long a session lasts at most; DefaultLifetime when 0.
	Lifetime time.Duration
	// IdleTimeout is how long a session lasts without being used;
	// DefaultIdleTimeout when 0.
	IdleTimeout time.Duration
	// PlainCookies also sends the cookie over HTTP without TLS. It is for
	// trying things out on one machine.
	PlainCookies bool
}

// The usual limits of a session: the longest shift, and the longest break in
// it.
const (
	DefaultLifetime    = 14 * time.Hour
	DefaultIdleTimeout = 2 * time.Hour
)

// The names of the session's cookie. Browsers take a cookie named __Host-…
// only over HTTPS and from the very host, so that neither a neighbouring host
// nor somebody on the way can plant a session.
const (
	CookieName      = "__Host-callbackd"
	PlainCookieName = "callbackd"
)

// Sessions knows which account a browser belongs to, by a cookie. It is safe
// for concurrent use.
type Sessions struct {
	store    SessionStore
	now      func() time.Time
	lifetime time.Duration
	idle     time.Duration
	manager  *scs.SessionManager
}

// NewSessions returns the sessions of a store.
func NewSessions(o SessionOptions) *Sessions {
	s := &Sessions{store: o.Store, now: o.Now, lifetime: o.Lifetime, idle: o.IdleTimeout, manager: scs.New()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.lifetime == 0 {
		s.lifetime = DefaultLifetime
	}
	if s.idle == 0 {
		s.idle = DefaultIdleTimeout
	}
	s.manager.Store = managerStore{s}
	s.manager.Lifetime = s.lifetime
	cookie := &s.manager.Cookie
	cookie.Name, cookie.Path = CookieName, "/"
	cookie.HttpOnly, cookie.SameSite, cookie.Secure = true, http.SameSiteLaxMode, true
	// The cookie goes when the browser does, for agents share machines.
	cookie.Persist = false
	if o.PlainCookies {
		cookie.Name, cookie.Secure = PlainCookieName, false
	}
	return s
}

// CookieName returns the name of the session's cookie.
func (s *Sessions) CookieName() string { return s.manager.Cookie.Name }

// Begin begins a session of an account that was just authenticated, and sets
// its cookie. A session that the browser had before ends; its token is not
// used again, so that whoever planted it has nothing. Begin returns
// ErrUnauthorized when the account was disabled, or all its sessions were
// ended, since the account was authenticated.
func (s *Sessions) Begin(w http.ResponseWriter, r *http.Request, account *Account) (Principal, error) {
	return s.begin(w, r, account, "")
}

// BeginElsewhere is Begin for an account that another system authenticated by
// an ID token, which the session keeps: with it one logs out there.
func (s *Sessions) BeginElsewhere(w http.ResponseWriter, r *http.Request, account *Account, idToken string) (Principal, error) {
	return s.begin(w, r, account, idToken)
}

// IDToken returns the ID token by which the session of a request began; empty
// when it began with a password, or there is none.
func (s *Sessions) IDToken(r *http.Request) (string, error) {
	ctx, err := s.load(r.Context(), r)
	if err != nil {
		return "", fmt.Errorf("find session: %w", err)
	}
	return s.manager.GetString(ctx, idTokenKey), nil
}

// idTokenKey is the name of the ID token in a session's data.
const idTokenKey = "id_token"

func (s *Sessions) begin(w http.ResponseWriter, r *http.Request, account *Account, idToken string) (Principal, error) {
	begun := &beginning{account: account}
	ctx, err := s.load(context.WithValue(r.Context(), beginningKey{}, begun), r)
	if err != nil {
		return Principal{}, fmt.Errorf("begin session: %w", err)
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return Principal{}, fmt.Errorf("begin session: end the one before: %w", err)
	}
	// The data of the session before are another login's.
	s.manager.Remove(ctx, idTokenKey)
	if idToken != "" {
		s.manager.Put(ctx, idTokenKey, idToken)
	}
	token, expiry, err := s.manager.Commit(ctx)
	if err != nil {
		return Principal{}, fmt.Errorf("begin session: %w", err)
	}
	s.manager.WriteSessionCookie(ctx, w, token, expiry)
	p := account.Principal()
	p.SessionID = begun.id
	return p, nil
}

// Principal returns the account whose session a request belongs to, as the
// account is now: what was changed of it counts at once. It returns
// ErrUnauthorized when there is no session, or it has ended.
func (s *Sessions) Principal(r *http.Request) (Principal, error) {
	found, err := s.find(r)
	if err != nil {
		return Principal{}, err
	}
	if now := s.now(); now.Sub(found.session.LastUsedAt) >= touchEvery {
		if err := s.store.TouchSession(r.Context(), found.session.ID, now); err != nil {
			return Principal{}, fmt.Errorf("find session: %w", err)
		}
	}
	return found.principal(), nil
}

// Recheck is Principal for a request that is answered for a long time, such as
// an event stream. It does not count as use, or a page that is left open would
// keep its session from ending.
func (s *Sessions) Recheck(r *http.Request) (Principal, error) {
	found, err := s.find(r)
	if err != nil {
		return Principal{}, err
	}
	return found.principal(), nil
}

func (s *Sessions) find(r *http.Request) (*finding, error) {
	found := &finding{}
	if _, err := s.load(context.WithValue(r.Context(), findingKey{}, found), r); err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	if found.session.ID == 0 {
		return nil, ErrUnauthorized
	}
	return found, nil
}

// End ends the session that a request belongs to, if there is one, and takes
// its cookie away.
func (s *Sessions) End(w http.ResponseWriter, r *http.Request) error {
	ctx, err := s.load(r.Context(), r)
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	if err := s.manager.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	s.manager.WriteSessionCookie(ctx, w, "", time.Time{})
	return nil
}

// load returns a context with the session of a request, or with an empty one.
func (s *Sessions) load(ctx context.Context, r *http.Request) (context.Context, error) {
	token := ""
	if cookie, err := r.Cookie(s.CookieName()); err == nil {
		token = cookie.Value
	}
	return s.manager.Load(ctx, token)
}

// beginning is carried by the context in which the manager stores a new
// session.
type beginning struct {
	account *Account
	id      SessionID // set by the store
}

type beginningKey struct{}

// finding is carried by the context in which the manager looks a session up,
// and filled with what was found, so that a request asks the database once.
type finding struct {
	session Session
	account Account
}

type findingKey struct{}

func (f *finding) principal() Principal {
	p := f.account.Principal()
	p.SessionID = f.session.ID
	return p
}
