package attendant

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/recording"
)

const (
	// sessionLimit bounds a session. Callers who use up all their tries and
	// leave a long message are far below it; configs/asterisk has a longer
	// limit of its own.
	sessionLimit = 4 * time.Minute
	// handBackTries and handBackPause are how handing a channel back is tried
	// again: a caller who is not is trapped until the dialplan's time-out.
	handBackTries = 3
	handBackPause = 200 * time.Millisecond
)

// What Asterisk says of a session's channel besides what the dialogue takes.
type (
	playbackEnded struct {
		id     ari.PlaybackID
		failed bool
	}
	recordingEnded struct {
		name   string
		failed bool
	}
)

// session is one caller, from being sent here to being handed back. Its fields
// are its own goroutine's; others only tell it of events.
type session struct {
	a       *Attendant
	log     *slog.Logger
	channel ari.ChannelID
	args    []string
	// up says that the channel was answered, takenUp that an earlier daemon
	// had the caller, crowded that there are too many.
	up, takenUp, crowded bool

	events chan any
	// overflow is closed when events do not fit any more.
	overflow chan struct{}
	spilled  sync.Once
	// outcomes gets what came of the registration.
	outcomes chan registered

	wanted wanted
	// call is the caller's, as it was known when it was needed last.
	call     callcenter.RequestID
	dialogue *dialogue
	timer    *time.Timer
	timerID  int
	// playback and message are what is being played and recorded; result is
	// what was registered.
	playback ari.PlaybackID
	playing  int
	message  string
	result   registered
	// keeps is the number that is kept as wanted, by whoever reads wishes.
	keeps  string
	wishes chan kept
	// unheard says that a prompt could not be played.
	unheard      bool
	complainedOf map[string]bool
}

// tell gives the session an event. It does not wait: a session that is so far
// behind ends.
func (s *session) tell(event any) {
	select {
	case s.events <- event:
	default:
		s.spilled.Do(func() { close(s.overflow) })
	}
}

// run talks to the caller, and returns how it ended.
func (s *session) run() Status {
	// Requests go on after the daemon was told to stop: channels have to be
	// handed back. Each is bounded by the client.
	ctx := context.WithoutCancel(s.a.life)
	s.complainedOf = map[string]bool{}
	var err error
	if s.wanted, err = s.a.read(s.args); err != nil {
		s.log.Error("the dialplan asks for a callback that cannot be", slog.Any("err", err))
		return s.giveBack(ctx, StatusFailed)
	}
	if s.crowded {
		s.log.Error("too many callers at once: one is handed back to the dialplan", slog.Int("limit", maxSessions))
		return s.giveBack(ctx, StatusFailed)
	}
	if s.takenUp {
		s.log.Info("a caller was left behind by an earlier connection, and is taken up")
		s.silence(ctx)
	}
	if !s.ready(ctx) {
		return s.giveBack(ctx, StatusFailed)
	}
	s.timer = time.NewTimer(sessionLimit)
	defer s.timer.Stop()
	limit := time.NewTimer(sessionLimit)
	defer limit.Stop()
	s.dialogue = newDialogue(&s.a.o.Settings, s.a.o.Numbers, s.presented(), s.wanted.message)
	if s.takenUp {
		s.forgetKeys()
	}
	s.wishes = make(chan kept, 1)
	defer close(s.wishes)
	keeping, leave := context.WithCancel(ctx)
	s.a.running.Go(func() {
		defer leave()
		s.a.keepWishes(keeping, s.wishes)
	})
	s.carryOut(ctx, s.dialogue.start())
	s.keep()
	stop, overflow := s.a.life.Done(), s.overflow
	for !s.dialogue.over() {
		var event any
		select {
		case event = <-s.events:
			event = s.translate(ctx, event)
		case outcome := <-s.outcomes:
			s.result = outcome
			event = settled{outcome.status}
		case <-s.timer.C:
			event = timeout{s.timerID}
		case <-stop:
			stop, event = nil, stopped{}
		case <-overflow:
			s.log.Error("a caller's events came faster than they were dealt with: the session ends")
			overflow, event = nil, stopped{}
		case <-limit.C:
			event = stopped{}
		}
		s.carryOut(ctx, s.dialogue.handle(event))
		if _, others := event.(replaced); others {
			leave() // what the caller wants is theirs to keep
		} else {
			s.keep()
		}
	}
	// A prompt that is cut off by the caller's leaving has failed, too; as the
	// daemon ends, that may not be known yet.
	if s.unheard && !s.dialogue.gone && !s.dialogue.stopping {
		s.log.Warn("asterisk could not play a sound: are the files there that the configuration names under attendant.sounds?")
	}
	return s.dialogue.status
}

