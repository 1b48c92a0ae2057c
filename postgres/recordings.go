package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
	"callbackd/recording"
)

// maxRecordingName is the largest name of a recording in bytes, as the schema
// has it.
const maxRecordingName = 1024

// Recordings stores recordings.
type Recordings struct{ db *DB }

var (
	_ recording.Reader   = (*Recordings)(nil)
	_ recording.Expecter = (*Recordings)(nil)
)

// Recordings returns the store of recordings.
func (db *DB) Recordings() *Recordings { return &Recordings{db: db} }

// recordingColumns are the columns of a recordingRow, from recordings r and
// its calls c.
const recordingColumns = `r.id, r.request_id, r.node, r.name, r.kind, r.callback_id, r.state, r.cause,
	r.found_at, r.ready_at, r.duration_us, r.size, r.converted, c.call_centers, c.agents`

type recordingRow struct {
	ID          int64      `db:"id"`
	RequestID   string     `db:"request_id"`
	Node        string     `db:"node"`
	Name        string     `db:"name"`
	Kind        string     `db:"kind"`
	CallbackID  *int64     `db:"callback_id"`
	State       string     `db:"state"`
	Cause       optional   `db:"cause"`
	FoundAt     *time.Time `db:"found_at"`
	ReadyAt     *time.Time `db:"ready_at"`
	DurationUS  *int64     `db:"duration_us"`
	Size        *int64     `db:"size"`
	Converted   bool       `db:"converted"`
	CallCenters []string   `db:"call_centers"`
	Agents      []string   `db:"agents"`
}

func (r *recordingRow) recording() recording.Recording {
	out := recording.Recording{
		ID:          recording.ID(r.ID),
		RequestID:   callcenter.RequestID(r.RequestID),
		Node:        r.Node,
		Kind:        recording.Kind(r.Kind),
		State:       recording.State(r.State),
		Cause:       recording.Cause(r.Cause),
		Name:        r.Name,
		Converted:   r.Converted,
		FoundAt:     r.FoundAt,
		ReadyAt:     r.ReadyAt,
		CallCenters: r.CallCenters,
		Agents:      r.Agents,
	}
	if r.CallbackID != nil {
		out.CallbackID = *r.CallbackID
	}
	if r.DurationUS != nil {
		out.Duration = time.Duration(*r.DurationUS) * time.Microsecond
	}
	if r.Size != nil {
		out.Size = *r.Size
	}
	return out
}

// Get implements recording.Reader.
func (s *Recordings) Get(ctx context.Context, id recording.ID) (recording.Recording, error) {
	row, err := collectOne[recordingRow](ctx, s.db.pool, `
		SELECT `+recordingColumns+`
		FROM recordings r JOIN calls c USING (request_id)
		WHERE r.id = @id`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		err = recording.ErrNotFound
	}
	if err != nil {
		return recording.Recording{}, fmt.Errorf("get recording %d: %w", id, err)
	}
	return row.recording(), nil
}

// ListByCall implements recording.Reader.
func (s *Recordings) ListByCall(ctx context.Context, id callcenter.RequestID) ([]recording.Recording, error) {
	if !storable(string(id)) {
		return nil, nil
	}
	rows, err := collect[recordingRow](ctx, s.db.pool, `
		SELECT `+recordingColumns+`
		FROM recordings r JOIN calls c USING (request_id)
		WHERE r.request_id = @request_id
		ORDER BY r.id`, pgx.StrictNamedArgs{"request_id": string(id)})
	if err != nil {
		return nil, fmt.Errorf("read recordings of call %q: %w", id, err)
	}
	recordings := make([]recording.Recording, len(rows))
	for i := range rows {
		recordings[i] = rows[i].recording()
	}
	return recordings, nil
}

