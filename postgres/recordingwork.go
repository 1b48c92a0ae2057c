package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/recording"
)

var _ recording.WorkStore = (*Recordings)(nil)

// Awaited implements recording.WorkStore.
func (s *Recordings) Awaited(ctx context.Context, id recording.ID) (recording.Awaited, error) {
	type awaitedRow struct {
		recordingRow
		CallEndedAt *time.Time `db:"ended_at"`
		Active      bool       `db:"active"`
		ExpectedAt  time.Time  `db:"expected_at"`
		FileSize    *int64     `db:"file_size"`
		ChangedAt   *time.Time `db:"changed_at"`
	}
	row, err := collectOne[awaitedRow](ctx, s.db.pool, `
		SELECT `+recordingColumns+`, c.ended_at, r.expected_at, r.file_size, r.changed_at,
			EXISTS (
				SELECT FROM recordings same JOIN calls going ON going.request_id = same.request_id
				WHERE same.node = r.node AND same.name = r.name AND going.state = 'active'
			) AS active
		FROM recordings r JOIN calls c USING (request_id)
		WHERE r.id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		err = recording.ErrNotFound
	}
	if err != nil {
		return recording.Awaited{}, fmt.Errorf("get recording %d: %w", id, err)
	}
	return recording.Awaited{
		Recording: row.recording(), CallEndedAt: row.CallEndedAt, Active: row.Active, ExpectedAt: row.ExpectedAt,
		FileSize: row.FileSize, ChangedAt: row.ChangedAt,
	}, nil
}

// SaveGrowing implements recording.WorkStore.
func (s *Recordings) SaveGrowing(ctx context.Context, id recording.ID, seen recording.Seen) error {
	_, err := s.db.pool.Exec(ctx, `
		UPDATE recordings SET
			state = 'growing', cause = NULL, found_at = coalesce(found_at, @at),
			changed_at = CASE WHEN file_size IS DISTINCT FROM @size::bigint THEN @at ELSE changed_at END,
			file_size = @size
		WHERE id = @id AND state IN ('expected', 'growing', 'missing')`,
		pgx.StrictNamedArgs{"id": int64(id), "at": seen.At, "size": seen.Size})
	if err != nil {
		return fmt.Errorf("save growing recording %d: %w", id, err)
	}
	return nil
}

// SaveReady implements recording.WorkStore.
func (s *Recordings) SaveReady(ctx context.Context, id recording.ID, ready recording.Ready) error {
	peaks := make([]byte, len(ready.Waveform.Peaks))
	for i, peak := range ready.Waveform.Peaks {
		peaks[i] = byte(math.Round(float64(max(0, min(1, peak))) * fullScale))
	}
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE recordings SET
				state = 'ready', cause = NULL, found_at = coalesce(found_at, @at), ready_at = @at,
				duration_us = @duration, size = @size, converted = @converted
			WHERE id = @id AND state IN ('expected', 'growing', 'missing')`, pgx.StrictNamedArgs{
			"id": int64(id), "at": ready.At, "duration": ready.Waveform.Duration.Microseconds(),
			"size": ready.Size, "converted": ready.Converted,
		})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO recording_waveforms (recording_id, peaks_per_second, peaks)
			VALUES (@id, @per_second, @peaks)
			ON CONFLICT (recording_id) DO UPDATE SET peaks_per_second = excluded.peaks_per_second, peaks = excluded.peaks`,
			pgx.StrictNamedArgs{"id": int64(id), "per_second": ready.Waveform.PeaksPerSecond, "peaks": peaks})
		if err != nil {
			return err
		}
		return logRecordings(ctx, tx, []int64{int64(id)})
	})
	if err != nil {
		return fmt.Errorf("save ready recording %d: %w", id, err)
	}
	return nil
}

// SaveMissing implements recording.WorkStore.
func (s *Recordings) SaveMissing(ctx context.Context, id recording.ID, cause recording.Cause) error {
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE recordings SET state = 'missing', cause = @cause
			WHERE id = @id AND state IN ('expected', 'growing', 'missing') AND cause IS DISTINCT FROM @cause`,
			pgx.StrictNamedArgs{"id": int64(id), "cause": string(cause)})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return logRecordings(ctx, tx, []int64{int64(id)})
	})
	if err != nil {
		return fmt.Errorf("save missing recording %d: %w", id, err)
	}
	return nil
}

