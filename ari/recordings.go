package ari

import (
	"context"
	"time"
)

// RecordingOptions say how to record a channel.
type RecordingOptions struct {
	// Name is the file's, below the PBX's folder of recordings and without
	// suffix. A recording of that name must not exist.
	Name string
	// Format is the suffix, such as wav.
	Format string
	// MaxDuration ends the recording, and so does silence of MaxSilence; 0 for
	// no limit. Asterisk counts whole seconds.
	MaxDuration, MaxSilence time.Duration
	// Beep says to sound a tone at the beginning.
	Beep bool
	// TerminateOn is the key that ends the recording: "#", "*", "any"; "none"
	// if empty.
	TerminateOn string
}

// Record begins to record what comes from a channel that is in a Stasis
// application. That Asterisk takes the request does not mean that anything is
// recorded: wait for RecordingStarted, and for RecordingFinished or
// RecordingFailed. When the channel is hung up, what was recorded is kept.
func (c *Client) Record(ctx context.Context, channel ChannelID, o RecordingOptions) error {
	parameters := map[string]any{
		"name": o.Name, "format": o.Format, "beep": o.Beep, "ifExists": "fail",
		"maxDurationSeconds": seconds(o.MaxDuration), "maxSilenceSeconds": seconds(o.MaxSilence),
	}
	if o.TerminateOn != "" {
		parameters["terminateOn"] = o.TerminateOn
	}
	return c.post(ctx, path("channels", string(channel), "record"), parameters)
}

// seconds rounds up, as 0 would mean no limit.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// StopRecording ends a recording and keeps what was recorded; IsGone if it
// has ended already.
func (c *Client) StopRecording(ctx context.Context, name string) error {
	return c.post(ctx, path("recordings", "live", name, "stop"), nil)
}
