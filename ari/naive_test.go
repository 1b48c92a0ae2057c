package ari_test

import (
	"callbackd/ari"
)

// naiveEvent is an event as one would decode it with a JSON library.
type naiveEvent struct {
	Type            string        `json:"type"`
	Timestamp       string        `json:"timestamp"`
	Application     string        `json:"application"`
	Channel         *naiveChannel `json:"channel"`
	Caller          *naiveChannel `json:"caller"`
	Peer            *naiveChannel `json:"peer"`
	Bridge          *naiveBridge  `json:"bridge"`
	Variable        string        `json:"variable"`
	Value           string        `json:"value"`
	DialplanApp     string        `json:"dialplan_app"`
	DialplanAppData string        `json:"dialplan_app_data"`
	DialStatus      string        `json:"dialstatus"`
	DialString      string        `json:"dialstring"`
	Cause           int           `json:"cause"`
	CauseText       string        `json:"cause_txt"`
	Soft            bool          `json:"soft"`
}

type naiveChannel struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	State        string            `json:"state"`
	Caller       naiveParty        `json:"caller"`
	Connected    naiveParty        `json:"connected"`
	AccountCode  string            `json:"accountcode"`
	Dialplan     naiveDialplan     `json:"dialplan"`
	CreationTime string            `json:"creationtime"`
	Vars         map[string]string `json:"channelvars"`
}

type naiveParty struct {
	Name   string `json:"name"`
	Number string `json:"number"`
}

type naiveDialplan struct {
	Context string `json:"context"`
	Exten   string `json:"exten"`
	AppName string `json:"app_name"`
	AppData string `json:"app_data"`
}

type naiveBridge struct {
	ID           string   `json:"id"`
	Technology   string   `json:"technology"`
	Type         string   `json:"bridge_type"`
	Class        string   `json:"bridge_class"`
	Creator      string   `json:"creator"`
	Name         string   `json:"name"`
	Channels     []string `json:"channels"`
	CreationTime string   `json:"creationtime"`
}

// readNaively decodes the type first and then the whole event.
func readNaively(frame []byte, unmarshal func([]byte, any) error) (naiveEvent, error) {
	var kind struct {
		Type ari.EventType `json:"type"`
	}
	if err := unmarshal(frame, &kind); err != nil {
		return naiveEvent{}, err
	}
	var ev naiveEvent
	err := unmarshal(frame, &ev)
	return ev, err
}
