// Package ari speaks Asterisk's REST interface: its resources, and its event
// stream. It knows nothing of what calls mean. It is in three layers, each of
// which can be used without those above it.
//
// # Wire types
//
// Event, Channel and Bridge are what Asterisk sends. Decode reads an event
// from its JSON text, DecodeChannels and DecodeBridges read what REST lists.
// Fields and event types that this package does not know are passed over:
// new ones come with patch releases. A Filter looks at an event's raw bytes
// and tells whether anybody wants it; most of a stream is variables that
// nobody asked for, and looking costs a fraction of decoding.
//
// # Requests
//
// A Client makes requests of one Asterisk. Its methods are named after the
// resources and take contexts; each request has a limit of time, the
// connections are bounded in number, answers in size. A refusal is an *Error,
// and what it means is asked with IsGone, IsNotInStasis, IsBooting,
// IsUnauthorized, IsForbidden and Timeout. A GET that ended without an answer is made once
// more, nothing else is. Credentials go in a header, never in a URL, and no
// error or log line shows the password.
//
// # Event stream
//
// A Stream follows all events for as long as its Run runs:
//
//	client, err := ari.NewClient(ari.ClientOptions{URL: "http://127.0.0.1:8088/ari", …})
//	stream, err := ari.NewStream(ari.StreamOptions{Client: client, Filter: ari.NewFilter(types, variables)})
//	go stream.Run(ctx)
//	for {
//		m, err := stream.Next(ctx)
//		switch m.Kind {
//		case ari.MessageConnected: // list channels and bridges
//		case ari.MessageEvent:     // ari.Decode(m.Raw, &event)
//		case ari.MessageLost:      // a gap from m.Since until the next Connected
//		}
//	}
//
// It promises:
//
//   - Messages come in the order Connected, events, Lost, and again. Between
//     Connected and Lost no event is missing that Asterisk sent and the filter
//     wants, and they are in the order in which Asterisk sent them (which is
//     no global order: bridges and channels have threads of their own there).
//   - Events are held back until all subscriptions are complete, so that a
//     listing made on Connected, and the events after it, leave nothing out.
//     Some of those events may be older than the listing.
//   - What is lost is declared. A connection that ends in whatever way, falls
//     silent (no byte for DeadAfter, though a PING went out each PingEvery),
//     goes deaf (PING answered, but an event that was asked for did not come),
//     meets an event above ReadLimit, or outruns the consumer until the queue
//     is full, gives one Lost that says since when and why, and is followed by
//     another connection. The exception is a name that another client took
//     (LossReplaced): the stream stands back until that client has gone.
//   - It sends PING frames and never a PONG that was not asked for, which
//     makes some versions of Asterisk crash.
//   - Run returns within a second of its context's end.
//
// The consumer must take messages promptly and do slow work elsewhere: the
// queue is there for bursts. Stats tells what metrics and readiness need.
//
// A read-only user can follow a stream. What it cannot do is set an event
// filter, complete the subscriptions of an application that somebody else
// made (the stream then refuses to call itself connected), and ask for an
// event as a proof (the stream then settles for Asterisk's word that the
// application is there and subscribed).
//
// # Testing
//
// Package aritest is an Asterisk that plays scripts and recorded traces and
// breaks in all the ways that a stream must survive.
package ari
