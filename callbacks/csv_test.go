package callbacks_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"callbackd/accounts"
	"callbackd/callbacks"
)

// table writes rows as CSV and returns the text.
func table(t failer, options callbacks.CSVOptions, rows ...callbacks.Row) string {
	t.Helper()
	var text bytes.Buffer
	c, err := callbacks.NewCSV(&text, options)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := c.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestCSV(t *testing.T) {
	t.Parallel()
	done := start.Add(time.Hour)
	row := callbacks.Row{
		Callback: callbacks.Callback{
			ID: 7, RequestID: "r7", Origin: callbacks.OriginManual, Status: callbacks.StatusCompleted, Assignee: "sato",
			Memo: "見積書,\"至急\"\n=1+1", RegisteredAt: start, RegisteredBy: "token:crm", CompletedAt: &done, CompletedBy: "sato",
			RemoteNumber: "+81312345678", ContactNumber: "0312345678", CallCenter: "support", LocalNumber: "7001",
			Requests: 2, LastRequestedAt: start.Add(30 * time.Minute),
		},
		RemoteName: "=cmd|' /C calc'!A0", CallCenterName: "サポート窓口", AssigneeName: "佐藤",
	}
	got := table(t, callbacks.CSVOptions{Location: time.FixedZone("JST", 9*60*60)}, row)
	want := "\ufeff対応状況,ID,登録日時,登録者,登録方法,相手の番号,相手の名前,連絡先番号,コールセンター,業務ラベル,こちらの番号,担当者,メモ,完了日時,完了者,リクエストID,依頼回数,最終依頼日時\r\n" +
		"完了,7,2026-04-01 18:00:00,token:crm,手動登録,+81312345678,'=cmd|' /C calc'!A0,0312345678,サポート窓口,,7001,佐藤," +
		"\"見積書,\"\"至急\"\"\r\n=1+1\",2026-04-01 19:00:00,sato,r7,2,2026-04-01 18:30:00\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
	english := table(t, callbacks.CSVOptions{English: true}, row)
	if !strings.HasPrefix(english, "\ufeffStatus,ID,Registered at,") || !strings.Contains(english, "completed,7,2026-04-01 09:00:00,token:crm,manual,") {
		t.Errorf("English CSV:\n%s", english)
	}
}

// Whatever text is in a callback, no cell begins like a formula, and the text
// can be read back.
func TestCSV_NoFormulas(t *testing.T) {
	t.Parallel()
	for _, formula := range []string{
		"=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "　=1", "＝1+1", "＋1+1", "－1", "＠x", "|cmd", "%x", "\ufeff=1",
		"+81312345678+1", "+", "-", "=", "\t",
	} {
		text := table(t, callbacks.CSVOptions{}, callbacks.Row{Callback: callbacks.Callback{Memo: formula}})
		if !strings.Contains(text, ",'"+formula) && !strings.Contains(text, ",\"'") {
			t.Errorf("%q is written as %q", formula, text)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		memo := rapid.StringOf(rapid.RuneFrom([]rune("=+-@\t\r\n 　＝a1メ\"',"))).Draw(t, "memo")
		text := table(t, callbacks.CSVOptions{}, callbacks.Row{Callback: callbacks.Callback{Memo: memo}})
		records, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
		if err != nil || len(records) != 2 {
			t.Fatalf("read back: %v, %d records", err, len(records))
		}
		cell := records[1][12]
		// A CSV does not tell one line break from another.
		breaks := strings.NewReplacer("\r\n", "\n", "\r", "\n")
		if got, want := breaks.Replace(strings.TrimPrefix(cell, "'")), breaks.Replace(strings.TrimPrefix(memo, "'")); got != want {
			t.Fatalf("%q came back as %q", memo, cell)
		}
		number := strings.TrimPrefix(cell, "+")
		if bare := strings.TrimLeft(cell, " \t\r\n　"); bare != "" && strings.ContainsAny(bare[:1], "=+-@") && strings.Trim(number, "0123456789") != "" {
			t.Fatalf("%q may run as a formula", cell)
		}
	})
}

// An export has every callback that the principal may see, once, with names,
// and ends with the first error of whoever takes it.
func TestService_Export(t *testing.T) {
	t.Parallel()
	s := staff(t)
	s.exec(t, `
		INSERT INTO calls (request_id, node, linked_id, kind, direction, call_center, call_centers, state, started_at, last_event_at)
		SELECT 'r' || n, 'n', 'r' || n, 'call_center', 'inbound', d, ARRAY[d], 'active', now(), now()
		FROM generate_series(1, 3000) AS n, LATERAL (SELECT CASE n % 3 WHEN 0 THEN 'sales' ELSE 'support' END) AS x (d)`)
	s.exec(t, `
		INSERT INTO callbacks (request_id, origin, registered_by, call_center, assignee)
		SELECT request_id, 'manual', 'load', call_center, 'kato' FROM calls ORDER BY length(request_id), request_id`)
	var last callbacks.ID
	count := 0
	err := s.Export(t.Context(), ito, callbacks.Filter{Limit: 1, Cursor: "ignored"}, func(row callbacks.Row) error {
		if row.ID <= last || row.CallCenter != "support" || row.AssigneeName != "KATO" {
			return fmt.Errorf("after %d came %+v", last, row)
		}
		last = row.ID
		count++
		return nil
	})
	if err != nil || count != 2000 {
		t.Errorf("%d callbacks were exported, %v, want 2000", count, err)
	}
	stop := errors.New("enough")
	if err := s.Export(t.Context(), ito, callbacks.Filter{}, func(callbacks.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Export = %v, want the error of its taker", err)
	}
	if err := s.Export(t.Context(), sato, callbacks.Filter{}, nil); !errors.Is(err, accounts.ErrForbidden) {
		t.Errorf("an agent's export: %v", err)
	}
}
