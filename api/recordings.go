package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"callbackd/accounts"
	"callbackd/callcenter"
	"callbackd/recording"
)

// Recordings are the stored recordings.
type Recordings interface {
	// ListByCall returns the recordings of a call, oldest first.
	ListByCall(ctx context.Context, id callcenter.RequestID) ([]recording.Recording, error)
	// Get returns a recording, or recording.ErrNotFound.
	Get(ctx context.Context, id recording.ID) (recording.Recording, error)
	// Waveform returns the waveform of a recording that is ready, or
	// recording.ErrNotFound.
	Waveform(ctx context.Context, id recording.ID) (recording.Waveform, error)
}

// Player lets people listen to recordings; recording.Player is one. What it
// does for whom is its own decision.
type Player interface {
	Begin(ctx context.Context, by accounts.Principal, id recording.ID) (recording.Begun, error)
	Open(ctx context.Context, listener recording.Listener, secret string) (*recording.Listening, error)
	Renew(ctx context.Context, by accounts.Principal, secret string, heard []recording.Part) (time.Time, error)
	Listens(ctx context.Context, by accounts.Principal, id recording.ID, filter recording.ListenFilter) (recording.ListenPage, error)
}

// ListRecordings lists the recordings of a call.
func (o operations) ListRecordings(ctx context.Context, request ListRecordingsRequestObject) (ListRecordingsResponseObject, error) {
	call, err := o.options.Calls.Get(ctx, callcenter.RequestID(request.RequestID))
	if err != nil {
		return nil, err
	}
	by := principalFrom(ctx)
	switch {
	case !accounts.CanReadCall(by, call.CallCenters, call.Agents):
		return nil, callcenter.ErrNotFound
	case !accounts.Can(by, accounts.ActionPlayRecording, call.CallCenters):
		return nil, accounts.ErrForbidden
	}
	recordings, err := o.options.Recordings.ListByCall(ctx, call.RequestID)
	if err != nil {
		return nil, err
	}
	list := RecordingList{Items: make([]Recording, len(recordings))}
	for i := range recordings {
		list.Items[i] = recordingOf(&recordings[i])
	}
	return ListRecordings200JSONResponse(list), nil
}

func recordingOf(r *recording.Recording) Recording {
	shown := Recording{
		ID: int64(r.ID), RequestID: string(r.RequestID), Kind: RecordingKind(r.Kind), State: RecordingState(r.State), FoundAt: utc(r.FoundAt),
	}
	if r.Cause != "" {
		shown.Cause = new(RecordingCause(r.Cause))
	}
	if r.CallbackID != 0 {
		shown.CallbackID = new(r.CallbackID)
	}
	if r.Duration > 0 {
		shown.DurationSeconds = new(milliseconds(r.Duration))
	}
	return shown
}

// milliseconds is a length of time in seconds, to the millisecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// GetWaveform shows the waveform of a recording.
func (o operations) GetWaveform(ctx context.Context, request GetWaveformRequestObject) (GetWaveformResponseObject, error) {
	found, err := o.options.Recordings.Get(ctx, recording.ID(request.ID))
	switch {
	case err != nil:
		return nil, err
	case !accounts.Can(principalFrom(ctx), accounts.ActionPlayRecording, found.CallCenters):
		return nil, recording.ErrNotFound
	case !found.Playable():
		return nil, &recording.NotReadyError{State: found.State, Cause: found.Cause}
	}
	waveform, err := o.options.Recordings.Waveform(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	peaks := waveform.Peaks
	if peaks == nil {
		peaks = []float32{}
	}
	return GetWaveform200JSONResponse(Waveform{
		DurationSeconds: milliseconds(waveform.Duration), PeaksPerSecond: waveform.PeaksPerSecond, Peaks: peaks,
	}), nil
}

// BeginPlayback lets the caller play a recording.
func (o operations) BeginPlayback(ctx context.Context, request BeginPlaybackRequestObject) (BeginPlaybackResponseObject, error) {
	begun, err := o.options.Player.Begin(ctx, principalFrom(ctx), recording.ID(request.ID))
	if err != nil {
		return nil, err
	}
	return BeginPlayback201JSONResponse(Playback{
		Grant: begun.Secret, URL: basePath + "/playback/" + begun.Secret,
		ExpiresAt: begun.ExpiresAt.UTC(), DurationSeconds: milliseconds(begun.Recording.Duration),
	}), nil
}

// ListListens lists who heard a recording.
func (o operations) ListListens(ctx context.Context, request ListListensRequestObject) (ListListensResponseObject, error) {
	filter := recording.ListenFilter{Limit: defaultPageSize}
	if request.Params.PageSize != nil {
		filter.Limit = *request.Params.PageSize
	}
	if request.Params.Cursor != nil {
		at, err := parseCursor(*request.Params.Cursor)
		if err != nil {
			return nil, invalidCursor(ctx)
		}
		before, err := strconv.ParseInt(at.ID, 10, 64)
		if err != nil || before < 1 {
			return nil, invalidCursor(ctx)
		}
		filter.Before = recording.PlayID(before)
	}
	page, err := o.options.Player.Listens(ctx, principalFrom(ctx), recording.ID(request.ID), filter)
	if err != nil {
		return nil, err
	}
	list := ListenList{Items: make([]Listen, len(page.Listens))}
	for i := range page.Listens {
		list.Items[i] = listenOf(&page.Listens[i])
	}
	if page.Next != 0 {
		list.NextCursor = new(cursor{ID: fmt.Sprint(page.Next)}.String())
	}
	return ListListens200JSONResponse(list), nil
}

func listenOf(l *recording.Listen) Listen {
	shown := Listen{
		ID: int64(l.Play), Account: l.Account, DisplayName: l.DisplayName,
		BeganAt: l.BeganAt.UTC(), LastAt: l.LastAt.UTC(), Sent: partsOf(l.Sent), Heard: partsOf(l.Heard),
	}
	var sent time.Duration
	for _, part := range l.Sent {
		sent += part.To - part.From
	}
	shown.SentSeconds = milliseconds(sent)
	if l.Address.IsValid() {
		shown.Address = new(l.Address.String())
	}
	return shown
}

func partsOf(parts []recording.Part) []SoundPart {
	shown := make([]SoundPart, len(parts))
	for i, part := range parts {
		shown[i] = SoundPart{FromSeconds: milliseconds(part.From), ToSeconds: milliseconds(part.To)}
	}
	return shown
}
