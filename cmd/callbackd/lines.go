package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/sip"
)

// lineMetrics are what is seen of the SIP side of all nodes.
type lineMetrics struct {
	up        *prometheus.GaugeVec
	roundTrip *prometheus.GaugeVec
	probes    *prometheus.CounterVec
}

func newLineMetrics(registry *prometheus.Registry) *lineMetrics {
	labels := []string{"node", "line"}
	m := &lineMetrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "callbackd_sip_up", Help: "1 while the line answers by SIP, 0 while nobody does; absent while it is not known.",
		}, labels),
		roundTrip: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "callbackd_sip_round_trip_seconds", Help: "Time that the line's last answer to OPTIONS took.",
		}, labels),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbackd_sip_probes_total", Help: "How often the line was asked, by what came of it.",
		}, append(labels, "state")),
	}
	registry.MustRegister(m.up, m.roundTrip, m.probes)
	return m
}

// lines asks from time to time whether the SIP side of a node answers.
type lines struct {
	node    string
	log     *slog.Logger
	metrics *lineMetrics
	every   time.Duration
	asks    []lineAsk

	mu    sync.Mutex
	known []callcenter.Line // in the order of asks
}

// lineAsk asks about one line.
type lineAsk struct {
	name string
	// ask returns what is known of it now, but for name and since.
	ask func(ctx context.Context) callcenter.Line
}

// newLines returns what asks about a node; nil when nothing is to be asked.
func newLines(cfg *configs.PBX, client *ari.Client, log *slog.Logger, metrics *lineMetrics) (*lines, error) {
	if !cfg.SIP.Enabled() {
		return nil, nil
	}
	asks, err := lineAsks(cfg, client)
	if err != nil {
		return nil, err
	}
	l := &lines{node: cfg.Name, log: log, metrics: metrics, every: cfg.SIP.Every.Duration, asks: asks}
	l.forget()
	return l, nil
}

// lineAsks are the node's own address, and its trunks: their far end where its
// address is known here, or else the PBX is asked, which may ask it itself.
func lineAsks(cfg *configs.PBX, client *ari.Client) ([]lineAsk, error) {
	authorities, err := cfg.SIP.Authorities()
	if err != nil {
		return nil, err
	}
	target := func(address string, transport configs.SIPTransport) func(context.Context) callcenter.Line {
		t := sip.Target{
			Address: address, Transport: sip.Transport(transport), User: cfg.SIP.User,
			TLS: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		}
		return func(ctx context.Context) callcenter.Line {
			ctx, cancel := context.WithTimeout(ctx, cfg.SIP.Timeout.Duration)
			defer cancel()
			return lineOfAnswer(sip.Probe(ctx, t))
		}
	}
	var asks []lineAsk
	if cfg.SIP.Address != "" {
		asks = append(asks, lineAsk{callcenter.LineOfNode, target(cfg.SIP.Address, cfg.SIP.Transport)})
	}
	for _, trunk := range cfg.Trunks {
		i := slices.IndexFunc(cfg.SIP.Trunks, func(t configs.SIPTrunk) bool { return t.Trunk == trunk })
		if i >= 0 {
			asks = append(asks, lineAsk{trunk, target(cfg.SIP.Trunks[i].Address, cfg.SIP.Trunks[i].Transport)})
			continue
		}
		asks = append(asks, lineAsk{trunk, func(ctx context.Context) callcenter.Line {
			return lineOfEndpoint(client.Endpoint(ctx, trunk))
		}})
	}
	return asks, nil
}

func lineOfAnswer(a sip.Answer, err error) callcenter.Line {
	switch {
	case err != nil:
		return callcenter.Line{State: callcenter.LineSilent, Why: oneLine(err)}
	case a.Refused():
		return callcenter.Line{
			State: callcenter.LineRefuses, Status: a.Status, RoundTrip: a.RoundTrip, Why: fmt.Sprintf("it answers %d %s", a.Status, a.Reason),
		}
	}
	return callcenter.Line{State: callcenter.LineAnswers, Status: a.Status, RoundTrip: a.RoundTrip}
}