// logRecordings writes entries of the change log for the calls of recordings
// and for the callbacks that play them. It must be the transaction's last
// statement: from here on all other writers wait.
func logRecordings(ctx context.Context, tx pgx.Tx, ids []int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO changes (kind, request_id, callback_id, call_centers)
		SELECT kind, request_id, callback_id, call_centers
		FROM (
			SELECT 'call' AS kind, c.request_id, NULL::bigint AS callback_id, c.call_centers
			FROM calls c
			WHERE c.request_id IN (SELECT request_id FROM recordings WHERE id = ANY (@ids))
			UNION ALL
			SELECT 'callback', b.request_id, b.id, b.call_centers
			FROM callbacks b
			WHERE b.request_id IN (SELECT request_id FROM recordings WHERE id = ANY (@ids))
			   OR b.id IN (SELECT callback_id FROM recordings WHERE id = ANY (@ids))
		) AS changed
		ORDER BY request_id, kind, callback_id`, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return fmt.Errorf("log changes: %w", err)
	}
	return nil
}

// Enqueue implements recording.WorkStore.
func (s *Recordings) Enqueue(ctx context.Context, node string, id recording.ID) error {
	return pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		return s.db.jobs.ingest(ctx, tx, []awaited{{ID: int64(id), Node: node}})
	})
}

// Retry implements recording.WorkStore.
func (s *Recordings) Retry(ctx context.Context, node string, expectedAfter, endedBefore time.Time, limit int) ([]recording.ID, error) {
	type idRow struct {
		ID int64 `db:"id"`
	}
	rows, err := collect[idRow](ctx, s.db.pool, `
		SELECT id
		FROM (
			(SELECT r.id
			FROM recordings r
			WHERE r.node = @node AND r.state = 'missing' AND r.expected_at > @expected_after
			  AND r.cause IN ('absent', 'unreadable', 'truncated', 'unsupported', 'out_of_reach')
			ORDER BY r.id DESC
			LIMIT @limit)
			UNION ALL
			(SELECT r.id
			FROM recordings r JOIN calls c USING (request_id)
			WHERE r.node = @node AND r.state IN ('expected', 'growing') AND c.ended_at < @ended_before
			ORDER BY r.id DESC
			LIMIT @limit)
		) AS both_kinds
		ORDER BY id DESC
		LIMIT @limit`, pgx.StrictNamedArgs{
		"node": node, "expected_after": expectedAfter, "ended_before": endedBefore, "limit": limit,
	})
	if err != nil {
		return nil, fmt.Errorf("read recordings to look for again: %w", err)
	}
	ids := make([]recording.ID, len(rows))
	for i, row := range rows {
		ids[i] = recording.ID(row.ID)
	}
	return ids, nil
}

// Unclaimed implements recording.WorkStore.
func (s *Recordings) Unclaimed(ctx context.Context, node string, files []recording.File) (recording.Amount, error) {
	// One row for each name, with the number of its file.
	var numbers, sizes []int64
	var names []string
	for i, file := range files {
		for _, name := range file.Names {
			numbers, names, sizes = append(numbers, int64(i)), append(names, repair(name)), append(sizes, file.Size)
		}
	}
	type amountRow struct {
		Files int64 `db:"files"`
		Bytes int64 `db:"bytes"`
	}
	row, err := collectOne[amountRow](ctx, s.db.pool, `
		SELECT count(*) AS files, coalesce(sum(size), 0)::bigint AS bytes
		FROM (
			SELECT f.number, max(f.size) AS size
			FROM unnest(@numbers::bigint[], @names::text[], @sizes::bigint[]) AS f (number, name, size)
			LEFT JOIN recordings r ON r.node = @node AND r.name = f.name
			GROUP BY f.number
			HAVING count(r.id) = 0
		) AS unclaimed`, pgx.StrictNamedArgs{"node": node, "numbers": numbers, "names": names, "sizes": sizes})
	if err != nil {
		return recording.Amount{}, fmt.Errorf("count files without a call: %w", err)
	}
	return recording.Amount(row), nil
}

// SaveSweep implements recording.WorkStore.
func (s *Recordings) SaveSweep(ctx context.Context, sweep recording.Sweep) error {
	_, err := s.db.pool.Exec(ctx, `
		INSERT INTO recording_audit (at, action, node, details)
		SELECT @at, 'sweep', @node, jsonb_build_object(
			'looked', @looked::boolean, 'files', @files::bigint, 'bytes', @bytes::bigint,
			'files_without_call', @unclaimed::bigint, 'bytes_without_call', @unclaimed_bytes::bigint,
			'found_late', @found::bigint,
			'calls_without_file', coalesce(sum(n) FILTER (WHERE state = 'missing' AND cause = 'absent'), 0),
			'states', coalesce(jsonb_object_agg(state, total), '{}'))
		FROM (
			SELECT state, cause, n, sum(n) OVER (PARTITION BY state) AS total
			FROM (SELECT state, cause, count(*) AS n FROM recordings WHERE node = @node GROUP BY state, cause) AS counted
		) AS totals`, pgx.StrictNamedArgs{
		"at": sweep.At, "node": sweep.Node, "looked": sweep.Looked, "files": sweep.Total.Files, "bytes": sweep.Total.Bytes,
		"unclaimed": sweep.WithoutCall.Files, "unclaimed_bytes": sweep.WithoutCall.Bytes, "found": sweep.Found,
	})
	if err != nil {
		return fmt.Errorf("insert sweep: %w", err)
	}
	return nil
}

// Expire implements recording.WorkStore.
func (s *Recordings) Expire(ctx context.Context, node, callCenter string, keepDays int, before, at time.Time, limit int) (n int, err error) {
	type idRow struct {
		ID int64 `db:"id"`
	}
	err = pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) error {
		rows, err := collect[idRow](ctx, tx, `
			UPDATE recordings SET state = 'expired', cause = NULL, expired_at = @at
			WHERE id IN (
				SELECT r.id
				FROM recordings r JOIN calls c USING (request_id)
				-- A recording is expected no earlier than its call began, so
				-- what was expected later than that is too young.
				WHERE r.node = @node AND r.state IN ('ready', 'missing') AND r.expected_at < @before
				  AND c.call_center = @call_center AND coalesce(c.ended_at, c.started_at) < @before AND c.state = 'ended'
				ORDER BY r.expected_at, r.id
				LIMIT @limit
				FOR UPDATE OF r SKIP LOCKED)
			RETURNING id`, pgx.StrictNamedArgs{
			"node": node, "call_center": callCenter, "before": before, "at": at, "limit": limit,
		})
		if n = len(rows); err != nil || n == 0 {
			return err
		}
		ids := make([]int64, n)
		for i, row := range rows {
			ids[i] = row.ID
		}
		_, err = tx.Exec(ctx, `DELETE FROM recording_waveforms WHERE recording_id = ANY (@ids)`, pgx.StrictNamedArgs{"ids": ids})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO recording_audit (at, action, node, recording_id, details)
			SELECT @at, 'expire', @node, id, jsonb_build_object('call_center', @call_center::text, 'keep_days', @keep_days::integer)
			FROM unnest(@ids::bigint[]) AS id`, pgx.StrictNamedArgs{
			"at": at, "node": node, "ids": ids, "call_center": callCenter, "keep_days": keepDays,
		})
		if err != nil {
			return err
		}
		return logRecordings(ctx, tx, ids)
	})
	if err != nil {
		return 0, fmt.Errorf("expire recordings: %w", err)
	}
	return n, nil
}

