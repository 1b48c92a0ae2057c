package ari

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// UserEvent is an event that Asterisk makes at our request and sends to an
// application as ChannelUserevent.
type UserEvent struct {
	// Name becomes the event's eventname.
	Name string
	// Sources are objects that the event shows, such as "channel:<id>"; none
	// is allowed, and the application receives it all the same.
	Sources []string
	// Variables become members of the event's userevent.
	Variables map[string]string
}

// SendUserEvent sends a user event to the application. IsGone if there is no
// such application or source, IsForbidden if the user is read-only.
func (c *Client) SendUserEvent(ctx context.Context, application string, e UserEvent) error {
	query := url.Values{"application": {application}}
	if len(e.Sources) > 0 {
		query.Set("source", strings.Join(e.Sources, ","))
	}
	r := request{method: http.MethodPost, path: path("events", "user", e.Name), query: query}
	if len(e.Variables) > 0 {
		r.body = map[string]any{"variables": e.Variables}
	}
	_, err := c.do(ctx, r)
	return err
}
