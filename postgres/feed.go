package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// channel is the name that the change log notifies.
const channel = "callbackd_changes"

const (
	// pollEvery is how long a lost notification can delay readers.
	pollEvery = time.Second
	// pingEvery is how often the listening connection must show that it is
	// alive; a cut one says nothing by itself.
	pingEvery = 10 * time.Second
	// pingTimeout bounds the answer, and each attempt to connect.
	pingTimeout = 5 * time.Second
)

// Feed reads the change log and wakes its readers up when there may be
// something new. A reader loops:
//
//	for {
//		wake := feed.Wake()
//		changes, err := feed.Changes(ctx, last, 500)
//		…
//		if len(changes) > 0 {
//			… // show them
//			last = changes[len(changes)-1].Number
//			continue
//		}
//		select {
//		case <-wake:
//		case <-ctx.Done():
//			return
//		}
//	}
//
// Taking the channel before reading is what makes this complete: a change
// that commits after the reading closes the channel that the reader already
// holds. However many changes come while a reader is busy, it is woken up
// once.
type Feed struct {
	db *DB

	mu   sync.Mutex
	wake chan struct{} // closed and replaced at each wake-up
}

// Feed returns a feed of the change log. Run must run for it to wake anybody
// up; one is enough for any number of readers.
func (db *DB) Feed() *Feed { return &Feed{db: db, wake: make(chan struct{})} }

// Wake returns a channel that is closed at the next wake-up. It is safe for
// concurrent use.
func (f *Feed) Wake() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wake
}

func (f *Feed) wakeUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.wake)
	f.wake = make(chan struct{})
}

// Run wakes readers up, and removes changes that are a week old, until the
// context ends, and then returns nil. It listens for notifications on a
// connection of its own, connects again when that is lost, and looks at the log
// by itself once a second.
func (f *Feed) Run(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error { f.keepListening(ctx); return nil })
	group.Go(func() error { f.poll(ctx); return nil })
	group.Go(func() error { f.keepForgetting(ctx); return nil })
	return group.Wait()
}

