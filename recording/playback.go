package recording

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callbackd/accounts"
)

const (
	// DefaultGrantLifetime is how long a grant is valid that is not renewed.
	DefaultGrantLifetime = 5 * time.Minute
	// grantsPerAccount is how many grants an account has at a time: a few
	// pages with a player each.
	grantsPerAccount = 8
	// connectionsPerGrant is how many connections play by one grant at a time:
	// that which plays, and that of a seek while the old one is not gone yet.
	connectionsPerGrant = 2
)

// PlayerOptions are what a Player is made of.
type PlayerOptions struct {
	Recordings Reader
	Sounds     Opener
	Store      PlaybackStore
	// Now is the clock that decides about grants; nil for the system's.
	Now func() time.Time
	// GrantLifetime is DefaultGrantLifetime when 0.
	GrantLifetime time.Duration
	// Log is told about receipts that could not be stored and sounds that could
	// not be opened; nil for nowhere.
	Log *slog.Logger
	// Registry gets the metrics; nil for nowhere.
	Registry prometheus.Registerer
}

// Player lets people listen to recordings. It is safe for concurrent use.
type Player struct {
	recordings Reader
	sounds     Opener
	store      PlaybackStore
	now        func() time.Time
	lifetime   time.Duration
	log        *slog.Logger
	metrics    *playbackMetrics

	mu sync.Mutex
	// playing are the connections of each grant that send, oldest first.
	playing map[PlayID][]*Listening
}

