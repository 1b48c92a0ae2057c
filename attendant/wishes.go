package attendant

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"callbackd/accounts"
	"callbackd/ari"
	"callbackd/callbacks"
)

// A caller who hangs up while nobody is there to notice, for the daemon that
// talked to him has died, must be registered nevertheless. So the number that
// is to be called is kept in the database for as long as it is talked about,
// and whoever follows the node next looks for those whose callers have left.

// wishPause is how long it is waited until a wish is kept or forgotten again
// that could not be.
const wishPause = time.Second

// kept is a wish that is to be kept, or forgotten.
type kept struct {
	callbacks.Wish

	over bool
}

// keep has the number kept that is to be called now, or forgotten when there is
// none any more. The dialogue does not wait for that.
func (s *session) keep() {
	number := s.dialogue.wanted()
	if number == s.keeps {
		return
	}
	s.keeps = number
	if call, ok := s.a.o.Calls.CallOf(s.channel); ok {
		s.call = call.RequestID // it may have been merged into another meanwhile
	}
	k := kept{callbacks.Wish{
		Node: s.a.o.Node, Channel: string(s.channel), Keeper: s.a.keeper, RequestID: s.call, CallCenter: s.wanted.center.ID,
	}, number == ""}
	if number != s.dialogue.presented {
		k.ContactNumber = number
	}
	select {
	case <-s.wishes: // what counts is the last
	default:
	}
	s.wishes <- k
}

// keepWishes keeps and forgets what one caller wants. While the database is away
// it tries again: what is not forgotten would be registered in the end.
func (a *Attendant) keepWishes(ctx context.Context, wishes <-chan kept) {
	for k := range wishes {
		for {
			err := a.store(ctx, k)
			if err == nil || a.life.Err() != nil || ctx.Err() != nil || len(wishes) > 0 {
				break
			}
			if !a.o.IsUnavailable(err) && !errors.Is(err, context.DeadlineExceeded) {
				a.log.Warn("what a caller wants is not kept, in case this daemon dies", slog.Any("err", err))
				break
			}
			select {
			case <-a.life.Done():
			case <-time.After(wishPause):
			}
		}
	}
}

func (a *Attendant) store(ctx context.Context, k kept) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if k.over {
		return a.o.Wishes.Drop(ctx, k.Wish)
	}
	return a.o.Wishes.Keep(ctx, k.Wish)
}

// fulfil registers callers who are not here any more and of whom nobody has
// noticed that they left. here says of all channels that there are whether they
// are here: who went on in the dialplan is no longer ours to care for.
func (a *Attendant) fulfil(here map[ari.ChannelID]bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.life), registerLimit)
	wishes, err := a.o.Wishes.Left(ctx, a.o.Node, a.keeper)
	cancel()
	if err != nil {
		a.log.Warn("callers who left while nobody talked to them cannot be looked for", slog.Any("err", err))
		return
	}
	for i := range wishes {
		wish := &wishes[i]
		waits, there := here[ari.ChannelID(wish.Channel)]
		if waits || a.life.Err() != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(a.life), registerLimit+attemptTimeout)
		if there || a.fulfilled(ctx, wish) {
			if err := a.o.Wishes.Drop(ctx, *wish); err != nil {
				a.log.Debug("what a caller wanted is not forgotten", slog.Any("err", err)) // a call makes one request
			}
		}
		cancel()
	}
}

// fulfilled registers a caller who left, and reports whether that is done with.
func (a *Attendant) fulfilled(ctx context.Context, wish *callbacks.Wish) bool {
	log := a.log.With(slog.String("channel", wish.Channel), slog.String("request_id", string(wish.RequestID)))
	center, ok := a.o.Plan().CallCenterOf(wish.CallCenter)
	if !ok {
		log.Error("a caller left who asked for a callback of a call center that there is not any more")
		return true
	}
	_, err := a.tryToRegister(ctx, callbacks.Request{
		By: accounts.System("attendant"), RequestID: wish.RequestID, CallCenter: center, ContactNumber: wish.ContactNumber,
		Abandoned: true, Since: wish.AskedAt,
	})
	switch {
	case errors.Is(err, callbacks.ErrReached):
		return true
	case err != nil:
		log.Error("a caller who left while nobody talked to him was not registered", slog.Any("err", err))
		return !passing(err, a.o.IsUnavailable)
	}
	log.Info("a caller who left while nobody talked to him is registered")
	return true
}
