package lab_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip/siptest"
)

// TestAsterisk_ChannelEvents: with the published configuration, channel events
// are kept in the published table, in UTC.
func TestAsterisk_ChannelEvents(t *testing.T) {
	t.Parallel()
	address := databases.New(t)
	a := labtest.Asterisk(t, lab.AsteriskOptions{ChannelEvents: address})
	if _, err := a.CLI(t.Context(), "channel originate Local/7480@ivr application Playback vm-goodbye"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // the test is over
	labtest.Eventually(t, siptest.Patience, func() error {
		var starts, apps, now int
		err := conn.QueryRow(t.Context(), `
			SELECT count(*) FILTER (WHERE eventtype = 'CHAN_START'),
				count(*) FILTER (WHERE eventtype = 'APP_START' AND lower(appname) = 'background'),
				count(*) FILTER (WHERE eventtime BETWEEN (now() AT TIME ZONE 'UTC') - interval '1 minute' AND (now() AT TIME ZONE 'UTC'))
			FROM cel WHERE linkedid LIKE 'pbx1-%'`).Scan(&starts, &apps, &now)
		if err == nil && (starts != 2 || apps == 0 || now < starts+apps) {
			err = fmt.Errorf("%d channels began, %d menus, %d events are of now; want 2, 1 and all", starts, apps, now)
		}
		return err
	})
}
