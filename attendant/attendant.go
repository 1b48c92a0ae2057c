package attendant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"callbackd/ari"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/recording"
)

// Events are the types of the events that an Attendant makes use of.
var Events = []ari.EventType{
	ari.StasisStart, ari.StasisEnd, ari.ChannelDestroyed, ari.ChannelDtmfReceived,
	ari.PlaybackFinished, ari.RecordingFinished, ari.RecordingFailed,
}

// VarStatus is the channel variable in which the dialplan finds a Status.
const VarStatus = "CALLBACKD_STATUS"

const (
	// maxSessions bounds the callers of a node who are talked to at once.
	// Further ones are handed back at once.
	maxSessions = 500
	// maxEvents bounds the events that wait for a session.
	maxEvents = 64
)

// Registrar registers callbacks; *callbacks.Service is one.
type Registrar interface {
	RegisterAutomatic(ctx context.Context, request callbacks.Request) (callbacks.RequestResult, error)
}

// Calls knows the calls of a node; *callcenter.Follower is one.
type Calls interface {
	// CallOf returns the call of a channel, if it is known.
	CallOf(id ari.ChannelID) (call callcenter.Call, ok bool)
}

// Wishes keep what callers want while they are talked to; *postgres.Wishes is
// one.
type Wishes interface {
	// Keep keeps a wish, in place of the channel's one before.
	Keep(ctx context.Context, wish callbacks.Wish) error
	// Drop forgets a wish, unless somebody else keeps it by now.
	Drop(ctx context.Context, wish callbacks.Wish) error
	// Left returns the wishes of a node's callers that others keep, or kept.
	Left(ctx context.Context, node, keeper string) ([]callbacks.Wish, error)
}

// Options say for which node an Attendant is and what it needs. All but the
// Logger, the Metrics and OnRegistered are mandatory.
type Options struct {
	Node     string
	Client   *ari.Client
	Calls    Calls
	Settings Settings
	Numbers  Numbers
	// Plan returns what the configuration says of the dialplan now.
	Plan      func() *callcenter.Plan
	Registrar Registrar
	Messages  recording.Expecter
	Wishes    Wishes
	// IsUnavailable reports whether an error means that the database is away,
	// and the same request may succeed later.
	IsUnavailable func(error) bool
	// OnRegistered, unless nil, is called for each callback that was
	// registered anew.
	OnRegistered func()
	Metrics      *Metrics
	Logger       *slog.Logger
}

// Attendant talks to the callers of one node.
type Attendant struct {
	o   Options
	log *slog.Logger
	// life ends when sessions are to end.
	life context.Context
	end  context.CancelFunc
	// keeper names the attendant in the wishes that it keeps.
	keeper string

	mu       sync.Mutex
	sessions map[ari.ChannelID]*session
	closed   bool
	running  sync.WaitGroup
}

var _ callcenter.Listener = (*Attendant)(nil)

// New returns an attendant. It serves from when a Follower tells it of
// callers, and until Run has returned.
func New(o Options) *Attendant {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Metrics.open(o.Node)
	life, end := context.WithCancel(context.Background())
	return &Attendant{
		o: o, log: o.Logger.With(slog.String("node", o.Node)),
		life: life, end: end, keeper: rand.Text(), sessions: map[ari.ChannelID]*session{},
	}
}

// Run returns when ctx has ended and no caller is talked to any more: those
// that are left then are registered, if they can be, and handed back.
func (a *Attendant) Run(ctx context.Context) error {
	<-ctx.Done()
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.end()
	a.running.Wait()
	return nil
}

// Finish returns when no caller is talked to any more, or ctx ends. New ones
// are left to the daemon that the node was handed over to.
func (a *Attendant) Finish(ctx context.Context) {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	finished := make(chan struct{})
	go func() {
		a.running.Wait()
		close(finished)
	}()
	select {
	case <-ctx.Done():
	case <-finished:
	}
}

// Connected implements callcenter.Listener. Asterisk does not tell again of
// callers who were sent here before, so they are looked for in the list; and
// of those that are talked to, whether they are still there.
func (a *Attendant) Connected(channels []ari.Channel) {
	a.mu.Lock()
	before := maps.Clone(a.sessions)
	a.mu.Unlock()
	here := a.TakeUp(channels)
	for id, s := range before {
		if here[id] {
			s.tell(resumed{})
		} else {
			s.tell(left{})
		}
	}
}

