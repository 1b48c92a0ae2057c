package postgres_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// loadCallbacks fills an empty database with callbacks, as a site of 20 call
// centers and 200 agents would have them after some years: nearly all are
// completed, some words are in every tenth memo and some in one of thousands,
// and half of the numbers have a name in the phone book.
//
// What is random comes from the hash of the row's number, so that each run
// has the same rows.
func loadCallbacks(t testing.TB, pool *pgxpool.Pool, count int) {
	t.Helper()
	exec(t, pool, `
		CREATE FUNCTION pick(n bigint, salt text, choices bigint) RETURNS bigint
		LANGUAGE sql IMMUTABLE RETURN (hashint8extended(n, hashtext(salt)) & 9007199254740991) % choices`)
	exec(t, pool, `
		INSERT INTO accounts (name, display_name, role, call_centers, password_hash, created_at)
		SELECT 'agent' || n, (ARRAY['佐藤','鈴木','高橋','田中','渡辺','伊藤','山本','中村','小林','加藤'])[1 + n % 10]
			|| (ARRAY['太郎','花子','一郎','美咲','健','翔太','葵','蓮'])[1 + n / 10 % 8],
			'agent', ARRAY['desk' || n % 20], '$argon2id$', now()
		FROM generate_series(1, 200) AS n`)
	// 1 in 50 numbers of a fifth as many callers as callbacks; every second one
	// is in the phone book.
	exec(t, pool, `
		INSERT INTO phonebook_entries (number, name, search, created_at, updated_at, updated_by)
		SELECT number, name, substr(number, 2) || E'\t0' || substr(number, 4) || E'\n' || name || E'\n', now(), now(), 'load'
		FROM (
			SELECT '+81' || 300000000 + n * 7 AS number,
				(ARRAY['株式会社','有限会社','医療法人','']) [1 + pick(n, 'form', 4)]
				|| (ARRAY['青','赤','白','黒','東','西','南','北','中','新','大','小'])[1 + pick(n, 'first', 12)]
				|| (ARRAY['山','川','田','野','原','島','崎','沢','橋','森'])[1 + pick(n, 'second', 10)]
				|| (ARRAY['商店','工業','電機','運輸','建設','食品','','病院','薬局','設計','物産','製作所'])[1 + pick(n, 'third', 12)] AS name
			FROM generate_series(1, $1, 2) AS n
		) AS entries`, count/5)
	exec(t, pool, `
		INSERT INTO calls (request_id, node, linked_id, kind, direction, call_center, call_centers,
			remote_number, local_number, state, result, started_at, ended_at, last_event_at)
		SELECT 'load' || n, 'load', 'load' || n, 'call_center', 'inbound', 'desk' || pick(n, 'desk', 20),
			ARRAY['desk' || pick(n, 'desk', 20)], '0' || 300000000 + pick(n, 'caller', $1 / 5) * 7,
			(7000 + pick(n, 'desk', 20))::text, 'ended', 'abandoned', at, at, at
		FROM generate_series(1, $1::bigint) AS n, LATERAL (SELECT '2023-01-01Z'::timestamptz + n * interval '1 minute') AS x (at)`, count)
	exec(t, pool, `DROP INDEX callbacks_by_term`)
	exec(t, pool, `
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
			call_center, (ARRAY['sales','repair','billing','claims',NULL])[1 + pick(n, 'label', 5)], local_number
		FROM calls, LATERAL (SELECT substr(request_id, 5)::bigint) AS x (n),
			-- Old ones are completed.
			LATERAL (SELECT n > $1 - 2000 AND pick(n, 'open', 2) = 0 OR pick(n, 'open', 200) = 0) AS y (open)
		ORDER BY n`, count)
	exec(t, pool, `UPDATE callback_numbers SET last_id = $1`, count)
	exec(t, pool, `
		CREATE INDEX callbacks_by_term ON callbacks USING gin
		(callback_terms(id, status, origin, assignee, call_center, business_label, call_centers, search) COLLATE "C")
		WITH (fastupdate = off)`)
	exec(t, pool, `ALTER INDEX callbacks_by_term ALTER COLUMN 1 SET STATISTICS 0`)
	exec(t, pool, `VACUUM ANALYZE callbacks, calls, phonebook_entries, accounts`)
}
