package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"callbackd/sip"
)

const (
	// settleTime passes before a phone is in another story: Asterisk tells its
	// queues a moment late that a phone is free, and until then they pass it
	// over for a whole round of ringing.
	settleTime = 500 * time.Millisecond
	// hangUpPatience bounds the hanging up at the end of a story.
	hangUpPatience = 5 * time.Second
)

// agents are the extensions of the sample's phones.
var agents = []string{"2001", "2002", "2003", "2004"}

// What is heard of customers and of agents: a tone each, by which a story
// knows that it was put through.
const (
	customerTone = 500.0 // Hz
	agentTone    = 700.0
)

// OfficeOptions is what may differ between offices. The zero value is a calm
// one.
type OfficeOptions struct {
	// Seed chooses the order of the stories, who calls, and how long they
	// wait and talk. Two offices with one seed play the same, but for what
	// the machine's speed does to it.
	Seed uint64
	// Every is the time between the beginnings of two stories, at least;
	// 3 seconds if 0. A story also waits until its phones are free.
	Every time.Duration
	// Talk is about how long people talk; 5 seconds if 0. The other times of
	// a story go with it.
	Talk time.Duration
	// Log is told, without numbers, which story begins and which did not go
	// as written. Nil: nobody is.
	Log *slog.Logger
}

// Office is the people around a PBX on the published sample: the agents at the
// phones 2001 to 2004, and customers at the far end of the trunk. They play
// stories, each a call or two from ringing to hanging up. No phone is in two
// stories at once.
type Office struct {
	options OfficeOptions
	log     *slog.Logger
	trunk   *sip.Phone
	phones  map[string]*sip.Phone // by extension

	life    context.Context // ends with Close
	end     context.CancelFunc
	playing sync.WaitGroup
	routed  chan struct{} // closed when no more calls come from the PBX

	// taken has a place for each phone and each customer: who fills it has it
	// to himself.
	taken map[string]chan struct{}
	// reached are the calls that the PBX put out to customers, by number.
	reached map[string]chan *sip.Call

	mu        sync.Mutex
	programme *programme
	closed    bool
}

// OpenOffice opens the phones and registers the agents' with the PBX. The
// context bounds the opening only; [Office.Close] ends the office.
func OpenOffice(ctx context.Context, pbx *Asterisk, options OfficeOptions) (*Office, error) {
	options.Every = cmp.Or(options.Every, 3*time.Second)
	options.Talk = cmp.Or(options.Talk, 5*time.Second)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	o := &Office{
		options: options, log: cmp.Or(options.Log, slog.New(slog.DiscardHandler)),
		phones: map[string]*sip.Phone{}, life: life, end: end, routed: make(chan struct{}),
		taken: map[string]chan struct{}{}, reached: map[string]chan *sip.Call{},
		programme: newProgramme(options.Seed),
	}
	for _, who := range agents {
		o.taken[who] = make(chan struct{}, 1)
	}
	for _, c := range customers {
		o.taken[c.Number] = make(chan struct{}, 1)
		o.reached[c.Number] = make(chan *sip.Call, 1)
	}
	if err := o.openPhones(ctx, pbx); err != nil {
		close(o.routed)
		return nil, errors.Join(fmt.Errorf("open the office: %w", err), o.Close())
	}
	go o.route()
	return o, nil
}

// openPhones opens all phones. They ring until a story decides.
func (o *Office) openPhones(ctx context.Context, pbx *Asterisk) (err error) {
	ring := sip.Behaviour{Ignore: true}
	for _, extension := range agents {
		o.phones[extension], err = sip.OpenPhone(ctx, sip.PhoneOptions{
			Username: extension, Password: pbx.PhonePassword, Server: pbx.SIP,
			Behaviour: ring, Sound: sip.Tone(agentTone), Logger: o.log,
		})
		if err != nil {
			delete(o.phones, extension)
			return err
		}
	}
	o.trunk, err = sip.OpenPhone(ctx, sip.PhoneOptions{
		Username: "outside", Server: pbx.SIP, Listen: pbx.Trunk, Headers: map[string]string{TrunkHeader: TrunkHeaderValue},
		Behaviour: ring, Sound: sip.Tone(customerTone), Logger: o.log,
	})
	if err != nil {
		return err
	}
	registering, ctx := errgroup.WithContext(ctx)
	for _, phone := range o.phones {
		registering.Go(func() error { return phone.Register(ctx) })
	}
	return registering.Wait()
}

