package recording

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shelves makes a folder with a library in it, and beside it what nobody may
// read.
func shelves(t testing.TB) Place {
	t.Helper()
	outer := t.TempDir()
	inner := filepath.Join(outer, "library")
	for _, dir := range []string{"library/2026/通話", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(outer, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"library/a.wav": "ours", "library/2026/通話/録音 1.wav": "ours", "library/-e rm.wav": "ours", "secret": "secret", "elsewhere/b.wav": "secret",
	} {
		if err := os.WriteFile(filepath.Join(outer, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"out.wav": "../secret", "absolute.wav": filepath.Join(outer, "secret"), "folder": "../elsewhere", "up": "..",
		"2026/deep.wav": "../../secret", "loop.wav": "loop.wav", "within.wav": "2026/通話/録音 1.wav", "gone.wav": "nothing",
	} {
		if err := os.Symlink(target, filepath.Join(inner, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(inner, "pipe.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Place{Shelf: NewDirectory(inner), OnPBX: "/var/spool/asterisk/recording"}
}

// Nothing outside of the library is opened, whatever its name.
func TestLibrary_Paths(t *testing.T) {
	t.Parallel()
	library := NewLibrary(map[string]Place{"pbx1": shelves(t), "none": {}}, nil)
	const spool = "/var/spool/asterisk/recording/"
	tests := []struct {
		name string
		want Cause // empty when it can be opened
	}{
		{"a.wav", ""},
		{spool + "a.wav", ""},
		{"/var/spool//asterisk/./recording///a.wav", ""},
		{spool + "2026/通話/録音 1.wav", ""},
		{"-e rm.wav", ""},
		{"within.wav", ""},

		{"b.wav", CauseAbsent},
		{spool + "nothing/a.wav", CauseAbsent},
		{"a.wav/b.wav", CauseAbsent},
		{"gone.wav", CauseAbsent},
		{strings.Repeat("x", 300) + ".wav", CauseAbsent},
		{"A.WAV", CauseAbsent},
		{"ａ.wav", CauseAbsent}, // wide, not folded

		{"../secret", CauseOutside},
		{spool + "../recording/a.wav", CauseOutside},
		{spool + "../../../../etc/passwd", CauseOutside},
		{"/etc/passwd", CauseOutside},
		{"/var/spool/asterisk/recording", CauseOutside},
		{"/var/spool/asterisk/recording-old/a.wav", CauseOutside},
		{"2026/../../secret", CauseOutside},
		{"out.wav", CauseOutside},
		{"absolute.wav", CauseOutside},
		{"folder/b.wav", CauseOutside},
		{"up/secret", CauseOutside},
		{"2026/deep.wav", CauseOutside},
		{"", CauseOutside},
		{".", CauseOutside},
		{"a\x00.wav", CauseOutside},
		{"\xff.wav", CauseOutside},

		{"loop.wav", CauseUnreadable},
		{"pipe.wav", CauseNotAudio},
		{"2026", CauseNotAudio},
	}
	for _, test := range tests {
		sound, err := library.original(t.Context(), Recording{Node: "pbx1", Name: test.name})
		if test.want != "" {
			if err == nil || causeOf(err) != test.want {
				t.Errorf("%q: %v, want %s", test.name, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.name, err)
			continue
		}
		if got := contents(t, sound); got != "ours" {
			t.Errorf("%q: %q", test.name, got)
		}
	}
	for _, node := range []string{"none", "pbx2"} {
		if _, err := library.original(t.Context(), Recording{Node: node, Name: "a.wav"}); causeOf(err) != CauseOutside {
			t.Errorf("node %s: %v, want out_of_reach", node, err)
		}
	}
}

func contents(t testing.TB, sound Sound) string {
	t.Helper()
	data, err := io.ReadAll(io.NewSectionReader(sound, 0, sound.Size()))
	if err := errors.Join(err, sound.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// FuzzName checks that no name opens what lies outside.
func FuzzName(f *testing.F) {
	for _, name := range []string{
		"a.wav", "../secret", "/var/spool/asterisk/recording/../../secret", "up/secret", "./up/../up/secret", "folder/../../secret",
		"2026/deep.wav", "a.wav\x00", "…/secret", "..\\secret", "%2e%2e/secret", "./../secret", "//..//secret", "within.wav",
	} {
		f.Add(name)
	}
	library := NewLibrary(map[string]Place{"pbx1": shelves(f)}, nil)
	f.Fuzz(func(t *testing.T, name string) {
		sound, err := library.original(t.Context(), Recording{Node: "pbx1", Name: name})
		if err != nil {
			return
		}
		if got := contents(t, sound); got != "ours" {
			t.Errorf("%q gives %q", name, got)
		}
	})
}

func TestDirectory_Walk(t *testing.T) {
	t.Parallel()
	place := shelves(t)
	got := map[string]int64{}
	err := place.Shelf.Walk(t.Context(), func(name string, info FileInfo) error {
		got[name] = info.Size
		return nil
	})
	want := map[string]int64{"a.wav": 4, "2026/通話/録音 1.wav": 4, "-e rm.wav": 4}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Walk: %v (-want +got):\n%s", err, diff)
	}
	ended := errors.New("enough")
	if err := place.Shelf.Walk(t.Context(), func(string, FileInfo) error { return ended }); !errors.Is(err, ended) {
		t.Errorf("Walk that is ended: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := place.Shelf.Walk(ctx, func(string, FileInfo) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk that is cancelled: %v", err)
	}
}

func TestDirectory_Remove(t *testing.T) {
	t.Parallel()
	place := shelves(t)
	for _, name := range []string{"a.wav", "a.wav", "nothing/a.wav", "out.wav"} {
		if err := place.Shelf.Remove(t.Context(), name); err != nil {
			t.Errorf("Remove %s: %v", name, err)
		}
	}
	if _, err := place.Shelf.Open(t.Context(), "a.wav"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of what was removed: %v", err)
	}
	if err := place.Shelf.Remove(t.Context(), "up/secret"); !errors.Is(err, errOutOfReach) {
		t.Errorf("Remove outside: %v", err)
	}
	away := NewDirectory(filepath.Join(t.TempDir(), "nothing"))
	_, openErr := away.Open(t.Context(), "a.wav")
	removeErr := away.Remove(t.Context(), "a.wav")
	walkErr := away.Walk(t.Context(), func(string, FileInfo) error { return nil })
	for _, err := range []error{openErr, removeErr, walkErr} {
		if err == nil || causeOf(err) != CauseUnreadable {
			t.Errorf("a library that is away: %v, want unreadable", err)
		}
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	copies := NewCopies(dir)
	if _, err := copies.open(1234567); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: %v", err)
	}
	broken := errors.New("broken")
	err := copies.write(1234567, func(file *os.File) error {
		_, err := file.WriteString("half")
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("write that fails: %v", err)
	}
	for range 2 {
		if err := copies.write(1234567, func(file *os.File) error {
			w, err := newWAVWriter(file, 8000, 1)
			if err != nil {
				return err
			}
			return errors.Join(w.write([]int16{1, -1}), w.header())
		}); err != nil {
			t.Fatal(err)
		}
	}
	sound, err := copies.open(1234567)
	if err != nil {
		t.Fatal(err)
	}
	want := riff(telephone, chunk("data", []byte{1, 0, 0xff, 0xff}))
	if got := contents(t, sound); got != string(want) {
		t.Errorf("copy = %x, want %x", got, want)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if diff := cmp.Diff([]string{filepath.Join(dir, "567", "1234567.wav")}, files); err != nil || diff != "" {
		t.Errorf("files: %v (-want +got):\n%s", err, diff)
	}
	if err := errors.Join(copies.remove(1234567), copies.remove(1234567)); err != nil {
		t.Error(err)
	}
	var none *Copies
	if _, err := none.open(1); !errors.Is(err, errUnsupported) {
		t.Errorf("open without a folder: %v", err)
	}
	if err := none.write(1, nil); !errors.Is(err, errUnsupported) {
		t.Errorf("write without a folder: %v", err)
	}
}

func TestLook_OtherFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       Cause
		encoding   Encoding
	}{
		{"a.wav", "", CauseEmpty, ""},
		{"a.wav", "<html>not found</html>", CauseNotAudio, ""},
		{"a.WAV", "OggS and so on", CauseUnsupported, ""},
		{"a.mp3", "ID3 and so on", CauseUnsupported, ""},
		{"a", "\xff\xfb\x90\x64", CauseUnsupported, ""},
		{"a.au", ".snd", CauseUnsupported, ""},
		{"a.g722", "anything", CauseNotAudio, ""},
		{"a.ulaw", "anything", "", EncodingULaw},
		{"a.ALAW", "anything", "", EncodingALaw},
		{"a.gsm", "anything", "", EncodingGSM},
		{"a.sln16", "anything", "", EncodingPCM},
		{"a.ulaw", string(riff(telephone, samples)), "", EncodingPCM},
	} {
		got, err := inspect(text{bytes.NewReader([]byte(test.text))}, test.name)
		if err != nil || got.cause != test.want || got.Encoding != test.encoding {
			t.Errorf("%s with %.8q: %+v, %v; want %q %q", test.name, test.text, got, err, test.want, test.encoding)
		}
	}
}

// text is a file in memory.
type text struct{ *bytes.Reader }

func (text) Close() error       { return nil }
func (text) ModTime() time.Time { return time.Time{} }
