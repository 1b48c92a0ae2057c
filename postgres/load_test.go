package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// site is how much a generated site has.
type site struct {
	callbacks int
	// calls is a multiple of callbacks.
	calls int
}

// loadCallbacks fills an empty database with callbacks and their calls.
func loadCallbacks(t testing.TB, pool *pgxpool.Pool, count int) {
	t.Helper()
	if err := load(t.Context(), pool, site{callbacks: count, calls: count}); err != nil {
		t.Fatal(err)
	}
}

// load fills an empty database with what a site of 20 call centers and 200
// agents would have after some years; loadedAccounts and the statements after it
// say what that is. The rows are checked and prepared as any others are.
func load(ctx context.Context, pool *pgxpool.Pool, s site) error {
	if s.callbacks < 1 || s.calls < s.callbacks || s.calls%s.callbacks != 0 {
		return fmt.Errorf("load: %d calls are no multiple of %d callbacks", s.calls, s.callbacks)
	}
	callbackIndexes, err := findIndexes(ctx, pool, "callbacks")
	if err != nil {
		return err
	}
	callIndexes, err := findIndexes(ctx, pool, "calls")
	if err != nil {
		return err
	}
	late := callbackIndexes.remove(func(i *index) bool { return strings.Contains(i.create, "FOREIGN KEY") })
	first := slices.Concat(drop(late, callbackIndexes, callIndexes), []string{pick, loadedAccounts, loadedEntries, loadedCalls})
	if err := loadAll(ctx, pool, s, first); err != nil {
		return err
	}
	both, bothCtx := errgroup.WithContext(ctx)
	both.Go(func() error { return loadAll(bothCtx, pool, s, create(callIndexes)) })
	both.Go(func() error {
		return loadAll(bothCtx, pool, s, slices.Concat([]string{loadedCallbacks, lastNumber}, create(callbackIndexes)))
	})
	if err := both.Wait(); err != nil {
		return err
	}
	return loadAll(ctx, pool, s, slices.Concat(create(late), []string{
		loadedChanges,
		`VACUUM ANALYZE callbacks, calls, changes, phonebook_entries, accounts`,
	}))
}

// loadAll runs statements on one connection, with @callbacks and @calls.
func loadAll(ctx context.Context, pool *pgxpool.Pool, s site, statements []string) error {
	return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, `SET maintenance_work_mem = '1GB'`); err != nil {
			return err
		}
		for _, sql := range statements {
			args := pgx.NamedArgs{}
			if strings.Contains(sql, "@") {
				args = pgx.NamedArgs{"callbacks": int64(s.callbacks), "calls": int64(s.calls)}
			}
			if _, err := conn.Exec(ctx, sql, args); err != nil {
				return fmt.Errorf("load: %.100s: %w", sql, err)
			}
		}
		_, err := conn.Exec(ctx, `RESET maintenance_work_mem`)
		return err
	})
}

// indexes are the indexes and keys of a table, with what drops and what makes
// each: a table is loaded several times faster without them.
type indexes []index

type index struct{ drop, create string }

// findIndexes returns the indexes and keys of a table as the migrations made
// them, but for those that other tables refer to.
func findIndexes(ctx context.Context, pool *pgxpool.Pool, table string) (indexes, error) {
	rows, err := pool.Query(ctx, `
		SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', $1::text, conname),
			format('ALTER TABLE %I ADD CONSTRAINT %I %s', $1, conname, pg_get_constraintdef(oid))
		FROM pg_constraint
		WHERE conrelid = $1::regclass AND (contype = 'f' OR contype IN ('p', 'u')
			AND conindid NOT IN (SELECT conindid FROM pg_constraint WHERE contype = 'f'))
		UNION ALL
		SELECT format('DROP INDEX %I', relname), pg_get_indexdef(i.indexrelid) || coalesce((
			SELECT string_agg(format('; ALTER INDEX %I ALTER COLUMN %s SET STATISTICS %s', relname, attnum, attstattarget), '')
			FROM pg_attribute
			WHERE attrelid = i.indexrelid AND attstattarget >= 0), '')
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE i.indrelid = $1::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u'))
		ORDER BY 1`, table)
	if err != nil {
		return nil, fmt.Errorf("find indexes of %s: %w", table, err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i index, err error) {
		return i, row.Scan(&i.drop, &i.create)
	})
}

