package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"callbackd/api"
	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/doctor"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
)

// asksBySIP has the daemon ask the PBX itself, by way of a relay that can be
// cut, and the trunk's far end.
func (w *world) asksBySIP(t *testing.T) *relay {
	t.Helper()
	r := newRelay(t, w.pbx.SIP)
	second := configs.Duration{Duration: time.Second}
	w.cfg.PBX[0].SIP = configs.SIP{
		Address: r.address(), Transport: configs.SIPOverUDP, User: "callbackd", Every: second, Timeout: second,
		Trunks: []configs.SIPTrunk{{Trunk: "PJSIP/trunk", Address: w.pbx.Trunk, Transport: configs.SIPOverUDP}},
	}
	return r
}

// relay carries datagrams of one client to a PBX and back, unless it is cut.
type relay struct {
	t             *testing.T
	server        string
	front         net.PacketConn
	frontClosed   chan struct{}
	listenAddress string
}

func newRelay(t *testing.T, server string) *relay {
	t.Helper()
	r := &relay{t: t, server: server, listenAddress: "127.0.0.1:0"}
	r.restore()
	t.Cleanup(r.cut)
	return r
}

func (r *relay) address() string { return r.listenAddress }

// cut leaves nobody at the address.
func (r *relay) cut() {
	if r.front == nil {
		return
	}
	r.front.Close()
	<-r.frontClosed
	r.front = nil
}

func (r *relay) restore() {
	r.t.Helper()
	front, err := net.ListenPacket("udp", r.listenAddress)
	if err != nil {
		r.t.Fatal(err)
	}
	r.front, r.frontClosed, r.listenAddress = front, make(chan struct{}), front.LocalAddr().String()
	go func(closed chan struct{}) {
		defer close(closed)
		request, answer := make([]byte, 8<<10), make([]byte, 8<<10)
		for {
			n, client, err := front.ReadFrom(request)
			if err != nil {
				return
			}
			back, err := net.Dial("udp", r.server)
			if err != nil {
				continue
			}
			_, _ = back.Write(request[:n])
			_ = back.SetReadDeadline(time.Now().Add(time.Second))
			if n, err = back.Read(answer); err == nil {
				_, _ = front.WriteTo(answer[:n], client)
			}
			back.Close()
		}
	}(r.frontClosed)
}

// lines waits until GET /nodes shows each line in a state, and the metrics
// whether it is up.
func (w *world) lines(t *testing.T, want map[string]api.LineState) {
	t.Helper()
	labtest.Eventually(t, 2*patience, func() error {
		_, body, err := request(t.Context(), http.MethodGet, w.api+"/nodes", w.token, nil)
		if err != nil {
			return err
		}
		var nodes api.NodeList
		if err := json.Unmarshal(body, &nodes); err != nil {
			return err
		}
		lines := nodes.Items[0].Lines
		if len(lines) != len(want) {
			return fmt.Errorf("%d lines, want %v", len(lines), want)
		}
		for _, l := range lines {
			if l.State != want[l.Name] {
				return fmt.Errorf("%s %s (%v), want %s", l.Name, l.State, l.Detail, want[l.Name])
			}
		}
		_, metrics, err := request(t.Context(), http.MethodGet, w.ops+"/metrics", "", nil)
		if err != nil {
			return err
		}
		for name, state := range want {
			up := 1
			if state == api.LineStateSilent {
				up = 0
			}
			if series := fmt.Sprintf("callbackd_sip_up{line=%q,node=\"pbx1\"} %d\n", name, up); !strings.Contains(string(metrics), series) {
				return fmt.Errorf("no %s", series)
			}
		}
		return nil
	})
}

// TestLines_OnRealAsterisk: that ARI is up while SIP is not is seen, and that it
// is over. An Asterisk that does not know who asks says so, which proves that it
// is there.
func TestLines_OnRealAsterisk(t *testing.T) {
	t.Parallel()
	w := newStoppedWorld(t, lab.AsteriskOptions{})
	relay := w.asksBySIP(t)
	trunk := w.outside(t, sip.Behaviour{})
	w.start(t)
	w.lines(t, map[string]api.LineState{"pbx": api.LineStateRefuses, "PJSIP/trunk": api.LineStateAnswers})
	findings := diagnosis(t, w.cfg, nil)
	finds(t, findings, doctor.Good, "SIP on pbx answers 401")
	finds(t, findings, doctor.Good, "SIP on PJSIP/trunk answers 200")

	relay.cut()
	w.lines(t, map[string]api.LineState{"pbx": api.LineStateSilent, "PJSIP/trunk": api.LineStateAnswers})
	w.ready(t, http.StatusOK)
	finds(t, diagnosis(t, w.cfg, nil), doctor.Fault, "nobody answers by SIP")
	relay.restore()
	if err := trunk.Close(); err != nil {
		t.Fatal(err)
	}
	w.lines(t, map[string]api.LineState{"pbx": api.LineStateRefuses, "PJSIP/trunk": api.LineStateSilent})

	// What Asterisk says of a trunk that it does not ask itself.
	w.stop()
	w.cfg.PBX[0].SIP.Trunks = nil
	w.start(t)
	w.lines(t, map[string]api.LineState{"pbx": api.LineStateRefuses, "PJSIP/trunk": api.LineStateAnswers})
}

func TestLineOfEndpoint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		endpoint ari.Endpoint
		err      error
		want     callcenter.LineState
	}{
		{ari.Endpoint{State: "online"}, nil, callcenter.LineAnswers},
		{ari.Endpoint{State: "offline"}, nil, callcenter.LineSilent},
		{ari.Endpoint{State: "unknown"}, nil, callcenter.LineUnknown},
		{ari.Endpoint{}, &ari.Error{Status: http.StatusNotFound}, callcenter.LineSilent},
		{ari.Endpoint{}, errors.New("connection refused"), callcenter.LineUnknown},
	} {
		if got := lineOfEndpoint(test.endpoint, test.err); got.State != test.want || (got.Why == "") != (test.want == callcenter.LineAnswers) {
			t.Errorf("%+v, %v: %+v, want %s", test.endpoint, test.err, got, test.want)
		}
	}
}