// Purgeable implements recording.WorkStore.
func (s *Recordings) Purgeable(ctx context.Context, node string, originals bool, after recording.ID, limit int) ([]recording.Purge, error) {
	type purgeRow struct {
		recordingRow
		Shared bool `db:"shared"`
	}
	rows, err := collect[purgeRow](ctx, s.db.pool, `
		SELECT `+recordingColumns+`,
			EXISTS (
				SELECT FROM recordings same
				WHERE same.node = r.node AND same.name = r.name AND same.state <> 'expired'
			) AS shared
		FROM recordings r JOIN calls c USING (request_id)
		WHERE r.node = @node AND r.state = 'expired' AND r.purged_at IS NULL
		  AND r.id > @after AND (@originals OR r.converted)
		ORDER BY r.id
		LIMIT @limit`, pgx.StrictNamedArgs{"node": node, "originals": originals, "after": int64(after), "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("read expired recordings: %w", err)
	}
	purges := make([]recording.Purge, len(rows))
	for i := range rows {
		purges[i] = recording.Purge{Recording: rows[i].recording(), Shared: rows[i].Shared}
	}
	return purges, nil
}

// SavePurged implements recording.WorkStore.
func (s *Recordings) SavePurged(ctx context.Context, id recording.ID, purged recording.Purged) error {
	_, err := s.db.pool.Exec(ctx, `
		WITH done AS (
			UPDATE recordings SET
				converted = false,
				purged_at = CASE WHEN @original THEN @at::timestamptz END
			WHERE id = @id AND state = 'expired'
			RETURNING id, node, name
		)
		INSERT INTO recording_audit (at, action, node, recording_id, details)
		SELECT @at, 'purge', node, id, jsonb_build_object('name', name, 'copy', @copy::boolean, 'original', @original::boolean)
		FROM done`, pgx.StrictNamedArgs{"id": int64(id), "at": purged.At, "copy": purged.Copy, "original": purged.Original})
	if err != nil {
		return fmt.Errorf("save that recording %d is purged: %w", id, err)
	}
	return nil
}

var _ recording.Stocks = (*Recordings)(nil)

// Stocks implements recording.Stocks.
func (s *Recordings) Stocks(ctx context.Context, nodes []string) ([]recording.Stock, error) {
	type stockRow struct {
		Node    string           `db:"node"`
		At      *time.Time       `db:"at"`
		Files   int64            `db:"files"`
		Bytes   int64            `db:"bytes"`
		Calls   int64            `db:"calls"`
		States  map[string]int64 `db:"states"`
		Awaited map[string]int64 `db:"awaited"`
	}
	rows, err := collect[stockRow](ctx, s.db.pool, `
		SELECT n.node, swept.at,
			coalesce((swept.details->>'files_without_call')::bigint, 0) AS files,
			coalesce((swept.details->>'bytes_without_call')::bigint, 0) AS bytes,
			coalesce((swept.details->>'calls_without_file')::bigint, 0) AS calls,
			coalesce(swept.details->'states', '{}') AS states,
			coalesce(awaited.states, '{}') AS awaited
		FROM unnest(@nodes::text[]) AS n (node)
		LEFT JOIN LATERAL (
			SELECT a.at, a.details FROM recording_audit a
			WHERE a.node = n.node AND a.action = 'sweep'
			ORDER BY a.id DESC LIMIT 1
		) AS swept ON true
		LEFT JOIN LATERAL (
			SELECT jsonb_object_agg(state, total) AS states
			FROM (
				SELECT r.state, count(*) AS total FROM recordings r
				WHERE r.node = n.node AND r.state IN ('expected', 'growing')
				GROUP BY r.state
			) AS counted
		) AS awaited ON true
		ORDER BY n.node`, pgx.StrictNamedArgs{"nodes": nodes})
	if err != nil {
		return nil, fmt.Errorf("count recordings: %w", err)
	}
	stocks := make([]recording.Stock, len(rows))
	for i, row := range rows {
		stock := recording.Stock{
			Node: row.Node, WithoutCall: recording.Amount{Files: row.Files, Bytes: row.Bytes}, CallsWithoutFile: row.Calls,
			States: map[recording.State]int64{},
		}
		for state, n := range row.States {
			stock.States[recording.State(state)] = n
		}
		for _, state := range []recording.State{recording.StateExpected, recording.StateGrowing} {
			stock.States[state] = row.Awaited[string(state)]
		}
		if row.At != nil {
			stock.SweptAt = *row.At
		}
		stocks[i] = stock
	}
	return stocks, nil
}