// remove takes out what is chosen, and returns it.
func (i *indexes) remove(chosen func(*index) bool) indexes {
	var removed, rest indexes
	for _, one := range *i {
		if chosen(&one) {
			removed = append(removed, one)
		} else {
			rest = append(rest, one)
		}
	}
	*i = rest
	return removed
}

func drop(several ...indexes) (statements []string) {
	for _, one := range slices.Concat(several...) {
		statements = append(statements, one.drop)
	}
	return statements
}

func create(all indexes) (statements []string) {
	for _, one := range all {
		statements = append(statements, strings.Split(one.create, "; ")...)
	}
	return statements
}

// pick chooses by the hash of a row's number, so that each run has the same
// rows.
const pick = `
	CREATE FUNCTION pick(n bigint, salt text, choices bigint) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN (hashint8extended(n, hashtext(salt)) & 9007199254740991) % choices`

const loadedAccounts = `
	INSERT INTO accounts (name, display_name, role, call_centers, password_hash, created_at)
	SELECT 'agent' || n, (ARRAY['佐藤','鈴木','高橋','田中','渡辺','伊藤','山本','中村','小林','加藤'])[1 + n % 10]
		|| (ARRAY['太郎','花子','一郎','美咲','健','翔太','葵','蓮'])[1 + n / 10 % 8],
		'agent', ARRAY['desk' || n % 20], '$argon2id$', now()
	FROM generate_series(1, 200) AS n`

// There are a fifth as many callers as callbacks; every second one is in the
// phone book.
const loadedEntries = `
	INSERT INTO phonebook_entries (number, name, search, created_at, updated_at, updated_by)
	SELECT number, name, substr(number, 2) || E'\t0' || substr(number, 4) || E'\n' || name || E'\n', now(), now(), 'load'
	FROM (
		SELECT '+81' || 300000000 + n * 7 AS number,
			(ARRAY['株式会社 ','有限会社','医療法人','']) [1 + pick(n, 'form', 4)]
			|| (ARRAY['青','赤','白','黒','東','西','南','北','中','新','大','小'])[1 + pick(n, 'first', 12)]
			|| (ARRAY['山','川','田','野','原','島','崎','沢','橋','森'])[1 + pick(n, 'second', 10)]
			|| (ARRAY['商店','工業','電機','運輸','建設','食品','','病院','薬局','設計','物産','製作所'])[1 + pick(n, 'third', 12)] AS name
		FROM generate_series(1, @callbacks::bigint / 5, 2) AS n
	) AS entries`

// Every callback's call, and others between these: half of them for a call
// center, which one of five callers left before an agent answered. One in
// twenty visited two call centers. Half of the last hundred still run.
const loadedCalls = `
	INSERT INTO calls (request_id, node, linked_id, kind, direction, call_center, call_centers,
		business_label, remote_number, local_number, agent, agents, state, result,
		started_at, answered_at, ended_at, receipt, legs, last_event_at)
	SELECT request_id, 'pbx1', request_id, kind, direction,
		CASE WHEN kind = 'call_center' THEN desk END,
		CASE WHEN kind <> 'call_center' THEN '{}'
			WHEN pick(n, 'transferred', 20) = 0 AND other <> desk THEN ARRAY[other, desk] ELSE ARRAY[desk] END,
		(ARRAY['sales','repair','billing','claims',NULL])[1 + pick(n, 'label', 5)],
		'0' || 300000000 + pick(n, 'caller', greatest(@callbacks::bigint / 5, 1)) * 7, (7000 + pick(n, 'desk', 20))::text,
		agents[1], agents, state, CASE WHEN state = 'active' THEN NULL WHEN agents = '{}' THEN 'abandoned' ELSE 'answered' END,
		at, CASE WHEN agents <> '{}' THEN at + interval '10 seconds' END, CASE WHEN state = 'ended' THEN at + interval '3 minutes' END,
		'[{"at": "2023-01-01T00:00:00Z", "rule": "call-center-queue", "event": "ChannelDialplan", "value": "desk"}]',
		'[{"trunk": true, "channel": "1672531200.1", "endpoint": "PJSIP/trunk", "started_at": "2023-01-01T00:00:00Z"},
			{"channel": "1672531200.2", "endpoint": "PJSIP/agent", "started_at": "2023-01-01T00:00:00Z"}]',
		at
	FROM generate_series(1, @calls::bigint) AS n,
		LATERAL (
			SELECT CASE WHEN n % (@calls / @callbacks) = 0 THEN 'load' || n / (@calls / @callbacks) ELSE 'call' || n END AS request_id,
				CASE WHEN n % (@calls / @callbacks) = 0 OR pick(n, 'kind', 2) = 0 THEN 'call_center'
					WHEN pick(n, 'kind', 1000) = 1 THEN 'unknown'
					ELSE (ARRAY['terminal','terminal','terminal','ring_group','ivr'])[1 + pick(n, 'which', 5)] END AS kind,
				CASE pick(n, 'direction', 10) WHEN 0 THEN 'outbound' ELSE 'inbound' END AS direction,
				'desk' || pick(n, 'desk', 20) AS desk, 'desk' || pick(n, 'other', 20) AS other,
				CASE WHEN pick(n, 'answered', 5) = 0 THEN '{}'
					WHEN pick(n, 'two', 10) = 0 THEN ARRAY['PJSIP/' || 2001 + pick(n, 'agent', 200), 'PJSIP/' || 2001 + pick(n, 'second', 200)]
					ELSE ARRAY['PJSIP/' || 2001 + pick(n, 'agent', 200)] END AS agents,
				CASE WHEN n > @calls - 100 AND pick(n, 'active', 2) = 0 THEN 'active' ELSE 'ended' END AS state,
				'2023-01-01Z'::timestamptz + n::float8 * @callbacks / @calls * interval '1 minute' AS at
		) AS call`

