package sip

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSDP_Parse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		body string
		want session
		err  error
	}{
		{
			name: "address of the session, events, hold",
			body: "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
				"m=audio 4000 RTP/AVP 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=sendonly\r\n",
			want: session{address: netip.MustParseAddrPort("127.0.0.1:4000"), event: 96, direction: sendOnly},
		},
		{
			name: "address of the stream, video left alone, bare newlines",
			body: "v=0\nc=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 0\nc=IN IP4 127.0.0.2\n" +
				"m=video 5000 RTP/AVP 97\nc=IN IP4 127.0.0.3\na=inactive\n",
			want: session{address: netip.MustParseAddrPort("127.0.0.2:4000"), direction: sendRecv},
		},
		{
			name: "events at another rate are not ours",
			body: "c=IN IP6 ::1\nm=audio 4000 RTP/AVP 0 97\na=rtpmap:97 telephone-event/16000\n",
			want: session{address: netip.MustParseAddrPort("[::1]:4000"), direction: sendRecv},
		},
		{name: "other codecs only", body: "c=IN IP4 127.0.0.1\nm=audio 4000 RTP/AVP 8 18\n", err: ErrNoCodec},
		{name: "stream refused", body: "c=IN IP4 127.0.0.1\nm=audio 0 RTP/AVP 0\n", err: ErrNoCodec},
		{name: "empty", body: "", err: ErrNoCodec},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseSDP([]byte(test.body))
			if !errors.Is(err, test.err) {
				t.Fatalf("parseSDP error = %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(session{}), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("parseSDP (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSDP_WhatWeDescribeWeUnderstand(t *testing.T) {
	t.Parallel()
	for _, want := range []session{
		{address: netip.MustParseAddrPort("127.0.0.1:4000"), event: 101, direction: sendRecv},
		{address: netip.MustParseAddrPort("[::1]:65535"), direction: recvOnly},
	} {
		got, err := parseSDP(describe(want, 3))
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("parseSDP(describe(%+v)) = %+v", want, got)
		}
	}
}

func TestSDP_Hold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		theirs, ours direction
		wantsAudio   bool
	}{
		{sendRecv, sendRecv, true},
		{sendOnly, recvOnly, false},
		{recvOnly, sendOnly, true},
		{inactive, inactive, false},
	}
	for _, test := range tests {
		s := session{address: netip.MustParseAddrPort("127.0.0.1:4000"), direction: test.theirs}
		if got := s.direction.answer(); got != test.ours {
			t.Errorf("answer to %s = %s, want %s", test.theirs, got, test.ours)
		}
		if got := s.wantsAudio(); got != test.wantsAudio {
			t.Errorf("side that is %s wants audio = %t, want %t", test.theirs, got, test.wantsAudio)
		}
	}
	s := session{address: netip.MustParseAddrPort("0.0.0.0:4000"), direction: sendRecv}
	if s.wantsAudio() {
		t.Error("a side at 0.0.0.0 is on hold, as in RFC 2543")
	}
}
