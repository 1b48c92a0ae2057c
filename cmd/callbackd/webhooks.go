package main

import (
	"context"

	"callbackd/webhooks"
)

// webhookRules say where changes may be sent.
func (d *daemon) webhookRules() webhooks.Rules {
	return webhooks.Rules{AllowNetworks: d.cfg.Webhooks.Networks(), AllowHTTP: d.cfg.Webhooks.AllowHTTP}
}

// newCourier wires what has changes sent to other systems.
func (d *daemon) newCourier() *webhooks.Courier {
	return webhooks.NewCourier(webhooks.CourierOptions{
		Store: d.db.Webhooks(), Queues: d.jobs, Render: d.server.EventData, Wake: d.feed.Wake,
		Sender: webhooks.NewSender(webhooks.SenderOptions{Rules: d.webhookRules(), Version: version()}),
		Log:    d.log, Metrics: webhooks.NewMetrics(d.registry),
	})
}

// deliveries is the work on webhooks, for the jobs of a daemon, which are made
// before its courier is.
type deliveries struct{ of *daemon }

// Deliver implements postgres.WebhookJobs.
func (d deliveries) Deliver(ctx context.Context, id webhooks.ID, subject string) (more bool, err error) {
	return d.of.courier.Deliver(ctx, id, subject)
}
