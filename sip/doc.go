// Package sip plays telephones, and asks whether others are there. A [Phone]
// is a small SIP user agent that registers with a PBX or stands at a fixed
// address, places and takes calls, speaks and listens by RTP, sends and
// receives DTMF and transfers calls. The demo and the tests use phones as
// customers, agents and the outside world behind a trunk.
//
//	phone, err := sip.OpenPhone(ctx, sip.PhoneOptions{
//		Username: "2001", Password: secret, Server: "127.0.0.1:5060",
//		Behaviour: sip.Behaviour{RingFor: time.Second},
//		Sound:     sip.Tone(440),
//	})
//	defer phone.Close()
//	err = phone.Register(ctx)
//	call, err := phone.Call(ctx, "7001", sip.CallOptions{CallerNumber: "0312345678"})
//	err = call.Answered(ctx) // a *RefusedError when the far end says no
//	err = call.SendDTMF(ctx, "1#")
//	err = call.Hangup(ctx)
//
// [Probe] asks by OPTIONS whether anybody answers at a SIP address, over UDP,
// TCP or TLS; it needs no phone.
//
// # Incoming calls
//
// What a phone does with a call that reaches it is its [Behaviour], which can
// be changed at any time and counts for calls that arrive from then on. The
// call itself is delivered on [Phone.Incoming]; a caller who only wants the
// behaviour need not read that channel. A phone takes any number in the
// request URI, so that one without registration plays a trunk: [Call.Number]
// is what was dialled, [Call.CallerNumber] and [Call.Header] what the PBX
// says of the caller.
//
// # Guarantees
//
//   - Methods may be called from several goroutines. Ends and closes are
//     idempotent.
//   - Every wait ends: by the context of the caller, by a SIP timer, or by
//     Close, which hangs up what is running and returns within a few seconds
//     with every goroutine of the phone gone.
//   - A call ends once. [Call.Done] is closed then, its socket is released,
//     and [Call.Err] tells why.
//   - Audio is sent in packets of 20 ms by the clock: after a stall the
//     missing packets are sent late, up to 200 ms of them, and skipped beyond
//     that.
//   - No number, name or password is logged.
//
// # What it is not
//
// It is no softphone and no library for one: no SRTP, no TCP, TLS or
// WebSocket, no codec but G.711 µ-law (with RFC 4733 telephone events), no
// RTCP, no jitter buffer, no ICE or NAT traversal, no attended transfer, no
// session timers, no reliable provisional responses. It never offers a change
// to a running session, but answers those of the far end.
//
// # Why its own dialogs
//
// Messages, transport, transactions and digest authentication are sipgo's.
// Dialogs are kept here, because sipgo's sessions drop a 200 that crosses a
// CANCEL (the far end would be left talking to nobody), give up after ten
// provisional responses (a queue sends more) and share the last response
// without a lock between the goroutines of one call.
package sip
