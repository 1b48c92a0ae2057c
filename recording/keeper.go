package recording

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"
)

const (
	// settleTime is how long a file must stay as it is before it is believed
	// that nobody writes it any more, where nothing else shows it. Asterisk
	// writes at least every second while there is sound; on hold there may be
	// none for a while, but then the header says so.
	settleTime = 30 * time.Second
	// rawSettleTime is the same for files without a header, of which nothing
	// else can be seen even when they are whole.
	rawSettleTime = 3 * time.Second
	// The pauses between two looks, which grow with the time that it takes.
	shortestPause, longestPause = 250 * time.Millisecond, 30 * time.Second
)

// KeeperOptions are what a Keeper needs.
type KeeperOptions struct {
	Store   WorkStore
	Library *Library
	// Decoder decodes GSM.
	Decoder Decoder
	// KeepDays returns how many days the recordings of each call center are
	// kept, by its id; those that are not in it are kept for ever.
	KeepDays func() map[string]int
	// Now is the clock; nil for the system's.
	Now func() time.Time
	// Log is told what went wrong with recordings, by their IDs.
	Log *slog.Logger
	// Metrics count; nil counts nothing.
	Metrics *Metrics
}

// Keeper looks for recordings until they can be played, and removes them when
// their time is over. It is safe for concurrent use.
type Keeper struct {
	store    WorkStore
	library  *Library
	decoder  Decoder
	keepDays func() map[string]int
	now      func() time.Time
	log      *slog.Logger
	metrics  *Metrics
}

// NewKeeper returns a keeper.
func NewKeeper(o KeeperOptions) *Keeper {
	k := &Keeper{
		store: o.Store, library: o.Library, decoder: o.Decoder, keepDays: o.KeepDays, now: o.Now, log: o.Log, metrics: o.Metrics,
	}
	if k.keepDays == nil {
		k.keepDays = func() map[string]int { return nil }
	}
	if k.now == nil {
		k.now = time.Now
	}
	k.log = cmp.Or(k.log, slog.New(slog.DiscardHandler))
	return k
}

