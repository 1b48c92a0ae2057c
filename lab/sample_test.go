package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChange(t *testing.T) {
	t.Parallel()
	const text = "[one](!)\nkey = a ; b\n;off = x\n[two]\nkey => c\n"
	for name, test := range map[string]struct {
		setting setting
		want    string // "" for an error
	}{
		"value":           {setting{"f", "one", "key", "new"}, "[one](!)\nkey = new\n;off = x\n[two]\nkey => c\n"},
		"right section":   {setting{"f", "two", "key", "new"}, "[one](!)\nkey = a ; b\n;off = x\n[two]\nkey => new\n"},
		"commented":       {setting{"f", "one", "off", "on"}, "[one](!)\nkey = a ; b\noff = on\n[two]\nkey => c\n"},
		"switched off":    {setting{"f", "two", "key", ""}, "[one](!)\nkey = a ; b\n;off = x\n[two]\n;key => c\n"},
		"unknown key":     {setting{"f", "two", "off", "on"}, ""},
		"unknown section": {setting{"f", "three", "key", "on"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := change(text, test.setting)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if (err != nil) != (test.want == "") {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestMuLaw(t *testing.T) {
	t.Parallel()
	// From the tables of G.711: silence, the loudest, and both signs.
	for sample, want := range map[int16]byte{0: 0xff, 32767: 0x80, -32768: 0x00, 1000: 0xce, -1000: 0x4e} {
		if got := muLaw(sample); got != want {
			t.Errorf("sample %d: got %#x, want %#x", sample, got, want)
		}
	}
}
