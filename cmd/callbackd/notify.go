package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// watchdogAnswer is how long all parts of the daemon together may take to
// answer before the service manager is not told that they do.
const watchdogAnswer = 5 * time.Second

// tellManager tells the service manager, when one started the daemon and wants
// to know, that it serves, and then, twice in the time that the manager waits,
// that all its parts answer: not that they are well, for a database or a PBX
// that is away is no reason to end what waits for it. It returns when ctx ends.
func (d *daemon) tellManager(ctx context.Context) error {
	every, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read how often the service manager wants to hear of the daemon: %w", err)
	}
	d.notify(systemd.SdNotifyReady)
	defer d.notify(systemd.SdNotifyStopping)
	if every == 0 {
		<-ctx.Done()
		return nil
	}
	for wait(ctx, every/2); ctx.Err() == nil; wait(ctx, every/2) {
		turn, cancel := context.WithTimeout(ctx, min(watchdogAnswer, every/4))
		d.ready(turn) // returns with the turn at the latest, unless a part hangs
		cancel()
		d.notify(systemd.SdNotifyWatchdog)
	}
	return nil
}

// notify says one thing to the service manager. One that does not listen any
// more is not worth more than a line.
func (d *daemon) notify(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		d.log.Warn("the service manager cannot be told", slog.String("what", state), slog.Any("err", err))
	}
}