// Waveform implements recording.Reader.
func (s *Recordings) Waveform(ctx context.Context, id recording.ID) (recording.Waveform, error) {
	type waveformRow struct {
		DurationUS     int64   `db:"duration_us"`
		PeaksPerSecond float64 `db:"peaks_per_second"`
		Peaks          []byte  `db:"peaks"`
	}
	row, err := collectOne[waveformRow](ctx, s.db.pool, `
		SELECT r.duration_us, w.peaks_per_second, w.peaks
		FROM recording_waveforms w JOIN recordings r ON r.id = w.recording_id
		WHERE r.id = @id AND r.state = 'ready'`, pgx.StrictNamedArgs{"id": int64(id)})
	if errors.Is(err, pgx.ErrNoRows) {
		err = recording.ErrNotFound
	}
	if err != nil {
		return recording.Waveform{}, fmt.Errorf("read waveform of recording %d: %w", id, err)
	}
	waveform := recording.Waveform{
		Duration:       time.Duration(row.DurationUS) * time.Microsecond,
		PeaksPerSecond: row.PeaksPerSecond,
		Peaks:          make([]float32, len(row.Peaks)),
	}
	for i, peak := range row.Peaks {
		waveform.Peaks[i] = float32(peak) / fullScale
	}
	return waveform, nil
}

// fullScale is the byte that stands for a peak of 1.
const fullScale = 255

// Expect implements recording.Expecter. It returns callcenter.ErrNotFound when
// the call is not stored.
func (s *Recordings) Expect(ctx context.Context, e recording.Expected) (recording.ID, error) {
	if !storable(e.Name) || len(e.Name) == 0 || len(e.Name) > maxRecordingName {
		return 0, fmt.Errorf("expect recording: the name must be text of 1 to %d bytes", maxRecordingName)
	}
	var id int64
	err := pgx.BeginFunc(ctx, s.db.pool, func(tx pgx.Tx) (err error) {
		id, err = scalar[int64](ctx, tx, `
			INSERT INTO recordings AS r (request_id, node, name, kind, callback_id)
			VALUES (@request_id, @node, @name, @kind, nullif(@callback_id, 0))
			ON CONFLICT ON CONSTRAINT recordings_once DO UPDATE SET
				-- The events of the PBX told of it first, as of a call's.
				kind        = CASE WHEN excluded.kind = 'message' THEN excluded.kind        ELSE r.kind        END,
				callback_id = CASE WHEN excluded.kind = 'message' THEN excluded.callback_id ELSE r.callback_id END
			RETURNING id`, pgx.StrictNamedArgs{
			"request_id": string(e.RequestID), "node": e.Node, "name": e.Name,
			"kind": string(e.Kind), "callback_id": e.CallbackID,
		})
		if err != nil {
			return err
		}
		return s.db.jobs.ingest(ctx, tx, []awaited{{ID: id, Node: e.Node}})
	})
	if violates(err, "recordings_request_id_fkey") {
		err = callcenter.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("expect recording of call %q: %w", e.RequestID, err)
	}
	return recording.ID(id), nil
}

// expectRecordings stores the recordings that those of the calls name that the
// transaction has written.
func expectRecordings(requestIDs []string) statement {
	return statement{"expect recordings", `
		INSERT INTO recordings (request_id, node, name)
		SELECT DISTINCT c.request_id, c.node, named.name
		FROM calls c CROSS JOIN LATERAL unnest(c.recordings) AS named (name)
		WHERE c.request_id = ANY (@request_ids) AND c.xmin = pg_current_xact_id()::xid
		  AND octet_length(named.name) BETWEEN 1 AND @longest
		  -- Not left to the conflict alone: each would use up an ID.
		  AND NOT EXISTS (SELECT FROM recordings r WHERE r.request_id = c.request_id AND r.name = named.name)
		ORDER BY c.request_id, named.name
		ON CONFLICT DO NOTHING`, pgx.StrictNamedArgs{"request_ids": requestIDs, "longest": maxRecordingName}}
}

// findRecordings has the recordings looked for of those of the calls that have
// ended and that the transaction has written.
func (c *Calls) findRecordings(ctx context.Context, tx pgx.Tx, requestIDs []string) error {
	rows, err := collect[awaited](ctx, tx, `
		SELECT r.id, r.node
		FROM recordings r JOIN calls c USING (request_id)
		WHERE c.request_id = ANY (@request_ids) AND c.xmin = pg_current_xact_id()::xid
		  AND c.state = 'ended' AND r.state IN ('expected', 'growing')
		ORDER BY r.id`, pgx.StrictNamedArgs{"request_ids": requestIDs})
	if err != nil {
		return fmt.Errorf("find recordings: %w", err)
	}
	return c.db.jobs.ingest(ctx, tx, rows)
}
