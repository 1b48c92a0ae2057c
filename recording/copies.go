package recording

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Copies is the folder of what cannot be played as it lies on its shelf.
// Copies are named by their recordings' IDs, and by nothing that the PBX said.
type Copies struct{ path string }

// NewCopies returns the copies in a folder, which is made when it is needed.
func NewCopies(path string) *Copies { return &Copies{path: path} }

// errNoCopies says that there is no folder for copies.
var errNoCopies = fmt.Errorf("%w: it needs a copy, and recordings.copies is not set", errUnsupported)

// folders spread the copies: folders with many files are slow.
func copyName(id ID) (folder, name string) {
	folder = fmt.Sprintf("%03d", id%1000)
	return folder, fmt.Sprintf("%s/%d.wav", folder, id)
}

func (c *Copies) root() (*os.Root, error) {
	if err := os.MkdirAll(c.path, 0o750); err != nil {
		return nil, err
	}
	return os.OpenRoot(c.path)
}

func (c *Copies) open(id ID) (Sound, error) {
	if c == nil {
		return nil, errNoCopies
	}
	root, err := c.root()
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	_, name := copyName(id)
	return openIn(root, name)
}

// remove removes a copy. It is no error when there is none.
func (c *Copies) remove(id ID) (err error) {
	if c == nil {
		return nil
	}
	root, err := c.root()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	_, name := copyName(id)
	return removeIn(root, name)
}

// write makes the copy of a recording: f writes it. Nobody sees it before it
// is whole, and nothing of it is left when f fails.
func (c *Copies) write(id ID, f func(file *os.File) error) (err error) {
	if c == nil {
		return errNoCopies
	}
	root, err := c.root()
	if err != nil {
		return fmt.Errorf("make a copy: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	folder, name := copyName(id)
	if err := root.Mkdir(folder, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a copy: %w", err)
	}
	// Two jobs may be at it, after one of them was given up for dead.
	part := name + "." + rand.Text() + partSuffix
	file, err := root.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("make a copy: %w", err)
	}
	err = f(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(part, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make a copy: %w", err), removeIn(root, part))
	}
	return nil
}

// partSuffix ends the names of copies that are not whole.
const partSuffix = ".part"

// tidy removes what programs left behind that ended while they wrote, before
// a time.
func (c *Copies) tidy(before time.Time) (err error) {
	if c == nil {
		return nil
	}
	root, err := c.root()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	parts, err := fs.Glob(root.FS(), "*/*"+partSuffix)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if info, err := root.Lstat(part); err == nil && info.ModTime().Before(before) {
			if err := removeIn(root, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// wavWriter writes 16-bit samples into a file whose header comes last, since
// only then its sizes are known.
type wavWriter struct {
	file           io.WriteSeeker
	rate, channels int
	size           int64
	buf            []byte
}

func newWAVWriter(file io.WriteSeeker, rate, channels int) (*wavWriter, error) {
	w := &wavWriter{file: file, rate: rate, channels: channels}
	return w, w.header()
}

func (w *wavWriter) header() error {
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := w.file.Write(wavHeader(w.rate, w.channels, w.size))
	return err
}

func (w *wavWriter) write(samples []int16) error {
	if w.size += 2 * int64(len(samples)); w.size > maxWAVData {
		return fmt.Errorf("%w: longer than a WAV file can be", errUnsupported)
	}
	w.buf = w.buf[:0]
	for _, s := range samples {
		w.buf = append(w.buf, byte(s), byte(s>>8))
	}
	_, err := w.file.Write(w.buf)
	return err
}
