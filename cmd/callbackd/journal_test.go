package main

import (
	"path/filepath"
	"testing"

	"callbackd/configs"
)

// keepsJournal makes the daemon of a world keep all events, and returns where.
func (w *world) keepsJournal(t *testing.T) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "journal")
	w.cfg.PBX[0].Journal = configs.Journal{Directory: directory, KeepDays: 1, MaxSize: configs.MinSize}
	return directory
}
