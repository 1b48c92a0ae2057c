package recording

import (
	"errors"
	"io"
	"path"
	"strings"
)

// The rates of raw signed linear, by Asterisk's suffixes.
var slinRates = map[string]int{
	"sln": 8000, "raw": 8000, "sln8": 8000, "sln12": 12000, "sln16": 16000, "sln24": 24000, "sln32": 32000, "sln44": 44100,
	"sln48": 48000, "sln96": 96000, "sln192": 192000,
}

// rawFormat returns the format of a file without a header, by the suffixes
// that Asterisk gives.
func rawFormat(name string, size int64) (Format, bool) {
	suffix := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	f := Format{SampleRate: 8000, Channels: 1, BitsPerSample: 8, DataSize: size}
	switch suffix {
	case "ulaw", "ul", "mu", "ulw", "pcm":
		f.Encoding = EncodingULaw
	case "alaw", "al", "alw":
		f.Encoding = EncodingALaw
	case "gsm":
		f.Encoding, f.BitsPerSample = EncodingGSM, 0
	default:
		rate, ok := slinRates[suffix]
		if !ok {
			return Format{}, false
		}
		f.Encoding, f.SampleRate, f.BitsPerSample = EncodingPCM, rate, 16
	}
	return f, true
}

// look is what can be said of a file by looking at it once.
type look struct {
	header
	// raw says that there is no header, so nothing tells whether it is whole.
	raw bool
	// cause is why there is nothing to be played if the file stays like this;
	// empty when it is whole, as far as it can be seen.
	cause Cause
	// whole says that the file itself shows that nobody writes it any more.
	whole bool
	// why says more about the cause, for the log.
	why error
}

// inspect looks at a file of that name. An error means that it could not be
// read.
func inspect(file Sound, name string) (look, error) {
	size := file.Size()
	if size == 0 {
		return look{cause: CauseEmpty}, nil
	}
	h, err := parseWAV(file, size)
	switch {
	case err == nil:
		return wavLook(h), nil
	case errors.Is(err, errUnsupported):
		return look{cause: CauseUnsupported, why: err}, nil
	case !errors.Is(err, errNotAudio):
		return look{}, err
	}
	if format, ok := rawFormat(name, size); ok {
		return look{header: header{Format: format, declared: size}, raw: true}, nil
	}
	if isOtherSound(file, size) {
		return look{cause: CauseUnsupported, why: err}, nil
	}
	return look{cause: CauseNotAudio, why: err}, nil
}

// wavLook says how far a WAV file has come.
func wavLook(h header) look {
	l := look{header: h}
	switch {
	case h.DataSize == 0:
		// This is also what a file looks like that is written to soon.
		l.cause = CauseHeaderOnly
	case h.declared > h.DataSize:
		l.cause = CauseTruncated
	default:
		// Where the header never was completed, the PBX was killed: what it
		// has written can be played.
		l.whole = h.complete()
	}
	return l
}

// isOtherSound reports whether a file begins like sound that is not decoded
// here, which is worth another word than garbage.
func isOtherSound(r io.ReaderAt, size int64) bool {
	var head [4]byte
	if readAt(r, head[:], 0, size) != nil {
		return false
	}
	switch string(head[:]) {
	case "OggS", "fLaC", ".snd", "FORM", "caff", "wvpk", "#!AM":
		return true
	}
	return string(head[:3]) == "ID3" || head[0] == 0xff && head[1]&0xe0 == 0xe0
}
