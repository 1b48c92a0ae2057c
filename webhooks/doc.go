// Package webhooks tells other systems of changes by HTTP requests of its own,
// for those that would rather be called than read the event stream.
//
//	service := webhooks.NewService(db.Webhooks(), …)   // who may have what sent where
//	sender := webhooks.NewSender(webhooks.SenderOptions{…})
//	courier := webhooks.NewCourier(webhooks.CourierOptions{…})
//	// courier.Deliver is what the jobs of a daemon do
//	go courier.Run(ctx)                                // has jobs made of what changes
//
// A [Webhook] says which changes go to which URL. Of each change in the change
// log that it asks for a [Delivery] is stored, in the order of the log, and
// jobs send them: see [Courier].
//
// # Guarantees
//
// Each change that committed while the webhook was active is sent at least
// once, unless it is given up after [RetryFor] or the webhook is taken away. A
// delivery keeps its message ID through all tries and replays, by which its
// receiver knows a repetition.
//
// What belongs to one call, the changes of the call and of its callback, is
// sent one after another, in the order of the log: while a delivery fails,
// those after it wait. Other calls go on. The same holds for each PBX node.
//
// What is sent is the record as it is at that moment and not as it was at the
// change, since the log holds no copies: a receiver never learns of something
// old when it could have learned of something new.
//
// # The form
//
// Requests are what Standard Webhooks 1.0.0 says (standardwebhooks.com): the
// headers webhook-id, webhook-timestamp and webhook-signature, with an
// HMAC-SHA256 of both and of the body.
//
// # Where to
//
// Whoever may make webhooks must not reach through this machine what is behind
// its firewall. The [Sender] looks at each address when it connects, after the
// name was resolved, and refuses all that are not of the public internet
// unless the configuration allows their network. It follows no redirects and
// uses no proxy.
//
// Nothing here logs or counts by a number, a memo or a URL.
package webhooks
