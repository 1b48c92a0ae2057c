package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// Errors of reaching a file.
var (
	// errOutOfReach says that a name leads out of the library, or that there
	// is no library.
	errOutOfReach = errors.New("not within the library")
	// errNotAFile says that a name is that of a folder or a device.
	errNotAFile = fmt.Errorf("%w: not a regular file", errNotAudio)
)

// FileInfo is what is known of a file without opening it.
type FileInfo struct {
	Size    int64
	ModTime time.Time
}

// Shelf is where the recordings of one node lie. Names are relative, with
// slashes, and local as filepath.IsLocal says.
type Shelf interface {
	// Open opens a file: fs.ErrNotExist when there is none. The context bounds
	// all that is done with it.
	Open(ctx context.Context, name string) (Sound, error)
	// Remove removes a file. It is no error when there is none.
	Remove(ctx context.Context, name string) error
	// Walk calls f with every file. It ends with f's first error.
	Walk(ctx context.Context, f func(name string, info FileInfo) error) error
	// Traits say what kind of shelf it is.
	Traits() Traits
}

// Traits are the differences between shelves that matter.
type Traits struct {
	// Grows says that files are seen while they are being written. Else they
	// appear as a whole.
	Grows bool
	// Fetched says that opening a file fetches all of it: it must be kept.
	Fetched bool
	// Patience is how long after its call a file may come late.
	Patience time.Duration
}

// Place is where a node's recordings lie, and what callbackd may do there.
type Place struct {
	// Shelf is nil where they cannot be got at.
	Shelf Shelf
	// OnPBX is the absolute folder of the recordings as the PBX names it.
	OnPBX string
	// Purge has files removed that are not to be kept any longer.
	Purge bool
}

// name returns the name on the shelf of a file that the PBX named. Names come
// from the dialplan and may have a caller's doing in them.
func (p Place) name(pbxName string) (string, error) {
	switch {
	case p.Shelf == nil:
		return "", fmt.Errorf("%w: none is configured for the node", errOutOfReach)
	case !utf8.ValidString(pbxName) || strings.ContainsRune(pbxName, 0):
		return "", fmt.Errorf("%w: the name is not text", errOutOfReach)
	}
	// Before anything is cleaned away: what ".." means depends on symbolic
	// links, of which the PBX has others.
	for element := range strings.SplitSeq(pbxName, "/") {
		if element == ".." {
			return "", fmt.Errorf(`%w: the name has ".."`, errOutOfReach)
		}
	}
	name := path.Clean(pbxName)
	if path.IsAbs(name) {
		rest, within := strings.CutPrefix(name, strings.TrimSuffix(path.Clean(p.OnPBX), "/")+"/")
		if p.OnPBX == "" || !within {
			return "", fmt.Errorf("%w: the PBX wrote it elsewhere", errOutOfReach)
		}
		name = rest
	}
	if name == "." || !filepath.IsLocal(filepath.FromSlash(name)) {
		return "", fmt.Errorf("%w: the name is no file's", errOutOfReach)
	}
	return name, nil
}

// pbxNames returns how the PBX may have named a file of the shelf: by
// MixMonitor and by ARI.
func (p Place) pbxNames(name string) []string {
	names := []string{name}
	if p.OnPBX != "" {
		names = append(names, path.Join(p.OnPBX, name))
	}
	return names
}

// Library is all recordings of all nodes.
type Library struct {
	places map[string]Place
	copies *Copies
}

// NewLibrary returns a library of nodes' places. Copies may be nil: then only
// what browsers play as it is can be played.
func NewLibrary(places map[string]Place, copies *Copies) *Library {
	return &Library{places: places, copies: copies}
}

// Open implements Opener.
func (l *Library) Open(ctx context.Context, r Recording) (Sound, error) {
	sound, err := l.open(ctx, r)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errOutOfReach):
		// The second when the configuration has changed since.
		err = fmt.Errorf("%w: %w", ErrNotFound, err)
	case err == nil && sound.Size() == 0:
		err = errors.Join(fmt.Errorf("%w: it is empty now", ErrNotFound), sound.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("open recording %d: %w", r.ID, err)
	}
	return sound, nil
}

func (l *Library) open(ctx context.Context, r Recording) (Sound, error) {
	if r.Converted {
		return l.copies.open(r.ID)
	}
	return l.original(ctx, r)
}

// original opens the file that the PBX wrote.
func (l *Library) original(ctx context.Context, r Recording) (Sound, error) {
	place := l.places[r.Node]
	name, err := place.name(r.Name)
	if err != nil {
		return nil, err
	}
	return place.Shelf.Open(ctx, name)
}

// causeOf says why a file could not be opened or read.
func causeOf(err error) Cause {
	switch {
	case errors.Is(err, errOutOfReach):
		return CauseOutside
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		return CauseAbsent
	case errors.Is(err, errUnsupported):
		return CauseUnsupported
	case errors.Is(err, errNotAudio):
		return CauseNotAudio
	default:
		return CauseUnreadable
	}
}
