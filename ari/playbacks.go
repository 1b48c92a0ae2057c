package ari

import (
	"context"
	"net/http"
)

// Media is what to play to a channel.
type Media struct {
	// URIs are played one after the other, such as "sound:hello" for a file in
	// the folder of sounds, or below it, without its suffix.
	URIs []string
	// Language is that of sounds; the channel's own if empty.
	Language string
}

// Play plays media to a channel that is in a Stasis application, after what
// it plays already. The ID is the caller's choice, so that it is known before
// any event of the playback comes. That Asterisk takes the request does not
// mean that there is such a sound: PlaybackFinished tells.
func (c *Client) Play(ctx context.Context, channel ChannelID, id PlaybackID, media Media) error {
	parameters := map[string]any{"media": media.URIs}
	if media.Language != "" {
		parameters["lang"] = media.Language
	}
	return c.post(ctx, path("channels", string(channel), "play", string(id)), parameters)
}

// StopPlayback ends a playback; IsGone if it has ended already.
func (c *Client) StopPlayback(ctx context.Context, id PlaybackID) error {
	_, err := c.do(ctx, request{method: http.MethodDelete, path: path("playbacks", string(id))})
	return err
}
