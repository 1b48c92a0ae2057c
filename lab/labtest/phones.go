package labtest

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// Agent opens the phone of an extension of the PBX and registers it, so that
// queues ring it. Who it is and where it registers need no options.
func Agent(t testing.TB, pbx *lab.Asterisk, extension string, options sip.PhoneOptions) *sip.Phone {
	t.Helper()
	options.Username, options.Password, options.Server = extension, pbx.PhonePassword, pbx.SIP
	phone := siptest.Open(t, options)
	if err := phone.Register(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	rings(t, pbx, extension)
	return phone
}

// Outside opens the far end of the PBX's trunk, from which customers call.
func Outside(t testing.TB, pbx *lab.Asterisk, options sip.PhoneOptions) *sip.Phone {
	t.Helper()
	options.Username, options.Server, options.Listen = "outside", pbx.SIP, pbx.Trunk
	options.Headers = map[string]string{lab.TrunkHeader: lab.TrunkHeaderValue}
	return siptest.Open(t, options)
}

// rung matches the states of a phone that a queue rings, or rings already.
var rung = regexp.MustCompile(`\((Not in use|Ringing)\)`)

// rings waits until each queue of the PBX rings the phone of an extension that
// has just registered. Queues hear a moment later, by events, that a phone is
// there and that its last call is over; calls that come earlier go where calls
// go that nobody takes.
func rings(t testing.TB, pbx *lab.Asterisk, extension string) {
	t.Helper()
	member := regexp.MustCompile(`(?m)^.*PJSIP/` + regexp.QuoteMeta(extension) + `\b.*$`)
	Eventually(t, 30*time.Second, func() error {
		queues, err := pbx.CLI(t.Context(), "queue show")
		if err != nil {
			return err
		}
		for _, line := range member.FindAllString(queues, -1) {
			if !rung.MatchString(line) {
				return fmt.Errorf("a queue does not ring the phone yet: %s", line)
			}
		}
		return nil
	})
}
