package attendant

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func settings() *Settings {
	return &Settings{
		Sounds: Sounds{
			Welcome: "welcome", YourNumber: "your-number", Digits: "digits", Confirm: "confirm", Enter: "enter", Invalid: "invalid",
			LeaveMessage: "leave-message", Registered: "registered", Added: "added", Cancelled: "cancelled",
			NoNumber: "no-number", Failed: "failed",
		},
		KeyTimeout: 5 * time.Second, DigitTimeout: 4 * time.Second, PromptLimit: 30 * time.Second, Attempts: 3,
		MessageMax: time.Minute, MessageSilence: 5 * time.Second, MessageFormat: "wav",
	}
}

// script plays a dialogue and writes down what is done, in words.
type script struct {
	d     *dialogue
	lines []string
	// prompt and timer are those that were set last.
	prompt, timer int
	registrations int
	handedBack    int
}

func newScript(presented string, message bool) *script {
	s := &script{d: newDialogue(settings(), InRegion("JP"), presented, message)}
	s.note(s.d.start())
	return s
}

func (s *script) note(commands []any) {
	for _, command := range commands {
		switch c := command.(type) {
		case play:
			s.prompt = c.id
			s.lines = append(s.lines, "play "+strings.Join(c.sounds, " "))
		case hush:
			s.lines = append(s.lines, "hush")
		case wait:
			s.timer = c.id
		case register:
			s.registrations++
			s.lines = append(s.lines, "register "+c.contact)
		case record:
			s.lines = append(s.lines, "record")
		case endRecording:
			s.lines = append(s.lines, "end recording")
		case handBack:
			s.handedBack++
			s.lines = append(s.lines, "hand back "+string(c.status))
		default:
			panic(fmt.Sprintf("command %T", command))
		}
	}
}

// does feeds what happens, in words: a key, "played", "silence" (the timer),
// "recorded", "left", "resumed", "replaced", "stopped", or a status of the registration.
func (s *script) does(events ...string) {
	for _, event := range events {
		switch event {
		case "played":
			s.note(s.d.handle(played{s.prompt}))
		case "silence":
			s.note(s.d.handle(timeout{s.timer}))
		case "recorded":
			s.note(s.d.handle(recorded{}))
		case "left":
			s.note(s.d.handle(left{}))
		case "resumed":
			s.note(s.d.handle(resumed{}))
		case "replaced":
			s.note(s.d.handle(replaced{}))
		case "stopped":
			s.note(s.d.handle(stopped{}))
		case "REGISTERED", "ADDED", "FAILED":
			s.note(s.d.handle(settled{Status(event)}))
		default:
			for _, digit := range event {
				s.note(s.d.handle(key{string(digit)}))
			}
		}
	}
}

