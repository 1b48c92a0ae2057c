package doctor

import (
	"context"
	"errors"
	"fmt"

	"callbackd/ari/journal"
	"callbackd/configs"
	"callbackd/recording"
)

// CheckStores reports which tables of channel events cannot be read as repairs
// read them, and in which folders no journal can be kept. It asks no PBX.
func (s *Site) CheckStores(ctx context.Context) error {
	var faults []error
	each := func(check func(node *configs.PBX) error) {
		for i := range s.Config.PBX {
			node := &s.Config.PBX[i]
			if err := check(node); err != nil {
				faults = append(faults, fmt.Errorf("pbx %q: %w", node.Name, err))
			}
		}
	}
	each(func(node *configs.PBX) error { return s.checkEventLog(ctx, node) })
	each(checkJournal)
	return errors.Join(faults...)
}

// checkEventLog looks whether a node's channel event log can be read, if it
// keeps one.
func (s *Site) checkEventLog(ctx context.Context, node *configs.PBX) error {
	if !node.CEL.Enabled() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	log, err := s.EventLog(ctx, node)
	if err != nil {
		return err
	}
	defer log.Close()
	return log.Check(ctx)
}

// checkJournal looks whether a node's events can be kept, if they are to be.
func checkJournal(node *configs.PBX) error {
	if !node.Journal.Enabled() {
		return nil
	}
	return journal.Check(node.Journal.Folder(node.Name))
}

// errEnough ends a walk that has seen what it wanted to see.
var errEnough = errors.New("enough")

// checkLibrary looks whether a node's recordings can be listed, if there are
// any.
func (s *Site) checkLibrary(ctx context.Context, node *configs.PBX) error {
	if !node.Recordings.Configured() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	shelf, err := s.Shelf(node)
	if err != nil {
		return err
	}
	err = shelf.Walk(ctx, func(string, recording.FileInfo) error { return errEnough })
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// judgeStores says what is wrong with what the node leaves on disks and in
// databases.
func judgeStores(e *examined, f *nodeFacts) {
	switch {
	case !f.node.CEL.Enabled():
		e.add(Warning, "cel.database of the node; configs/asterisk has cel.conf, cel_pgsql.conf and cel.sql",
			"no channel event log: what happens while callbackd is down stays unknown")
	case f.eventLog != nil:
		e.add(Fault, accessChange(f.eventLog, "cel.database", "cel of the node, or what the error says"), "%s", f.eventLog)
	case f.err == nil && !f.cel:
		e.add(Fault, "load = cel_pgsql.so in modules.conf, and cel_pgsql.conf", "Asterisk does not run cel_pgsql.so: nothing is written to the channel event log")
	default:
		e.add(Good, "", "the channel event log can be read")
	}
	switch {
	case !f.node.Recordings.Configured():
		e.add(Warning, "recordings of the node", "no recordings are configured: none can be played")
	case f.library != nil:
		e.add(Fault, "recordings of the node, and the rights of callbackd's user", "recordings cannot be read: %s", f.library)
	default:
		e.add(Good, "", "recordings can be listed")
	}
	if f.journal != nil {
		e.add(Fault, "journal of the node, and the rights of callbackd's user", "%s", f.journal)
	}
}
