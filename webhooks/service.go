package webhooks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"callbackd/accounts"
)

// Service manages webhooks, for those who may. It is safe for concurrent use.
type Service struct {
	store Store
	rules Rules
	// hasCallCenter reports whether a call center is configured.
	hasCallCenter func(id string) bool
}

// ServiceOptions are what a Service needs.
type ServiceOptions struct {
	Store         Store
	Rules         Rules
	HasCallCenter func(id string) bool
}

// NewService returns a service.
func NewService(o ServiceOptions) *Service {
	return &Service{store: o.Store, rules: o.Rules, hasCallCenter: o.HasCallCenter}
}

// CallCenterError says that there is no such call center.
type CallCenterError struct{ ID string }

func (e *CallCenterError) Error() string {
	return fmt.Sprintf("call center %q is not configured", e.ID)
}

// may reports whether a principal may manage a webhook of these call centers;
// nil stands for all.
func may(by accounts.Principal, callCenters []string) bool {
	return accounts.Can(by, accounts.ActionManageWebhooks, callCenters)
}

// mayAny returns accounts.ErrForbidden when the principal may manage no
// webhooks at all.
func mayAny(by accounts.Principal) error {
	if !accounts.Can(by, accounts.ActionManageWebhooks, by.CallCenters) {
		return accounts.ErrForbidden
	}
	return nil
}

// check returns what is wrong with a webhook that a principal wishes.
func (s *Service) check(by accounts.Principal, url string, callCenters []string) error {
	if err := s.rules.CheckURL(url); err != nil {
		return err
	}
	for _, id := range callCenters {
		// One that the principal may not see does not exist for it.
		if !s.hasCallCenter(id) || !may(by, []string{id}) {
			return &CallCenterError{ID: id}
		}
	}
	if !may(by, callCenters) {
		return accounts.ErrForbidden
	}
	return nil
}

// find returns a webhook that the principal may manage.
func (s *Service) find(ctx context.Context, by accounts.Principal, id ID) (Webhook, error) {
	if err := mayAny(by); err != nil {
		return Webhook{}, err
	}
	webhook, err := s.store.Webhook(ctx, id)
	if err != nil {
		return Webhook{}, fmt.Errorf("get webhook %d: %w", id, err)
	}
	if !may(by, webhook.CallCenters) {
		return Webhook{}, ErrNotFound
	}
	return webhook, nil
}

// List returns the webhooks that the principal may manage, in order of their
// IDs, or accounts.ErrForbidden.
func (s *Service) List(ctx context.Context, by accounts.Principal) ([]Webhook, error) {
	if err := mayAny(by); err != nil {
		return nil, err
	}
	all, err := s.store.Webhooks(ctx)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	return slices.DeleteFunc(all, func(w Webhook) bool { return !may(by, w.CallCenters) }), nil
}

// findActive is find for what takes a webhook that is active.
func (s *Service) findActive(ctx context.Context, by accounts.Principal, id ID) error {
	webhook, err := s.find(ctx, by, id)
	if err == nil && webhook.State != StateActive {
		err = ErrInactive
	}
	return err
}

// Get returns a webhook, ErrNotFound or accounts.ErrForbidden, as all that
// follow do.
func (s *Service) Get(ctx context.Context, by accounts.Principal, id ID) (Webhook, error) {
	return s.find(ctx, by, id)
}

// Create makes a webhook and returns its secret, which is shown this once. It
// returns *URLError, *CallCenterError, ErrTooMany or accounts.ErrForbidden.
func (s *Service) Create(ctx context.Context, by accounts.Principal, wish NewWebhook) (Webhook, Secret, error) {
	if err := mayAny(by); err != nil {
		return Webhook{}, nil, err
	}
	if err := s.check(by, wish.URL, wish.CallCenters); err != nil {
		return Webhook{}, nil, err
	}
	secret := newSecret()
	webhook, err := s.store.CreateWebhook(ctx, wish, secret, by.Signature())
	if err != nil {
		return Webhook{}, nil, fmt.Errorf("create webhook: %w", err)
	}
	return webhook, secret, nil
}

