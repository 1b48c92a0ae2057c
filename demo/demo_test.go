package demo

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/api"
)

func TestAddressOr(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	if got, want := addressOr(t.Context(), "", taken), "127.0.0.1:0"; got != want {
		t.Errorf("instead of a taken address: %s, want %s", got, want)
	}
	if got := addressOr(t.Context(), taken, "127.0.0.1:0"); got != taken {
		t.Errorf("for an address that was asked for: %s, want %s", got, taken)
	}
}

func TestSummary_Write(t *testing.T) {
	t.Parallel()
	seconds := 5.25
	s := summary{
		calls: map[callSort]int{
			{api.KindCallCenter, api.DirectionInbound, "answered"}: 3,
			{api.KindIVR, api.DirectionInbound, "abandoned"}:       1,
		},
		registered: map[string]float64{"manual": 2},
		refused:    map[string]float64{"not_call_center_call ivr": 1, "callback_exists": 1},
		recordings: map[string]float64{"ready": 3, "missing header_only": 1, "missing absent": 0},
		pbxEvents:  1234,
		received:   map[string]int{"call": 12},
		gaps:       []api.Gap{{Node: "pbx1", Why: "connection-lost", GapSeconds: &seconds}, {Node: "pbx1", Why: "starting"}},
	}
	var got strings.Builder
	if err := s.write(&got, 30*time.Second, 7); err != nil {
		t.Fatal(err)
	}
	want := `
In 30s, with seed 7:

CALLS         DIRECTION             OUTCOME          NUMBER
call_center   inbound               answered         3
ivr           inbound               abandoned        1
all                                                  4

CALLBACKS     REASON                KIND             NUMBER
registered    manual                                 2
refused       callback_exists                        1
refused       not_call_center_call  ivr              1

RECORDINGS    CAUSE                                  NUMBER
missing       header_only                            1
ready                                                3

EVENTS        OF                                     NUMBER
from the PBX  all types                              1234
from the API  call                                   12

GAPS          NODE                  WHY              SECONDS
              pbx1                  connection-lost  5.2
              pbx1                  starting         lasts
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}
