package main

import (
	"context"
	"fmt"
	"time"

	"callbackd/api"
	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

// newCanary returns what proves that the node's calls arrive; nil when that is
// not asked for.
func (n *followedNode) newCanary(lease *postgres.Lease) *callcenter.Canary {
	if !n.cfg.Canary.Enabled() {
		return nil
	}
	return callcenter.NewCanary(callcenter.CanaryOptions{
		Node: n.cfg.Name, Client: n.client, Context: n.cfg.Canary.Context, Every: n.cfg.Canary.Every.Duration,
		Save: func(ctx context.Context) error { return lease.Calls().SaveCanary(ctx, n.cfg.Name) },
		Wake: n.d.feed.Wake,
		Read: func(ctx context.Context) error {
			_, err := n.d.feed.LastChange(ctx)
			return err
		},
		Logger: n.d.log, Metrics: n.metrics.canaries,
	})
}

// describeCanary says which canaries are sent.
func describeCanary(c configs.Canary) string {
	if !c.Enabled() {
		return "none"
	}
	return fmt.Sprintf("every %v, to canary in the context %s", c.Every, c.Context)
}

// listeners are told one after another.
type listeners []callcenter.Listener

var _ callcenter.Listener = listeners(nil)

func (l listeners) Connected(channels []ari.Channel) {
	for _, listener := range l {
		listener.Connected(channels)
	}
}

func (l listeners) Event(ev *ari.Event) {
	for _, listener := range l {
		listener.Event(ev)
	}
}

func (l listeners) Lost(reason ari.LossReason) {
	for _, listener := range l {
		listener.Lost(reason)
	}
}

// canaryCheck tells whether canaries of the node arrive.
func canaryCheck(c *callcenter.Canary, node string) api.Check {
	arrived, late := c.Health(time.Now())
	arrived = arrived.UTC()
	check := api.Check{Name: "canary", Node: node, OK: late == nil, Since: &arrived}
	if late != nil {
		check.Why = fmt.Sprintf("no canary has arrived since then: %v", late)
	}
	return check
}