// TakeUp begins to talk to those of a PBX's channels that are here and nobody
// talks to, and returns which are here. Callers who have left although another
// daemon should have talked to them are registered.
func (a *Attendant) TakeUp(channels []ari.Channel) (here map[ari.ChannelID]bool) {
	here = make(map[ari.ChannelID]bool, len(channels))
	for i := range channels {
		c := &channels[i]
		args, ours := a.arguments(c)
		here[ari.ChannelID(strings.Clone(string(c.ID)))] = ours
		if ours {
			a.begin(c, args, true)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.running.Go(func() { a.fulfil(here) })
	}
	return here
}

// arguments returns what the dialplan gave to our application, for a channel
// that is in it.
func (a *Attendant) arguments(c *ari.Channel) (args []string, ours bool) {
	if !strings.EqualFold(c.Dialplan.AppName, "Stasis") {
		return nil, false
	}
	all := strings.Split(c.Dialplan.AppData, ",")
	return all[1:], all[0] == a.o.Client.Application()
}

// Event implements callcenter.Listener.
func (a *Attendant) Event(ev *ari.Event) {
	switch ev.Type {
	case ari.StasisStart:
		if ev.Application == a.o.Client.Application() {
			a.begin(&ev.Channel, ev.Args, false)
		}
	case ari.StasisEnd, ari.ChannelDestroyed:
		a.tell(ev.Channel.ID, left{})
	case ari.ChannelDtmfReceived:
		a.tell(ev.Channel.ID, key{strings.Clone(ev.Digit)})
	case ari.PlaybackFinished:
		a.tell(target(ev.Playback.TargetURI), playbackEnded{
			id: ari.PlaybackID(strings.Clone(string(ev.Playback.ID))), failed: ev.Playback.State == "failed",
		})
	case ari.RecordingFinished:
		a.tell(target(ev.Recording.TargetURI), recordingEnded{name: strings.Clone(ev.Recording.Name)})
	case ari.RecordingFailed:
		a.tell(target(ev.Recording.TargetURI), recordingEnded{name: strings.Clone(ev.Recording.Name), failed: true})
	}
}

// Lost implements callcenter.Listener. Another client that took our
// application takes our callers up as well: two must not talk to one caller.
// Of any other loss the callers shall notice nothing.
func (a *Attendant) Lost(reason ari.LossReason) {
	if reason != ari.LossReplaced {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.sessions {
		s.tell(replaced{})
	}
}

// target returns the channel that something is played to or recorded from.
func target(uri string) ari.ChannelID {
	id, _ := strings.CutPrefix(uri, "channel:")
	return ari.ChannelID(id)
}

// tell gives an event to a channel's session, if there is one.
func (a *Attendant) tell(id ari.ChannelID, event any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[id]; s != nil {
		s.tell(event)
	}
}

// begin begins a session with a caller. Nothing of c and args is kept.
func (a *Attendant) begin(c *ari.Channel, args []string, takenUp bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.sessions[c.ID] != nil {
		return
	}
	s := &session{
		a: a, channel: ari.ChannelID(strings.Clone(string(c.ID))), up: c.State == "Up", takenUp: takenUp,
		crowded: len(a.sessions) >= maxSessions,
		events:  make(chan any, maxEvents), overflow: make(chan struct{}), outcomes: make(chan registered, 1),
	}
	for _, arg := range args {
		s.args = append(s.args, strings.Clone(strings.TrimSpace(arg)))
	}
	s.log = a.log.With(slog.String("channel", string(s.channel)))
	a.sessions[s.channel] = s
	a.o.Metrics.began(a.o.Node)
	a.running.Go(func() {
		begun := time.Now()
		status := s.run()
		a.mu.Lock()
		delete(a.sessions, s.channel)
		a.mu.Unlock()
		a.o.Metrics.ended(a.o.Node, status, time.Since(begun))
		s.log.Info("a caller was attended to", slog.String("status", string(status)), slog.String("request_id", string(s.call)))
	})
}

// wanted is what the dialplan asks for.
type wanted struct {
	center  callcenter.CallCenter
	message bool
}

// errArguments says that the dialplan asks for what there is not.
var errArguments = errors.New("write Stasis(application,register,call center[,message]) with a call center of the configuration")

// numberLike is what may be somebody's telephone number.
var numberLike = regexp.MustCompile(`[0-9][0-9-]{5,}`)

// shown shows arguments in the log, which a dialplan may have taken from the
// caller: not his number, and not more than helps.
func shown(args ...string) string {
	var quoted []string
	for _, arg := range args[:min(len(args), 4)] {
		quoted = append(quoted, fmt.Sprintf("%.60q", numberLike.ReplaceAllString(arg[:min(len(arg), 1<<10)], "…")))
	}
	return strings.Join(quoted, " ")
}

// read reads the dialplan's arguments.
func (a *Attendant) read(args []string) (wanted, error) {
	if len(args) < 2 || len(args) > 3 || args[0] != callcenter.ActionRegister || len(args) == 3 && args[2] != "" && args[2] != "message" {
		return wanted{}, fmt.Errorf("arguments %s: %w", shown(args...), errArguments)
	}
	center, ok := a.o.Plan().CallCenterOf(args[1])
	if !ok {
		return wanted{}, fmt.Errorf("no call center %s: %w", shown(args[1]), errArguments)
	}
	return wanted{center: center, message: slices.Contains(args[2:], "message")}, nil
}
