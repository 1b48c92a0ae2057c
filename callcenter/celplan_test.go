package callcenter_test

import "callbackd/callcenter"

// samplePlan is the published example of a configuration as the tracker takes
// it, which is what the channel event logs in testdata/cel were recorded with.
func samplePlan() *callcenter.Plan {
	return &callcenter.Plan{
		CallCenters: []callcenter.CallCenter{
			{ID: "support", Name: "サポート窓口", Extension: "7001", Queues: []string{"support"}, Label: "repairs"},
			{ID: "sales", Name: "営業窓口", Extension: "7002", Queues: []string{"sales"}},
		},
		RingGroups: []callcenter.RingGroup{
			{ID: "frontdesk", Name: "受付", Extension: "6001"},
			{ID: "frontdesk-queue", Name: "受付（順番待ち）", Extension: "6002", Queues: []string{"frontdesk"}},
		},
		Terminals: []callcenter.Extension{prefix("200")},
		Labels: []callcenter.Label{
			{ID: "repairs", Name: "修理", DIDs: []string{"0355550001"}},
			{ID: "orders", Name: "ご注文", DIDs: []string{"0355550002"}},
		},
		Trunks:   []string{"PJSIP/trunk"},
		Contexts: []string{"from-trunk", "from-internal", "call-centers"},
	}
}
