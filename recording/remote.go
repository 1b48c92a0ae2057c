package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"callbackd/ari"
)

const (
	// maxFetch bounds what is fetched from a PBX: eighteen hours of a
	// telephone's sound.
	maxFetch = 1 << 30
	// remotePatience is how long a recording may come late that ARI makes: it
	// is closed with its channel.
	remotePatience = time.Minute
)

// Fetcher gets recordings from a PBX; an *ari.Client does.
type Fetcher interface {
	StoredRecording(ctx context.Context, name string, w io.Writer, limit int64) (int64, error)
}

// Remote is the shelf of a PBX whose recordings are fetched through its REST
// interface: those that ARI made. They are only ever fetched, never listed or
// removed.
type Remote struct{ fetcher Fetcher }

var _ Shelf = (*Remote)(nil)

// NewRemote returns the shelf of a PBX.
func NewRemote(fetcher Fetcher) *Remote { return &Remote{fetcher: fetcher} }

// Traits implements Shelf.
func (*Remote) Traits() Traits { return Traits{Grows: true, Fetched: true, Patience: remotePatience} }

// Open implements Shelf. It fetches all of the recording into a file without a
// name, which is gone when it is closed.
func (r *Remote) Open(ctx context.Context, name string) (_ Sound, err error) {
	file, err := os.CreateTemp("", "callbackd-recording-*")
	if err != nil {
		return nil, fmt.Errorf("fetch recording: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("fetch recording: %w", err)
	}
	// Asterisk names them without the suffix, which it finds by itself.
	size, err := r.fetcher.StoredRecording(ctx, strings.TrimSuffix(name, path.Ext(name)), file, maxFetch)
	if ari.IsGone(err) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch recording: %w", err)
	}
	return &localFile{File: file, size: size}, nil
}

// Remove implements Shelf. It does nothing: the PBX keeps its own.
func (*Remote) Remove(context.Context, string) error { return nil }

// Walk implements Shelf. There is nothing to be seen.
func (*Remote) Walk(context.Context, func(string, FileInfo) error) error { return nil }
