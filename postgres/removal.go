package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LeftNodes returns the nodes, other than those that are configured, that
// nobody has followed for a while and of which calls go on or gaps are not
// settled.
func (db *DB) LeftNodes(ctx context.Context, configured []string, unfollowedFor time.Duration) ([]string, error) {
	type leftRow struct {
		Node string `db:"node"`
	}
	rows, err := collect[leftRow](ctx, db.pool, `
		SELECT o.node
		FROM (
			SELECT node FROM calls WHERE state = 'active'
			UNION
			SELECT node FROM gaps WHERE settled_at IS NULL
		) o
		LEFT JOIN leases l USING (node)
		WHERE o.node <> ALL (@configured) AND coalesce(l.held_until, '-infinity') < clock_timestamp() - @unfollowed::interval
		ORDER BY o.node`, pgx.StrictNamedArgs{"configured": configured, "unfollowed": unfollowedFor})
	if err != nil {
		return nil, fmt.Errorf("read nodes that nobody follows: %w", err)
	}
	nodes := make([]string, len(rows))
	for i, r := range rows {
		nodes[i] = r.Node
	}
	return nodes, nil
}