// ready answers the channel, if nobody has, and notes in the dialplan's
// variable that nothing has been said yet. It reports whether that went well.
func (s *session) ready(ctx context.Context) bool {
	if !s.up {
		if err := s.a.o.Client.Answer(ctx, s.channel); err != nil {
			s.complain("answer", err)
			return ari.IsGone(err) || ari.IsNotInStasis(err) // the caller left, and StasisEnd says so
		}
	}
	for begun := time.Now(); ; {
		err := s.a.o.Client.SetChannelVariable(ctx, s.channel, VarStatus, string(StatusHangup))
		if err == nil {
			return true
		}
		// What an earlier daemon has begun to record is recorded to its end, and
		// nothing else done to the channel before.
		if s.takenUp && errors.Is(err, context.DeadlineExceeded) && time.Since(begun) < sessionLimit && s.a.life.Err() == nil {
			continue
		}
		s.complain("set a variable", err)
		return ari.IsGone(err) || ari.IsNotInStasis(err)
	}
}

// forgetKeys drops the keys that were pressed so far: to an earlier daemon's
// prompt, or to end its recording.
func (s *session) forgetKeys() {
	for range len(s.events) {
		event := <-s.events
		if _, pressed := event.(key); !pressed {
			s.tell(event)
		}
	}
}

// complain logs a request that Asterisk refused, once for each kind. That the
// channel is gone is the normal course of things.
func (s *session) complain(what string, err error) {
	if ari.IsGone(err) || ari.IsNotInStasis(err) || s.complainedOf[what] {
		return
	}
	s.complainedOf[what] = true
	if ari.IsForbidden(err) {
		s.log.Error("the ari user is not allowed to control a channel: automatic registration needs one that may write "+
			"(read_only = no in ari.conf)", slog.String("refused", what), slog.Any("err", err))
		return
	}
	s.log.Warn("asterisk did not do what was asked for a channel", slog.String("refused", what), slog.Any("err", err))
}

// presented returns the caller's number, empty when it is withheld.
func (s *session) presented() string {
	call, ok := s.a.o.Calls.CallOf(s.channel)
	if !ok {
		return ""
	}
	s.call = call.RequestID
	return call.RemoteNumber
}

// translate makes an event of Asterisk one of the dialogue.
func (s *session) translate(ctx context.Context, event any) any {
	switch e := event.(type) {
	case playbackEnded:
		if e.id != s.playback {
			return nil
		}
		s.unheard = s.unheard || e.failed
		return played{s.playing}
	case recordingEnded:
		if e.name != s.message {
			return nil
		}
		if e.failed && !s.complainedOf["recording"] {
			s.complainedOf["recording"] = true
			s.log.Warn("asterisk did not record a message")
		}
		return recorded{}
	case resumed:
		if s.message != "" && s.dialogue.state == stateRecording {
			// Whether the recording has ended meanwhile nobody tells.
			if recording, err := s.a.o.Client.LiveRecording(ctx, s.message); ari.IsGone(err) || err == nil && recording.State == "done" {
				return recorded{}
			}
		}
	}
	return event
}

