package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// wishesLast is after what time a wish is nobody's any more: whoever could have
// fulfilled it did not for reasons that do not pass.
const wishesLast = 24 * time.Hour

// Wishes stores what callers want who are being asked about it.
type Wishes struct{ db *DB }

// Wishes returns the store of wishes.
func (db *DB) Wishes() *Wishes { return &Wishes{db: db} }

// Keep stores a wish, in place of the channel's one before.
func (s *Wishes) Keep(ctx context.Context, w callbacks.Wish) error {
	_, err := s.db.pool.Exec(ctx, `
		INSERT INTO callback_wishes AS w (node, channel, keeper, request_id, call_center, contact_number, asked_at)
		VALUES (@node, @channel, @keeper, @request_id, @call_center, @contact_number, clock_timestamp())
		ON CONFLICT (node, channel) DO UPDATE SET
			keeper = excluded.keeper, request_id = excluded.request_id, call_center = excluded.call_center,
			contact_number = excluded.contact_number`,
		pgx.StrictNamedArgs{
			"node": w.Node, "channel": w.Channel, "keeper": w.Keeper, "request_id": string(w.RequestID),
			"call_center": w.CallCenter, "contact_number": w.ContactNumber,
		})
	if err != nil {
		return fmt.Errorf("keep what a caller wants: %w", err)
	}
	return nil
}

// Drop forgets a wish, unless somebody else keeps it by now.
func (s *Wishes) Drop(ctx context.Context, w callbacks.Wish) error {
	_, err := s.db.pool.Exec(ctx, `
		DELETE FROM callback_wishes WHERE node = @node AND channel = @channel AND keeper = @keeper`,
		pgx.StrictNamedArgs{"node": w.Node, "channel": w.Channel, "keeper": w.Keeper})
	if err != nil {
		return fmt.Errorf("forget what a caller wants: %w", err)
	}
	return nil
}

// Left returns the wishes of a node's callers that others than keeper keep,
// oldest first, and forgets those of more than a day ago.
func (s *Wishes) Left(ctx context.Context, node, keeper string) ([]callbacks.Wish, error) {
	type wishRow struct {
		Node          string    `db:"node"`
		Channel       string    `db:"channel"`
		Keeper        string    `db:"keeper"`
		RequestID     string    `db:"request_id"`
		CallCenter    string    `db:"call_center"`
		ContactNumber string    `db:"contact_number"`
		AskedAt       time.Time `db:"asked_at"`
	}
	args := pgx.StrictNamedArgs{"node": node, "keeper": keeper, "last": wishesLast}
	rows, err := collect[wishRow](ctx, s.db.pool, `
		WITH old AS (
			DELETE FROM callback_wishes WHERE asked_at < clock_timestamp() - @last::interval
		)
		SELECT node, channel, keeper, request_id, call_center, contact_number, asked_at
		FROM callback_wishes
		WHERE node = @node AND keeper <> @keeper AND asked_at >= clock_timestamp() - @last::interval
		ORDER BY asked_at`, args)
	if err != nil {
		return nil, fmt.Errorf("read what callers want: %w", err)
	}
	wishes := make([]callbacks.Wish, len(rows))
	for i, r := range rows {
		wishes[i] = callbacks.Wish{
			Node: r.Node, Channel: r.Channel, Keeper: r.Keeper, RequestID: callcenter.RequestID(r.RequestID),
			CallCenter: r.CallCenter, ContactNumber: r.ContactNumber, AskedAt: r.AskedAt,
		}
	}
	return wishes, nil
}
