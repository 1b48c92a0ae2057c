package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"time"

	"callbackd/ari"
	"callbackd/configs"
	"callbackd/postgres"
	"callbackd/recording"
)

const (
	// sweepEvery is how often the files of a node are compared with what is
	// stored.
	sweepEvery = time.Hour
	// retireEvery is how often recordings expire: a day more or less does not
	// matter to anybody, but the work is then done in small pieces.
	retireEvery = time.Hour
)

// openRecordings wires what finds, keeps and opens recordings.
func (d *daemon) openRecordings() error {
	places := make(map[string]recording.Place, len(d.cfg.PBX))
	for i := range d.cfg.PBX {
		node := &d.cfg.PBX[i]
		shelf, err := newShelf(node)
		if err != nil {
			return fmt.Errorf("pbx %q: %w", node.Name, err)
		}
		places[node.Name] = recording.Place{
			Shelf: shelf, OnPBX: node.Recordings.OnPBX(), Purge: node.Recordings.Purge,
		}
	}
	var copies *recording.Copies
	if path := d.cfg.Recordings.Copies; path != "" {
		copies = recording.NewCopies(path)
	}
	d.library = recording.NewLibrary(places, copies)
	decoder := recording.FindDecoder(exec.LookPath)
	if decoder.Path() == "" {
		d.log.Warn("recordings in GSM cannot be played: neither sox nor ffmpeg is installed")
	}
	d.registry.MustRegister(decoder.Collector())
	nodes := d.nodeNames()
	keeper := recording.NewKeeper(recording.KeeperOptions{
		Store: d.db.Recordings(), Library: d.library, Decoder: decoder, KeepDays: d.keepDays,
		Log: d.log, Metrics: recording.NewMetrics(d.registry, nodes...),
	})
	d.stock = recording.NewCollector(d.db.Recordings(), nodes)
	d.registry.MustRegister(d.stock)
	var err error
	d.jobs, err = d.db.NewJobs(postgres.JobOptions{
		Nodes: nodes, Recordings: keeper, Webhooks: deliveries{d}, SweepEvery: sweepEvery, RetireEvery: retireEvery, Log: d.log,
	})
	return err
}

// newShelf returns where the recordings of a node lie; nil for nowhere.
func newShelf(node *configs.PBX) (recording.Shelf, error) {
	switch l := node.Recordings; {
	case l.Directory != "":
		return recording.NewDirectory(l.Directory), nil
	case l.S3.Configured():
		return recording.NewBucket(recording.BucketOptions{
			Endpoint: l.S3.Endpoint, Bucket: l.S3.Bucket, Prefix: l.S3.Prefix, Region: l.S3.Region,
			AccessKey: l.S3.AccessKey, SecretKey: l.S3.SecretKey.Reveal(),
		})
	case l.ARI:
		client, err := newClient(node)
		if err != nil {
			return nil, err
		}
		return recording.NewRemote(client), nil
	default:
		return nil, nil //nolint:nilnil // as said
	}
}

// newClient returns a client of a node's REST interface.
func newClient(node *configs.PBX) (*ari.Client, error) {
	return newClientAs(node, node.ARI.Application)
}

// newClientAs is newClient with another application's name.
func newClientAs(node *configs.PBX, application string) (*ari.Client, error) {
	return ari.NewClient(ari.ClientOptions{
		URL: node.ARI.URL, Username: node.ARI.Username, Password: node.ARI.Password.Reveal(),
		Application: application,
	})
}

// keepDays are the days that call centers keep their recordings, by the
// configuration that was read last.
func (d *daemon) keepDays() map[string]int {
	days := map[string]int{}
	for _, c := range d.dialplan.Load().CallCenters {
		if n := int(c.Recordings.KeepDays); n > 0 {
			days[c.ID] = n
		}
	}
	return days
}

func (d *daemon) nodeNames() []string {
	names := make([]string, len(d.cfg.PBX))
	for i := range d.cfg.PBX {
		names[i] = d.cfg.PBX[i].Name
	}
	return names
}

// work does the work on recordings and webhooks until ctx ends. That calls are followed
// does not depend on it: when it cannot begin, it is tried again.
func (d *daemon) work(ctx context.Context) error {
	const pause = 5 * time.Second
	for {
		err := d.jobs.Run(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		d.log.Error("recordings are not looked for, and webhooks not sent", slog.Any("err", err), slog.Duration("retry_in", pause))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
