package main

import (
	"context"
	"fmt"

	"callbackd/api"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

// openEventLog prepares to read a node's channel event log; it returns nil when
// the node keeps none.
func (d *daemon) openEventLog(ctx context.Context, node *configs.PBX) (callcenter.EventLog, error) {
	if !node.CEL.Enabled() {
		return nil, nil
	}
	log, err := openCEL(ctx, node)
	if err != nil {
		return nil, err
	}
	d.logs = append(d.logs, log)
	return log, nil
}

func openCEL(ctx context.Context, node *configs.PBX) (*postgres.CEL, error) {
	log, err := postgres.OpenCEL(ctx, node.CEL.Database.URL.Reveal(), postgres.CELOptions{
		Table: node.CEL.Table, Timezone: node.CEL.Timezone, Systemname: node.CEL.Systemname,
	})
	if err != nil {
		return nil, fmt.Errorf("pbx %q: channel event log: %w", node.Name, err)
	}
	return log, nil
}

// describeEventLog says how it was understood where a node keeps its channel
// events.
func describeEventLog(c configs.CEL) string {
	if !c.Enabled() {
		return "none: calls in a gap stay unknown"
	}
	rows := "all rows"
	if c.Systemname != "" {
		rows = "rows of " + c.Systemname
	}
	return fmt.Sprintf("table %s, %s, times without zone are of %s", c.Table, rows, c.Timezone)
}

// repairCheck tells operators whether gaps are repaired. They are looked up
// later when they are not, so that it does not make the daemon unready.
func repairCheck(f *callcenter.Follower, node string) api.Check {
	check := api.Check{Name: "repair", Node: node, OK: true}
	h := f.RepairHealth()
	if !h.Since.IsZero() {
		since := h.Since.UTC()
		check.Since = &since
	}
	if h.Err != nil {
		check.Why = fmt.Sprintf("%d gaps are not settled: %v", h.Unsettled, h.Err)
	}
	return check
}
