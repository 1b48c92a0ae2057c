package callbacks

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"callbackd/accounts"
)

// Claim makes the principal's account the assignee of a callback that has
// none. version is the one that the principal saw; key is an idempotency key,
// or empty.
//
// It is refused with a joined *FieldError, ErrNotFound, accounts.ErrForbidden
// when the principal may see the callback but not claim it, *StaleError, which
// also tells who was faster, *AssigneeError when the account is no enabled
// member of a call center of the callback, or ErrKeyReused.
func (s *Service) Claim(ctx context.Context, by accounts.Principal, id ID, version int, key string) (ChangeResult, error) {
	p := Patch{Version: version, IdempotencyKey: key}
	if err := p.validate(); err != nil {
		return ChangeResult{}, err
	}
	c := changing{by: by, id: id, key: key, request: []any{"claim", id, version}, action: HistoryClaim, at: s.now().UTC(), numbers: s.numbers}
	result, err := s.change(ctx, &c, func(current Callback) (Callback, error) { return Claim(current, version, by) })
	if err != nil {
		return ChangeResult{}, fmt.Errorf("claim callback %d: %w", id, err)
	}
	return result, nil
}

// Change changes a callback: its assignee, status, memo and contact number,
// all that the patch names or nothing.
//
// It is refused with a joined *FieldError, ErrNotFound, accounts.ErrForbidden
// when the principal may see the callback but not do that, *StaleError,
// *AssigneeError, ErrUnassigned, or ErrKeyReused. A change that changes
// nothing makes no version and no history.
func (s *Service) Change(ctx context.Context, by accounts.Principal, id ID, patch Patch) (ChangeResult, error) {
	if err := patch.validate(); err != nil {
		return ChangeResult{}, err
	}
	c := changing{
		by: by, id: id, key: patch.IdempotencyKey, action: HistoryChange, at: s.now().UTC(), numbers: s.numbers,
		request: []any{"change", id, patch.Version, patch.Assignee, patch.Status, patch.Memo, patch.ContactNumber},
	}
	result, err := s.change(ctx, &c, func(current Callback) (Callback, error) { return patch.Apply(current, by, c.at) })
	if err != nil {
		return ChangeResult{}, fmt.Errorf("change callback %d: %w", id, err)
	}
	return result, nil
}

// History returns the changes of a callback, oldest first, or ErrNotFound.
func (s *Service) History(ctx context.Context, by accounts.Principal, id ID) ([]HistoryEntry, error) {
	callback, err := s.Get(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if !accounts.Can(by, accounts.ActionReadHistory, callback.CallCenters) {
		return nil, fmt.Errorf("history of callback %d: %w", id, accounts.ErrForbidden)
	}
	history, err := s.store.History(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("history of callback %d: %w", id, err)
	}
	return history, nil
}

// changing is one change on its way through its transaction.
type changing struct {
	by     accounts.Principal
	id     ID
	key    string
	action HistoryAction
	at     time.Time
	// request is everything that the answer depends on, for the fingerprint.
	request []any
	numbers Numbers
}

// change runs a change within a transaction. rule gives the callback that the
// locked one becomes.
func (s *Service) change(ctx context.Context, c *changing, rule func(current Callback) (Callback, error)) (ChangeResult, error) {
	var result ChangeResult
	err := s.store.Transact(ctx, func(ctx context.Context, tx Tx) error {
		var err error
		result, err = c.run(ctx, tx, rule)
		return err
	})
	if err != nil {
		return ChangeResult{}, err
	}
	return result, nil
}

func (c *changing) run(ctx context.Context, tx Tx, rule func(current Callback) (Callback, error)) (ChangeResult, error) {
	key := Key{Scope: keyScope(c.by), Key: c.key}
	if key.Key != "" {
		// As with registrations, keys are locked before records.
		answer, found, err := tx.LockKey(ctx, key)
		if err != nil {
			return ChangeResult{}, err
		}
		if found {
			return c.replay(ctx, tx, answer)
		}
	}
	current, err := tx.LockCallback(ctx, c.id)
	if err != nil {
		return ChangeResult{}, err
	}
	next, err := rule(current)
	if err != nil {
		return ChangeResult{}, err
	}
	if next.Assignee != current.Assignee && next.Assignee != "" {
		if err := mayAssign(ctx, tx, &next); err != nil {
			return ChangeResult{}, err
		}
	}
	if next.Version != current.Version {
		entry := HistoryEntry{
			Version: next.Version, Action: c.action, At: c.at, By: c.by.Signature(), Changes: differences(&current, &next),
		}
		if next, err = tx.Update(ctx, next, spell(c.numbers, &next), entry); err != nil {
			return ChangeResult{}, err
		}
	}
	if key.Key != "" {
		if err := tx.SaveAnswer(ctx, key, Answer{Fingerprint: c.fingerprint(), Callback: c.id}, c.at); err != nil {
			return ChangeResult{}, err
		}
	}
	return ChangeResult{Callback: next}, nil
}

// mayAssign returns an *AssigneeError when the callback's assignee cannot be
// it.
func mayAssign(ctx context.Context, tx Assignees, c *Callback) error {
	assignee, found, err := tx.LockAssignee(ctx, c.Assignee)
	if err != nil {
		return err
	}
	if !found || !accounts.MayBeAssigned(assignee.Enabled, assignee.CallCenters, c.CallCenters) {
		return &AssigneeError{Assignee: c.Assignee, CallCenter: c.CallCenter}
	}
	return nil
}

// replay answers a request whose key was used before. The record is given as
// it is now.
func (c *changing) replay(ctx context.Context, tx Tx, answer Answer) (ChangeResult, error) {
	if answer.Fingerprint != c.fingerprint() {
		return ChangeResult{}, ErrKeyReused
	}
	callback, err := tx.Callback(ctx, answer.Callback)
	if err != nil {
		return ChangeResult{}, err
	}
	// The principal's call centers may have changed since.
	if !accounts.Can(c.by, accounts.ActionReadCallback, callback.CallCenters) {
		return ChangeResult{}, ErrNotFound
	}
	return ChangeResult{Callback: callback, Replayed: true}, nil
}

func (c *changing) fingerprint() Fingerprint {
	// Marshalling numbers, strings and nil cannot fail.
	text, _ := json.Marshal(c.request)
	return sha256.Sum256(text)
}
