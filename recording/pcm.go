package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// sampler reads sound as 16-bit linear samples, the channels one after the
// other.
type sampler interface {
	// read fills samples from their beginning and returns how many there are.
	// It ends with io.EOF.
	read(samples []int16) (int, error)
}

// samplesOf returns the samples of what decode of this package knows how to
// read: everything but GSM.
func samplesOf(r io.Reader, f Format) (sampler, error) {
	width := f.BitsPerSample / 8
	var decode func(b []byte) int16
	switch f.Encoding {
	case EncodingULaw:
		decode = func(b []byte) int16 { return uLawSamples[b[0]] }
	case EncodingALaw:
		decode = func(b []byte) int16 { return aLawSamples[b[0]] }
	case EncodingFloat:
		decode = decodeFloat
	case EncodingPCM:
		switch width {
		case 1:
			decode = func(b []byte) int16 { return int16(b[0])<<8 - math.MaxInt16 - 1 }
		default: // little-endian: the last two bytes are the highest
			decode = func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b[len(b)-2:])) }
		}
	default:
		return nil, fmt.Errorf("%w: %s", errUnsupported, f.Encoding)
	}
	return &decoder{r: r, width: width, decode: decode}, nil
}

func decodeFloat(b []byte) int16 {
	v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	if math.IsNaN(v) {
		return 0
	}
	return int16(max(-1, min(1, v)) * math.MaxInt16)
}

// decoder reads samples of a fixed width.
type decoder struct {
	r      io.Reader
	width  int
	decode func(b []byte) int16
	buf    []byte
}

func (d *decoder) read(samples []int16) (int, error) {
	if need := len(samples) * d.width; cap(d.buf) < need {
		d.buf = make([]byte, need)
	}
	n, err := io.ReadFull(d.r, d.buf[:len(samples)*d.width])
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF // what is left of a sample at the end is no sound
	}
	n /= d.width
	for i := range n {
		samples[i] = d.decode(d.buf[i*d.width : (i+1)*d.width])
	}
	return n, err
}

// errReading says that sound could not be read from where it lies.
var errReading = errors.New("read sound")

// blockSamples is how many samples are handled at once.
const blockSamples = 1 << 14

// drain hands all samples to f, in blocks that end with a sample of the last
// channel, and what is left of one dropped.
func drain(s sampler, channels int, f func(samples []int16) error) error {
	buf := make([]int16, blockSamples/channels*channels)
	for {
		n, err := s.read(buf)
		if n -= n % channels; n > 0 {
			if err := f(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errReading, err)
		}
	}
}
