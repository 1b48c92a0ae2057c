package ari

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"
)

// Channels lists all channels of the PBX, in no order that means anything.
func (c *Client) Channels(ctx context.Context) ([]Channel, error) {
	body, err := c.get(ctx, path("channels"), nil)
	if err != nil {
		return nil, err
	}
	return DecodeChannels(body)
}

// Channel returns one channel; IsGone if it has ended.
func (c *Client) Channel(ctx context.Context, id ChannelID) (Channel, error) {
	body, err := c.get(ctx, path("channels", string(id)), nil)
	if err != nil {
		return Channel{}, err
	}
	return single(body, DecodeChannels)
}

// ChannelVariable returns the value of a channel's variable, or of a dialplan
// function such as CHANNEL(linkedid). An ended channel and a variable that is
// not set are both IsGone: Asterisk tells them apart only by its sentence.
func (c *Client) ChannelVariable(ctx context.Context, id ChannelID, name string) (string, error) {
	body, err := c.get(ctx, path("channels", string(id), "variable"), url.Values{"variable": {name}})
	if err != nil {
		return "", err
	}
	var raw struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal(body, &raw); err != nil {
		return "", fmt.Errorf("decode variable: %w", err)
	}
	return raw.Value, nil
}

// SetChannelVariable sets a channel's variable. The channel must be in a
// Stasis application (IsNotInStasis if it is not), where the order of such
// requests is kept: what follows finds the variable set.
func (c *Client) SetChannelVariable(ctx context.Context, id ChannelID, name, value string) error {
	return c.post(ctx, path("channels", string(id), "variable"), map[string]any{"variable": name, "value": value})
}

// Origination is a channel that Asterisk is to make.
type Origination struct {
	// Endpoint is what is called, TECHNOLOGY/resource.
	Endpoint string
	// Context and Extension are where the channel goes once it is answered.
	Context, Extension string
	// Channel is the ID that the channel gets, OtherChannel that of the other
	// half of a Local channel.
	Channel, OtherChannel ChannelID
	// Timeout is how long it may ring; rounded up to seconds.
	Timeout time.Duration
}

// Originate makes a channel. It returns when Asterisk has begun to call.
func (c *Client) Originate(ctx context.Context, o Origination) error {
	return c.post(ctx, path("channels"), map[string]any{
		"endpoint": o.Endpoint, "context": o.Context, "extension": o.Extension, "priority": 1,
		"channelId": o.Channel, "otherChannelId": o.OtherChannel, "timeout": math.Ceil(o.Timeout.Seconds()),
	})
}

// Answer answers a channel that is in a Stasis application.
func (c *Client) Answer(ctx context.Context, id ChannelID) error {
	return c.post(ctx, path("channels", string(id), "answer"), nil)
}

// Continue sends a channel from its Stasis application on to where the
// dialplan goes on. IsGone and IsNotInStasis both mean that it is not there
// any more.
func (c *Client) Continue(ctx context.Context, id ChannelID) error {
	return c.post(ctx, path("channels", string(id), "continue"), nil)
}

// Hangup ends a channel; IsGone if it has ended already.
func (c *Client) Hangup(ctx context.Context, id ChannelID) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: path("channels", string(id))})
	return err
}

// post makes a request whose parameters go in the body: what stands in a URL
// ends up in logs.
func (c *Client) post(ctx context.Context, path string, parameters map[string]any) error {
	r := request{method: http.MethodPost, path: path}
	if parameters != nil {
		r.body = parameters
	}
	_, err := c.do(ctx, r)
	return err
}

// single decodes one object with the decoder of a list of them.
func single[T any](body []byte, decode func([]byte) ([]T, error)) (T, error) {
	var none T
	array := make([]byte, 0, len(body)+2)
	array = append(append(append(array, '['), body...), ']')
	all, err := decode(array)
	if err != nil {
		return none, err
	}
	if len(all) != 1 {
		return none, fmt.Errorf("decode answer: %d objects instead of one", len(all))
	}
	return all[0], nil
}
