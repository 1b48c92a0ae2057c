package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callbackd/callcenter"
	"callbackd/lab"
	"callbackd/lab/labtest"
	"callbackd/recording"
	"callbackd/sip"
	"callbackd/sip/siptest"
)

// recordings waits until a call has so many recordings, all of them ready or
// missing, and returns them.
func (w *world) recordings(t *testing.T, requestID string, n int) []recording.Recording {
	t.Helper()
	var found []recording.Recording
	labtest.Eventually(t, 2*patience, func() (err error) {
		found, err = w.daemon.db.Recordings().ListByCall(t.Context(), callcenter.RequestID(requestID))
		if err != nil {
			return err
		}
		if len(found) != n {
			return fmt.Errorf("recordings %+v; want %d", found, n)
		}
		for _, r := range found {
			if r.State != recording.StateReady && r.State != recording.StateMissing {
				return fmt.Errorf("recording %d is %s", r.ID, r.State)
			}
		}
		return nil
	})
	return found
}

// sound opens a recording and returns its samples, of 16 bits at 8 kHz.
func (w *world) sound(t *testing.T, r recording.Recording) []float64 {
	t.Helper()
	sound, err := w.daemon.library.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	data, err := io.ReadAll(io.NewSectionReader(sound, 0, sound.Size()))
	if err != nil {
		t.Fatal(err)
	}
	if len(data) < 44 || string(data[:4]) != "RIFF" || string(data[36:40]) != "data" || int64(len(data)) != r.Size {
		t.Fatalf("recording %d has %d bytes, want %d that begin with a header", r.ID, len(data), r.Size)
	}
	samples := make([]float64, (len(data)-44)/2)
	for i := range samples {
		samples[i] = float64(int16(binary.LittleEndian.Uint16(data[44+2*i:])))
	}
	return samples
}

// share is the share of a frequency in the power of samples at 8 kHz, by
// Goertzel's algorithm.
func share(samples []float64, hertz float64) float64 {
	power, previous, before := 0.0, 0.0, 0.0
	coefficient := 2 * math.Cos(2*math.Pi*hertz/8000)
	for _, sample := range samples {
		power += sample * sample
		previous, before = sample+coefficient*previous-before, previous
	}
	if power == 0 {
		return 0
	}
	return 2 * (previous*previous + before*before - coefficient*previous*before) / (float64(len(samples)) * power)
}

// wantTones checks that in the best second of a recording each tone is heard,
// and nothing between them.
func (w *world) wantTones(t *testing.T, r recording.Recording, tones ...float64) {
	t.Helper()
	w.wantShares(t, r, 0.6/float64(len(tones)), tones...)
}

