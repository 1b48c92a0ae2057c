package lab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"callbackd/lab"
	"callbackd/sip"
)

// The published script makes speech for all that the attendant says, as
// telephones take it.
func TestMakeSounds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "sh", "../configs/asterisk/make-sounds.sh", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("make-sounds.sh: %v\n%s", err, out)
	}
	names := []string{"digits/0", "digits/1", "digits/2", "digits/3", "digits/4", "digits/5", "digits/6", "digits/7", "digits/8", "digits/9"}
	for _, prompt := range lab.Prompts() {
		names = append(names, "callbackd/"+prompt)
	}
	for _, name := range names {
		file, err := os.Open(filepath.Join(dir, "ja", name+".wav"))
		if err != nil {
			t.Error(err)
			continue
		}
		clip, err := sip.ReadWAV(file) // 8 kHz, one channel, or an error
		if err != nil || clip.Duration() < 300*time.Millisecond || clip.Duration() > 20*time.Second {
			t.Errorf("%s: %v of sound, %v", name, clip.Duration(), err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}