func (f *Feed) keepListening(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 100 * time.Millisecond
	pause.MaxInterval = 30 * time.Second
	for {
		err := f.listen(ctx, pause.Reset)
		if ctx.Err() != nil {
			return
		}
		wait := pause.NextBackOff()
		f.db.log.WarnContext(ctx, "change notifications lost, readers poll",
			slog.Any("err", err), slog.Duration("retry_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// listen wakes readers up at each notification until the connection is lost,
// and returns why. It calls listening when it has begun.
func (f *Feed) listen(ctx context.Context, listening func()) (err error) {
	connectCtx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	config := f.db.pool.Config().ConnConfig
	config.RuntimeParams["application_name"] += " listen" // for pg_stat_activity
	conn, err := pgx.ConnectConfig(connectCtx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingTimeout)
		defer cancel()
		err = errors.Join(err, conn.Close(closeCtx))
	}()
	if _, err := conn.Exec(connectCtx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	listening()
	// What committed before LISTEN was not notified.
	f.wakeUp()
	for {
		waitCtx, cancel := context.WithTimeout(ctx, pingEvery)
		_, err := conn.WaitForNotification(waitCtx)
		quiet := waitCtx.Err() != nil
		cancel()
		switch {
		case err == nil:
			f.wakeUp()
		case ctx.Err() != nil:
			return ctx.Err()
		case quiet && !conn.IsClosed():
			if err := ping(ctx, conn); err != nil {
				return err
			}
		default:
			return fmt.Errorf("wait for notification: %w", err)
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

// poll wakes readers up when the log has grown since it looked last.
func (f *Feed) poll(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var seen int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		queryCtx, cancel := context.WithTimeout(ctx, pingTimeout)
		last, err := f.LastChange(queryCtx)
		cancel()
		// An error is not worth a line a second: the listening connection
		// reports that the database is away.
		if err == nil && last != seen {
			seen = last
			f.wakeUp()
		}
	}
}

// LastChange returns the number of the last change; 0 when there is none.
func (f *Feed) LastChange(ctx context.Context) (int64, error) {
	last, err := scalar[int64](ctx, f.db.pool, `SELECT coalesce(max(number), 0) FROM changes`, nil)
	if err != nil {
		return 0, fmt.Errorf("read last change: %w", err)
	}
	return last, nil
}

// Changes returns the first changes after a number, at most limit, in order,
// each with its record as it is now.
func (f *Feed) Changes(ctx context.Context, after int64, limit int) ([]callbacks.Change, error) {
	type changeRow struct {
		Number      int64     `db:"number"`
		ChangedAt   time.Time `db:"changed_at"`
		Kind        string    `db:"kind"`
		RequestID   optional  `db:"request_id"`
		CallbackID  *int64    `db:"callback_id"`
		Node        optional  `db:"node"`
		CallCenters []string  `db:"call_centers"`
	}
	var batch pgx.Batch
	var rows []changeRow
	var calls []callRow
	args := pgx.StrictNamedArgs{"after": after, "limit": limit}
	queue(&batch, &rows, `
		SELECT number, changed_at, kind, request_id, callback_id, node, call_centers
		FROM changes
		WHERE number > @after
		ORDER BY number
		LIMIT @limit`, args)
	// Most changes are of calls, so these are asked for together: people wait for
	// each answer. What is committed in between is read too, and not missed.
	queue(&batch, &calls, `
		SELECT `+callColumns+`
		FROM calls
		WHERE request_id = ANY (ARRAY(
			SELECT request_id
			FROM (SELECT kind, request_id FROM changes WHERE number > @after ORDER BY number LIMIT @limit) AS change
			WHERE kind = 'call'))`, args)
	if err := f.db.pool.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("read changes after %d: %w", after, err)
	}
	changes := make([]callbacks.Change, len(rows))
	for i, row := range rows {
		changes[i] = callbacks.Change{
			Number: row.Number, At: row.ChangedAt, Kind: callbacks.ChangeKind(row.Kind),
			RequestID: callcenter.RequestID(row.RequestID), NodeName: string(row.Node), CallCenters: row.CallCenters,
		}
		if row.CallbackID != nil {
			changes[i].CallbackID = callbacks.ID(*row.CallbackID)
		}
	}
	if err := f.attach(ctx, changes, calls); err != nil {
		return nil, fmt.Errorf("read changes after %d: %w", after, err)
	}
	return changes, nil
}

// attach sets the records of changes, of which the calls were read.
func (f *Feed) attach(ctx context.Context, changes []callbacks.Change, rows []callRow) error {
	var names []string
	var callbackIDs []int64
	for _, change := range changes {
		switch change.Kind {
		case callbacks.ChangeCall:
		case callbacks.ChangeCallback:
			callbackIDs = append(callbackIDs, int64(change.CallbackID))
		case callbacks.ChangeNode:
			names = append(names, change.NodeName)
		}
	}
	calls := make(map[callcenter.RequestID]*callcenter.Call, len(rows))
	for i := range rows {
		calls[callcenter.RequestID(rows[i].RequestID)] = new(rows[i].call())
	}
	records, err := f.callbacks(ctx, callbackIDs)
	if err != nil {
		return err
	}
	statuses, err := f.nodes(ctx, names)
	if err != nil {
		return err
	}
	for i := range changes {
		switch c := &changes[i]; c.Kind {
		case callbacks.ChangeCall:
			c.Call = calls[c.RequestID]
		case callbacks.ChangeCallback:
			c.Callback = records[c.CallbackID]
		case callbacks.ChangeNode:
			c.Node = statuses[c.NodeName]
		}
	}
	return nil
}

func (f *Feed) nodes(ctx context.Context, names []string) (map[string]*callcenter.NodeStatus, error) {
	if len(names) == 0 {
		return nil, nil
	}
	slices.Sort(names)
	rows, err := nodes(ctx, f.db.pool, slices.Compact(names))
	if err != nil {
		return nil, err
	}
	found := make(map[string]*callcenter.NodeStatus, len(rows))
	for i := range rows {
		found[rows[i].Node] = &rows[i]
	}
	return found, nil
}

func (f *Feed) callbacks(ctx context.Context, ids []int64) (map[callbacks.ID]*callbacks.Callback, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := collect[callbackRow](ctx, f.db.pool, `
		SELECT `+callbackColumns+`
		FROM callbacks b
		WHERE b.id = ANY (@ids)`, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	found := make(map[callbacks.ID]*callbacks.Callback, len(rows))
	for i := range rows {
		callback := rows[i].callback()
		found[callback.ID] = &callback
	}
	return found, nil
}
