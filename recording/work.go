package recording

import (
	"context"
	"time"
)

// WorkStore keeps what a Keeper finds out.
type WorkStore interface {
	// Awaited returns a recording with what matters to looking for it, or
	// ErrNotFound.
	Awaited(ctx context.Context, id ID) (Awaited, error)
	// SaveGrowing stores that a file is there, and is not whole.
	SaveGrowing(ctx context.Context, id ID, seen Seen) error
	// SaveReady stores that a recording can be played, and logs the change of
	// its call and its callbacks. What has expired stays so.
	SaveReady(ctx context.Context, id ID, ready Ready) error
	// SaveMissing stores that there is nothing to be played, and why, and logs
	// the change if it is one. What has expired stays so.
	SaveMissing(ctx context.Context, id ID, cause Cause) error

	// Enqueue has a recording looked at in the background.
	Enqueue(ctx context.Context, node string, id ID) error
	// Retry returns recordings of a node that may have turned up since: those
	// that are missing and were expected after a time, but for causes that
	// stay, and those that nobody looks for any more though their call ended
	// before another time. Newest first, at most limit.
	Retry(ctx context.Context, node string, expectedAfter, endedBefore time.Time, limit int) ([]ID, error)
	// Unclaimed counts those of a node's files that belong to no call.
	Unclaimed(ctx context.Context, node string, files []File) (Amount, error)
	// SaveSweep stores the result of a sweep with how many recordings the node
	// has in each state.
	SaveSweep(ctx context.Context, sweep Sweep) error

	// Expire makes those of a node's recordings expire whose call counted for
	// the call center and ended before a time, at most limit, and logs the
	// change and that it was done. It returns how many there were.
	Expire(ctx context.Context, node, callCenter string, keepDays int, before, at time.Time, limit int) (int, error)
	// Purgeable returns expired recordings of a node after an ID, in order, of
	// which there are still files: copies, and originals if they may go.
	Purgeable(ctx context.Context, node string, originals bool, after ID, limit int) ([]Purge, error)
	// SavePurged stores that the files of a recording are gone.
	SavePurged(ctx context.Context, id ID, purged Purged) error
}

// Awaited is a recording that is being looked for.
type Awaited struct {
	Recording
	// CallEndedAt is nil while the call goes on.
	CallEndedAt *time.Time
	// Active says that this call goes on, or another that has the same file,
	// as after a transfer.
	Active bool
	// ExpectedAt is when it became known.
	ExpectedAt time.Time
	// FileSize is the size that was seen last, and ChangedAt when it was seen
	// first to be that; nil when no file was seen.
	FileSize  *int64
	ChangedAt *time.Time
}

// since is when its file could be there at the earliest.
func (a *Awaited) since() time.Time {
	if a.CallEndedAt != nil && a.CallEndedAt.After(a.ExpectedAt) {
		return *a.CallEndedAt
	}
	return a.ExpectedAt
}

// Seen is what was seen of a file that is not whole.
type Seen struct {
	At   time.Time
	Size int64
}

// Ready is what is known of a recording that can be played.
type Ready struct {
	At        time.Time
	Size      int64
	Converted bool
	Waveform  Waveform
}

// File is a file on a shelf, by all names that the PBX may have given it.
type File struct {
	Names []string
	Size  int64
}

// Amount is a number of files and their bytes.
type Amount struct{ Files, Bytes int64 }

// Sweep is what a look at all of a node's files gave.
type Sweep struct {
	Node string
	At   time.Time
	// Looked is false where files cannot be listed.
	Looked bool
	// Total and WithoutCall are what lies there, and what of it belongs to no
	// call.
	Total, WithoutCall Amount
	// Found is how many recordings turned up late.
	Found int
}

// Purge is an expired recording whose files are to go.
type Purge struct {
	Recording
	// Shared says that a recording which has not expired has the same file, as
	// after a transfer.
	Shared bool
}

// Purged says of what nothing is left.
type Purged struct {
	At             time.Time
	Copy, Original bool
}
