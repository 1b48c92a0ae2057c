package recording

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// directoryPatience is how long a file may come late that another machine
// writes or that is copied here.
const directoryPatience = time.Minute

// Directory is a shelf in a folder. Nothing outside of the folder is ever
// opened, whatever names and symbolic links say: os.Root sees to it.
//
// The folder is opened anew each time, so that it may be mounted later, or
// anew, without a restart.
type Directory struct{ path string }

var _ Shelf = (*Directory)(nil)

// NewDirectory returns the shelf of a folder, which need not be there yet.
func NewDirectory(path string) *Directory { return &Directory{path: path} }

// Traits implements Shelf.
func (*Directory) Traits() Traits { return Traits{Grows: true, Patience: directoryPatience} }

// root opens the folder. That it is missing does not mean that a recording is.
func (d *Directory) root() (*os.Root, error) {
	root, err := os.OpenRoot(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the library %s is not there", d.path)
	}
	return root, err
}

// Open implements Shelf.
func (d *Directory) Open(_ context.Context, name string) (_ Sound, err error) {
	root, err := d.root()
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	return openIn(root, name)
}

// openIn opens a regular file within a root.
func openIn(root *os.Root, name string) (Sound, error) {
	// A named pipe would block until somebody writes into it.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, escaped(err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotAFile
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &localFile{File: file, size: info.Size(), modTime: info.ModTime()}, nil
}

// escaped marks the error of a name that leads out of a root. It is the only
// one that the system did not give.
func escaped(err error) error {
	if _, system := errors.AsType[syscall.Errno](err); !system {
		return fmt.Errorf("%w: %w", errOutOfReach, err)
	}
	return err
}

// localFile is a file as it was when it was opened.
type localFile struct {
	*os.File
	size    int64
	modTime time.Time
}

// Size implements Sound.
func (f *localFile) Size() int64 { return f.size }

// ModTime implements Sound.
func (f *localFile) ModTime() time.Time { return f.modTime }

// Remove implements Shelf.
func (d *Directory) Remove(_ context.Context, name string) (err error) {
	root, err := d.root()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return removeIn(root, name)
}

func removeIn(root *os.Root, name string) error {
	err := root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return escaped(err)
	}
	return nil
}

// Walk implements Shelf. Symbolic links are not followed.
func (d *Directory) Walk(ctx context.Context, f func(name string, info FileInfo) error) (err error) {
	root, err := d.root()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case name == "." && err != nil:
			return err
		case err != nil || !entry.Type().IsRegular():
			return nil // a folder that cannot be read hides what is in it
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // removed meanwhile
		}
		return f(path.Clean(name), FileInfo{Size: info.Size(), ModTime: info.ModTime()})
	})
}
