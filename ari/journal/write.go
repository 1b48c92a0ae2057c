package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"
)

// turn writes what waits, if something does.
func (j *Journal) turn(now time.Time, flush bool) {
	if now.Before(j.retry) {
		return
	}
	err := j.open(now)
	if err == nil && j.piece != nil {
		if err = j.write(); err == nil && flush {
			err = j.flush(now)
		}
	}
	if err == nil && j.piece != nil && (j.stop() || j.piece.size >= j.o.pieceBytes || now.Sub(j.piece.begun) >= pieceAge) {
		err = j.end(now)
	}
	if err == nil && now.Sub(j.pruned) >= pruneEvery {
		err = j.prune(now)
	}
	if err != nil {
		j.fail(now, err)
	}
}

// stop reports whether the stream has ended, all of which is written.
func (j *Journal) stop() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) > 0 || !j.stopped {
		return false
	}
	j.stopped = false
	return true
}

// open begins a piece, when none is open and something waits, or when it is to
// be found out whether that works again.
func (j *Journal) open(now time.Time) error {
	j.mu.Lock()
	idle := len(j.lines) == 0 && j.failing == nil
	j.mu.Unlock()
	if j.piece != nil || idle {
		return nil
	}
	if err := j.prune(now); err != nil {
		return err
	}
	p, err := createPiece(j.o.Folder, j.run, j.number+1, now)
	if err != nil {
		return err
	}
	j.number++
	j.piece = p
	head := mark{Type: markPiece, Run: j.run, Number: j.number, Connected: j.wroteConnected}.appendTo(nil, now)
	if _, err := p.zstd.Write(head); err != nil {
		return err
	}
	if err := p.zstd.Flush(); err != nil {
		return err
	}
	j.works()
	return nil
}

// write writes the lines that wait.
func (j *Journal) write() error {
	j.mu.Lock()
	lines, events := j.lines, j.events
	j.lines, j.events = j.spare[:0], 0
	j.wroteConnected = j.connected
	j.mu.Unlock()
	j.spare = nil
	j.unsafe += events
	if len(lines) > 0 {
		j.piece.used, j.dirty = true, true
		if _, err := j.piece.zstd.Write(lines); err != nil {
			return err
		}
	}
	if cap(lines) <= keptWaiting {
		j.spare = lines
	}
	return nil
}

// flush brings what was written to the file, and says so there.
func (j *Journal) flush(now time.Time) error {
	j.mu.Lock()
	j.room(now, 0) // so that it is not said of what was dropped
	j.mu.Unlock()
	if err := j.write(); err != nil {
		return err
	}
	if j.dirty {
		if _, err := j.piece.zstd.Write(mark{Type: markFlushed}.appendTo(nil, now)); err != nil {
			return err
		}
	}
	if err := j.piece.zstd.Flush(); err != nil {
		return err
	}
	j.o.Metrics.wrote(j.o.Node, j.unsafe)
	j.flushed, j.dirty, j.unsafe = now, false, 0
	return nil
}

// end ends the piece.
func (j *Journal) end(now time.Time) error {
	j.dirty = true // so that it says until when it goes
	if err := j.flush(now); err != nil {
		return err
	}
	p := j.piece
	j.piece = nil
	return p.close()
}

// fail drops what is not safe, and has nothing written for a while.
func (j *Journal) fail(now time.Time, err error) {
	j.mu.Lock()
	if j.failing == nil {
		j.failedAt = now
		j.log.Error("the journal of events cannot be written; events are followed without", slog.Any("err", err))
	}
	j.failing = err
	if j.dirty || len(j.lines) > 0 {
		from := j.flushed
		if from.IsZero() {
			from = j.failedAt
		}
		j.drop(from, now, j.unsafe+j.events)
	}
	j.lines, j.events = nil, 0
	j.mu.Unlock()
	j.dirty, j.unsafe = false, 0
	j.retry = now.Add(j.o.retryAfter)
	j.o.Metrics.failed(j.o.Node, true)
	if p := j.piece; p != nil {
		j.piece = nil
		p.close() //nolint:errcheck // it is why we are here
		if !p.used {
			j.remove(p.name) //nolint:errcheck // an empty piece harms nobody
		}
	}
}

// works notes that something can be written.
func (j *Journal) works() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failing != nil {
		j.log.Info("the journal of events is written again")
	}
	j.failing, j.failedAt = nil, time.Time{}
	j.o.Metrics.failed(j.o.Node, false)
}

// prune removes the pieces that are too old, and the oldest as long as there
// would be no room for another one.
func (j *Journal) prune(now time.Time) error {
	list, err := pieces(j.o.Folder)
	if err != nil {
		return err
	}
	var size int64
	own := j.piece == nil
	for _, p := range list {
		size += p.size
		own = own || p.name == j.piece.name
	}
	if !own {
		return fmt.Errorf("piece %s was removed by somebody", j.piece.name)
	}
	most := j.o.MaxBytes
	if j.piece == nil {
		most -= j.o.pieceBytes // room for the next
	}
	for _, p := range list {
		old, much := now.Sub(p.changed) > j.o.MaxAge, size > most
		if !old && !much || j.piece != nil && p.name == j.piece.name {
			break
		}
		if err := j.remove(p.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		why := removedForAge
		if !old {
			why = removedForSize
		}
		j.o.Metrics.removed(j.o.Node, why)
		size -= p.size
	}
	j.pruned = now
	j.o.Metrics.size(j.o.Node, size)
	return nil
}

func (j *Journal) remove(name string) error {
	root, err := os.OpenRoot(j.o.Folder)
	if err != nil {
		return err
	}
	defer root.Close()
	return root.Remove(name)
}
