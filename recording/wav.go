package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Encoding is how samples are written.
type Encoding string

// The encodings.
const (
	EncodingPCM   Encoding = "pcm"   // linear integers: 8 bits unsigned, more signed, little-endian
	EncodingFloat Encoding = "float" // IEEE 754 of 32 bits, -1 to 1
	EncodingULaw  Encoding = "ulaw"  // G.711 µ-law
	EncodingALaw  Encoding = "alaw"  // G.711 A-law
	EncodingGSM   Encoding = "gsm"   // GSM 06.10 full rate; in WAV the packing that Asterisk calls wav49
	EncodingOther Encoding = "other" // any other
)

// Format is what a file's header, or its suffix, says of its sound.
type Format struct {
	Encoding      Encoding
	SampleRate    int // Hz
	Channels      int
	BitsPerSample int // 0 for GSM
	// DataOffset is where the samples begin, in bytes, and DataSize how many
	// bytes of them the file has.
	DataOffset, DataSize int64
}

// FrameSize is the number of bytes of one sample of all channels; 0 where
// samples do not have a size of their own.
func (f Format) FrameSize() int { return f.Channels * f.BitsPerSample / 8 }

// lasting is how long so many samples of a channel are.
func lasting(samples int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(samples/r)*time.Second + time.Duration(samples%r)*time.Second/time.Duration(r)
}

// The errors of reading a header.
var (
	errNotAudio    = errors.New("not sound")
	errUnsupported = errors.New("sound in an unsupported format")
)

// header is what a file says of itself, and whether it is true.
type header struct {
	Format
	// declared is how many bytes of samples the header announces; -1 when it
	// does not know, because its writer has not come to the end.
	declared int64
	// clean says that the file can be handed to a browser as it is.
	clean bool
}

// complete reports whether the header was written when the sound had ended.
func (h *header) complete() bool { return h.declared == h.DataSize }

const (
	chunkHeader = 8
	// unknownSize is the least of what writers to a pipe put where they do not
	// know a size: 0x7ffff000, 0x7fffffff, 0xffffffff and the like.
	unknownSize = 0x7fff0000
	// maxChunks bounds the walk through a hostile file.
	maxChunks = 256

	minSampleRate, maxSampleRate = 2000, 192000
	maxChannels                  = 8
)

// parseWAV reads the header of a WAV file of some bytes. Chunks may come in
// any order, with or without padding. It returns errNotAudio for what is no
// WAV, and errUnsupported.
func parseWAV(r io.ReaderAt, size int64) (header, error) {
	var riff [12]byte
	if err := readAt(r, riff[:], 0, size); err != nil {
		return header{}, err
	}
	switch {
	case string(riff[:4]) == "RIFF" && string(riff[8:]) == "WAVE":
	case string(riff[:4]) == "RF64" && string(riff[8:]) == "WAVE":
		return header{}, fmt.Errorf("%w: RF64", errUnsupported)
	default:
		return header{}, fmt.Errorf("%w: no RIFF/WAVE header", errNotAudio)
	}
	w := wavReader{r: r, size: size}
	if err := w.walk(); err != nil {
		return header{}, err
	}
	h := w.header
	if h.declared > h.DataSize {
		return h, nil // truncated, or being written
	}
	riffSize := int64(binary.LittleEndian.Uint32(riff[4:]))
	h.clean = h.Encoding == EncodingPCM && h.BitsPerSample <= 16 && h.complete() && !w.disordered &&
		riffSize >= h.DataOffset+h.DataSize-chunkHeader && riffSize+chunkHeader <= size+1
	return h, nil
}

// wavReader walks the chunks of a file.
type wavReader struct {
	r    io.ReaderAt
	size int64
	header
	hasFormat, hasData bool
	// disordered says that the samples come before their format, which players
	// do not expect.
	disordered bool
}

func (w *wavReader) walk() error {
	at := int64(12)
	for range maxChunks {
		name, size, ok := w.chunk(at)
		if !ok {
			break
		}
		switch name {
		case "fmt ":
			if err := w.format(at+chunkHeader, size); err != nil {
				return err
			}
			w.hasFormat = true
		case "data":
			if !w.hasData {
				w.data(at+chunkHeader, size)
			}
		}
		if w.hasFormat && w.hasData {
			return nil
		}
		if size >= unknownSize {
			break
		}
		at = w.next(at + chunkHeader + size)
	}
	switch {
	case !w.hasFormat:
		return fmt.Errorf("%w: a WAV file without a format", errNotAudio)
	default:
		// Its writer has not come to the samples.
		w.declared, w.DataOffset, w.DataSize = -1, w.size, 0
		return nil
	}
}

