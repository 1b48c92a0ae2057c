package journal

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"callbackd/ari"
)

const (
	// maxWaiting bounds the lines that wait to be written. It is above what a
	// stream takes for one event.
	maxWaiting = 2 * ari.DefaultReadLimit
	// keptWaiting is how much of their memory outlives a burst.
	keptWaiting = 1 << 20
	// writeAt is how many bytes of lines are written at once, if it does not
	// become time to flush before.
	writeAt    = 256 << 10
	flushEvery = time.Second
	// A piece is ended after pieceAge, or when it has an eighth of all room, at
	// most maxPiece.
	pieceAge = time.Hour
	maxPiece = 64 << 20
	// pruneEvery is how often it is looked for pieces that are too old.
	pruneEvery = time.Minute
	// retryAfter is how long nothing is written after it failed.
	retryAfter = 10 * time.Second
	// stopTimeout bounds the last write: a disk may hang.
	stopTimeout = 2 * time.Second
)

// MinBytes is the least room that a journal can be bounded to.
const MinBytes = 16 << 20

// Options say where a journal is kept, and how much of it.
type Options struct {
	// Folder is the journal's own, made when it is not there.
	Folder string
	// Node is a label of metrics and log lines.
	Node string
	// MaxBytes bounds the size of all pieces, at least MinBytes; MaxAge how old
	// one may become.
	MaxBytes int64
	MaxAge   time.Duration
	// Logger is told when writing begins to fail, and when it works again;
	// silence if nil.
	Logger  *slog.Logger
	Metrics *Metrics // nil counts nothing

	// pieceBytes and retryAfter are for tests.
	pieceBytes int64
	retryAfter time.Duration
}

// Journal writes what a stream tells it. It is an ari.Recorder for one stream
// at a time.
type Journal struct {
	o   Options
	log *slog.Logger
	run string // distinguishes this journal's pieces from those of another process

	mu sync.Mutex
	// lines wait to be written; events is how many they are.
	lines  []byte
	events int
	// dropped is what was not kept since the last line that was.
	dropped drop
	// failing is why nothing can be written; failedAt since when.
	failing   error
	failedAt  time.Time
	connected bool
	// stopped says that the stream has ended: another one, or another process,
	// begins a piece of its own.
	stopped bool

	wake chan struct{}

	// What follows belongs to the goroutine that writes.
	piece  *piece
	number int
	retry  time.Time
	pruned time.Time
	spare  []byte
	// flushed is until when what was written is safe; dirty says that something
	// was written since, and unsafe how many events.
	flushed time.Time
	dirty   bool
	unsafe  int
	// wroteConnected says that the stream was connected when what was written
	// last happened.
	wroteConnected bool
}

// drop is a time in which events were dropped, and how many.
type drop struct {
	from, to time.Time
	events   int
}

func (d *drop) add(from, to time.Time, events int) {
	if d.from.IsZero() || from.Before(d.from) {
		d.from = from
	}
	d.to = to
	d.events += events
}

var _ ari.Recorder = (*Journal)(nil)

// New returns a journal. It writes nothing until Run.
func New(o Options) (*Journal, error) {
	if o.Folder == "" || o.MaxBytes < MinBytes || o.MaxAge <= 0 {
		return nil, fmt.Errorf("journal: a folder, at least %d bytes and an age expected", MinBytes)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.pieceBytes = cmp.Or(o.pieceBytes, min(o.MaxBytes/8, maxPiece))
	o.retryAfter = cmp.Or(o.retryAfter, retryAfter)
	o.Metrics.open(o.Node)
	return &Journal{
		o: o, log: o.Logger.With(slog.String("journal", o.Folder)),
		run: strings.ToLower(rand.Text()[:8]), wake: make(chan struct{}, 1),
	}, nil
}

// Event implements ari.Recorder.
func (j *Journal) Event(at time.Time, raw []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if bytes.HasPrefix(raw, []byte(marked)) || !j.room(at, len(raw)) {
		j.dropped.add(at, at, 1)
		return
	}
	n := len(j.lines)
	j.lines = append(j.lines, raw...)
	// A line end between two tokens, which Asterisk never sends, is a space.
	for i, c := range j.lines[n:] {
		if c == '\n' || c == '\r' {
			j.lines[n+i] = ' '
		}
	}
	j.lines = append(j.lines, '\n')
	j.events++
	if len(j.lines) >= writeAt {
		j.wakeUp()
	}
}

// Connected implements ari.Recorder.
func (j *Journal) Connected(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.connected = true
	j.mark(at, mark{Type: markConnected})
}

// Lost implements ari.Recorder.
func (j *Journal) Lost(at, since time.Time, reason ari.LossReason) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.connected = false
	j.mark(at, mark{Type: markLost, Since: &since, Why: string(reason)})
	j.stopped = reason == ari.LossStopped
}

// mark adds a mark to the lines, if there is room. j.mu is held.
func (j *Journal) mark(at time.Time, m mark) {
	if j.room(at, 0) {
		j.lines = m.appendTo(j.lines, at)
	} else {
		j.dropped.add(at, at, 0)
	}
}

// room reports whether something can be added to the lines. If it is the first
// after some that were dropped, those are marked. j.mu is held.
func (j *Journal) room(at time.Time, size int) bool {
	if j.failing != nil || len(j.lines)+size > maxWaiting {
		return false
	}
	if d := j.dropped; !d.from.IsZero() {
		j.lines = mark{Type: markDropped, Since: &d.from, Until: &d.to, Events: d.events, Connected: j.connected}.appendTo(j.lines, at)
		j.o.Metrics.drop(j.o.Node, d.events)
		j.dropped = drop{}
	}
	return true
}

func (j *Journal) wakeUp() {
	select {
	case j.wake <- struct{}{}:
	default: // woken already, and not awake yet
	}
}

// Health returns why nothing can be written, and since when; nil when it can.
func (j *Journal) Health() (since time.Time, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failedAt, j.failing
}

// Run writes until ctx ends, and then what is left. It waits for a disk that
// hangs no longer than stopTimeout.
func (j *Journal) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.work(ctx)
	}()
	<-ctx.Done()
	select {
	case <-done:
	case <-time.After(stopTimeout):
		j.log.Error("the journal of events was left unfinished: its disk does not answer")
	}
	return nil
}

func (j *Journal) work(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for flush := true; ; {
		j.turn(time.Now(), flush)
		select {
		case <-ctx.Done():
			j.turn(time.Now(), true)
			if j.piece != nil {
				if err := j.end(time.Now()); err != nil {
					j.fail(time.Now(), err)
				}
			}
			return
		case <-tick.C:
			flush = true
		case <-j.wake:
			flush = false
		}
	}
}

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
		j.dropped.add(from, now, j.unsafe+j.events)
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