func TestDialogue(t *testing.T) {
	t.Parallel()
	const (
		readOut = "your-number digits/0 digits/3 digits/1 digits/2 digits/3 digits/4 digits/5 digits/6 digits/7 digits/8 confirm"
		mobile  = "play your-number digits/0 digits/9 digits/0 digits/1 digits/2 digits/3 digits/4 digits/5 digits/6 digits/7 digits/8 confirm"
	)
	for name, tt := range map[string]struct {
		presented string
		message   bool
		events    []string
		want      []string // after the first prompt
	}{
		"the number is right": {
			"0312345678", false,
			[]string{"1", "REGISTERED", "played"},
			[]string{"hush", "register ", "play registered", "hand back REGISTERED"},
		},
		"it has one already": {
			"+81312345678", false,
			[]string{"played", "#", "ADDED", "played"},
			[]string{"register ", "play added", "hand back ADDED"},
		},
		"silence is consent": {
			"0312345678", false,
			[]string{"played", "silence", "played", "silence", "silence", "silence", "REGISTERED", "silence"},
			[]string{"play " + readOut, "play " + readOut, "hush", "register ", "play registered", "hush", "hand back REGISTERED"},
		},
		"another number, with a message": {
			"0312345678", true,
			[]string{"2", "09012345678#", "1", "REGISTERED", "played", "recorded", "played"},
			[]string{
				"hush", "play enter", "hush", mobile, "hush", "register 09012345678",
				"play leave-message", "record", "play registered", "hand back REGISTERED",
			},
		},
		"no message after all": {
			"0312345678", true,
			[]string{"1", "REGISTERED", "#", "played"},
			[]string{"hush", "register ", "play leave-message", "hush", "play registered", "hand back REGISTERED"},
		},
		"a recording whose end is not told": {
			"0312345678", true,
			[]string{"1", "REGISTERED", "played", "silence", "recorded", "played"},
			[]string{"hush", "register ", "play leave-message", "record", "end recording", "play registered", "hand back REGISTERED"},
		},
		"withheld": {
			"", false,
			[]string{"played", "0901234", "5678", "silence", "1", "REGISTERED", "played"},
			[]string{mobile, "hush", "register 09012345678", "play registered", "hand back REGISTERED"},
		},
		"withheld, and nothing is keyed in": {
			"", false,
			[]string{"played", "silence", "played", "silence", "played", "silence", "played"},
			[]string{"play invalid enter", "play invalid enter", "play no-number", "hand back NONUMBER"},
		},
		"a number that cannot be called": {
			"0312345678", false,
			[]string{"2", "110#", "played", "*", "9*", "*"},
			[]string{"hush", "play enter", "hush", "play invalid enter", "play cancelled"},
		},
		"a caller who never likes the number": {
			"0312345678", false,
			[]string{"2", "09012345678#", "2", "09012345678#", "2", "REGISTERED"},
			[]string{"hush", "play enter", "hush", mobile, "hush", "play enter", "hush", mobile, "hush", "register ", "play registered"},
		},
		"cancelled": {
			"0312345678", false, []string{"*", "played"}, []string{"hush", "play cancelled", "hand back CANCELLED"},
		},
		"the database is away": {
			"0312345678", true, []string{"1", "FAILED", "played"}, []string{"hush", "register ", "play failed", "hand back FAILED"},
		},
		"the registration is never answered": {
			"0312345678", true, []string{"1", "silence", "REGISTERED", "played"}, []string{"hush", "register ", "play failed", "hand back FAILED"},
		},
		"left at once":            {"0312345678", true, []string{"left", "REGISTERED"}, []string{"hush", "register "}},
		"left at once, withheld":  {"", true, []string{"left"}, []string{"hush"}},
		"left with half a number": {"0312345678", true, []string{"2", "090123", "left", "ADDED"}, []string{"hush", "play enter", "hush", "register "}},
		"left with a digit too few": {
			"0312345678", true, []string{"2", "0901234567", "left", "ADDED"}, []string{"hush", "play enter", "hush", "register "},
		},
		"left with a digit too few, withheld": {"", true, []string{"0901234567", "left", "REGISTERED"}, []string{"hush", "register 0901234567"}},
		"left with another number": {
			"0312345678", true, []string{"2", "09012345678", "left", "REGISTERED"}, []string{"hush", "play enter", "hush", "register 09012345678"},
		},
		"left with a whole number": {"", true, []string{"09012345678", "left", "REGISTERED"}, []string{"hush", "register 09012345678"}},
		"left after a number was read out": {
			"", true, []string{"09012345678#", "left", "REGISTERED"}, []string{"hush", mobile, "hush", "register 09012345678"},
		},
		"left while it was registered":         {"0312345678", true, []string{"1", "left", "REGISTERED"}, []string{"hush", "register "}},
		"left before the message":              {"0312345678", true, []string{"1", "REGISTERED", "left"}, []string{"hush", "register ", "play leave-message", "hush"}},
		"left in the middle of it":             {"0312345678", true, []string{"1", "REGISTERED", "played", "left", "recorded"}, []string{"hush", "register ", "play leave-message", "record"}},
		"left after cancelling":                {"0312345678", true, []string{"*", "left"}, []string{"hush", "play cancelled", "hush"}},
		"another daemon takes the caller over": {"0312345678", true, []string{"replaced", "1", "silence"}, nil},
		"the daemon stops":                     {"0312345678", true, []string{"stopped", "REGISTERED"}, []string{"hush", "register ", "hand back REGISTERED"}},
		"the daemon stops, withheld":           {"", true, []string{"stopped"}, []string{"hush", "hand back FAILED"}},
		"the daemon stops in a message":        {"0312345678", true, []string{"1", "REGISTERED", "played", "stopped"}, []string{"hush", "register ", "play leave-message", "record", "end recording", "hand back REGISTERED"}},
		"events are missing in a prompt":       {"0312345678", false, []string{"resumed", "silence", "1", "REGISTERED", "resumed"}, []string{"play " + readOut, "hush", "register ", "play registered", "hand back REGISTERED"}},
		"a number that is a name":              {"sato", false, []string{"played", "silence"}, []string{"play invalid enter"}},
	} {
		s := newScript(tt.presented, tt.message)
		first := s.lines[0]
		if want := "play welcome "; !strings.HasPrefix(first, want) {
			t.Errorf("%s: it begins with %q, want %q", name, first, want)
		}
		s.lines = nil
		s.does(tt.events...)
		if diff := cmp.Diff(tt.want, s.lines); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whatever happens, in whatever order: there is at most one registration, the
// channel is handed back at most once and never when the caller has left,
// nothing is said to a caller who has, and timers alone bring it to an end.
func TestDialogue_AlwaysEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newScript(rapid.SampledFrom([]string{"", "0312345678", "2001", "sato"}).Draw(t, "presented"), rapid.Bool().Draw(t, "message"))
		happens := rapid.SampledFrom([]string{
			"played", "silence", "recorded", "resumed", "replaced", "REGISTERED", "ADDED", "FAILED", "left", "stopped",
			"1", "2", "3", "*", "#", "A", "09012345678", "090123", "0312345678#", "999#",
		})
		gone := false
		for _, event := range rapid.SliceOfN(happens, 0, 60).Draw(t, "events") {
			before := len(s.lines)
			if strings.ToUpper(event) == event && strings.HasSuffix(event, "ED") && s.registrations == 0 {
				continue // nothing was asked for
			}
			s.does(event)
			for _, line := range s.lines[before:] {
				if gone && (strings.HasPrefix(line, "play") || line == "record" || strings.HasPrefix(line, "hand back")) {
					t.Fatalf("%q after the caller had left: %q", line, s.lines)
				}
			}
			gone = gone || event == "left" || event == "replaced"
		}
		for timers := 0; !s.d.over(); timers++ {
			if timers > 40 {
				t.Fatalf("not over after %d timers: %q", timers, s.lines)
			}
			s.does("silence")
		}
		if s.registrations > 1 || s.handedBack > 1 || s.handedBack == 0 && !gone {
			t.Fatalf("%d registrations, handed back %d times: %q", s.registrations, s.handedBack, s.lines)
		}
		after := len(s.lines)
		s.does("1", "played", "silence", "left", "stopped", "REGISTERED")
		if len(s.lines) != after {
			t.Fatalf("something was done after the end: %q", s.lines[after:])
		}
	})
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	n := InRegion("JP")
	for digits, want := range map[string]bool{
		"0312345678": true, "09012345678": true, "0120123456": true, "110": false, "119": false, "2001": false, "": false,
		"999": false, "00000000000000000000": false,
	} {
		if got := n.Valid(digits); got != want {
			t.Errorf("Valid(%q) = %v, want %v", digits, got, want)
		}
	}
	for digits, want := range map[string]bool{
		"0312345678": true, "09012345678": true, "0120123456": true, "0901234567": false, "031234567": false, "110": false, "": false,
	} {
		if got := n.Complete(digits); got != want {
			t.Errorf("Complete(%q) = %v, want %v", digits, got, want)
		}
	}
	for number, want := range map[string]string{
		"+81312345678": "0312345678", "0312345678": "0312345678", "2001": "2001", "sato": "", "": "", "anonymous": "",
		"+16502530000": "16502530000",
	} {
		if got := n.Digits(number); got != want {
			t.Errorf("Digits(%q) = %q, want %q", number, got, want)
		}
	}
}
