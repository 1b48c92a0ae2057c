package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// On a terminal the password is asked for twice and not shown, and the
// terminal is left as it was when the command is broken off.
func TestAskPassword(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, typed, want, wantErr string }{
		{"the same", "a new password\na new password\n", "a new password", ""},
		{"not the same", "a new password\na newer password\n", "", "not the same"},
		{"empty", "\n\n", "", "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			master, terminal := newTerminal(t)
			shown := &prompts{typed: strings.SplitAfter(tt.typed, "\n"), to: master}
			got, err := askPassword(t.Context(), terminal, shown)
			if got != tt.want || (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("askPassword = %q, %v; want %q, %q", got, err, tt.want, tt.wantErr)
			}
			if !echoes(t, terminal) {
				t.Error("the terminal does not show any more what is typed")
			}
		})
	}
}

func TestAskPassword_BrokenOff(t *testing.T) {
	t.Parallel()
	_, terminal := newTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	hidden := make(chan struct{})
	go func() {
		defer close(hidden)
		poll(t, "the terminal hides what is typed", func() bool { return !echoes(t, terminal) })
		cancel()
	}()
	if _, err := askPassword(ctx, terminal, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("askPassword = %v, want context.Canceled", err)
	}
	<-hidden
	if !echoes(t, terminal) {
		t.Error("the terminal does not show any more what is typed")
	}
}

// newTerminal returns the two ends of a pseudo-terminal: where a person types,
// and what the program takes for its terminal.
func newTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return person, terminal
}

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	settings, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Error(err)
		return true
	}
	return settings.Lflag&unix.ECHO != 0
}

// prompts is a person who answers each question with the next line. Reading a
// password does not throw away what was typed before, so it may come early.
type prompts struct {
	bytes.Buffer
	typed []string
	to    *os.File
}

func (p *prompts) Write(text []byte) (int, error) {
	if bytes.HasSuffix(text, []byte(": ")) && len(p.typed) > 0 {
		if _, err := p.to.WriteString(p.typed[0]); err != nil {
			return 0, err
		}
		p.typed = p.typed[1:]
	}
	return p.Buffer.Write(text)
}

// poll waits until something is so.
func poll(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Errorf("after 10 s it is not so that %s", what)
			return
		}
	}
}
