package configs

import (
	"fmt"
	"strconv"
	"time"
)

// Attendant says how callers are talked to whom the dialplan sends to
// Stasis(callbackd,register,CALL CENTER[,message]).
type Attendant struct {
	// Language is that of the sounds, such as "ja"; the channel's own when
	// omitted.
	Language string `yaml:"language"`
	Sounds   Sounds `yaml:"sounds"`
	// KeyTimeout is how long a caller may think after a prompt; 5s when
	// omitted.
	KeyTimeout Duration `yaml:"key_timeout"`
	// DigitTimeout is how long a caller may take between two digits of a
	// number; 4s when omitted.
	DigitTimeout Duration `yaml:"digit_timeout"`
	// Attempts are how often a caller is asked before the attendant gives up;
	// 3 when omitted.
	Attempts Count   `yaml:"attempts"`
	Message  Message `yaml:"message"`
}

// Sounds are the names of the attendant's sound files, as Playback has them in
// a dialplan: relative to Asterisk's folder of sounds, without suffix.
type Sounds struct {
	Welcome    string `yaml:"welcome"`
	YourNumber string `yaml:"your_number"`
	// Digits is the folder of the sounds 0 to 9.
	Digits       string `yaml:"digits"`
	Confirm      string `yaml:"confirm"`
	Enter        string `yaml:"enter"`
	Invalid      string `yaml:"invalid"`
	LeaveMessage string `yaml:"leave_message"`
	Registered   string `yaml:"registered"`
	Added        string `yaml:"added"`
	Cancelled    string `yaml:"cancelled"`
	NoNumber     string `yaml:"no_number"`
	Failed       string `yaml:"failed"`
}

// Message bounds the messages that callers leave.
type Message struct {
	// MaxDuration is the longest message; 1m when omitted.
	MaxDuration Duration `yaml:"max_duration"`
	// MaxSilence is the silence that ends a message; 5s when omitted.
	MaxSilence Duration `yaml:"max_silence"`
}

// AutoRegister says which calls of a call center become callbacks although
// nobody asks for it.
type AutoRegister struct {
	Abandoned Abandoned `yaml:"abandoned"`
}

// Abandoned are calls whose caller left before an agent answered.
type Abandoned struct {
	// After is how long the caller must have waited; 0 for never.
	After Duration `yaml:"after"`
}

// Duration is a time such as 20s or 1m30s.
type Duration struct{ time.Duration }

// UnmarshalText accepts what time.ParseDuration does, from one second on: what
// is set here is counted in seconds by Asterisk and by people.
func (d *Duration) UnmarshalText(text []byte) error {
	got, err := time.ParseDuration(string(text))
	if err != nil || got < time.Second {
		return fmt.Errorf("%s is not a duration of a second or more: write it as 20s or 1m30s", quote(string(text)))
	}
	d.Duration = got
	return nil
}

// Count is how often something may be done.
type Count int

// UnmarshalText accepts 1 to 10.
func (c *Count) UnmarshalText(text []byte) error {
	got, err := strconv.Atoi(string(text))
	if err != nil || got < 1 || got > 10 {
		return fmt.Errorf("%s is not a number from 1 to 10", quote(string(text)))
	}
	*c = Count(got)
	return nil
}

func defaultAttendant() Attendant {
	return Attendant{
		Sounds: Sounds{
			Welcome: "callbackd/welcome", YourNumber: "callbackd/your-number", Digits: "digits", Confirm: "callbackd/confirm",
			Enter: "callbackd/enter", Invalid: "callbackd/invalid", LeaveMessage: "callbackd/leave-message",
			Registered: "callbackd/registered", Added: "callbackd/added", Cancelled: "callbackd/cancelled",
			NoNumber: "callbackd/no-number", Failed: "callbackd/failed",
		},
		KeyTimeout: Duration{5 * time.Second}, DigitTimeout: Duration{4 * time.Second}, Attempts: 3,
		Message: Message{MaxDuration: Duration{time.Minute}, MaxSilence: Duration{5 * time.Second}},
	}
}
