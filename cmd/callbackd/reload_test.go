package main

import (
	"log/slog"
	"slices"
	"testing"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/lab"
)

// What SIGHUP does: the dialplan is taken over in whole, or not at all.
func TestDaemon_Reload(t *testing.T) {
	t.Parallel()
	read := func(change func(cfg *configs.Config)) *configs.Config {
		cfg := exampleConfig(t, &lab.Asterisk{ARI: "http://127.0.0.1:9/ari", Password: "none", Recordings: t.TempDir()}, "postgres://127.0.0.1:9/none")
		second := cfg.PBX[0]
		second.Name = "pbx2"
		cfg.PBX = append(cfg.PBX, second)
		if change != nil {
			change(cfg)
		}
		return cfg
	}
	d := &daemon{cfg: read(nil)}
	d.dialplan.Store(d.cfg)
	for i := range d.cfg.PBX {
		node := &d.cfg.PBX[i]
		f, err := callcenter.NewFollower(callcenter.FollowerOptions{Node: node.Name, Plan: planOf(d.cfg, node), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		n := &followedNode{d: d, cfg: node}
		n.term.Store(&nodeTerm{follower: f})
		d.nodes = append(d.nodes, n)
	}
	claims := configs.CallCenter{ID: "claims", Name: "受付", Extension: "7009", Queues: []string{"claims"}}
	adopted := func() bool { return d.hasCallCenter(claims.ID) }

	faulty := map[string]func(cfg *configs.Config){
		"a node is gone": func(cfg *configs.Config) {
			cfg.CallCenters, cfg.PBX = append(slices.Clone(cfg.CallCenters), claims), cfg.PBX[:1]
		},
		"an extension is there twice": func(cfg *configs.Config) {
			twice := claims
			twice.Extension = cfg.CallCenters[0].Extension
			cfg.CallCenters = append(slices.Clone(cfg.CallCenters), twice)
		},
	}
	for name, change := range faulty {
		if err := d.reload(read(change)); err == nil || adopted() {
			t.Errorf("%s: error %v, adopted %t", name, err, adopted())
		}
	}
	err := d.reload(read(func(cfg *configs.Config) { cfg.CallCenters = append(slices.Clone(cfg.CallCenters), claims) }))
	if err != nil || !adopted() {
		t.Errorf("a call center more: error %v, adopted %t", err, adopted())
	}
}
