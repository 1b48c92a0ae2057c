package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"callbackd/callcenter"
)

// heirDuration is how long a daemon that waits for a node counts as one, and
// readyDuration how long it does once it is prepared to follow it.
const (
	heirDuration  = 6 * time.Second
	readyDuration = 20 * time.Second
)

// StandBy says that whoever is to take the lease waits for it, and reports
// whether the daemon that has it offers to hand the node over. Of several that
// wait, the node is offered to the first.
func (l *Lease) StandBy(ctx context.Context) (offered bool, err error) {
	offered, err = scalar[bool](ctx, l.db.pool, `
		INSERT INTO handovers AS h (node, heir, heir_until)
		VALUES (@node, @heir, clock_timestamp() + @duration::interval)
		ON CONFLICT (node) DO UPDATE SET
			heir = excluded.heir, heir_until = excluded.heir_until,
			term = CASE WHEN h.heir = excluded.heir THEN h.term END, state = CASE WHEN h.heir = excluded.heir THEN h.state END
		-- Who was offered the node in an earlier term cannot be handed it any
		-- more, and says so anew if it still waits.
		WHERE h.heir = excluded.heir OR h.heir_until <= clock_timestamp() OR h.term < (SELECT term FROM leases WHERE node = @node)
		RETURNING coalesce(h.state = 'offered' AND h.term = (
			SELECT term FROM leases WHERE node = @node AND held_until > clock_timestamp()), false)`,
		pgx.StrictNamedArgs{"node": l.node, "heir": l.heir, "duration": heirDuration})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil // another one waits
	}
	if err != nil {
		return false, fmt.Errorf("wait for node %q: %w", l.node, err)
	}
	return offered, nil
}

// Ready says that whoever is to take the lease has all events from now on. It
// returns callcenter.ErrHeld when the node is no longer offered to it.
func (l *Lease) Ready(ctx context.Context) error {
	tag, err := l.db.pool.Exec(ctx, `
		UPDATE handovers SET state = 'ready', heir_until = clock_timestamp() + @duration::interval
		WHERE node = @node AND heir = @heir AND state = 'offered'`,
		pgx.StrictNamedArgs{"node": l.node, "heir": l.heir, "duration": readyDuration})
	if err == nil && tag.RowsAffected() == 0 {
		err = callcenter.ErrHeld
	}
	if err != nil {
		return fmt.Errorf("be ready for node %q: %w", l.node, err)
	}
	return nil
}

// HasHeir reports whether another daemon waits for the node.
func (l *Lease) HasHeir(ctx context.Context) (bool, error) {
	return l.heirIs(ctx, `heir_until > clock_timestamp()`)
}

// Offer offers the node to the daemon that waits for it, if there is one to
// which it was not offered yet: that one may have died since.
func (l *Lease) Offer(ctx context.Context) (offered bool, err error) {
	tag, err := l.db.pool.Exec(ctx, `
		UPDATE handovers SET state = 'offered', term = @term
		WHERE node = @node AND heir_until > clock_timestamp() AND term IS DISTINCT FROM @term
			AND EXISTS (SELECT FROM leases WHERE node = @node AND term = @term)`,
		pgx.StrictNamedArgs{"node": l.node, "term": l.term.Load()})
	if err != nil {
		return false, fmt.Errorf("offer node %q: %w", l.node, err)
	}
	return tag.RowsAffected() > 0, nil
}

// IsOffered reports whether the daemon that offered the node to whoever is to
// take the lease may still hand it over: nobody else has taken it.
func (l *Lease) IsOffered(ctx context.Context) (bool, error) {
	is, err := scalar[bool](ctx, l.db.pool, `
		SELECT EXISTS (SELECT FROM handovers h JOIN leases l USING (node, term) WHERE node = @node AND heir = @heir)`,
		pgx.StrictNamedArgs{"node": l.node, "heir": l.heir})
	if err != nil {
		return false, fmt.Errorf("look who offers node %q: %w", l.node, err)
	}
	return is, nil
}

// IsHeirReady reports whether the daemon that the node was offered to is ready.
func (l *Lease) IsHeirReady(ctx context.Context) (bool, error) {
	return l.heirIs(ctx, heirIsReady)
}

// HandOver lets go of the node for the daemon that is ready for it, and for no
// other before another LeaseDuration. It is reported whether there was one still,
// and nobody else had taken the node. All that was followed must have been stored.
func (l *Lease) HandOver(ctx context.Context) (done bool, err error) {
	// The lease is locked first, as by Take.
	done, err = scalar[bool](ctx, l.db.pool, `
		WITH kept AS (
			UPDATE leases SET held_until = clock_timestamp() + @duration::interval
			WHERE node = @node AND term = @term AND EXISTS (SELECT FROM handovers WHERE node = @node AND `+heirIsReady+`)
			RETURNING node
		), done AS (
			UPDATE handovers SET state = 'done' WHERE node = (SELECT node FROM kept) AND `+heirIsReady+`
			RETURNING node
		)
		SELECT EXISTS (SELECT FROM done)`,
		pgx.StrictNamedArgs{"node": l.node, "term": l.term.Load(), "duration": LeaseDuration})
	if err != nil {
		return false, fmt.Errorf("hand over node %q: %w", l.node, err)
	}
	return done, nil
}

// heirIsReady is the condition that the daemon to which a node was offered in a
// term is ready for it.
const heirIsReady = `term = @term AND state = 'ready' AND heir_until > clock_timestamp()`

func (l *Lease) heirIs(ctx context.Context, condition string) (bool, error) {
	is, err := scalar[bool](ctx, l.db.pool, `
		SELECT EXISTS (SELECT FROM handovers WHERE node = @node AND @term::bigint > 0 AND `+condition+`)`,
		pgx.StrictNamedArgs{"node": l.node, "term": l.term.Load()})
	if err != nil {
		return false, fmt.Errorf("look who waits for node %q: %w", l.node, err)
	}
	return is, nil
}
