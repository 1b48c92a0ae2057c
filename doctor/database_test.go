package doctor

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

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

func TestAccessChange(t *testing.T) {
	t.Parallel()
	const otherwise = "what the error says"
	for _, test := range []struct {
		err     error
		refused bool
	}{
		{fmt.Errorf("open database: %w", &pgconn.PgError{Code: "28P01"}), true}, // the password
		{&pgconn.PgError{Code: "28000"}, true},                                  // pg_hba.conf
		{&pgconn.PgError{Code: "3D000"}, false},                                 // no such database
		{errors.New("connection refused"), false},
	} {
		if got := accessChange(test.err, "database", otherwise); (got != otherwise) != test.refused {
			t.Errorf("of %v: %s", test.err, got)
		}
	}
}
