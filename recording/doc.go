// Package recording finds the recordings of calls, keeps them and has them
// played, never downloaded.
//
// # From a call to something to play
//
// A [Recording] begins as a name that the PBX tells: MixMonitor's file, or one
// that ARI records. It is expected then; several belong to a call, and more
// after a transfer. Once the call has ended its file is looked for until it is
// whole, or until it is clear why there will be none ([Cause]). What becomes
// ready has its duration and its [Waveform], and its bytes are a WAV file with
// PCM samples, which all browsers play.
//
// [Keeper.Ingest] does that, for one recording at a time; whoever hands out the
// work calls it again after the time that it returns. Where files lie is a
// [Shelf]: [Directory], [Bucket] or [Remote]. [Library] opens what is ready.
//
//	library := recording.NewLibrary(map[string]recording.Place{
//		"pbx1": {Shelf: recording.NewDirectory("/mnt/pbx1"), OnPBX: "/var/spool/asterisk/recording"},
//	}, recording.NewCopies("/var/lib/callbackd/recordings"))
//	keeper := recording.NewKeeper(recording.KeeperOptions{Store: store, Library: library, …})
//	again, err := keeper.Ingest(ctx, id)
//
// # What is promised
//
//   - Names come from the dialplan, and callers may have had a say in them. No
//     name leads out of a library, becomes an argument of a program, or names
//     a file that this package writes.
//   - A PCM WAV whose header tells the truth is played as it lies there. All
//     else is converted once, into [Copies]; nobody sees half a copy.
//   - Work that is cut off is taken up again where it was. Doing it twice does
//     no harm.
//   - From the moment that a recording expires ([Keeper.Retire]) it is not
//     opened any more, whether its files could be removed or not.
//
// # Testing against it
//
// Tests have files in a folder of their own, a store on a real PostgreSQL, and
// a clock; those in cmd/callbackd have phones talk on a real Asterisk.
package recording
