// Package journal keeps every raw event of a stream for a while, so that it can
// be looked at afterwards what was known when.
//
// A [Journal] is a stream's recorder:
//
//	j, err := journal.New(journal.Options{Folder: folder, MaxBytes: 1 << 30, MaxAge: 7 * 24 * time.Hour})
//	go j.Run(ctx)
//	stream, err := ari.NewStream(ari.StreamOptions{…, Recorder: j})
//
// and [Read] reads what it wrote:
//
//	for entry, err := range journal.Read(folder, time.Time{}, time.Time{}) {
//		// entry.Raw is an event, or entry.Gap a time of which not all is there
//	}
//
// # What is on disk
//
// A journal is a folder of pieces, one zstd stream each, whose names begin with
// when they were begun, and whose lines are the events as Asterisk sent them.
// Between them are marks of the journal's own, events too, whose types begin
// with "Journal": JournalPiece at a piece's beginning, JournalConnected and
// JournalLost, JournalDropped for events that came and were not kept, and
// JournalFlushed, which says until when the lines above are complete. So
// `zstd -dc *.zst` makes a trace that everything reads which reads traces.
//
// Files can be read by their owner only: events hold telephone numbers.
//
// # Guarantees
//
//   - The stream never waits. Its events are copied into memory, and written by
//     another goroutine; where that does not keep up, because the disk is slow,
//     full or gone, events are dropped, counted, and marked as dropped.
//   - What was written a second before a kill can be read: a piece that breaks
//     off is read up to there, and nothing is ever appended to a piece that
//     another process began.
//   - Pieces stay below MaxBytes together, and none is older than MaxAge; the
//     oldest go first. Files with other names are never touched.
//   - A reader is told of each time of which events may be missing, and why.
package journal
