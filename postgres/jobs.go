package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"callbackd/recording"
	"callbackd/webhooks"
)

const (
	// ingestTimeout bounds one look at a recording, conversion included.
	ingestTimeout = 10 * time.Minute
	// roundTimeout bounds one sweep of a library, or one round of retention. A
	// round that is cut off goes on where it was with the next.
	roundTimeout = time.Hour
	// rescueAfter is when a job of a daemon that died is given to another.
	rescueAfter = ingestTimeout + time.Minute
	// jobsPerNode bounds the recordings of one node that are looked at at once,
	// by one daemon: a slow storage of one node holds up no other.
	jobsPerNode = 2
	// jobsPerWebhook bounds the deliveries of one webhook that are sent at once,
	// by one daemon: a slow receiver holds up no other, and none is flooded.
	jobsPerWebhook = 4
	// webhookPoll is how often a webhook's queue is looked at when nobody says
	// that there is something in it.
	webhookPoll = 5 * time.Second
	// afterPings is the priority of what is no ping, River's first being 1.
	afterPings = 2
	// jobsKept is for how long jobs are kept that are done: what came of them is
	// stored elsewhere.
	jobsKept = time.Hour
	// stopPatience is how long a job may go on when the daemon ends. It is
	// taken up again by the next daemon.
	stopPatience = 2 * time.Second
)

// RecordingJobs is the work on recordings that is done in the background, for
// one node at a time.
type RecordingJobs interface {
	// Ingest looks at a recording. It returns after what time to look again; 0
	// when there is no more to be seen.
	Ingest(ctx context.Context, id recording.ID) (again time.Duration, err error)
	// Sweep compares a node's library with what is stored.
	Sweep(ctx context.Context, node string) error
	// Retire removes the node's recordings that are older than they are to be
	// kept.
	Retire(ctx context.Context, node string) error
}

// WebhookJobs is the work on webhooks that is done in the background.
type WebhookJobs interface {
	// Deliver sends the deliveries of a subject that are due, and reports
	// whether there may be more.
	Deliver(ctx context.Context, id webhooks.ID, subject string) (more bool, err error)
}

// JobOptions are what Jobs needs.
type JobOptions struct {
	// Nodes are the names of those whose recordings this daemon works on.
	Nodes      []string
	Recordings RecordingJobs
	Webhooks   WebhookJobs
	// SweepEvery and RetireEvery are the times between two rounds.
	SweepEvery, RetireEvery time.Duration
	Log                     *slog.Logger
}

// jobQueue hands out jobs, by River. Each job is there once, however many
// daemons ask for it, and is done by one of them.
type jobQueue struct{ client *river.Client[pgx.Tx] }

func newJobQueue(db *DB) (*jobQueue, error) {
	client, err := river.NewClient(riverpgxv5.New(db.pool), &river.Config{Logger: slog.New(forDebugging{db.log.Handler()})})
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return &jobQueue{client: client}, nil
}

// awaited is a recording that is to be looked at.
type awaited struct {
	ID   int64  `db:"id"`
	Node string `db:"node"`
}

// ingest has recordings looked at, once the transaction is committed.
func (q *jobQueue) ingest(ctx context.Context, tx pgx.Tx, recordings []awaited) error {
	if len(recordings) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(recordings))
	for i, r := range recordings {
		jobs[i] = river.InsertManyParams{Args: ingestArgs{ID: r.ID}, InsertOpts: once(r.Node)}
	}
	if _, err := q.client.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("have %d recordings ingested: %w", len(jobs), err)
	}
	return nil
}

// once are the options of a job of a node that is there at most once until it
// is done.
func once(node string) *river.InsertOpts { return onceIn(queueOf(node)) }

// onceIn is once, for any queue.
func onceIn(queue string) *river.InsertOpts {
	return &river.InsertOpts{
		Queue: queue,
		UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
			rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	}
}