// oneLine is an error on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func lineOfEndpoint(e ari.Endpoint, err error) callcenter.Line {
	switch {
	case ari.IsGone(err):
		return callcenter.Line{State: callcenter.LineSilent, Why: "the PBX has no such endpoint"}
	case err != nil:
		return callcenter.Line{State: callcenter.LineUnknown, Why: oneLine(err)}
	case e.State == "online":
		return callcenter.Line{State: callcenter.LineAnswers}
	case e.State == "offline":
		return callcenter.Line{State: callcenter.LineSilent, Why: "the PBX says that it is offline"}
	}
	return callcenter.Line{State: callcenter.LineUnknown, Why: "the PBX does not know"}
}

// askLines asks each line of a node once.
func askLines(ctx context.Context, node *configs.PBX) ([]callcenter.Line, error) {
	client, err := newClient(node)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	asks, err := lineAsks(node, client)
	if err != nil {
		return nil, err
	}
	found := make([]callcenter.Line, len(asks))
	for i, a := range asks {
		found[i] = a.ask(ctx)
		found[i].Name = a.name
	}
	return found, nil
}

// run asks until ctx ends. Each line is asked one time after the other.
func (l *lines) run(ctx context.Context) error {
	defer l.forget()
	var asking sync.WaitGroup
	for i := range l.asks {
		asking.Go(func() {
			for ; ctx.Err() == nil; wait(ctx, l.every) {
				if now := l.asks[i].ask(ctx); ctx.Err() == nil {
					l.note(i, now, time.Now())
				}
			}
		})
	}
	asking.Wait()
	return nil
}

// note takes in what was learnt of a line.
func (l *lines) note(i int, now callcenter.Line, at time.Time) {
	name := l.asks[i].name
	l.mu.Lock()
	former := l.known[i]
	now.Name, now.Since = name, former.Since
	if now.State != former.State {
		now.Since = at.UTC()
	}
	l.known[i] = now
	l.mu.Unlock()

	l.metrics.probes.WithLabelValues(l.node, name, string(now.State)).Inc()
	switch now.State {
	case callcenter.LineUnknown:
		l.metrics.up.DeleteLabelValues(l.node, name)
	case callcenter.LineSilent:
		l.metrics.up.WithLabelValues(l.node, name).Set(0)
	case callcenter.LineAnswers, callcenter.LineRefuses:
		l.metrics.up.WithLabelValues(l.node, name).Set(1)
	}
	if now.RoundTrip > 0 {
		l.metrics.roundTrip.WithLabelValues(l.node, name).Set(now.RoundTrip.Seconds())
	} else {
		l.metrics.roundTrip.DeleteLabelValues(l.node, name)
	}
	if now.State == former.State {
		return
	}
	attributes := []slog.Attr{slog.String("line", name), slog.String("state", string(now.State)), slog.String("why", now.Why)}
	level := slog.LevelInfo
	if now.State == callcenter.LineSilent {
		level = slog.LevelWarn
	}
	l.log.LogAttrs(context.Background(), level, "whether SIP is answered has changed", attributes...)
}

// forget makes all lines unknown: nobody asks any more, or yet.
func (l *lines) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = make([]callcenter.Line, len(l.asks))
	for i, a := range l.asks {
		l.known[i] = callcenter.Line{Name: a.name, State: callcenter.LineUnknown, Since: time.Now().UTC()}
		l.metrics.up.DeleteLabelValues(l.node, a.name)
		l.metrics.roundTrip.DeleteLabelValues(l.node, a.name)
	}
}

// now returns what is known of each line. It may be nil.
func (l *lines) now() []callcenter.Line {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.known)
}

// describeLines says what is asked by SIP.
func describeLines(s *configs.SIP) string {
	if !s.Enabled() {
		return "not asked"
	}
	return fmt.Sprintf("%s and trunks, asked every %s", cmp.Or(s.Address, "no address"), s.Every)
}
