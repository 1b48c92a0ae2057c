package sip_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"callbackd/sip"
	"callbackd/sip/siptest"
)

// wire is a far end that does exactly what a test writes, rightly or not.
type wire struct {
	t    *testing.T
	conn *net.UDPConn
	peer net.Addr // who sent last
}

type message struct {
	start  string
	header textproto.MIMEHeader
	body   string
}

func listen(t *testing.T) *wire {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &wire{t: t, conn: conn}
}

func (w *wire) uri(user string) string { return fmt.Sprintf("sip:%s@%s", user, w.conn.LocalAddr()) }

// expect reads messages until one begins with start; others are repetitions.
func (w *wire) expect(start string) message {
	w.t.Helper()
	if err := w.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for {
		n, peer, err := w.conn.ReadFrom(buffer)
		if err != nil {
			w.t.Fatalf("wait for %s: %v", start, err)
		}
		w.peer = peer
		reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(buffer[:n])))
		line, err := reader.ReadLine()
		if err != nil {
			w.t.Fatal(err)
		}
		header, err := reader.ReadMIMEHeader()
		if err != nil {
			w.t.Fatal(err)
		}
		if strings.HasPrefix(line, start) {
			_, body, _ := strings.Cut(string(buffer[:n]), "\r\n\r\n")
			return message{start: line, header: header, body: body}
		}
	}
}

func (w *wire) send(lines []string, body string) {
	w.t.Helper()
	if body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "", body)
	if _, err := w.conn.WriteTo([]byte(strings.Join(lines, "\r\n")), w.peer); err != nil {
		w.t.Fatal(err)
	}
}

// respond answers a request as RFC 3261 wants it.
func (w *wire) respond(req message, status, body string, headers ...string) {
	w.t.Helper()
	to := req.header.Get("To")
	if !strings.Contains(to, "tag=") {
		to += ";tag=wire"
	}
	w.send(append([]string{
		"SIP/2.0 " + status, "Via: " + req.header.Get("Via"), "From: " + req.header.Get("From"), "To: " + to,
		"Call-ID: " + req.header.Get("Call-Id"), "CSeq: " + req.header.Get("Cseq"), "Contact: <" + w.uri("wire") + ">",
	}, headers...), body)
}

// request asks within the dialog of a call that the phone placed.
func (w *wire) request(invite message, method string, seq int, body string) {
	w.t.Helper()
	contact := strings.Trim(invite.header.Get("Contact"), "<>")
	w.send([]string{
		method + " " + contact + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK-%s-%d", w.conn.LocalAddr(), method, seq),
		"From: " + invite.header.Get("To") + ";tag=wire", "To: " + invite.header.Get("From"),
		"Call-ID: " + invite.header.Get("Call-Id"), fmt.Sprintf("CSeq: %d %s", seq, method),
		"Max-Forwards: 70", "Contact: <" + w.uri("wire") + ">",
	}, body)
}

func (w *wire) description(direction string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio %d RTP/AVP 0\r\na=%s\r\n", w.conn.LocalAddr().(*net.UDPAddr).Port, direction)
}

func TestWire_AnswerThatCrossesCancelIsHungUp(t *testing.T) {
	t.Parallel()
	far := listen(t)
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	call := siptest.Dial(t, caller, far.uri("2002"), sip.CallOptions{})
	invite := far.expect("INVITE")
	far.respond(invite, "180 Ringing", "")
	if err := call.Ringing(siptest.Within(t)); err != nil {
		t.Fatal(err)
	}
	cancelled := make(chan error, 1)
	go func() { cancelled <- call.Cancel(siptest.Within(t)) }()
	cancel := far.expect("CANCEL")
	far.respond(invite, "200 OK", far.description("sendrecv"))
	far.respond(cancel, "481 Gone", "")
	far.expect("ACK")
	far.respond(far.expect("BYE"), "200 OK", "")
	if err := <-cancelled; err != nil {
		t.Errorf("Cancel = %v, want nil", err)
	}
	if err := call.Err(); !errors.Is(err, sip.ErrCancelled) {
		t.Errorf("call ended with %v, want %v", err, sip.ErrCancelled)
	}
}