// wantShares is wantTones for another share than nearly all of the power.
func (w *world) wantShares(t *testing.T, r recording.Recording, least float64, tones ...float64) {
	t.Helper()
	const second = 8000
	samples := w.sound(t, r)
	best := 0.0
	var window []float64
	for at := 0; at+second <= len(samples); at += second / 4 {
		all := 1.0
		for _, tone := range tones {
			all = min(all, share(samples[at:at+second], tone))
		}
		if all >= best {
			best, window = all, samples[at:at+second]
		}
	}
	if window == nil {
		t.Fatalf("recording %d of %s is shorter than a second", r.ID, r.Duration)
	}
	if best < least {
		t.Errorf("recording %d: tones %v have a share of %.2f each at most, want %.2f", r.ID, tones, best, least)
	}
	if other := share(window, 600); other > 0.05 {
		t.Errorf("recording %d: 600 Hz, which nobody made, has a share of %.2f", r.ID, other)
	}
	if diff := (r.Duration - time.Duration(len(samples))*time.Second/second).Abs(); diff > time.Millisecond {
		t.Errorf("recording %d is said to last %s, and has %d samples", r.ID, r.Duration, len(samples))
	}
	waveform, err := w.daemon.db.Recordings().Waveform(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := int(math.Ceil(r.Duration.Seconds() * waveform.PeaksPerSecond)); waveform.PeaksPerSecond != 20 ||
		len(waveform.Peaks) != want || waveform.Duration != r.Duration {
		t.Errorf("recording %d of %s: %d peaks, %v a second, of %s", r.ID, r.Duration, len(waveform.Peaks), waveform.PeaksPerSecond, waveform.Duration)
	}
	loudest := float32(0)
	for _, peak := range waveform.Peaks {
		loudest = max(loudest, peak)
	}
	if loudest < 0.2 || loudest > 1 {
		t.Errorf("recording %d: the loudest peak is %.2f of a tone at a third of full scale", r.ID, loudest)
	}
}

// spoken waits until a phone has heard so much.
func spoken(t *testing.T, call *sip.Call, long time.Duration) {
	t.Helper()
	labtest.Eventually(t, patience, func() error {
		if heard := call.Heard().Audio; heard < long {
			return fmt.Errorf("heard %s, want %s", heard, long)
		}
		return nil
	})
}

// Phones talk on a real PBX, and what they said can be played.
func TestRecordings(t *testing.T) {
	t.Parallel()
	w := newStoppedWorld(t, lab.AsteriskOptions{})
	w.cfg.Listen.PlainCookies = true
	w.start(t)

	w.cli(t, "module load format_wav_gsm.so", "Loaded")
	for i, suffix := range recordedAs {
		w.cli(t, fmt.Sprintf("dialplan add extension 810%d,1,Answer() into call-centers", i), "added")
		w.cli(t, fmt.Sprintf("dialplan add extension 810%d,2,MixMonitor(${RECORDINGS}/${UNIQUEID}.%s) into call-centers", i, suffix), "added")
		w.cli(t, fmt.Sprintf("dialplan add extension 810%d,3,Wait(2) into call-centers", i), "added")
	}
	w.cli(t, "dialplan add extension 8200,1,Answer() into call-centers", "added")
	w.cli(t, "dialplan add extension 8200,2,Stasis(program) into call-centers", "added")
	outside := w.outside(t, sip.Behaviour{})
	s := &stage{world: w, trunk: outside}
	for _, test := range []struct {
		name string
		play func(*testing.T, *stage)
	}{
		{"of a call, and its callback", recordedCall},
		{"of a call that was transferred", recordedTransfer},
		{"in every format", recordedFormats},
		{"by ARI", recordedByARI},
		{"without sound", recordedSilence},
		{"and it plays in a browser", recordedAndPlayed},
		{"and nothing else gives it", nothingElseSounds},
	} {
		t.Run(test.name, func(t *testing.T) { test.play(t, s) })
	}
}

func recordedCall(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	spoken(t, agents, 2*time.Second)
	ends(t, call, agents)
	requestID := w.ended(t, 1)[0]["request_id"].(string)
	status, callback := w.world.call(t, http.MethodPost, "/calls/"+requestID+"/callback", nil)
	if status != http.StatusCreated {
		t.Fatalf("register: %d %v", status, callback)
	}
	r := w.recordings(t, requestID, 1)[0]
	if r.State != recording.StateReady || r.Kind != recording.KindCall || r.Converted || r.FoundAt == nil || r.ReadyAt == nil {
		t.Fatalf("recording = %+v, want it ready and not copied", r)
	}
	if r.Duration < 2*time.Second || r.Duration > patience {
		t.Errorf("it lasts %s, want two seconds and a little more", r.Duration)
	}
	w.wantTones(t, r, 500, 700)
	if _, got := w.world.call(t, http.MethodGet, fmt.Sprintf("/callbacks/%v", callback["id"]), nil); got["recording"] != "call" {
		t.Errorf("the callback's recording is %v, want call", got["recording"])
	}
	changes, err := w.daemon.feed.Changes(t.Context(), 0, 500)
	if err != nil {
		t.Fatal(err)
	}
	// The recording may have been ready before the callback was there.
	if last := changes[len(changes)-1]; string(last.RequestID) != requestID || last.At.Before(r.ReadyAt.Add(-time.Second)) {
		t.Errorf("the last change is %+v, want it to tell of the recording", last)
	}
}

func recordedTransfer(t *testing.T, w *stage) {
	call, agents := w.connected(t, "7001")
	colleague := w.agent(t, "2003", sip.Behaviour{})
	spoken(t, agents, 1500*time.Millisecond) // the names of the files have the second in them
	if err := agents.Transfer(siptest.Within(t), "7002"); err != nil {
		t.Fatal(err)
	}
	siptest.Over(t, agents)
	other := siptest.Arrives(t, colleague)
	siptest.Hears(t, other, 500)
	// Each of the other: the customer still has in the ear what the first agent
	// said last.
	spoken(t, call, call.Heard().Audio+1500*time.Millisecond)
	siptest.Hears(t, call, 700)
	spoken(t, other, other.Heard().Audio+1500*time.Millisecond)
	ends(t, call, other)
	requestID := w.ended(t, 1)[0]["request_id"].(string)
	recordings := w.recordings(t, requestID, 2)
	for _, r := range recordings {
		if r.State != recording.StateReady || r.Duration == 0 {
			t.Fatalf("recording %+v, want it ready", r)
		}
	}
	w.wantTones(t, recordings[0], 500, 700)
	// On a busy machine Asterisk's MixMonitor leaves out, after a transfer, what
	// it sends to the customer: the file is as Asterisk wrote it.
	w.wantShares(t, recordings[1], 0.3, 500)
}

// recordedAs are the suffixes that MixMonitor is given.
var recordedAs = []string{"wav", "ulaw", "alaw", "sln", "gsm", "WAV"}

func recordedFormats(t *testing.T, w *stage) {
	outside := w.outside(t, sip.Behaviour{})
	var calls []*sip.Call
	for i := range recordedAs {
		call := siptest.Dial(t, outside, fmt.Sprintf("810%d", i), sip.CallOptions{CallerNumber: customer})
		siptest.Talks(t, call)
		calls = append(calls, call)
	}
	for _, call := range calls {
		siptest.Over(t, call)
	}
	for _, call := range w.ended(t, len(recordedAs)) {
		r := w.recordings(t, call["request_id"].(string), 1)[0]
		if clean := strings.HasSuffix(r.Name, ".wav"); r.State != recording.StateReady || r.Converted == clean {
			t.Errorf("recording %+v, want it ready, and a copy of all but .wav", r)
			continue
		}
		w.wantTones(t, r, 500)
	}
}

func recordedByARI(t *testing.T, w *stage) {
	w.anotherProgram(t, "program") // callbackd itself would hand the caller back
	call := siptest.Dial(t, w.outside(t, sip.Behaviour{}), "8200", sip.CallOptions{CallerNumber: customer})
	siptest.Talks(t, call)
	in := w.channel(t, "PJSIP/trunk", func(c channel) bool { return c.Dialplan.App == "Stasis" })
	w.ari(t, http.MethodPost, "/channels/"+in.ID+"/record", url.Values{"name": {"ours/1"}, "format": {"wav"}}, nil)
	labtest.Eventually(t, patience, func() error {
		info, err := os.Stat(filepath.Join(w.pbx.Recordings, "ours", "1.wav"))
		if err == nil && info.Size() < 30_000 {
			err = fmt.Errorf("it has %d bytes", info.Size())
		}
		return err
	})
	siptest.Leave(t, call)
	r := w.recordings(t, w.ended(t, 1)[0]["request_id"].(string), 1)[0]
	if r.State != recording.StateReady || r.Name != "ours/1.wav" {
		t.Fatalf("recording = %+v", r)
	}
	w.wantTones(t, r, 500)

	// The same, where the files cannot be reached.
	client, err := newClient(&w.cfg.PBX[0])
	if err != nil {
		t.Fatal(err)
	}
	library := recording.NewLibrary(map[string]recording.Place{"pbx1": {Shelf: recording.NewRemote(client)}}, nil)
	fetched, err := library.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer fetched.Close()
	if fetched.Size() != r.Size {
		t.Errorf("fetched %d bytes, want %d", fetched.Size(), r.Size)
	}
	r.Name = "ours/2.wav"
	if _, err := library.Open(context.WithoutCancel(t.Context()), r); err == nil {
		t.Error("a recording was fetched that there is not")
	}
}

// A channel without sound leaves a file that is a header and nothing else.
func recordedSilence(t *testing.T, w *stage) {
	w.cli(t, "channel originate Local/8100@call-centers application Wait 1", "")
	requestID := w.ended(t, 1)[0]["request_id"].(string)
	files, err := filepath.Glob(filepath.Join(w.pbx.Recordings, "*.wav"))
	if err != nil {
		t.Fatal(err)
	}
	// It is only believed when it has stayed so for a while.
	long := time.Now().Add(-time.Hour)
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && info.Size() <= 44 {
			if err := os.Chtimes(name, long, long); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r := w.recordings(t, requestID, 1)[0]; r.State != recording.StateMissing || r.Cause != recording.CauseHeaderOnly {
		t.Errorf("recording = %+v, want it missing: header_only", r)
	}
}
