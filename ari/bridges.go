package ari

import "context"

// Bridges lists all bridges of the PBX, in no order that means anything.
func (c *Client) Bridges(ctx context.Context) ([]Bridge, error) {
	body, err := c.get(ctx, path("bridges"), nil)
	if err != nil {
		return nil, err
	}
	return DecodeBridges(body)
}

// Bridge returns one bridge; IsGone if it has ended.
func (c *Client) Bridge(ctx context.Context, id BridgeID) (Bridge, error) {
	body, err := c.get(ctx, path("bridges", string(id)), nil)
	if err != nil {
		return Bridge{}, err
	}
	return single(body, DecodeBridges)
}
