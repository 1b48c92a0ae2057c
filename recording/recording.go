package recording

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"callbackd/callcenter"
)

// ErrNotFound says that no such recording is stored, or that its sound is not
// there any more.
var ErrNotFound = errors.New("recording not found")

// ID is a recording's number in the API.
type ID int64

// Kind says what was recorded.
type Kind string

// The kinds.
const (
	KindCall    Kind = "call"    // 通話録音: the call, by the dialplan or by ARI
	KindMessage Kind = "message" // メッセージ録音: what a caller said when asking for a callback
)

// Kinds are all kinds.
var Kinds = []Kind{KindCall, KindMessage}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return slices.Contains(Kinds, k) }

// State says how far a recording has come.
type State string

// The states. Only what is ready can be played.
const (
	StateExpected State = "expected" // the PBX named it; the call goes on, or the file is not there yet
	StateGrowing  State = "growing"  // the file is there and still being written
	StateReady    State = "ready"    // the file is whole, and its duration and waveform are known
	StateMissing  State = "missing"  // there is nothing to play; the Cause says why
	StateExpired  State = "expired"  // kept as long as it was to be kept
)

// States are all states.
var States = []State{StateExpected, StateGrowing, StateReady, StateMissing, StateExpired}

// Valid reports whether s is one of States.
func (s State) Valid() bool { return slices.Contains(States, s) }

// Cause says why a recording is missing.
type Cause string

// The causes.
const (
	CauseAbsent      Cause = "absent"       // there is no such file
	CauseEmpty       Cause = "empty"        // a file of 0 bytes
	CauseHeaderOnly  Cause = "header_only"  // a WAV file without sound: no RTP came
	CauseUnreadable  Cause = "unreadable"   // there, and not to be read: permissions, or the storage fails
	CauseTruncated   Cause = "truncated"    // the header says more than the file has
	CauseNotAudio    Cause = "not_audio"    // something else than sound
	CauseUnsupported Cause = "unsupported"  // sound in a format that nothing here decodes
	CauseOutside     Cause = "out_of_reach" // not within the library that the configuration names
)

// Causes are all causes.
var Causes = []Cause{
	CauseAbsent, CauseEmpty, CauseHeaderOnly, CauseUnreadable, CauseTruncated, CauseNotAudio, CauseUnsupported, CauseOutside,
}

// Valid reports whether c is one of Causes.
func (c Cause) Valid() bool { return slices.Contains(Causes, c) }

// Recording is one file of sound that belongs to a call. All times are UTC.
type Recording struct {
	ID        ID
	RequestID callcenter.RequestID
	// Node is the PBX on which it was made.
	Node string
	Kind Kind
	// CallbackID is the callback that a message asks for; 0 for a call's.
	CallbackID int64
	State      State
	// Cause is empty unless the state is StateMissing.
	Cause Cause

	// Name is the file as the PBX named it: an absolute path for MixMonitor,
	// relative to Asterisk's folder of recordings and with its suffix for ARI.
	// It says where things lie and never leaves the server.
	Name string
	// Converted says that a copy is played, which was made because browsers
	// cannot play the original, or because it must not be read each time.
	Converted bool

	// Duration is known of what is ready, and of what was before it expired.
	Duration time.Duration
	// Size is how many bytes the file has that is played; 0 unless it is ready.
	Size int64

	// FoundAt is when the file was seen first; nil while it was not.
	FoundAt *time.Time
	// ReadyAt is when it became ready; nil when it never was.
	ReadyAt *time.Time

	// CallCenters are the ids of the call centers that its call visited. They
	// decide who may hear it.
	CallCenters []string
	// Agents are the endpoints that answered in its call.
	Agents []string
}

// Playable reports whether there is something to play.
func (r *Recording) Playable() bool { return r.State == StateReady }

// Sound is an open recording: the bytes of a WAV file with PCM samples, as
// browsers play it. It is safe for concurrent use.
type Sound interface {
	io.ReaderAt
	io.Closer
	// Size is the number of bytes.
	Size() int64
	// ModTime is when they were written last; zero when that is not known.
	ModTime() time.Time
}

// Waveform is the picture of a recording.
type Waveform struct {
	Duration time.Duration
	// PeaksPerSecond is how many of Peaks there are for a second of sound.
	PeaksPerSecond float64
	// Peaks are the largest amplitudes of equal stretches of time, 0 to 1, at
	// most MaxPeaks.
	Peaks []float32
}

// MaxPeaks bounds the peaks of a waveform.
const MaxPeaks = 4000

// Expected is a recording that is being made or was made just now.
type Expected struct {
	// RequestID is the call that it records, which must be stored.
	RequestID callcenter.RequestID
	Node      string
	Kind      Kind
	// CallbackID is the callback that a message belongs to; 0 for KindCall.
	CallbackID int64
	// Name is as in Recording.
	Name string
}

// Reader returns what is known of recordings.
type Reader interface {
	// ListByCall returns the recordings of a call, oldest first.
	ListByCall(ctx context.Context, id callcenter.RequestID) ([]Recording, error)

	// Get returns a recording, or ErrNotFound.
	Get(ctx context.Context, id ID) (Recording, error)

	// Waveform returns the waveform of a recording that is ready, or
	// ErrNotFound.
	Waveform(ctx context.Context, id ID) (Waveform, error)
}

// Expecter is told of recordings that the events of the PBX do not show to be
// what they are: messages.
type Expecter interface {
	// Expect stores that there will be a recording and looks for it from now
	// on. Expecting it again changes nothing; one that is known as a call's
	// becomes a message.
	Expect(ctx context.Context, expected Expected) (ID, error)
}

// Opener opens recordings.
type Opener interface {
	// Open opens the sound of a recording that is ready. The context bounds
	// the opening and, where sound comes over a network, all reading. It
	// returns ErrNotFound when the sound is not there any more.
	Open(ctx context.Context, recording Recording) (Sound, error)
}
