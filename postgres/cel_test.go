package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/callcenter"
	"callbackd/configs/asterisk"
	"callbackd/postgres"
)

// celTable makes the published table in a database, changes it, and opens it.
func celTable(t *testing.T, change string, options postgres.CELOptions) *postgres.CEL {
	t.Helper()
	url := empty(t)
	conn := connect(t, url)
	exec(t, conn, asterisk.CELTable)
	if change != "" {
		exec(t, conn, change)
	}
	log, err := postgres.OpenCEL(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

// celRows is SQL that writes rows: type, second of the hour, channel, linkedid.
func celRows(rows ...string) string {
	var b strings.Builder
	for _, row := range rows {
		f := strings.Fields(row)
		fmt.Fprintf(&b, `
			INSERT INTO cel (eventtype, eventtime, userdeftype, cid_name, cid_num, cid_ani, cid_rdnis, cid_dnid, exten, context,
				channame, appname, appdata, amaflags, accountcode, peeraccount, uniqueid, linkedid, userfield, peer, extra)
			VALUES ('%s', timestamp '2026-11-20 09:00:00' + interval '%s s', '', '', '0312345678', '', '', '', '7001', 'from-trunk',
				'PJSIP/trunk-1', '', '', 3, '', '', '%s', '%s', '', '', '');`, f[0], f[1], f[2], f[3])
	}
	return b.String()
}

// TestCEL_Times: times are the PBX's, whatever column they are in.
func TestCEL_Times(t *testing.T) {
	t.Parallel()
	rows := celRows("CHAN_START 1.25 pbx1-1.0 pbx1-1.0", "HANGUP 59 pbx1-1.0 pbx1-1.0", "CHAN_START 60 pbx1-2.0 pbx1-2.0")
	for name, test := range map[string]struct {
		zone, change string
		want         time.Time // of the first row
	}{
		"UTC":            {"UTC", rows, time.Date(2026, 11, 20, 9, 0, 1, 250e6, time.UTC)},
		"local time":     {"Asia/Tokyo", rows, time.Date(2026, 11, 20, 0, 0, 1, 250e6, time.UTC)},
		"with time zone": {"UTC", "SET TimeZone = 'Asia/Tokyo'; ALTER TABLE cel ALTER eventtime TYPE timestamptz;" + rows, time.Date(2026, 11, 20, 0, 0, 1, 250e6, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := celTable(t, test.change, postgres.CELOptions{Table: "public.cel", Timezone: test.zone})
			begin := test.want.Truncate(time.Minute)
			ids, err := log.LinkedIDs(t.Context(), begin, begin.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"pbx1-1.0"}, ids); diff != "" {
				t.Fatalf("calls of the first minute (-want +got):\n%s", diff)
			}
			events, err := log.Events(t.Context(), ids, 10)
			if err != nil {
				t.Fatal(err)
			}
			want := []callcenter.CELEvent{
				{Type: callcenter.CELChannelStart, At: test.want, Channel: "pbx1-1.0", Name: "PJSIP/trunk-1", LinkedID: "pbx1-1.0", Number: "0312345678", Context: "from-trunk", Exten: "7001"},
				{Type: callcenter.CELHangup, At: begin.Add(59 * time.Second), Channel: "pbx1-1.0", Name: "PJSIP/trunk-1", LinkedID: "pbx1-1.0", Number: "0312345678", Context: "from-trunk", Exten: "7001"},
			}
			if diff := cmp.Diff(want, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCEL_RelatedCalls: with a call come those that its channels were part of
// before, in order, and no more rows than were asked for.
func TestCEL_RelatedCalls(t *testing.T) {
	t.Parallel()
	log := celTable(t, celRows(
		"CHAN_START 1 pbx1-1.0 pbx1-1.0", "CHAN_START 2 pbx1-2.0 pbx1-2.0", "CHAN_START 3 pbx1-3.0 pbx1-2.0", "LINKEDID_END 4 pbx1-2.0 pbx1-2.0",
		"CHAN_END 5 pbx1-3.0 pbx1-1.0", "HANGUP 5 pbx1-3.0 pbx1-1.0", "CHAN_START 6 pbx2-9.0 pbx2-9.0", "CHAN_START 7 pbx1-8.0 pbx1-8.0",
	), postgres.CELOptions{Table: "cel", Timezone: "UTC", Systemname: "pbx1"})
	events, err := log.Events(t.Context(), []string{"pbx1-1.0"}, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		got = append(got, fmt.Sprintf("%s %s %s", e.Type, e.Channel, e.LinkedID))
	}
	want := []string{
		"CHAN_START pbx1-1.0 pbx1-1.0", "CHAN_START pbx1-2.0 pbx1-2.0", "CHAN_START pbx1-3.0 pbx1-2.0",
		"HANGUP pbx1-3.0 pbx1-1.0", "CHAN_END pbx1-3.0 pbx1-1.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if events, err = log.Events(t.Context(), []string{"pbx1-1.0"}, 2); err != nil || len(events) != 2 {
		t.Errorf("asked for two events: %d came, %v", len(events), err)
	}
	from := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	ids, err := log.LinkedIDs(t.Context(), from, from.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pbx1-1.0", "pbx1-2.0", "pbx1-8.0"}, ids); diff != "" {
		t.Errorf("calls of this PBX (-want +got):\n%s", diff)
	}
	for since, want := range map[time.Time]time.Time{from: from.Add(7 * time.Second), from.Add(8 * time.Second): {}} {
		if latest, err := log.Latest(t.Context(), since); err != nil || !latest.Equal(want) {
			t.Errorf("the latest since %v is %v %v, want %v", since, latest, err, want)
		}
	}
}

// TestCEL_Check: a table that cannot be used is described in whole.
func TestCEL_Check(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		"":               "",
		"DROP TABLE cel": "there is no table cel for the channel event log: make it with cel.sql",
		"ALTER TABLE cel DROP linkedid, DROP uniqueid":         "table cel has no column uniqueid\ntable cel has no column linkedid",
		"ALTER TABLE cel ALTER eventtime TYPE text":            "column eventtime of table cel is text: it must be timestamp",
		"ALTER TABLE cel ALTER eventtype TYPE integer USING 1": "column eventtype of table cel is int4: it must be text",
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			log := celTable(t, change, postgres.CELOptions{Table: "cel", Timezone: "UTC"})
			got := ""
			if err := log.Check(t.Context()); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("Check says %q, want %q", got, want)
			}
			if _, err := log.LinkedIDs(t.Context(), time.Now(), time.Now()); (err == nil) != (want == "") {
				t.Errorf("reading the table: %v", err)
			}
		})
	}
}
