package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Application is a Stasis application and what it is subscribed to.
type Application struct {
	Name                                            string
	ChannelIDs, BridgeIDs, EndpointIDs, DeviceNames []string
	EventsAllowed, EventsDisallowed                 []EventType
}

// The names under which Asterisk lists a subscription to all objects of a
// kind.
const (
	allChannels  = "__AST_CHANNEL_ALL_TOPIC"
	allBridges   = "__AST_BRIDGE_ALL_TOPIC"
	allEndpoints = "__AST_ENDPOINT_ALL_TOPIC"
	allDevices   = "__AST_DEVICE_STATE_ALL_TOPIC"
)

// Missing returns the event sources that Subscribe must be given for the
// application to receive the events of all objects; none if it does already.
func (a *Application) Missing() []string {
	var sources []string
	for _, s := range []struct {
		has         []string
		all, source string
	}{
		{a.ChannelIDs, allChannels, "channel:"},
		{a.BridgeIDs, allBridges, "bridge:"},
		{a.EndpointIDs, allEndpoints, "endpoint:"},
		{a.DeviceNames, allDevices, "deviceState:"},
	} {
		if !slices.Contains(s.has, s.all) {
			sources = append(sources, s.source)
		}
	}
	return sources
}

// EventFilter chooses what Asterisk sends to an application. With Allowed
// empty, everything that is not disallowed; otherwise only what is allowed
// and not disallowed. Asterisk forgets it whenever the application's last
// connection ends.
type EventFilter struct {
	Allowed, Disallowed []EventType
}

// GetApplication returns the application name; IsGone if there is none, as
// when its last connection has ended and nothing else keeps it.
func (c *Client) GetApplication(ctx context.Context, name string) (Application, error) {
	body, err := c.get(ctx, path("applications", name), nil)
	if err != nil {
		return Application{}, err
	}
	return decodeApplication(body)
}

// Subscribe adds event sources (such as "channel:" for all channels) to the
// application's. IsForbidden if the user is read-only.
func (c *Client) Subscribe(ctx context.Context, name string, sources ...string) (Application, error) {
	body, err := c.do(ctx, request{
		method: http.MethodPost, path: path("applications", name, "subscription"),
		query: url.Values{"eventSource": {strings.Join(sources, ",")}},
	})
	if err != nil {
		return Application{}, err
	}
	return decodeApplication(body)
}

// SetEventFilter replaces the application's event filter. IsForbidden if the
// user is read-only.
func (c *Client) SetEventFilter(ctx context.Context, name string, f EventFilter) error {
	_, err := c.do(ctx, request{
		method: http.MethodPut, path: path("applications", name, "eventFilter"),
		body: map[string][]typeName{"allowed": typeNames(f.Allowed), "disallowed": typeNames(f.Disallowed)},
	})
	return err
}

type typeName struct {
	Type EventType `json:"type"`
}

func typeNames(types []EventType) []typeName {
	names := make([]typeName, 0, len(types)) // never nil: null is refused
	for _, t := range types {
		names = append(names, typeName{t})
	}
	return names
}

func decodeApplication(body []byte) (Application, error) {
	var raw struct {
		Name             string     `json:"name"`
		ChannelIDs       []string   `json:"channel_ids"`
		BridgeIDs        []string   `json:"bridge_ids"`
		EndpointIDs      []string   `json:"endpoint_ids"`
		DeviceNames      []string   `json:"device_names"`
		EventsAllowed    []typeName `json:"events_allowed"`
		EventsDisallowed []typeName `json:"events_disallowed"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return Application{}, fmt.Errorf("decode application: %w", err)
	}
	a := Application{
		Name: raw.Name, ChannelIDs: raw.ChannelIDs, BridgeIDs: raw.BridgeIDs,
		EndpointIDs: raw.EndpointIDs, DeviceNames: raw.DeviceNames,
	}
	for _, t := range raw.EventsAllowed {
		a.EventsAllowed = append(a.EventsAllowed, t.Type)
	}
	for _, t := range raw.EventsDisallowed {
		a.EventsDisallowed = append(a.EventsDisallowed, t.Type)
	}
	return a, nil
}
