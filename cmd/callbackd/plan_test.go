package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
)

// A trunk may send the number that was dialled in another spelling than the
// configuration has it.
func TestPlan_LabelsByAnySpellingOfANumber(t *testing.T) {
	t.Parallel()
	cfg := &configs.Config{
		Region:      "JP",
		CallCenters: []configs.CallCenter{{ID: "support", Name: "サポート窓口", Extension: "7001", Queues: []string{"support"}}},
		BusinessLabels: []configs.BusinessLabel{
			{ID: "repairs", Name: "修理", DID: []string{"0355550001"}},
			{ID: "orders", Name: "注文", DID: []string{"+81355550002", "7100", "0120555003"}},
		},
	}
	node := &configs.PBX{Name: "pbx1", Trunks: []string{"PJSIP/trunk"}}
	tracker, err := callcenter.NewTracker("pbx1", planOf(cfg, node))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for dialled, want := range map[string]string{
		"0355550001": "repairs", "+81355550001": "repairs", "81355550001": "repairs", "01081355550001": "repairs",
		"0355550002": "orders", "+81355550002": "orders", "7100": "orders", "0120555003": "orders", "+81120555003": "orders",
		"0355550003": "", "100": "", "s": "", "": "",
	} {
		for range 2 { // the second time, what it means is remembered
			n++
			caller := ari.Channel{
				ID: ari.ChannelID(fmt.Sprintf("1795405579.%d", n)), Name: fmt.Sprintf("PJSIP/trunk-%d", n), State: "Ring",
				Dialplan: ari.DialplanPosition{Context: "from-trunk", Exten: dialled},
			}
			tracker.Apply(&ari.Event{Type: ari.ChannelCreated, Channel: caller, Timestamp: time.Unix(1795405579, 0).UTC()})
			calls := tracker.Changed(nil)
			if len(calls) != 1 || calls[0].BusinessLabel != want {
				t.Errorf("a call to %s: %+v, want label %q", dialled, calls, want)
			}
		}
	}

	cfg.BusinessLabels[0].DID = append(cfg.BusinessLabels[0].DID, "0355550002")
	_, err = callcenter.NewTracker("pbx1", planOf(cfg, node))
	if err == nil || !strings.Contains(err.Error(), `number "+81355550002" is that of label "repairs"`) {
		t.Errorf("two spellings of one number: %v, want to be told of them", err)
	}
}
