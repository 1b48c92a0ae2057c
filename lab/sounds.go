package lab

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// prompts are the sounds of the automated attendant, by the names of the
// published configuration. Each is a tone of its own, by which a test hears
// what is being said, in place of the speech that make-sounds.sh makes.
var prompts = []string{
	"welcome", "your-number", "confirm", "enter", "invalid", "leave-message",
	"registered", "added", "cancelled", "no-number", "failed", "offer",
}

// Prompts are the names of the sounds of the automated attendant.
func Prompts() []string { return slices.Clone(prompts) }

// Prompt returns the frequency in Hz of the tone that stands for a sound of
// the automated attendant, such as "welcome"; 0 for one that there is not.
func Prompt(name string) float64 {
	for i, prompt := range prompts {
		if prompt == name {
			return 1000 + 150*float64(i)
		}
	}
	return 0
}

// writeSounds makes the folder of Asterisk's data: the program's own, which
// all instances share, and in it sounds/callbackd.
func (a *Asterisk) writeSounds(dir string) error {
	if err := link(a.program.data, dir, "sounds"); err != nil {
		return err
	}
	sounds := filepath.Join(dir, "sounds")
	if err := link(filepath.Join(a.program.data, "sounds"), sounds, "callbackd"); err != nil {
		return err
	}
	ours := filepath.Join(sounds, "callbackd")
	if err := os.MkdirAll(ours, 0o700); err != nil {
		return err
	}
	for _, name := range prompts {
		if err := writeTone(filepath.Join(ours, name+".ulaw"), Prompt(name)); err != nil {
			return err
		}
	}
	return nil
}

// link makes a folder with all that another has, except for one name.
func link(from, to, except string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("look for the data of Asterisk: %w", err)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == except {
			continue
		}
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// writeTone writes a second of a tone.
func writeTone(path string, hertz float64) error {
	const rate = 8000
	sound := make([]byte, rate)
	for i := range sound {
		sound[i] = muLaw(int16(8000 * math.Sin(2*math.Pi*hertz*float64(i)/rate)))
	}
	return os.WriteFile(path, sound, 0o600)
}
