// Package siptest gives tests the steps of a telephone call, each of which
// fails the test when it does not come about.
//
//	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
//	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
//	call := siptest.Dial(t, caller, callee.URI(), sip.CallOptions{})
//	other := siptest.Arrives(t, callee)
//	siptest.Talks(t, other)
//	siptest.Leave(t, call)
//	siptest.Over(t, other)
//
// Phones at a PBX of package lab are opened by labtest.Agent and
// labtest.Outside.
package siptest