// route brings calls to the outside to the story of the customer who is
// called. All others are refused.
func (o *Office) route() {
	defer close(o.routed)
	for call := range o.trunk.Incoming() {
		select {
		case o.reached[call.Number()] <- call: // nil for a number that nobody has
			continue
		default:
		}
		o.playing.Go(func() {
			ctx, cancel := context.WithTimeout(o.life, hangUpPatience)
			defer cancel()
			if err := call.Refuse(ctx, statusUnavailable); err != nil && ctx.Err() == nil {
				o.log.Debug("a call to nobody was not refused", slog.Any("err", err))
			}
		})
	}
}

// Run plays stories one after the other, several at once where the phones
// allow it, until ctx ends. Then it hangs up what is running and returns. What
// goes wrong in a story is logged, and the next one is played.
func (o *Office) Run(ctx context.Context) {
	tick := time.NewTicker(o.options.Every)
	defer tick.Stop()
	var playing sync.WaitGroup
	defer playing.Wait()
	for {
		a := o.next(nil)
		release, err := o.take(ctx, a)
		if err != nil {
			return
		}
		o.log.Info("a story begins", slog.String("story", a.story.Name))
		playing.Go(func() {
			defer release(ctx)
			if err := o.play(ctx, a); err != nil && ctx.Err() == nil {
				o.log.Warn("a story did not go as written", slog.String("story", a.story.Name), slog.Any("err", err))
			}
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Play plays one story to its end, as soon as its phones are free. When ctx
// ends first, it hangs up and returns why. No call is left in any case, but
// the PBX may take a moment to notice.
func (o *Office) Play(ctx context.Context, story Story) error {
	a := o.next(&story)
	release, err := o.take(ctx, a)
	if err != nil {
		return err
	}
	defer release(ctx)
	if err := o.play(ctx, a); err != nil {
		return fmt.Errorf("play %q: %w", story.Name, err)
	}
	return nil
}

// next returns the next act of the programme, or one of a given story.
func (o *Office) next(story *Story) act {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.programme.next(story)
}

// take waits until the phones and the customer of an act are free. The
// function that it returns gives them back, after a moment unless ctx ends.
func (o *Office) take(ctx context.Context, a act) (release func(context.Context), err error) {
	var taken []chan struct{}
	free := func() {
		for _, place := range taken {
			<-place
		}
	}
	// Always in the same order: two stories would wait for each other forever
	// otherwise.
	for _, who := range append(slices.Sorted(slices.Values(a.story.phones)), a.customer.Number) {
		select {
		case o.taken[who] <- struct{}{}:
			taken = append(taken, o.taken[who])
		case <-ctx.Done():
			free()
			return nil, context.Cause(ctx)
		case <-o.life.Done():
			free()
			return nil, sip.ErrClosed
		}
	}
	return func(ctx context.Context) {
		settled := time.NewTimer(settleTime)
		defer settled.Stop()
		select {
		case <-settled.C:
		case <-ctx.Done():
		case <-o.life.Done():
		}
		free()
	}, nil
}

// play plays an act whose phones are taken, and hangs up what it leaves.
func (o *Office) play(ctx context.Context, a act) error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return sip.ErrClosed
	}
	o.playing.Add(1)
	o.mu.Unlock()
	defer o.playing.Done()

	patience := time.Minute + 4*o.options.Talk
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not over after %s", patience))
	defer cancel()
	defer context.AfterFunc(o.life, cancel)()

	o.forget(a)
	s := &scene{office: o, ctx: ctx, phones: a.story.phones, customer: a.customer, rng: rand.New(rand.NewPCG(o.options.Seed, a.number))}
	a.story.play(s)
	return errors.Join(s.err, s.hangUp())
}

// forget drops calls of earlier stories that nobody took.
func (o *Office) forget(a act) {
	for _, extension := range a.story.phones {
		for len(o.phones[extension].Incoming()) > 0 {
			<-o.phones[extension].Incoming()
		}
	}
	for len(o.reached[a.customer.Number]) > 0 {
		<-o.reached[a.customer.Number]
	}
}

// Close hangs up all calls and closes the phones; stories that run end first,
// and no goroutine is left. It may be called more than once.
func (o *Office) Close() error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.end()
	closing := new(errgroup.Group)
	for _, phone := range append(slices.Collect(maps.Values(o.phones)), o.trunk) {
		if phone != nil {
			closing.Go(phone.Close)
		}
	}
	err := closing.Wait()
	<-o.routed
	o.playing.Wait()
	return err
}