// deliver has deliveries sent, once the transaction is committed.
func (q *jobQueue) deliver(ctx context.Context, tx pgx.Tx, deliveries []deliverArgs) error {
	if len(deliveries) == 0 {
		return nil
	}
	jobs := make([]river.InsertManyParams, len(deliveries))
	for i, args := range deliveries {
		options := onceIn(queueOfWebhook(webhooks.ID(args.Webhook)))
		if args.Subject != webhooks.KindPing {
			// Whoever tries a webhook out waits for the answer.
			options.Priority = afterPings
		}
		jobs[i] = river.InsertManyParams{Args: args, InsertOpts: options}
	}
	if _, err := q.client.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("have %d webhook deliveries sent: %w", len(jobs), err)
	}
	return nil
}

// queueOfWebhook is the queue of a webhook's jobs.
func queueOfWebhook(id webhooks.ID) string { return fmt.Sprintf("webhooks_%d", id) }

// queueOf is the queue of a node's jobs. River takes no two hyphens in a row,
// which a node's name may have.
func queueOf(node string) string { return "recordings_" + strings.ReplaceAll(node, "-", "-0") }

type ingestArgs struct {
	ID int64 `json:"id"`
}

// Kind implements river.JobArgs.
func (ingestArgs) Kind() string { return "recording_ingest" }

type sweepArgs struct {
	Node string `json:"node"`
}

// Kind implements river.JobArgs.
func (sweepArgs) Kind() string { return "recording_sweep" }

type retireArgs struct {
	Node string `json:"node"`
}

// Kind implements river.JobArgs.
func (retireArgs) Kind() string { return "recording_retention" }

// deliverArgs is the job to send what is due of a subject of a webhook. Delivery
// and Round tell the occasions apart: a job that runs may have looked already.
type deliverArgs struct {
	Webhook  int64  `json:"webhook" db:"webhook_id"`
	Subject  string `json:"subject" db:"subject"`
	Delivery int64  `json:"delivery" db:"id"`
	// Round is the minute in which the delivery was found due, or the moment when
	// it was replayed; 0 at first.
	Round int64 `json:"round" db:"round"`
}

// Kind implements river.JobArgs.
func (deliverArgs) Kind() string { return "webhook_delivery" }

// Jobs works jobs off.
type Jobs struct {
	client *river.Client[pgx.Tx]

	mu     sync.Mutex
	served map[webhooks.ID]bool // whose queues are worked off
}

var _ webhooks.Queues = (*Jobs)(nil)

// Serve implements webhooks.Queues.
func (j *Jobs) Serve(ctx context.Context, ids []webhooks.ID) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range ids {
		if j.served[id] {
			continue
		}
		err := j.client.Queues().Add(queueOfWebhook(id), river.QueueConfig{MaxWorkers: jobsPerWebhook, FetchPollInterval: webhookPoll})
		if err != nil {
			return fmt.Errorf("serve the queue of webhook %d: %w", id, err)
		}
		j.served[id] = true
	}
	for _, id := range slices.Collect(maps.Keys(j.served)) {
		if slices.Contains(ids, id) {
			continue
		}
		if err := j.client.Queues().Remove(ctx, queueOfWebhook(id)); err != nil {
			return fmt.Errorf("leave the queue of webhook %d: %w", id, err)
		}
		delete(j.served, id)
	}
	return nil
}

// NewJobs returns what works off the jobs of some nodes while it runs. All
// daemons of one database are to have the same nodes: the one that River
// chooses to lead begins the rounds of all.
func (db *DB) NewJobs(o JobOptions) (*Jobs, error) {
	workers := river.NewWorkers()
	queues := map[string]river.QueueConfig{}
	var rounds []*river.PeriodicJob
	for _, node := range o.Nodes {
		queues[queueOf(node)] = river.QueueConfig{MaxWorkers: jobsPerNode}
		rounds = append(rounds,
			every(o.SweepEvery, func() river.JobArgs { return sweepArgs{Node: node} }, node),
			every(o.RetireEvery, func() river.JobArgs { return retireArgs{Node: node} }, node))
	}
	river.AddWorker(workers, &ingestWorker{recordings: o.Recordings})
	river.AddWorker(workers, &sweepWorker{recordings: o.Recordings})
	river.AddWorker(workers, &retireWorker{recordings: o.Recordings})
	river.AddWorker(workers, &deliverWorker{webhooks: o.Webhooks})
	client, err := river.NewClient(riverpgxv5.New(db.pool), &river.Config{
		Logger: slog.New(forDebugging{o.Log.Handler()}), Queues: queues, Workers: workers, PeriodicJobs: rounds,
		JobTimeout: ingestTimeout, RescueStuckJobsAfter: rescueAfter, SoftStopTimeout: stopPatience,
		CompletedJobRetentionPeriod: jobsKept,
		ErrorHandler:                &jobErrors{log: o.Log},
		// Only an index's owner may build it anew, which who serves is not.
		ReindexerIndexNames: []string{},
	})
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return &Jobs{client: client, served: map[webhooks.ID]bool{}}, nil
}

