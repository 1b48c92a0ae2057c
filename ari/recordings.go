package ari

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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

// StoredRecording writes the file of a recording that has ended to w, and
// returns how many bytes it has; IsGone if there is none of that name, which is
// without suffix. More than limit bytes are an error. Asterisk sends the whole
// file whatever range is asked for, and one of its HTTP threads is busy
// meanwhile: fetch a recording once. The context alone bounds the time.
func (c *Client) StoredRecording(ctx context.Context, name string, w io.Writer, limit int64) (n int64, err error) {
	r := request{method: http.MethodGet, path: path("recordings", "stored", name, "file")}
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return 0, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL
		}
		return 0, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end, or given up
	if resp.StatusCode/100 != 2 {
		const enough = 4 << 10
		body, err := io.ReadAll(io.LimitReader(resp.Body, enough))
		if err != nil {
			return 0, fmt.Errorf("%s %s: read answer: %w", r.method, r.path, err)
		}
		return 0, refusal(r.method, r.path, resp.StatusCode, body)
	}
	n, err = io.Copy(w, io.LimitReader(resp.Body, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	if err != nil {
		return n, fmt.Errorf("%s %s: read answer: %w", r.method, r.path, err)
	}
	return n, nil
}

// LiveRecording returns a recording that is being made; IsGone if it has
// ended.
func (c *Client) LiveRecording(ctx context.Context, name string) (Recording, error) {
	body, err := c.get(ctx, path("recordings", "live", name), nil)
	if err != nil {
		return Recording{}, err
	}
	var r Recording
	p := scanner{s: string(body)}
	if err := recording(&p, &r); err != nil {
		return Recording{}, fmt.Errorf("decode recording: %w", err)
	}
	return r, nil
}
