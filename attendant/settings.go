package attendant

import "time"

// Settings are how the attendant talks to callers. All are needed; the
// configuration's defaults are a usable set.
type Settings struct {
	Sounds Sounds
	// Language is that of the sounds; the channel's own if empty.
	Language string
	// KeyTimeout is how long a caller may think after a prompt, DigitTimeout
	// how long between two digits of a number.
	KeyTimeout, DigitTimeout time.Duration
	// PromptLimit bounds a prompt, in case nobody tells that it has ended.
	PromptLimit time.Duration
	// Attempts are how often something may be asked, at least 1.
	Attempts int
	// MessageMax is the longest message, MessageSilence the silence that ends
	// one, and MessageFormat the suffix of its file.
	MessageMax, MessageSilence time.Duration
	MessageFormat              string
}

// Sounds are the names of the sound files, as Playback has them in a dialplan.
type Sounds struct {
	// Welcome comes first. YourNumber is followed by the digits, which are
	// named 0 to 9 in the folder Digits, and by Confirm, which asks for 1
	// (right), 2 (another number) or * (no callback).
	Welcome, YourNumber, Digits, Confirm string
	// Enter asks for a number, to be ended by #; Invalid says that what was
	// keyed in will not do.
	Enter, Invalid string
	// LeaveMessage asks for a message after the tone, to be ended by #.
	LeaveMessage string
	// How it ended.
	Registered, Added, Cancelled, NoNumber, Failed string
}

const (
	// maxDigits is the most digits of a number: 15 of E.164, and the prefixes
	// before them.
	maxDigits = 24
	// registerPatience bounds the time that a caller waits for the
	// registration, tries and pauses included.
	registerPatience = 12 * time.Second
	// recordMargin is what a recording may take longer than the message.
	recordMargin = 5 * time.Second
)
