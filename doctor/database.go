package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

// lookedAt is how many of the newest calls are looked at.
const lookedAt = 10_000

// examineDatabase looks at callbackd's own database, and returns the newest
// calls in it and which daemon follows each node.
func examineDatabase(ctx context.Context, cfg *configs.Config) ([]Finding, []callcenter.Call, map[string]string) {
	e := examined{part: "database"}
	if cfg.Database.URL.IsZero() {
		e.add(Fault, "database.url or database.url_file", "none is configured: serve needs one")
		return e.findings, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	db, err := postgres.Open(ctx, cfg.Database.URL.Reveal(), postgres.Options{})
	if err != nil {
		e.add(Fault, accessChange(err, "database", "database.url, or what the error says"), "%s", err)
		return e.findings, nil, nil
	}
	defer db.Close()
	e.add(Good, "", "answers, with schema version %d", postgres.SchemaVersion)
	calls, err := newestCalls(ctx, db)
	if err != nil {
		e.add(Fault, "callbackd migrate --grant ROLE gives a role what it needs", "calls cannot be read: %s", err)
	}
	followed, err := followers(ctx, cfg, db)
	if err != nil {
		e.add(Fault, "callbackd migrate --grant ROLE gives a role what it needs", "who follows which node cannot be read: %s", err)
	}
	return e.findings, calls, followed
}

// accessChange is what to look at when a database cannot be opened: at who may
// come in, when PostgreSQL refuses whom the configuration's key names, and
// otherwise at what is given.
func accessChange(err error, key, otherwise string) string {
	if !postgres.IsLoginRefused(err) {
		return otherwise
	}
	return fmt.Sprintf("user and password in %[1]s.url or the file of %[1]s.url_file (without a password there: PGPASSWORD, or the password file "+
		"~/.pgpass of who runs callbackd); on the server, pg_hba.conf: its first line for this database, user and host counts", key)
}

// followers returns the daemon that follows each node, empty for none.
func followers(ctx context.Context, cfg *configs.Config, db *postgres.DB) (map[string]string, error) {
	var names []string
	for i := range cfg.PBX {
		names = append(names, cfg.PBX[i].Name)
	}
	nodes, err := db.Monitor(names).Nodes(ctx)
	if err != nil {
		return nil, err
	}
	followed := map[string]string{}
	for i := range nodes {
		followed[nodes[i].Node] = nodes[i].FollowedBy
	}
	return followed, nil
}

func newestCalls(ctx context.Context, db *postgres.DB) ([]callcenter.Call, error) {
	filter := callcenter.CallFilter{Limit: 1000}
	var calls []callcenter.Call
	for len(calls) < lookedAt {
		page, next, err := db.Calls().List(ctx, filter)
		if err != nil {
			return nil, err
		}
		calls = append(calls, page...)
		if next == nil {
			break
		}
		filter.After = next
	}
	return calls, nil
}

// judgeQueues compares the queues of the configuration with those of calls: a
// queue whose name is spelt otherwise makes its calls no call-center calls.
func judgeQueues(cfg *configs.Config, calls []callcenter.Call) []Finding {
	e := examined{part: "queues"}
	if len(calls) == 0 {
		e.add(Warning, "run doctor again after some calls", "no call is stored yet: whether the queues' names are right is not known")
		return e.findings
	}
	since := calls[len(calls)-1].StartedAt.In(cfg.Location()).Format("2006-01-02")
	// Asterisk does not distinguish capitals in the names of queues.
	seen, unknown := map[string]int{}, map[string]int{}
	for i := range calls {
		for _, s := range calls[i].Receipt {
			if s.Rule == callcenter.RuleUnknownQueue {
				unknown[s.Value]++
			} else if s.Rule == callcenter.RuleCallCenterQueue || s.Rule == callcenter.RuleRingGroupQueue {
				seen[strings.ToLower(s.Value)]++
			}
		}
	}
	for _, queue := range slices.Sorted(maps.Keys(unknown)) {
		e.add(Warning, "name it under queues of a call center or a ring group in callbackd.yaml",
			"queue %q is in no call center and no ring group: its calls (%d since %s) cannot be called back", queue, unknown[queue], since)
	}
	configured := func(where, id string, queues []string) {
		for _, queue := range queues {
			if seen[strings.ToLower(queue)] == 0 {
				e.add(Warning, "compare with queues.conf: the name must be the same, letter by letter",
					"queue %q of %s %s had no call since %s", queue, where, id, since)
			}
		}
	}
	for _, c := range cfg.CallCenters {
		configured("call center", c.ID, c.Queues)
	}
	for _, g := range cfg.RingGroups {
		configured("ring group", g.ID, g.Queues)
	}
	if len(e.findings) == 0 {
		e.add(Good, "", "all queues of the configuration had calls since %s, and no others had: %s", since, strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
	}
	return e.findings
}
