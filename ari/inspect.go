package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Endpoint is what the PBX can call: a phone or a trunk.
type Endpoint struct {
	// Technology is such as "PJSIP", Resource the name that it has there.
	Technology, Resource string
	// State is "online", "offline" or "unknown". A trunk that Asterisk does not
	// qualify is "online" while it has an address.
	State string
}

// Name is the endpoint as dialplans write it, PJSIP/2001.
func (e Endpoint) Name() string { return e.Technology + "/" + e.Resource }

// Endpoints lists all endpoints of the PBX (GET /endpoints).
func (c *Client) Endpoints(ctx context.Context) ([]Endpoint, error) {
	body, err := c.get(ctx, path("endpoints"), nil)
	if err != nil {
		return nil, err
	}
	var endpoints []Endpoint
	if err := json.Unmarshal(body, &endpoints); err != nil {
		return nil, fmt.Errorf("decode endpoints: %w", err)
	}
	return endpoints, nil
}

// Endpoint returns an endpoint by its name as dialplans write it, PJSIP/2001;
// IsGone if there is none (GET /endpoints/{tech}/{resource}).
func (c *Client) Endpoint(ctx context.Context, name string) (Endpoint, error) {
	technology, resource, _ := strings.Cut(name, "/")
	body, err := c.get(ctx, path("endpoints", technology, resource), nil)
	if err != nil {
		return Endpoint{}, err
	}
	var e Endpoint
	if err := json.Unmarshal(body, &e); err != nil {
		return Endpoint{}, fmt.Errorf("decode endpoint: %w", err)
	}
	return e, nil
}

// Module is a module of Asterisk that is loaded.
type Module struct {
	// Status is "Running", or "Not Running" for one that could not start.
	Status string `json:"status"`
}

// Module returns a module by its file's name, such as "cel_pgsql.so"; IsGone
// if it is not loaded (GET /asterisk/modules/{name}).
func (c *Client) Module(ctx context.Context, name string) (Module, error) {
	body, err := c.get(ctx, path("asterisk", "modules", name), nil)
	if err != nil {
		return Module{}, err
	}
	var m Module
	if err := json.Unmarshal(body, &m); err != nil {
		return Module{}, fmt.Errorf("decode module %s: %w", name, err)
	}
	return m, nil
}

// MayWrite reports whether the user may do more than read. It asks for the end
// of a subscription that nobody has, which changes nothing.
func (c *Client) MayWrite(ctx context.Context) (bool, error) {
	_, err := c.do(ctx, request{
		method: http.MethodDelete, path: path("applications", "callbackd-asks-whether-it-may", "subscription"),
		query: url.Values{"eventSource": {"endpoint:"}},
	})
	switch {
	case IsForbidden(err):
		return false, nil
	case err == nil || IsGone(err):
		return true, nil
	}
	return false, err
}
