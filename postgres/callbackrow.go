package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// callbackColumns are the columns of a callbackRow, from callbacks b. Whether
// there is something to play is looked up by index for each row that is
// returned: with EXISTS the planner might read all recordings instead.
const callbackColumns = `b.id, b.request_id, b.origin, b.status, b.assignee, b.memo,
	b.registered_at, b.registered_by, b.completed_at, b.completed_by,
	b.remote_number, b.contact_number, b.call_center, b.call_centers,
	b.business_label, b.local_number, b.requests, coalesce(b.last_requested_at, b.registered_at) AS last_requested_at, b.version,
	coalesce(
		(SELECT r.kind FROM recordings r WHERE r.callback_id = b.id AND r.state = 'ready' LIMIT 1),
		(SELECT r.kind FROM recordings r WHERE r.request_id = b.request_id AND r.state = 'ready' AND r.kind = 'call' LIMIT 1)
	) AS recording`

type callbackRow struct {
	ID            int64      `db:"id"`
	RequestID     string     `db:"request_id"`
	Origin        string     `db:"origin"`
	Status        string     `db:"status"`
	Assignee      optional   `db:"assignee"`
	Memo          string     `db:"memo"`
	RegisteredAt  time.Time  `db:"registered_at"`
	RegisteredBy  string     `db:"registered_by"`
	CompletedAt   *time.Time `db:"completed_at"`
	CompletedBy   optional   `db:"completed_by"`
	RemoteNumber  optional   `db:"remote_number"`
	ContactNumber optional   `db:"contact_number"`
	CallCenter    string     `db:"call_center"`
	CallCenters   []string   `db:"call_centers"`
	BusinessLabel optional   `db:"business_label"`
	LocalNumber   optional   `db:"local_number"`
	Requests      int        `db:"requests"`
	LastRequested time.Time  `db:"last_requested_at"`
	Version       int        `db:"version"`
	Recording     optional   `db:"recording"`
}

func (r *callbackRow) callback() callbacks.Callback {
	return callbacks.Callback{
		ID:            callbacks.ID(r.ID),
		RequestID:     callcenter.RequestID(r.RequestID),
		Origin:        callbacks.Origin(r.Origin),
		Status:        callbacks.Status(r.Status),
		Assignee:      string(r.Assignee),
		Memo:          r.Memo,
		RegisteredAt:  r.RegisteredAt,
		RegisteredBy:  r.RegisteredBy,
		CompletedAt:   r.CompletedAt,
		CompletedBy:   string(r.CompletedBy),
		RemoteNumber:  string(r.RemoteNumber),
		ContactNumber: string(r.ContactNumber),
		CallCenter:    r.CallCenter,
		CallCenters:   r.CallCenters,
		BusinessLabel: string(r.BusinessLabel),
		LocalNumber:   string(r.LocalNumber),
		Requests:      r.Requests, LastRequestedAt: r.LastRequested,
		Recording: callbacks.Recording(r.Recording),
		Version:   r.Version,
	}
}

// getCallback returns a callback, or callbacks.ErrNotFound.
func getCallback(ctx context.Context, q querier, id callbacks.ID) (callbacks.Callback, error) {
	row, err := collectOne[callbackRow](ctx, q, `
		SELECT `+callbackColumns+`
		FROM callbacks b
		WHERE b.id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		return callbacks.Callback{}, callbacks.ErrNotFound
	}
	if err != nil {
		return callbacks.Callback{}, fmt.Errorf("read callback: %w", err)
	}
	return row.callback(), nil
}