// Ingest looks at a recording, and makes it ready when it is whole, or missing
// when it is clear that there will be nothing to play. It returns after what
// time to look again, 0 for not any more. Its errors are worth a repetition.
func (k *Keeper) Ingest(ctx context.Context, id ID) (again time.Duration, err error) {
	a, err := k.store.Awaited(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case a.State == StateReady || a.State == StateExpired:
		return 0, nil
	case a.Kind == KindCall && a.CallEndedAt == nil:
		return 0, nil // its end will have it looked for
	}
	file, err := k.library.original(ctx, a.Recording)
	if err != nil {
		return k.unreached(ctx, &a, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	seen, err := inspect(file, a.Name)
	if err != nil {
		return k.unreached(ctx, &a, err)
	}
	traits := k.library.places[a.Node].Shelf.Traits()
	if traits.Grows && !k.settled(&a, file, &seen) {
		if a.FileSize == nil || *a.FileSize != file.Size() || a.State != StateGrowing {
			if err := k.store.SaveGrowing(ctx, a.ID, Seen{At: k.now().UTC(), Size: file.Size()}); err != nil {
				return 0, err
			}
		}
		return k.pause(&a), nil
	}
	if seen.cause != "" {
		return 0, k.missing(ctx, &a, seen.cause, seen.why)
	}
	ready, err := k.take(ctx, &a, file, &seen, traits)
	switch {
	case err == nil && ready.Waveform.Duration == 0:
		return 0, k.missing(ctx, &a, CauseHeaderOnly, nil)
	case errors.Is(err, errUnsupported):
		k.metrics.conversionFailed(seen.Encoding)
		return 0, k.missing(ctx, &a, CauseUnsupported, err)
	case errors.Is(err, errReading):
		return k.unreached(ctx, &a, err)
	case err != nil:
		k.metrics.conversionFailed(seen.Encoding)
		return 0, err
	}
	if err := k.store.SaveReady(ctx, a.ID, ready); err != nil {
		return 0, err
	}
	k.metrics.cameInto(a.Node, StateReady, "")
	k.metrics.waited(ready.At.Sub(a.since()))
	return 0, nil
}

// settled reports whether a file is whole, or will stay as it is.
func (k *Keeper) settled(a *Awaited, file Sound, seen *look) bool {
	if seen.whole || seen.cause == CauseUnsupported {
		return true
	}
	if a.Active {
		return false
	}
	quiet := settleTime
	if seen.raw && seen.cause == "" {
		quiet = rawSettleTime
	}
	now := k.now()
	if at := file.ModTime(); !at.IsZero() && now.Sub(at) > quiet {
		return true
	}
	return a.FileSize != nil && *a.FileSize == file.Size() && a.ChangedAt != nil && now.Sub(*a.ChangedAt) >= quiet
}

// pause is how long to wait until the next look.
func (k *Keeper) pause(a *Awaited) time.Duration {
	return min(longestPause, max(shortestPause, k.now().Sub(a.since())/3))
}

// unreached handles a file that could not be opened or read.
func (k *Keeper) unreached(ctx context.Context, a *Awaited, err error) (again time.Duration, _ error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	cause := causeOf(err)
	mayCome := cause == CauseAbsent || cause == CauseUnreadable
	if mayCome && a.State != StateMissing {
		if a.Active {
			return k.pause(a), nil
		}
		if late := k.now().Sub(a.since()); late < k.library.places[a.Node].Shelf.Traits().Patience {
			return k.pause(a), nil
		}
	}
	return 0, k.missing(ctx, a, cause, err)
}

// missing stores that there is nothing to play.
func (k *Keeper) missing(ctx context.Context, a *Awaited, cause Cause, why error) error {
	if a.State == StateMissing && a.Cause == cause {
		return nil
	}
	if err := k.store.SaveMissing(ctx, a.ID, cause); err != nil {
		return err
	}
	k.metrics.cameInto(a.Node, StateMissing, cause)
	log := k.log.With(slog.Int64("recording", int64(a.ID)), slog.String("node", a.Node), slog.String("cause", string(cause)))
	if why != nil {
		log = log.With(slog.Any("err", why))
	}
	// Metrics count them: a mount that is away must not flood the log.
	log.InfoContext(ctx, "a recording cannot be played")
	return nil
}

// take measures a file that is whole, and copies it if it cannot be played as
// it lies there.
func (k *Keeper) take(ctx context.Context, a *Awaited, file Sound, seen *look, traits Traits) (Ready, error) {
	began := k.now()
	defer func() { k.metrics.took(k.now().Sub(began)) }()
	rate, channels := seen.SampleRate, seen.Channels
	if seen.Encoding == EncodingGSM {
		rate, channels = gsmRate, 1
	}
	picture := newSketch(rate, channels)
	ready := Ready{Size: file.Size()}
	var err error
	if seen.clean && !traits.Fetched {
		err = k.samples(ctx, file, seen, func(samples []int16) error { picture.add(samples); return nil })
	} else {
		ready.Converted = true
		err = k.library.copies.write(a.ID, func(out *os.File) error {
			w, err := newWAVWriter(out, rate, channels)
			if err != nil {
				return err
			}
			err = k.samples(ctx, file, seen, func(samples []int16) error {
				picture.add(samples)
				return w.write(samples)
			})
			ready.Size = wavHeaderSize + w.size
			return errors.Join(err, w.header())
		})
	}
	ready.Waveform, ready.At = picture.waveform(), k.now().UTC()
	return ready, err
}

// samples hands all samples of a file to f, linear, block by block.
func (k *Keeper) samples(ctx context.Context, file Sound, seen *look, f func(samples []int16) error) error {
	checked := func(samples []int16) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return f(samples)
	}
	if seen.Encoding == EncodingGSM {
		// In WAV it keeps its header, which says so.
		whole := io.NewSectionReader(file, 0, file.Size())
		return k.decoder.decode(ctx, whole, !seen.raw, checked)
	}
	const buffer = 64 << 10
	data := bufio.NewReaderSize(io.NewSectionReader(file, seen.DataOffset, seen.DataSize), buffer)
	s, err := samplesOf(data, seen.Format)
	if err != nil {
		return err
	}
	return drain(s, seen.Channels, checked)
}
