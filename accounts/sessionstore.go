package accounts

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
)

// managerStore gives the session manager our store. Three things are ours and
// not the manager's: the token is hashed before it gets anywhere; expiry is
// decided by our clock; and a session is stored only when it begins. The
// manager would write a session back at the end of a request, and so bring
// one to life again that was ended meanwhile.
type managerStore struct{ *Sessions }

var _ scs.CtxStore = managerStore{}

// FindCtx implements scs.CtxStore.
func (m managerStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	session, account, err := m.store.SessionByHash(ctx, hashSession(token))
	if errors.Is(err, ErrSessionNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	now := m.now()
	if !account.Enabled || !now.Before(session.ExpiresAt) || now.Sub(session.LastUsedAt) >= m.idle {
		return nil, false, nil
	}
	if f, ok := ctx.Value(findingKey{}).(*finding); ok {
		f.session, f.account = session, account
	}
	return session.Data, true, nil
}

// CommitCtx implements scs.CtxStore.
func (m managerStore) CommitCtx(ctx context.Context, token string, data []byte, _ time.Time) (err error) {
	b, ok := ctx.Value(beginningKey{}).(*beginning)
	if !ok {
		return errors.New("a session is stored that does not begin")
	}
	now := m.now().UTC()
	session := Session{
		AccountID: b.account.ID, Data: data,
		CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(m.lifetime),
	}
	b.id, err = m.store.CreateSession(ctx, session, hashSession(token), b.account.Generation, now.Add(-m.idle))
	return err
}

// DeleteCtx implements scs.CtxStore.
func (m managerStore) DeleteCtx(ctx context.Context, token string) error {
	return m.store.DeleteSession(ctx, hashSession(token))
}

// Find, Commit and Delete would work without time-outs. The manager does not
// call them, since it finds the methods above.

// Find implements scs.Store.
func (m managerStore) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit implements scs.Store.
func (m managerStore) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete implements scs.Store.
func (m managerStore) Delete(string) error { return errNoContext }

var errNoContext = errors.New("session store is used without a context")

// hashSession returns what is stored of a session's token. As with API tokens
// the secret is random, so there is no dictionary to try.
func hashSession(token string) SessionHash { return sha256.Sum256([]byte(token)) }
