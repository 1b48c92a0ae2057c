package journal

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
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
		if j.failing == nil && j.dropped.from.IsZero() {
			j.log.Warn("events are missing in their journal", slog.Any("err", errSlow))
		}
		j.drop(at, at, 1)
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
		j.drop(at, at, 0)
	}
}

// drop notes that events of a time are not kept. j.mu is held.
func (j *Journal) drop(from, to time.Time, events int) {
	d := &j.dropped
	if d.from.IsZero() || from.Before(d.from) {
		d.from = from
	}
	d.to = to
	d.events += events
	j.o.Metrics.drop(j.o.Node, events)
}

// room reports whether something can be added to the lines. If it is the first
// after some that were dropped, those are marked. j.mu is held.
func (j *Journal) room(at time.Time, size int) bool {
	if j.failing != nil || len(j.lines)+size > maxWaiting {
		return false
	}
	if d := j.dropped; !d.from.IsZero() {
		j.lines = mark{Type: markDropped, Since: &d.from, Until: &d.to, Events: d.events, Connected: j.connected}.appendTo(j.lines, at)
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

// errSlow is why events are dropped though nothing fails.
var errSlow = errors.New("the disk does not keep up")

// Health returns why events are dropped, and since when; nil when they are not.
func (j *Journal) Health() (since time.Time, why error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failing == nil && !j.dropped.from.IsZero() {
		return j.dropped.from, errSlow
	}
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
