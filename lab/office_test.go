package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// openOffice opens an office of hasty people with a PBX of their own.
func openOffice(t *testing.T, options lab.OfficeOptions) (*lab.Office, *lab.Asterisk) {
	t.Helper()
	pbx := labtest.Asterisk(t, lab.AsteriskOptions{Globals: map[string]string{"QUEUE_TIMEOUT": "2"}})
	options.Talk = 300 * time.Millisecond
	o, err := lab.OpenOffice(siptest.Within(t), pbx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o, pbx
}

// Every story goes as written and leaves no call behind.
func TestOffice_Stories(t *testing.T) {
	t.Parallel()
	o, pbx := openOffice(t, lab.OfficeOptions{})
	for _, story := range lab.Stories() {
		t.Run(story.Name, func(t *testing.T) {
			if err := o.Play(t.Context(), story); err != nil {
				t.Error(err)
			}
			empty(t, pbx)
		})
	}
}

// A story that is given up hangs up wherever it is.
func TestOffice_GivesUp(t *testing.T) {
	t.Parallel()
	o, pbx := openOffice(t, lab.OfficeOptions{})
	stories := lab.Stories()
	longest := stories[slices.IndexFunc(stories, func(s lab.Story) bool { return s.Name == "support hands over to a phone by REFER" })]
	why := errors.New("enough")
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond, 700 * time.Millisecond} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after, why)
		err := o.Play(ctx, longest)
		cancel()
		if !errors.Is(err, why) {
			t.Errorf("given up after %s: Play = %v, want %v", after, err, why)
		}
		empty(t, pbx)
	}
}

// Several stories at once get on with each other, and one seed gives one
// programme.
func TestOffice_Run(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	logs := make([]logOfStories, 2)
	for i := range logs {
		wg.Go(func() {
			o, pbx := openOffice(t, lab.OfficeOptions{Seed: 7, Every: 50 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&logs[i], nil))})
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan struct{})
			go func() { o.Run(ctx); close(ended) }()
			labtest.Eventually(t, siptest.Patience, func() error {
				if n := len(logs[i].begun()); n < 8 {
					return errors.New("fewer than 8 stories began")
				}
				return nil
			})
			stop()
			<-ended
			empty(t, pbx)
		})
	}
	wg.Wait()
	for i := range logs {
		if text := logs[i].String(); strings.Contains(text, "level=WARN") {
			t.Errorf("not all went as written:\n%s", text)
		}
	}
	first, second := logs[0].begun(), logs[1].begun()
	n := min(len(first), len(second))
	if diff := cmp.Diff(first[:n], second[:n]); diff != "" {
		t.Errorf("twpbx *lab.Asterisks with one seed play differently (-first +second):\n%s", diff)
	}
}

// Close ends what is played, and leaves no goroutine. The test is not parallel:
// others have goroutines of that kind.
func TestOffice_Close(t *testing.T) {
	o, pbx := openOffice(t, lab.OfficeOptions{Every: time.Millisecond})
	running := make(chan struct{})
	go func() { o.Run(t.Context()); close(running) }()
	labtest.Eventually(t, siptest.Patience, func() error {
		n, err := pbx.Channels(t.Context())
		if err == nil && n == 0 {
			err = errors.New("no story has begun")
		}
		return err
	})
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	<-running
	empty(t, pbx)
	labtest.Eventually(t, siptest.Patience, func() error {
		all := make([]byte, 1<<20)
		all = all[:runtime.Stack(all, true)]
		for _, ours := range []string{"lab.(*Office)", "lab.(*scene)", "callbackd/sip.", "emiago/sipgo"} {
			if bytes.Contains(all, []byte(ours)) {
				return fmt.Errorf("a goroutine of %s is left:\n%s", ours, all)
			}
		}
		return nil
	})
	if err := o.Play(t.Context(), lab.Stories()[0]); !errors.Is(err, sip.ErrClosed) {
		t.Errorf("Play after Close = %v, want %v", err, sip.ErrClosed)
	}
}

// logOfStories is a log, and what it says of stories.
type logOfStories struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logOfStories) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logOfStories) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// begun are the stories that began, in order.
func (l *logOfStories) begun() []string {
	var names []string
	for line := range strings.Lines(l.String()) {
		if _, name, ok := strings.Cut(line, `msg="a story begins" story=`); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}
