package callcenter_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"callbackd/ari"
	"callbackd/callcenter"
)

// BenchmarkStream measures how fast the recorded streams become calls:
//
//	naive    what one would write first, and only the reading: encoding/json,
//	         the type first and then the whole event
//	look     the look at the raw bytes that tells what is wanted
//	decode   look, and decoding of what is wanted
//	calls    all of it: look, decode, apply, hand out
func BenchmarkStream(b *testing.B) {
	// One tracker for many calls, as in life; but few enough that the frames stay
	// in the cache, where frames are that have just been received: the same streams
	// again and again as distinct calls.
	const copies = 6
	var frames [][]byte
	size := int64(0)
	recorded := traces(b, true)
	for i := range copies {
		for _, tr := range recorded {
			for _, f := range tr.frames {
				f = bytes.ReplaceAll(f, []byte("pbx1-1795405"), fmt.Appendf(nil, "pbx1-1%06d", i))
				frames = append(frames, f)
				size += int64(len(f))
			}
		}
	}
	filter := ari.NewFilter(callcenter.Events, callcenter.Variables)
	var (
		ev      ari.Event
		tracker *callcenter.Tracker
		calls   []callcenter.Call
		read    int
		ended   int
	)
	handOut := func() {
		calls = tracker.Changed(calls[:0])
		for i := range calls {
			if calls[i].State == callcenter.StateEnded {
				ended++
			}
		}
	}
	decode := func(frame []byte) (bool, error) {
		_, wanted, err := filter.Look(frame)
		if err != nil || !wanted {
			return false, err
		}
		return true, ari.Decode(string(frame), &ev)
	}
	for _, way := range []struct {
		name  string
		begin func()
		read  func(frame []byte) error
		end   func()
	}{
		{"naive", nil, readNaively, nil},
		{"look", nil, func(frame []byte) error { _, _, err := filter.Look(frame); return err }, nil},
		{"decode", nil, func(frame []byte) error { _, err := decode(frame); return err }, nil},
		{
			"calls",
			func() { tracker, read, ended = newTracker(b, tracePlan()), 0, 0 },
			func(frame []byte) error {
				wanted, err := decode(frame)
				if wanted && err == nil {
					tracker.Apply(&ev)
				}
				if read++; read%100 == 0 { // about as often as the follower does
					handOut()
				}
				return err
			},
			func() {
				if handOut(); ended != copies*len(recorded) {
					b.Fatalf("%d calls ended, want %d", ended, copies*len(recorded))
				}
			},
		},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(size)
			events := 0
			for b.Loop() {
				if way.begin != nil {
					way.begin()
				}
				for _, f := range frames {
					if err := way.read(f); err != nil {
						b.Fatal(err)
					}
				}
				if way.end != nil {
					way.end()
				}
				events += len(frames)
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(events), "ns/event")
		})
	}
}

// readNaively decodes the type first and then the whole event.
func readNaively(frame []byte) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(frame, &kind); err != nil {
		return err
	}
	type party struct {
		Name   string `json:"name"`
		Number string `json:"number"`
	}
	type channel struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		State       string `json:"state"`
		Caller      party  `json:"caller"`
		Connected   party  `json:"connected"`
		AccountCode string `json:"accountcode"`
		Dialplan    struct {
			Context string `json:"context"`
			Exten   string `json:"exten"`
			AppName string `json:"app_name"`
			AppData string `json:"app_data"`
		} `json:"dialplan"`
		CreationTime string            `json:"creationtime"`
		Vars         map[string]string `json:"channelvars"`
	}
	var ev struct {
		Type            string   `json:"type"`
		Timestamp       string   `json:"timestamp"`
		Channel         *channel `json:"channel"`
		Caller          *channel `json:"caller"`
		Peer            *channel `json:"peer"`
		Variable        string   `json:"variable"`
		Value           string   `json:"value"`
		DialplanApp     string   `json:"dialplan_app"`
		DialplanAppData string   `json:"dialplan_app_data"`
		DialStatus      string   `json:"dialstatus"`
		DialString      string   `json:"dialstring"`
		Bridge          *struct {
			ID       string   `json:"id"`
			Class    string   `json:"bridge_class"`
			Channels []string `json:"channels"`
		} `json:"bridge"`
	}
	return json.Unmarshal(frame, &ev)
}