// Change changes a webhook. It returns what Create does, or a *StaleError.
func (s *Service) Change(ctx context.Context, by accounts.Principal, id ID, change Change) (Webhook, error) {
	if _, err := s.find(ctx, by, id); err != nil {
		return Webhook{}, err
	}
	webhook, err := s.store.UpdateWebhook(ctx, id, by.Signature(), func(now Webhook) (Webhook, error) {
		if !may(by, now.CallCenters) {
			return Webhook{}, ErrNotFound
		}
		if change.Version != 0 && change.Version != now.Version {
			return Webhook{}, &StaleError{Current: now}
		}
		changed := change.apply(now)
		if change.URL == nil && change.CallCenters == nil {
			// A call center that is no longer configured hinders no other change.
			return changed, nil
		}
		return changed, s.check(by, changed.URL, changed.CallCenters)
	})
	if err != nil {
		return Webhook{}, fmt.Errorf("change webhook %d: %w", id, err)
	}
	return webhook, nil
}

// Delete takes a webhook away, with its deliveries.
func (s *Service) Delete(ctx context.Context, by accounts.Principal, id ID) error {
	if _, err := s.find(ctx, by, id); err != nil {
		return err
	}
	if err := s.store.DeleteWebhook(ctx, id, by.Signature()); err != nil {
		return fmt.Errorf("delete webhook %d: %w", id, err)
	}
	return nil
}

// RotateSecret gives a webhook a new secret, which is shown this once. For
// SecretOverlap deliveries are signed with the one before it, too.
func (s *Service) RotateSecret(ctx context.Context, by accounts.Principal, id ID) (Webhook, Secret, error) {
	if _, err := s.find(ctx, by, id); err != nil {
		return Webhook{}, nil, err
	}
	secret := newSecret()
	webhook, err := s.store.RotateSecret(ctx, id, secret, SecretOverlap, by.Signature())
	if err != nil {
		return Webhook{}, nil, fmt.Errorf("rotate the secret of webhook %d: %w", id, err)
	}
	return webhook, secret, nil
}

// Ping has a delivery sent that is of no change, once, also when the webhook
// is off.
func (s *Service) Ping(ctx context.Context, by accounts.Principal, id ID) (Delivery, error) {
	if _, err := s.find(ctx, by, id); err != nil {
		return Delivery{}, err
	}
	delivery, err := s.store.Ping(ctx, id)
	if err != nil {
		return Delivery{}, fmt.Errorf("ping webhook %d: %w", id, err)
	}
	return delivery, nil
}

// Deliveries returns the newest deliveries of a webhook first.
func (s *Service) Deliveries(ctx context.Context, by accounts.Principal, id ID, filter DeliveryFilter) ([]Delivery, error) {
	if _, err := s.find(ctx, by, id); err != nil {
		return nil, err
	}
	deliveries, err := s.store.Deliveries(ctx, id, filter)
	if err != nil {
		return nil, fmt.Errorf("list deliveries of webhook %d: %w", id, err)
	}
	return deliveries, nil
}

// Delivery returns a delivery of a webhook, or ErrDeliveryNotFound.
func (s *Service) Delivery(ctx context.Context, by accounts.Principal, id ID, delivery DeliveryID) (Delivery, error) {
	if _, err := s.find(ctx, by, id); err != nil {
		return Delivery{}, err
	}
	found, err := s.store.Delivery(ctx, id, delivery)
	if err != nil {
		return Delivery{}, fmt.Errorf("get delivery %d of webhook %d: %w", delivery, id, err)
	}
	return found, nil
}

// Replay has a delivery of an active webhook sent again, whatever became of it.
// It returns ErrDeliveryNotFound when there is none of that ID, and
// ErrInactive.
func (s *Service) Replay(ctx context.Context, by accounts.Principal, id ID, delivery DeliveryID) (Delivery, error) {
	if err := s.findActive(ctx, by, id); err != nil {
		return Delivery{}, err
	}
	replayed, err := s.store.Replay(ctx, id, delivery)
	if err != nil {
		return Delivery{}, fmt.Errorf("replay delivery %d of webhook %d: %w", delivery, id, err)
	}
	return replayed, nil
}

// ReplaySince has the deliveries of an active webhook sent again that failed or
// were missed, of changes since a time, oldest first, and returns how many.
// There may be more when it is MaxReplayed. It returns ErrInactive of one that
// is off.
func (s *Service) ReplaySince(ctx context.Context, by accounts.Principal, id ID, since time.Time) (int, error) {
	if err := s.findActive(ctx, by, id); err != nil {
		return 0, err
	}
	n, err := s.store.ReplaySince(ctx, id, since, MaxReplayed)
	if err != nil {
		return 0, fmt.Errorf("replay what webhook %d missed: %w", id, err)
	}
	return n, nil
}
