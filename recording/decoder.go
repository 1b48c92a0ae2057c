package recording

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// programTimeout bounds the decoding of one recording by a program. An hour
	// of GSM takes them a second.
	programTimeout = 2 * time.Minute
	// programPatience is how long a program may take to end that was killed, or
	// whose input was closed.
	programPatience = 5 * time.Second
	gsmRate         = 8000
)

// Decoder decodes GSM 06.10 by a program of the machine, sox or ffmpeg. Sound
// goes in and comes out by pipes: no name that the PBX chose is ever one of
// the program's arguments. The zero value decodes nothing.
type Decoder struct {
	path string
	// arguments are for input that is GSM frames, or the same in WAV.
	arguments func(inWAV bool) []string
}

// decoders are the programs that are looked for, in this order.
var decoders = []struct {
	name      string
	arguments func(inWAV bool) []string
}{
	{"sox", func(inWAV bool) []string {
		format := "gsm"
		if inWAV {
			format = "wav"
		}
		return []string{
			"-V1", "--ignore-length", "-t", format, "-",
			"-t", "raw", "-e", "signed-integer", "-b", "16", "-L", "-r", "8000", "-c", "1", "-",
		}
	}},
	{"ffmpeg", func(inWAV bool) []string {
		format := "gsm"
		if inWAV {
			format = "wav"
		}
		return []string{
			"-hide_banner", "-nostats", "-loglevel", "error", "-protocol_whitelist", "pipe", "-f", format, "-i", "pipe:0",
			"-f", "s16le", "-ar", "8000", "-ac", "1", "pipe:1",
		}
	}},
}

// DecoderNames are the programs that FindDecoder looks for.
func DecoderNames() []string {
	names := make([]string, len(decoders))
	for i, d := range decoders {
		names[i] = d.name
	}
	return names
}

// FindDecoder returns what decodes GSM on this machine. look finds a program by
// its name, as exec.LookPath does.
func FindDecoder(look func(name string) (path string, err error)) Decoder {
	for _, d := range decoders {
		if path, err := look(d.name); err == nil {
			return Decoder{path: path, arguments: d.arguments}
		}
	}
	return Decoder{}
}

// Path is that of the program; empty for none.
func (d Decoder) Path() string { return d.path }

// Collector shows whether there is a program: without one, recordings in GSM
// are missing as CauseUnsupported.
func (d Decoder) Collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "callbackd_recording_gsm_decodable",
		Help: "1 when a program that decodes GSM was found at the start, else 0.",
	}, func() float64 {
		if d.path == "" {
			return 0
		}
		return 1
	})
}

// errNoDecoder says that a program is missing.
var errNoDecoder = fmt.Errorf("%w: GSM needs sox or ffmpeg, and neither was found", errUnsupported)

// decode hands the samples of a file to f. Sound of which nothing can be
// decoded is errUnsupported.
func (d Decoder) decode(ctx context.Context, file io.Reader, inWAV bool, f func(samples []int16) error) (err error) {
	if d.path == "" {
		return errNoDecoder
	}
	ctx, cancel := context.WithTimeoutCause(ctx, programTimeout, fmt.Errorf("longer than %s", programTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, d.path, d.arguments(inWAV)...) //nolint:gosec // fixed arguments, see decoders
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Dir = "/"
	cmd.Stdin = file
	cmd.WaitDelay = programPatience
	problem := &complaint{}
	cmd.Stderr = problem
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("decode GSM: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("decode GSM: %w", err)
	}
	samples, err := samplesOf(out, Format{Encoding: EncodingPCM, BitsPerSample: 16, SampleRate: gsmRate, Channels: 1})
	if err == nil {
		err = drain(samples, 1, f)
	}
	if err != nil {
		cancel() // or Wait would wait for who waits for us to read
		return errors.Join(err, ignoreKilled(cmd.Wait()))
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil {
		return fmt.Errorf("%w: %s: %w: %s", errUnsupported, d.path, exit, problem)
	}
	if err != nil {
		return fmt.Errorf("decode GSM: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// ignoreKilled is nil for the end of a program that was killed.
func ignoreKilled(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// complaint keeps the beginning of what a program complains of, on one line.
type complaint struct{ text bytes.Buffer }

// Write implements io.Writer.
func (t *complaint) Write(b []byte) (int, error) {
	const enough = 400
	if rest := enough - t.text.Len(); rest > 0 {
		t.text.Write(b[:min(len(b), rest)])
	}
	return len(b), nil
}

// String returns it.
func (t *complaint) String() string { return strings.Join(strings.Fields(t.text.String()), " ") }
