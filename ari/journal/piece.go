package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// window is how far back the compression looks, which bounds its memory.
const window = 1 << 20

// pieceName is what the names of pieces look like. Their order is that of when
// they were begun.
var pieceName = regexp.MustCompile(`^(\d{8}T\d{6}\.\d{3}Z)-[0-9a-z]+-\d{6}\.jsonl\.zst$`)

const pieceTime = "20060102T150405.000Z"

// begunAt returns when the piece of that name was begun.
func begunAt(name string) time.Time {
	at, _ := time.Parse(pieceTime, pieceName.FindStringSubmatch(name)[1]) // zero sorts it first
	return at
}

// piece is the file that is being written.
type piece struct {
	name  string
	begun time.Time
	file  *os.File
	zstd  *zstd.Encoder
	// size is how many bytes the file has.
	size int64
	// used says that there is more in it than its beginning.
	used bool
}

// createPiece creates a file that nobody else may read. The folder is opened
// anew for each, so that a mount may come late.
func createPiece(folder, run string, number int, now time.Time) (*piece, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	p := &piece{name: fmt.Sprintf("%s-%s-%06d.jsonl.zst", now.UTC().Format(pieceTime), run, number), begun: now}
	if p.file, err = root.OpenFile(p.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	p.zstd, err = zstd.NewWriter(p.counting(), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(window))
	if err != nil {
		return nil, errors.Join(err, p.file.Close())
	}
	return p, nil
}

// counting writes to the file and counts.
func (p *piece) counting() writerFunc {
	return func(b []byte) (int, error) {
		n, err := p.file.Write(b)
		p.size += int64(n)
		return n, err
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (p *piece) close() error { return errors.Join(p.zstd.Close(), p.file.Close()) }

// written is a piece that is there.
type written struct {
	name    string
	size    int64
	changed time.Time
}

// pieces lists a folder's pieces in order; none when there is no folder.
func pieces(folder string) ([]written, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []written
	for _, e := range entries {
		if !pieceName.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, written{e.Name(), info.Size(), info.ModTime()})
	}
	slices.SortFunc(list, func(a, b written) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// Check reports whether a journal can be kept in a folder, by a file that it
// removes again. It does not make the folder, which is to belong to who keeps
// the journal: where there is none, it looks at the one to make it in.
func Check(folder string) error {
	for {
		f, err := os.CreateTemp(folder, "check-*")
		parent := filepath.Dir(folder)
		if errors.Is(err, fs.ErrNotExist) && parent != folder {
			folder = parent
			continue
		}
		if err == nil {
			_, err = f.WriteString("callbackd\n")
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
		if err != nil {
			return fmt.Errorf("no journal can be kept: %w", err)
		}
		return nil
	}
}
