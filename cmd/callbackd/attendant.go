package main

import (
	"log/slog"
	"time"

	"callbackd/ari"
	"callbackd/attendant"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
)

// promptLimit bounds a prompt of the attendant, in case Asterisk does not tell
// that it has ended: more than a number read out takes.
const promptLimit = 45 * time.Second

// newAttendant returns who talks to a node's callers.
func (d *daemon) newAttendant(node *configs.PBX, client *ari.Client, calls attendant.Calls, metrics *attendant.Metrics) *attendant.Attendant {
	return attendant.New(attendant.Options{
		Node: node.Name, Client: client, Calls: calls, Settings: attendantSettings(&d.cfg.Attendant),
		Numbers: attendant.InRegion(d.cfg.Region),
		Plan: func() *callcenter.Plan {
			cfg := d.dialplan.Load()
			return planOf(cfg, &configs.PBX{})
		},
		Registrar: d.callbacks, Messages: d.db.Recordings(), Wishes: d.db.Wishes(), IsUnavailable: postgres.IsUnavailable,
		OnRegistered: d.countAutomatic, Metrics: metrics, Logger: d.log,
	})
}

// newAbandoned returns what registers callbacks for abandoned calls.
func (d *daemon) newAbandoned(metrics *attendant.Metrics) *attendant.Abandoned {
	return attendant.NewAbandoned(attendant.AbandonedOptions{
		Store: d.db.Calls(), Registrar: d.callbacks, OnRegistered: d.countAutomatic, Metrics: metrics,
		Logger: d.log.With(slog.String("part", "abandoned")),
		Waits: func() []attendant.AbandonedWait {
			var waits []attendant.AbandonedWait
			for _, c := range d.dialplan.Load().CallCenters {
				if after := c.AutoRegister.Abandoned.After.Duration; after > 0 {
					waits = append(waits, attendant.AbandonedWait{CallCenter: callCenterOf(&c), After: after})
				}
			}
			return waits
		},
	})
}

func (d *daemon) countAutomatic() { d.server.CountRegistered(callbacks.OriginAutomatic) }

func attendantSettings(a *configs.Attendant) attendant.Settings {
	return attendant.Settings{
		Sounds: attendant.Sounds(a.Sounds), Language: a.Language,
		KeyTimeout: a.KeyTimeout.Duration, DigitTimeout: a.DigitTimeout.Duration, PromptLimit: promptLimit,
		Attempts: int(a.Attempts), MessageMax: a.Message.MaxDuration.Duration, MessageSilence: a.Message.MaxSilence.Duration,
		MessageFormat: "wav",
	}
}
