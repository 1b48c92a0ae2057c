package main

import (
	"fmt"

	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/phonebook"
)

// planOf returns what a configuration says about the dialplan of one node.
func planOf(cfg *configs.Config, node *configs.PBX) *callcenter.Plan {
	plan := &callcenter.Plan{
		Dialplan: callcenter.Dialplan(node.Dialplan), Trunks: node.Trunks, Contexts: node.Contexts, Application: node.ARI.Application,
		NumberKey: func(number string) string { return phonebook.Normalise(number, cfg.Region) },
	}
	for _, cc := range cfg.CallCenters {
		plan.CallCenters = append(plan.CallCenters, callCenterOf(&cc))
	}
	for _, g := range cfg.RingGroups {
		plan.RingGroups = append(plan.RingGroups, callcenter.RingGroup(g))
	}
	for _, t := range cfg.Terminals {
		plan.Terminals = append(plan.Terminals, t.Extension)
	}
	for _, l := range cfg.BusinessLabels {
		plan.Labels = append(plan.Labels, callcenter.Label{ID: l.ID, Name: l.Name, DIDs: l.DID})
	}
	return plan
}

func callCenterOf(c *configs.CallCenter) callcenter.CallCenter {
	return callcenter.CallCenter{ID: c.ID, Name: c.Name, Extension: c.Extension, Queues: c.Queues, Label: c.Label}
}

// nodeOf returns the node of that name, the first when the name is empty.
func nodeOf(cfg *configs.Config, name string) (*configs.PBX, error) {
	for i := range cfg.PBX {
		if name == "" || cfg.PBX[i].Name == name {
			return &cfg.PBX[i], nil
		}
	}
	return nil, fmt.Errorf("no pbx named %q in the configuration", name)
}