// carryOut does what the dialogue wants.
func (s *session) carryOut(ctx context.Context, commands []any) {
	for len(commands) > 0 {
		command := commands[0]
		commands = commands[1:]
		switch c := command.(type) {
		case play:
			if err := s.play(ctx, c); err != nil {
				s.complain("play", err)
				commands = append(commands, s.dialogue.handle(played{c.id})...)
			}
		case hush:
			if err := s.a.o.Client.StopPlayback(ctx, s.playback); err != nil {
				s.complain("stop a playback", err)
			}
		case wait:
			s.timerID = c.id
			s.timer.Reset(c.after)
		case register:
			s.register(ctx, c.contact)
		case record:
			if err := s.record(ctx); err != nil {
				s.complain("record", err)
				commands = append(commands, s.dialogue.handle(recorded{})...)
			}
		case endRecording:
			if err := s.a.o.Client.StopRecording(ctx, s.message); err != nil {
				s.complain("end a recording", err)
			}
		case handBack:
			s.giveBack(ctx, c.status)
		}
	}
}

// playbackID names a playback. Two names in turn are enough, as a prompt has
// ended when the next but one begins; and who takes a caller up knows what may
// be playing, and uses other names, for that tells of its end, too.
func (s *session) playbackID(prompt int, takenUp bool) ari.PlaybackID {
	if prompt %= 2; takenUp {
		prompt += 2
	}
	return ari.PlaybackID(fmt.Sprintf("callbackd-%s-%d", s.channel, prompt))
}

// silence ends what another daemon has begun to play. Asterisk does one thing
// after the other to a channel: all else would wait for the prompt's end.
func (s *session) silence(ctx context.Context) {
	for prompt := range 4 {
		if err := s.a.o.Client.StopPlayback(ctx, s.playbackID(prompt, prompt > 1)); err != nil {
			s.complain("stop a playback", err)
		}
	}
}

func (s *session) play(ctx context.Context, p play) error {
	s.playback, s.playing = s.playbackID(p.id, s.takenUp), p.id
	media := ari.Media{Language: s.a.o.Settings.Language}
	for _, sound := range p.sounds {
		media.URIs = append(media.URIs, "sound:"+sound)
	}
	return s.a.o.Client.Play(ctx, s.channel, s.playback, media)
}

// record begins to record the message, and makes it known before: a daemon
// that dies now leaves a file that is known.
func (s *session) record(ctx context.Context) error {
	settings := &s.a.o.Settings
	s.message = fmt.Sprintf("callbackd-%s-%s", s.call, strings.ToLower(rand.Text()[:8]))
	expect, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if _, err := s.a.o.Messages.Expect(expect, recording.Expected{
		RequestID: s.call, Node: s.a.o.Node, Kind: recording.KindMessage, CallbackID: int64(s.result.callback.ID),
		Name: s.message + "." + settings.MessageFormat,
	}); err != nil {
		return fmt.Errorf("make the message known: %w", err)
	}
	return s.a.o.Client.Record(ctx, s.channel, ari.RecordingOptions{
		Name: s.message, Format: settings.MessageFormat, MaxDuration: settings.MessageMax, MaxSilence: settings.MessageSilence,
		Beep: true, TerminateOn: "#",
	})
}

// giveBack sends the channel on in the dialplan, with the status in its
// variable. What was carried out although no answer came does no harm when it
// is tried again: the channel is not there any more then.
func (s *session) giveBack(ctx context.Context, status Status) Status {
	pause := handBackPause
	for try := 1; ; try++ {
		err := s.a.o.Client.SetChannelVariable(ctx, s.channel, VarStatus, string(status))
		if err == nil {
			err = s.a.o.Client.Continue(ctx, s.channel)
		}
		if err == nil || ari.IsGone(err) || ari.IsNotInStasis(err) {
			return status
		}
		if ari.IsForbidden(err) || try == handBackTries {
			s.complain("hand back", err)
			return status
		}
		time.Sleep(pause)
		pause *= 2
	}
}