// NewPlayer returns a Player.
func NewPlayer(o PlayerOptions) *Player {
	p := &Player{
		recordings: o.Recordings, sounds: o.Sounds, store: o.Store, now: o.Now, lifetime: o.GrantLifetime, log: o.Log,
		metrics: newPlaybackMetrics(o.Registry), playing: make(map[PlayID][]*Listening),
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.lifetime == 0 {
		p.lifetime = DefaultGrantLifetime
	}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	return p
}

// Begun is a new grant, with the secret that leaves the program this once.
type Begun struct {
	Secret    string
	ExpiresAt time.Time
	Recording Recording
}

// Begin lets a person in a session play a recording for a while. It returns
// ErrSessionRequired, ErrNotFound for what the person may not hear, or a
// *NotReadyError.
func (p *Player) Begin(ctx context.Context, by accounts.Principal, id ID) (Begun, error) {
	if !isPerson(by) {
		return Begun{}, ErrSessionRequired
	}
	recording, err := p.audible(ctx, by, id)
	if err != nil {
		return Begun{}, fmt.Errorf("begin playback of recording %d: %w", id, err)
	}
	now, secret := p.now().UTC(), newSecret()
	grant, err := p.store.CreateGrant(ctx, Grant{
		SessionID: by.SessionID, AccountID: by.AccountID, RecordingID: id,
		CreatedAt: now, ExpiresAt: now.Add(p.lifetime),
	}, hashSecret(secret), grantsPerAccount)
	if err != nil {
		return Begun{}, fmt.Errorf("begin playback of recording %d: %w", id, err)
	}
	p.metrics.begun.Inc()
	return Begun{Secret: secret, ExpiresAt: grant.ExpiresAt, Recording: recording}, nil
}

// isPerson reports whether somebody asks from a session of their own, and not
// by a token.
func isPerson(by accounts.Principal) bool {
	return by.Kind == accounts.KindAccount && by.SessionID != 0 && by.TokenID == 0
}

// audible returns a recording that somebody may hear and that can be played.
func (p *Player) audible(ctx context.Context, by accounts.Principal, id ID) (Recording, error) {
	recording, err := p.recordings.Get(ctx, id)
	switch {
	case err != nil:
		return Recording{}, err
	case !accounts.Can(by, accounts.ActionPlayRecording, recording.CallCenters):
		return Recording{}, ErrNotFound
	case !recording.Playable():
		return Recording{}, &NotReadyError{State: recording.State, Cause: recording.Cause}
	}
	return recording, nil
}

// grant returns the grant of a secret, if it is valid for who asks.
func (p *Player) grant(ctx context.Context, by accounts.Principal, hash GrantHash) (Grant, error) {
	if !isPerson(by) {
		return Grant{}, ErrSessionRequired
	}
	grant, version, err := p.store.GrantByHash(ctx, hash)
	switch {
	case err != nil:
		return Grant{}, err
	case grant.SessionID != by.SessionID || grant.AccountID != by.AccountID:
		return Grant{}, ErrPlaybackNotFound
	case grant.AccountVersion != version || !p.now().Before(grant.ExpiresAt):
		return Grant{}, ErrPlaybackExpired
	}
	return grant, nil
}

// Renew prolongs a grant whose player is still open, and adds to its receipt
// what the page says was heard. It returns when the grant ends now, or what
// Open does.
func (p *Player) Renew(ctx context.Context, by accounts.Principal, secret string, heard []Part) (time.Time, error) {
	grant, err := p.grant(ctx, by, hashSecret(secret))
	if err != nil {
		return time.Time{}, fmt.Errorf("renew playback: %w", err)
	}
	recording, err := p.audible(ctx, by, grant.RecordingID)
	if err != nil {
		return time.Time{}, fmt.Errorf("renew playback: %w", err)
	}
	now := p.now().UTC()
	until := now.Add(p.lifetime)
	if err := p.store.RenewGrant(ctx, grant.ID, until); err != nil {
		return time.Time{}, fmt.Errorf("renew playback: %w", err)
	}
	listen := Listen{
		Play: grant.ID, RecordingID: grant.RecordingID, AccountID: grant.AccountID, SessionID: grant.SessionID, LastAt: now,
	}
	for _, part := range heard {
		if part = part.within(recording.Duration); part.From < part.To {
			listen.Heard = append(listen.Heard, part.widened())
		}
	}
	if listen.Heard = MergeParts(listen.Heard); len(listen.Heard) == 0 {
		return until, nil
	}
	if err := p.store.AddListen(ctx, listen); err != nil {
		return time.Time{}, fmt.Errorf("store what was heard: %w", err)
	}
	return until, nil
}

// Listens returns the receipts of a recording. It returns ErrNotFound for what
// the principal may not hear, and accounts.ErrForbidden.
func (p *Player) Listens(ctx context.Context, by accounts.Principal, id ID, filter ListenFilter) (ListenPage, error) {
	recording, err := p.recordings.Get(ctx, id)
	switch {
	case err != nil:
	case !accounts.Can(by, accounts.ActionPlayRecording, recording.CallCenters):
		err = ErrNotFound
	case !accounts.Can(by, accounts.ActionReadListens, recording.CallCenters):
		err = accounts.ErrForbidden
	}
	if err != nil {
		return ListenPage{}, fmt.Errorf("list who heard recording %d: %w", id, err)
	}
	size := filter.Limit
	filter.Limit++ // one more tells whether there is a next page
	list, err := p.store.Listens(ctx, id, filter)
	if err != nil {
		return ListenPage{}, fmt.Errorf("list who heard recording %d: %w", id, err)
	}
	page := ListenPage{Listens: list}
	if len(list) > size {
		page.Listens, page.Next = list[:size], list[size-1].Play
	}
	return page, nil
}

// Open opens the recording of a grant for a listener. The context bounds
// everything that is done with it. The caller closes what it returns. It
// returns ErrSessionRequired, ErrPlaybackNotFound, ErrPlaybackExpired,
// ErrNotFound or a *NotReadyError.
func (p *Player) Open(ctx context.Context, listener Listener, secret string) (*Listening, error) {
	hash := hashSecret(secret)
	grant, err := p.grant(ctx, listener.By, hash)
	if err != nil {
		return nil, fmt.Errorf("open playback: %w", err)
	}
	recording, err := p.audible(ctx, listener.By, grant.RecordingID)
	if err != nil {
		return nil, fmt.Errorf("open playback: %w", err)
	}
	sound, err := p.sounds.Open(ctx, recording)
	if err != nil {
		return nil, fmt.Errorf("open playback: %w", p.notOpened(ctx, recording.ID, err))
	}
	// Of a file that has changed since, its own size counts and the rate at
	// which it was recorded.
	rate := int64(float64(recording.Size) / recording.Duration.Seconds())
	return &Listening{
		player: p, listener: listener, grant: grant, hash: hash, sound: sound, opened: time.Now(),
		rate: max(rate, 1), duration: recording.Duration, etag: etagOf(recording.ID, sound),
	}, nil
}

// notOpened says of a recording that was ready why it cannot be played now.
func (p *Player) notOpened(ctx context.Context, id ID, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, ErrNotFound):
		return &NotReadyError{State: StateMissing, Cause: CauseAbsent}
	}
	p.log.LogAttrs(ctx, slog.LevelWarn, "recording cannot be opened", slog.Int64("recording", int64(id)), slog.Any("err", err))
	return &NotReadyError{State: StateMissing, Cause: causeOf(err)}
}

// etagOf is a strong validator: it changes when the bytes do.
func etagOf(id ID, sound Sound) string {
	var data []byte
	for _, number := range []int64{int64(id), sound.Size(), sound.ModTime().UnixNano()} {
		data = binary.BigEndian.AppendUint64(data, uint64(number))
	}
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// admit makes a connection one of those that play by its grant. Those that are
// too many end, the oldest first: it is the seek that people wait for.
func (p *Player) admit(l *Listening) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Concat(p.playing[l.grant.ID], []*Listening{l})
	for len(list) > connectionsPerGrant {
		list[0].interrupt(ErrTakenOver)
		list = slices.Delete(list, 0, 1)
		p.metrics.takenOver.Inc()
	}
	p.playing[l.grant.ID] = list
	p.metrics.listeners.Inc()
}

func (p *Player) dismiss(l *Listening) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.DeleteFunc(p.playing[l.grant.ID], func(other *Listening) bool { return other == l })
	if len(list) == 0 {
		delete(p.playing, l.grant.ID)
	} else {
		p.playing[l.grant.ID] = list
	}
	p.metrics.listeners.Dec()
}