func TestWire_CancelWaitsForAProvisionalResponse(t *testing.T) {
	t.Parallel()
	far := listen(t)
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	call := siptest.Dial(t, caller, far.uri("2002"), sip.CallOptions{})
	invite := far.expect("INVITE")
	cancelled := make(chan error, 1)
	go func() { cancelled <- call.Cancel(siptest.Within(t)) }()
	// The INVITE is repeated after 500 ms; a CANCEL must not come before that.
	again := far.expect("")
	if !strings.HasPrefix(again.start, "INVITE") {
		t.Fatalf("got %q before any response, want the INVITE again", again.start)
	}
	far.respond(invite, "100 Trying", "")
	cancel := far.expect("CANCEL")
	if got, want := cancel.header.Get("Via"), invite.header.Get("Via"); got != want {
		t.Errorf("CANCEL has Via %q, want that of the INVITE %q", got, want)
	}
	far.respond(cancel, "200 OK", "")
	far.respond(invite, "487 Request Terminated", "")
	far.expect("ACK")
	if err := <-cancelled; err != nil {
		t.Errorf("Cancel = %v, want nil", err)
	}
}

func TestWire_RepeatedAnswerIsAcknowledgedAgain(t *testing.T) {
	t.Parallel()
	far := listen(t)
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	call := siptest.Dial(t, caller, far.uri("2002"), sip.CallOptions{})
	invite := far.expect("INVITE")
	for range 2 {
		far.respond(invite, "200 OK", far.description("inactive"))
		far.expect("ACK")
	}
	siptest.Talks(t, call)
	far.request(invite, "BYE", 1, "")
	far.expect("SIP/2.0 200")
	siptest.Over(t, call)
}

func TestWire_AnswerWithoutOurCodecIsHungUp(t *testing.T) {
	t.Parallel()
	far := listen(t)
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	call := siptest.Dial(t, caller, far.uri("2002"), sip.CallOptions{})
	far.respond(far.expect("INVITE"), "200 OK", strings.Replace(far.description("sendrecv"), "AVP 0", "AVP 8", 1))
	far.expect("ACK")
	far.respond(far.expect("BYE"), "200 OK", "")
	if err := call.Answered(siptest.Within(t)); !errors.Is(err, sip.ErrNoCodec) {
		t.Errorf("Answered = %v, want %v", err, sip.ErrNoCodec)
	}
}

func TestWire_RequestsWithinACall(t *testing.T) {
	t.Parallel()
	far := listen(t)
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	call := siptest.Dial(t, caller, far.uri("2002"), sip.CallOptions{})
	invite := far.expect("INVITE")
	far.respond(invite, "200 OK", far.description("inactive"))
	far.expect("ACK")
	siptest.Talks(t, call)

	tests := []struct {
		method, direction, want string
	}{
		{"INVITE", "sendonly", "a=recvonly"}, // hold
		{"UPDATE", "inactive", "a=inactive"},
		{"INVITE", "", "m=audio"}, // without offer, ours goes with the answer
		{"UPDATE", "", ""},
		{"INFO", "", ""},
		{"NOTIFY", "", ""},
		{"OPTIONS", "", ""},
	}
	for i, test := range tests {
		seq, body := 2*i+1, ""
		if test.direction != "" {
			body = far.description(test.direction)
		}
		far.request(invite, test.method, seq, body)
		res := far.expect("SIP/2.0 ")
		if !strings.HasPrefix(res.start, "SIP/2.0 200") || !strings.Contains(res.body, test.want) {
			t.Errorf("%s %s: got %s with %q, want 200 with %q", test.method, test.direction, res.start, res.body, test.want)
		}
		if test.method == "INVITE" {
			answer := ""
			if test.direction == "" {
				answer = far.description("inactive")
			}
			far.request(invite, "ACK", seq, answer)
		}
	}
	// The same for a call that does not exist.
	stranger := invite
	stranger.header.Set("Call-Id", "another")
	for i, method := range []string{"INVITE", "UPDATE", "INFO", "BYE"} {
		stranger.header.Set("From", invite.header.Get("From"))
		far.request(stranger, method, 100+i, "")
		if res := far.expect("SIP/2.0 "); !strings.HasPrefix(res.start, "SIP/2.0 481") {
			t.Errorf("%s to no call: got %s, want 481", method, res.start)
		}
		if method == "INVITE" {
			far.request(stranger, "ACK", 100+i, "")
		}
	}
	hung := make(chan error, 1)
	go func() { hung <- call.Hangup(siptest.Within(t)) }()
	far.respond(far.expect("BYE"), "200 OK", "")
	if err := <-hung; err != nil {
		t.Errorf("Hangup = %v, want nil", err)
	}
}