// chunk returns name and size of the chunk at an offset.
func (w *wavReader) chunk(at int64) (name string, size int64, ok bool) {
	var head [chunkHeader]byte
	if at < 0 || readAt(w.r, head[:], at, w.size) != nil {
		return "", 0, false
	}
	for _, c := range head[:4] {
		if c < ' ' || c > '~' {
			return "", 0, false
		}
	}
	return string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:])), true
}

// next returns where the chunk after one that ends at an offset begins: at an
// even one, but some writers do not pad.
func (w *wavReader) next(end int64) int64 {
	if end%2 == 0 {
		return end
	}
	if _, _, ok := w.chunk(end + 1); !ok {
		if _, _, ok := w.chunk(end); ok {
			return end
		}
	}
	return end + 1
}

// data takes in where the samples are.
func (w *wavReader) data(offset, size int64) {
	w.hasData, w.disordered = true, !w.hasFormat
	w.DataOffset = offset
	rest := max(0, w.size-offset)
	switch {
	case size >= unknownSize && size > rest || size == 0 && rest > 0 && !w.onlyChunks(offset):
		w.declared, w.DataSize = -1, rest
	default:
		w.declared, w.DataSize = size, min(size, rest)
	}
}

// onlyChunks reports whether from an offset on the file has other chunks, up
// to its end, and so no samples.
func (w *wavReader) onlyChunks(at int64) bool {
	for range maxChunks {
		if at == w.size || at == w.size+1 {
			return true
		}
		_, size, ok := w.chunk(at)
		if !ok || size >= unknownSize {
			return false
		}
		at = w.next(at + chunkHeader + size)
	}
	return false
}

// The tags of the format chunk.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagALaw       = 6
	tagULaw       = 7
	tagGSM        = 0x31
	tagExtensible = 0xfffe
)

// format takes in the format chunk.
func (w *wavReader) format(offset, size int64) error {
	const short, extensible = 16, 26 // up to the tag within the extension
	if size < short {
		return fmt.Errorf("%w: the format chunk has %d bytes", errNotAudio, size)
	}
	body := make([]byte, min(size, extensible))
	if err := readAt(w.r, body, offset, w.size); err != nil {
		return err
	}
	tag := binary.LittleEndian.Uint16(body)
	if tag == tagExtensible && len(body) == extensible {
		tag = binary.LittleEndian.Uint16(body[24:])
	}
	w.Channels = int(binary.LittleEndian.Uint16(body[2:]))
	rate := binary.LittleEndian.Uint32(body[4:])
	w.BitsPerSample = int(binary.LittleEndian.Uint16(body[14:]))
	if w.Channels < 1 || rate == 0 {
		return fmt.Errorf("%w: %d channels at %d Hz", errNotAudio, w.Channels, rate)
	}
	if w.Channels > maxChannels || rate < minSampleRate || rate > maxSampleRate {
		return fmt.Errorf("%w: %d channels at %d Hz", errUnsupported, w.Channels, rate)
	}
	w.SampleRate = int(rate)
	bits := w.BitsPerSample
	switch {
	case tag == tagPCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32):
		w.Encoding = EncodingPCM
	case tag == tagFloat && bits == 32:
		w.Encoding = EncodingFloat
	case tag == tagALaw && bits == 8:
		w.Encoding = EncodingALaw
	case tag == tagULaw && bits == 8:
		w.Encoding = EncodingULaw
	case tag == tagGSM:
		w.Encoding, w.BitsPerSample = EncodingGSM, 0
	default:
		return fmt.Errorf("%w: WAV format %#x with %d bits", errUnsupported, tag, bits)
	}
	return nil
}

// readAt reads all of b, which must be within the file.
func readAt(r io.ReaderAt, b []byte, at, size int64) error {
	if at+int64(len(b)) > size {
		return fmt.Errorf("%w: it ends within its header", errNotAudio)
	}
	if n, err := r.ReadAt(b, at); n < len(b) {
		return fmt.Errorf("read header: %w", err)
	}
	return nil
}

// wavHeaderSize is the size of the headers that wavHeader makes.
const wavHeaderSize = 44

// maxWAVData bounds the samples of a WAV file: its sizes are of 32 bits.
const maxWAVData = math.MaxUint32 - wavHeaderSize

// wavHeader is the header of a file with 16-bit samples.
func wavHeader(rate, channels int, dataSize int64) []byte {
	const bits = 16
	frame := channels * bits / 8
	b := make([]byte, 0, wavHeaderSize)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(dataSize+wavHeaderSize-chunkHeader)) //nolint:gosec // callers keep to maxWAVData
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, tagPCM)
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*frame))
	b = binary.LittleEndian.AppendUint16(b, uint16(frame))
	b = binary.LittleEndian.AppendUint16(b, bits)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, uint32(dataSize)) //nolint:gosec // see above
}
