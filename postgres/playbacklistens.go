package postgres

import (
	"context"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/accounts"
	"callbackd/recording"
)

// AddListen implements recording.PlaybackStore. The parts are kept as a
// multirange of milliseconds, which merges them.
func (p *Playback) AddListen(ctx context.Context, l recording.Listen) error {
	args := pgx.StrictNamedArgs{"play": int64(l.Play), "last_at": l.LastAt}
	args["heard_from"], args["heard_to"] = bounds(l.Heard)
	if len(l.Sent) == 0 {
		_, err := p.db.pool.Exec(ctx, `
			UPDATE listens SET last_at = greatest(last_at, @last_at), heard = heard + `+ranges("heard")+`
			WHERE play = @play`, args)
		return err
	}
	args["recording_id"], args["account_id"], args["session_id"] = int64(l.RecordingID), int64(l.AccountID), int64(l.SessionID)
	args["began_at"], args["address"] = l.BeganAt, addressOrNull(l.Address)
	args["sent_from"], args["sent_to"] = bounds(l.Sent)
	_, err := p.db.pool.Exec(ctx, `
		INSERT INTO listens AS l (play, recording_id, account_id, session_id, address, began_at, last_at, sent, heard)
		VALUES (@play, @recording_id, @account_id, @session_id, @address, @began_at, @last_at,
			`+ranges("sent")+`, `+ranges("heard")+`)
		ON CONFLICT (play) DO UPDATE
		SET address = coalesce(excluded.address, l.address), last_at = greatest(l.last_at, excluded.last_at),
			sent = l.sent + excluded.sent, heard = l.heard + excluded.heard`, args)
	return err
}

// ranges is the multirange of the parts whose bounds are two arguments.
func ranges(name string) string {
	return `coalesce((
		SELECT range_agg(int4range(part.begins, part.ends)) FROM unnest(@` + name + `_from::int[], @` + name + `_to::int[]) AS part (begins, ends)
	), '{}')`
}

// bounds are the beginnings and ends of parts, in milliseconds.
func bounds(parts []recording.Part) (from, to []int32) {
	from, to = make([]int32, len(parts)), make([]int32, len(parts))
	for i, part := range parts {
		from[i], to[i] = int32(part.From.Milliseconds()), int32(part.To.Milliseconds())
	}
	return from, to
}

func addressOrNull(address netip.Addr) *netip.Addr {
	if !address.IsValid() {
		return nil
	}
	return &address
}

// Listens implements recording.PlaybackStore.
func (p *Playback) Listens(ctx context.Context, id recording.ID, filter recording.ListenFilter) ([]recording.Listen, error) {
	type row struct {
		Play        int64       `db:"play"`
		RecordingID int64       `db:"recording_id"`
		AccountID   int64       `db:"account_id"`
		SessionID   int64       `db:"session_id"`
		Account     string      `db:"account"`
		DisplayName string      `db:"display_name"`
		Address     *netip.Addr `db:"address"`
		BeganAt     time.Time   `db:"began_at"`
		LastAt      time.Time   `db:"last_at"`
		SentFrom    []int32     `db:"sent_from"`
		SentTo      []int32     `db:"sent_to"`
		HeardFrom   []int32     `db:"heard_from"`
		HeardTo     []int32     `db:"heard_to"`
	}
	rows, err := collect[row](ctx, p.db.pool, `
		SELECT l.play, l.recording_id, l.account_id, l.session_id, a.name AS account, a.display_name, l.address,
			l.began_at, l.last_at,
			ARRAY (SELECT lower(part) FROM unnest(l.sent) AS part) AS sent_from,
			ARRAY (SELECT upper(part) FROM unnest(l.sent) AS part) AS sent_to,
			ARRAY (SELECT lower(part) FROM unnest(l.heard) AS part) AS heard_from,
			ARRAY (SELECT upper(part) FROM unnest(l.heard) AS part) AS heard_to
		FROM listens l
		JOIN accounts a ON a.id = l.account_id
		WHERE l.recording_id = @recording_id AND (@before = 0 OR l.play < @before)
		ORDER BY l.play DESC
		LIMIT @limit`, pgx.StrictNamedArgs{"recording_id": int64(id), "before": int64(filter.Before), "limit": filter.Limit})
	if err != nil {
		return nil, err
	}
	list := make([]recording.Listen, len(rows))
	for i, r := range rows {
		list[i] = recording.Listen{
			Play: recording.PlayID(r.Play), RecordingID: recording.ID(r.RecordingID), AccountID: accounts.AccountID(r.AccountID),
			SessionID: accounts.SessionID(r.SessionID), Account: r.Account, DisplayName: r.DisplayName,
			BeganAt: r.BeganAt, LastAt: r.LastAt, Sent: parts(r.SentFrom, r.SentTo), Heard: parts(r.HeardFrom, r.HeardTo),
		}
		if r.Address != nil {
			list[i].Address = *r.Address
		}
	}
	return list, nil
}

func parts(from, to []int32) []recording.Part {
	list := make([]recording.Part, len(from))
	for i := range from {
		list[i] = recording.Part{From: time.Duration(from[i]) * time.Millisecond, To: time.Duration(to[i]) * time.Millisecond}
	}
	return list
}