// An answer that nobody acknowledges is repeated.
func TestWire_AnswerIsRepeatedUntilAcknowledged(t *testing.T) {
	t.Parallel()
	far := listen(t)
	callee := siptest.Open(t, sip.PhoneOptions{Username: "2002"})
	far.peer = net.UDPAddrFromAddrPort(callee.Addr())
	lines := func(method string) []string {
		return []string{
			method + " " + callee.URI() + " SIP/2.0", "Via: SIP/2.0/UDP " + far.conn.LocalAddr().String() + ";branch=z9hG4bK-" + method,
			"From: <sip:1@127.0.0.1>;tag=far", "Call-ID: repeated", "CSeq: 1 " + method, "Contact: <" + far.uri("1") + ">",
		}
	}
	far.send(append(lines("INVITE"), "To: <"+callee.URI()+">"), far.description("inactive"))
	call := siptest.Arrives(t, callee)
	first := far.expect("SIP/2.0 200")
	second := far.expect("SIP/2.0 200")
	if first.header.Get("To") != second.header.Get("To") || first.body != second.body {
		t.Errorf("the repeated answer differs: %v and %v", first, second)
	}
	far.send(append(lines("ACK"), "To: "+first.header.Get("To")), "")
	siptest.Talks(t, call)
	hung := make(chan error, 1)
	go func() { hung <- call.Hangup(siptest.Within(t)) }()
	far.respond(far.expect("BYE"), "200 OK", "")
	if err := <-hung; err != nil {
		t.Errorf("Hangup = %v, want nil", err)
	}
}

func TestWire_RegistrationIsRenewed(t *testing.T) {
	t.Parallel()
	registrar := listen(t)
	phone := siptest.Open(t, sip.PhoneOptions{Username: "2001", Server: registrar.conn.LocalAddr().String()})
	if err := phone.Unregister(t.Context()); err != nil {
		t.Errorf("Unregister before Register = %v, want nil", err)
	}
	registered := make(chan error, 1)
	go func() { registered <- phone.Register(siptest.Within(t)) }()
	first := registrar.expect("REGISTER")
	registrar.respond(first, "200 OK", "", "Expires: 1")
	if err := <-registered; err != nil {
		t.Fatal(err)
	}
	// A failure is no reason to stop.
	second := registrar.expect("REGISTER")
	registrar.respond(second, "503 Service Unavailable", "")
	third := registrar.expect("REGISTER")
	registrar.respond(third, "200 OK", "", "Expires: 60")

	unregistered := make(chan error, 1)
	go func() { unregistered <- phone.Unregister(siptest.Within(t)) }()
	last := registrar.expect("REGISTER")
	registrar.respond(last, "200 OK", "")
	if err := <-unregistered; err != nil {
		t.Errorf("Unregister = %v, want nil", err)
	}
	for i, req := range []message{first, second, third, last} {
		wantExpires, wantSeq := "60", fmt.Sprintf("%d REGISTER", 2*i+2)
		if i == 3 {
			wantExpires = "0"
		}
		expires, seq, id := req.header.Get("Expires"), req.header.Get("Cseq"), req.header.Get("Call-Id")
		if expires != wantExpires || seq != wantSeq || id != first.header.Get("Call-Id") {
			t.Errorf("REGISTER %d: expires %s, sequence %q, call %s; want %s, %q, %s",
				i, expires, seq, id, wantExpires, wantSeq, first.header.Get("Call-Id"))
		}
	}
}

// Who no longer waits has hung up all the same.
func TestWire_HangupOutlivesItsContext(t *testing.T) {
	t.Parallel()
	far := listen(t)
	caller := siptest.Open(t, sip.PhoneOptions{Username: "2001"})
	call := siptest.Dial(t, caller, far.uri("2002"), sip.CallOptions{})
	far.respond(far.expect("INVITE"), "200 OK", far.description("inactive"))
	far.expect("ACK")
	siptest.Talks(t, call)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := call.Hangup(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("Hangup = %v, want %v", err, context.Canceled)
	}
	far.respond(far.expect("BYE"), "200 OK", "")
	siptest.Over(t, call)
}