// Old callbacks are completed, but for one in 200.
const loadedCallbacks = `
	INSERT INTO callbacks (id, request_id, origin, status, assignee, memo, registered_at, registered_by,
		completed_at, completed_by, remote_number, contact_number, remote_key, remote_forms, contact_forms,
		call_center, business_label, local_number)
	SELECT n, request_id, CASE pick(n, 'origin', 5) WHEN 0 THEN 'automatic' ELSE 'manual' END,
		CASE WHEN open THEN 'open' ELSE 'completed' END,
		CASE WHEN NOT open OR pick(n, 'assigned', 2) = 0 THEN 'agent' || 1 + pick(n, 'agent', 200) END,
		(ARRAY['至急','','午後に','本日中に','明日','夕方','来週','']) [1 + pick(n, 'when', 8)]
		|| (ARRAY['見積書','請求書','納期','契約','修理','交換','返品','在庫','配送','住所変更','解約','予約'])[1 + pick(n, 'topic', 12)]
		|| (ARRAY['の件で折り返し希望','について確認の上ご連絡','を担当者から説明','の再送をお願いしたいとのこと','が届いていない'])[1 + pick(n, 'what', 5)]
		|| CASE pick(n, 'rare', 1000) WHEN 0 THEN '、鳳凰の間' WHEN 1 THEN ' callback after 18:00' ELSE '' END
		|| CASE pick(n, 'very rare', 50000) WHEN 0 THEN '麒麟' ELSE '' END,
		started_at, 'load', CASE WHEN NOT open THEN started_at + interval '1 hour' END, CASE WHEN NOT open THEN 'load' END,
		remote_number, remote_number, '+81' || substr(remote_number, 2),
		ARRAY['+81' || substr(remote_number, 2), remote_number], ARRAY['+81' || substr(remote_number, 2), remote_number],
		call_center, business_label, local_number
	FROM calls, LATERAL (SELECT substr(request_id, 5)::bigint) AS x (n),
		LATERAL (SELECT n > @callbacks::bigint - 2000 AND pick(n, 'open', 2) = 0 OR pick(n, 'open', 200) = 0) AS y (open)
	WHERE request_id LIKE 'load%'
	ORDER BY n`

const lastNumber = `UPDATE callback_numbers SET last_id = (SELECT max(id) FROM callbacks)`

// Each callback was registered and then changed once.
const loadedChanges = `
	INSERT INTO changes (kind, request_id, callback_id, call_centers, registered)
	SELECT 'callback', request_id, id, call_centers, registered
	FROM callbacks, unnest(ARRAY[true, false]) WITH ORDINALITY AS x (registered, n)
	ORDER BY id, n`
