package doctor

import (
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/configs"
)

func TestJudgeQueues(t *testing.T) {
	t.Parallel()
	cfg := &configs.Config{
		Timezone: "Asia/Tokyo", CallCenters: []configs.CallCenter{{ID: "support", Queues: []string{"Support"}}},
		RingGroups: []configs.RingGroup{{ID: "night", Queues: []string{"night"}}},
	}
	call := func(rule callcenter.Rule, queue string) callcenter.Call {
		return callcenter.Call{StartedAt: time.Date(2026, 3, 31, 23, 0, 0, 0, time.UTC), Receipt: []callcenter.Signal{{Rule: rule, Value: queue}}}
	}
	calls := []callcenter.Call{call(callcenter.RuleCallCenterQueue, "support")}
	found(t, judgeQueues(cfg, calls), Warning, "queues", `queue "night" of ring group night had no call since 2026-04-01`)
	calls = append(calls, call(callcenter.RuleRingGroupQueue, "night"))
	found(t, judgeQueues(cfg, calls), Good, "queues", "all queues of the configuration had calls since 2026-04-01, and no others had: night, support")
	calls = append(calls, call(callcenter.RuleUnknownQueue, "vip"), call(callcenter.RuleUnknownQueue, "vip"))
	found(t, judgeQueues(cfg, calls), Warning, "queues", `queue "vip" is in no call center and no ring group: its calls (2 since`)
}
