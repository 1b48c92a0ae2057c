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
package recording