// forDebugging shows what River says of itself only where everything is logged:
// failed jobs are reported by jobErrors, and that the database is away by
// whoever follows calls, and not once a second.
type forDebugging struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h forDebugging) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug)
}

// WithAttrs implements slog.Handler.
func (h forDebugging) WithAttrs(attrs []slog.Attr) slog.Handler {
	return forDebugging{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h forDebugging) WithGroup(name string) slog.Handler {
	return forDebugging{h.Handler.WithGroup(name)}
}

// every is a job for each interval, beginning at once.
func every(interval time.Duration, args func() river.JobArgs, node string) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return args(), once(node)
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Run works jobs off until the context ends; then it gives those that run a
// moment to finish.
func (j *Jobs) Run(ctx context.Context) error {
	// Cancelling the context of Start stops it, and waits for it, too.
	if err := j.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*stopPatience)
	defer cancel()
	if err := j.client.Stop(ctx); err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}

type ingestWorker struct {
	river.WorkerDefaults[ingestArgs]
	recordings RecordingJobs
}

// Work implements river.Worker.
func (w *ingestWorker) Work(ctx context.Context, job *river.Job[ingestArgs]) error {
	again, err := w.recordings.Ingest(ctx, recording.ID(job.Args.ID))
	if err == nil && again > 0 {
		return river.JobSnooze(again)
	}
	return err
}

type sweepWorker struct {
	river.WorkerDefaults[sweepArgs]
	recordings RecordingJobs
}

// Work implements river.Worker.
func (w *sweepWorker) Work(ctx context.Context, job *river.Job[sweepArgs]) error {
	return w.recordings.Sweep(ctx, job.Args.Node)
}

// Timeout implements river.Worker.
func (*sweepWorker) Timeout(*river.Job[sweepArgs]) time.Duration { return roundTimeout }

type retireWorker struct {
	river.WorkerDefaults[retireArgs]
	recordings RecordingJobs
}

// Work implements river.Worker.
func (w *retireWorker) Work(ctx context.Context, job *river.Job[retireArgs]) error {
	return w.recordings.Retire(ctx, job.Args.Node)
}

// Timeout implements river.Worker.
func (*retireWorker) Timeout(*river.Job[retireArgs]) time.Duration { return roundTimeout }

type deliverWorker struct {
	river.WorkerDefaults[deliverArgs]
	webhooks WebhookJobs
}

// Work implements river.Worker.
func (w *deliverWorker) Work(ctx context.Context, job *river.Job[deliverArgs]) error {
	more, err := w.webhooks.Deliver(ctx, webhooks.ID(job.Args.Webhook), job.Args.Subject)
	if err == nil && more {
		return river.JobSnooze(0)
	}
	return err
}

// jobErrors logs what went wrong with a job. River tries it again.
type jobErrors struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (h *jobErrors) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if !errors.Is(err, context.Canceled) { // the daemon ends
		h.log.WarnContext(ctx, "a job failed and will be tried again", slog.String("job", job.Kind),
			slog.Int("attempt", job.Attempt), slog.Any("err", err))
	}
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (h *jobErrors) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	h.log.ErrorContext(ctx, "a job panicked and will be tried again", slog.String("job", job.Kind),
		slog.Any("panic", value), slog.String("stack", trace)) // which a log has more of
	return nil
}
