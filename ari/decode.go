package ari

import (
	"fmt"
	"strings"
	"time"
)

// Decode reads one event into ev, whatever was in it before. Fields and
// types that are not known are passed over. On error ev is not to be used.
// The strings in ev share memory with s.
func Decode(s string, ev *Event) error {
	ev.reset()
	p := scanner{s: s}
	if err := decodeObject(&p, func(key string) error { return ev.field(&p, key) }); err != nil {
		return fmt.Errorf("decode event: %w", err)
	}
	if p.peek() != 0 || p.i < len(s) {
		return fmt.Errorf("decode event: %w", p.fault("end"))
	}
	if ev.Type == "" {
		return fmt.Errorf("decode event: no type")
	}
	return nil
}

// parts are the large parts of an event, of which most events have one.
type parts uint8

const (
	hasChannel parts = 1 << iota
	hasCaller
	hasPeer
	hasBridge
	hasRecording
	hasPlayback
)

// reset empties the event but keeps the memory of its slices. Only the parts
// that the last event had are emptied, since that is a good part of the work.
func (ev *Event) reset() {
	ev.Type, ev.Timestamp, ev.Application = "", time.Time{}, ""
	ev.Variable, ev.Value = "", ""
	ev.DialplanApp, ev.DialplanAppData = "", ""
	ev.DialStatus, ev.DialString = "", ""
	ev.Cause, ev.CauseText, ev.Soft = 0, "", false
	ev.PresentationText, ev.EventName, ev.Digit = "", "", ""
	ev.Args = ev.Args[:0]
	if ev.has&hasChannel != 0 {
		ev.Channel.reset()
	}
	if ev.has&hasCaller != 0 {
		ev.Caller.reset()
	}
	if ev.has&hasPeer != 0 {
		ev.Peer.reset()
	}
	if ev.has&hasBridge != 0 {
		ev.Bridge = Bridge{Channels: ev.Bridge.Channels[:0]}
	}
	if ev.has&hasRecording != 0 {
		ev.Recording = Recording{}
	}
	if ev.has&hasPlayback != 0 {
		ev.Playback = Playback{}
	}
	ev.has = 0
}

func (c *Channel) reset() { *c = Channel{Vars: c.Vars[:0]} }

func (ev *Event) field(p *scanner, key string) error {
	switch key {
	case "type":
		return optional(p, &ev.Type)
	case "timestamp":
		return timestamp(p, &ev.Timestamp)
	case "application":
		return optional(p, &ev.Application)
	case "channel":
		ev.has |= hasChannel
		return channel(p, &ev.Channel)
	case "caller":
		ev.has |= hasCaller
		return channel(p, &ev.Caller)
	case "peer":
		ev.has |= hasPeer
		return channel(p, &ev.Peer)
	case "bridge":
		ev.has |= hasBridge
		return bridge(p, &ev.Bridge)
	case "variable":
		return optional(p, &ev.Variable)
	case "value":
		return optional(p, &ev.Value)
	case "dialplan_app":
		return optional(p, &ev.DialplanApp)
	case "dialplan_app_data":
		return optional(p, &ev.DialplanAppData)
	case "dialstatus":
		return optional(p, &ev.DialStatus)
	case "dialstring":
		return optional(p, &ev.DialString)
	case "cause":
		return ev.cause(p)
	case "cause_txt":
		return optional(p, &ev.CauseText)
	case "soft":
		return boolean(p, &ev.Soft)
	case "caller_presentation_txt":
		return optional(p, &ev.PresentationText)
	case "eventname":
		return optional(p, &ev.EventName)
	case "recording":
		ev.has |= hasRecording
		return recording(p, &ev.Recording)
	case "args":
		return list(p, func() error {
			arg, err := p.str()
			ev.Args = append(ev.Args, arg)
			return err
		})
	case "digit":
		return optional(p, &ev.Digit)
	case "playback":
		ev.has |= hasPlayback
		return playback(p, &ev.Playback)
	}
	return p.skip()
}

// cause reads a hangup cause. Other events have a cause of another type, in
// which nobody is interested here.
func (ev *Event) cause(p *scanner) error {
	if c := p.peek(); c >= '0' && c <= '9' || c == '-' {
		return number(p, &ev.Cause)
	}
	return p.skip()
}

// decodeObject calls field for each member of the object at p, which is to
// step over the member's value. It stands for null, too.
func decodeObject(p *scanner, field func(key string) error) error {
	more, err := p.open('{', '}')
	for more && err == nil {
		var key string
		if key, err = p.key(); err != nil {
			return err
		}
		if err = field(key); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		more, err = p.more('}')
	}
	return err
}

// The members of a channel, in the order in which Asterisk writes them.
const (
	channelID = iota
	channelName
	channelState
	channelProtocolID
	channelCaller
	channelConnected
	channelAccountCode
	channelDialplan
	channelCreationTime
	channelLanguage
	channelVars
)

var channelMembers = members{
	`"id":`, `"name":`, `"state":`, `"protocol_id":`, `"caller":`, `"connected":`,
	`"accountcode":`, `"dialplan":`, `"creationtime":`, `"language":`, `"channelvars":`,
}

func channel(p *scanner, c *Channel) error {
	return channelMembers.decode(p, func(member int) error {
		switch member {
		case channelID:
			return optional(p, &c.ID)
		case channelName:
			return optional(p, &c.Name)
		case channelState:
			return optional(p, &c.State)
		case channelCaller:
			return callerID(p, &c.Caller)
		case channelConnected:
			return callerID(p, &c.Connected)
		case channelAccountCode:
			return optional(p, &c.AccountCode)
		case channelDialplan:
			return dialplan(p, &c.Dialplan)
		case channelCreationTime:
			return timestamp(p, &c.CreationTime)
		case channelVars:
			return variables(p, &c.Vars)
		}
		return p.skip()
	})
}

var partyMembers = members{`"name":`, `"number":`}

func callerID(p *scanner, id *CallerID) error {
	return partyMembers.decode(p, func(member int) error {
		switch member {
		case 0:
			return optional(p, &id.Name)
		case 1:
			return optional(p, &id.Number)
		}
		return p.skip()
	})
}

var positionMembers = members{`"context":`, `"exten":`, `"priority":`, `"app_name":`, `"app_data":`}

func dialplan(p *scanner, d *DialplanPosition) error {
	return positionMembers.decode(p, func(member int) error {
		switch member {
		case 0:
			return optional(p, &d.Context)
		case 1:
			return optional(p, &d.Exten)
		case 3:
			return optional(p, &d.AppName)
		case 4:
			return optional(p, &d.AppData)
		}
		return p.skip()
	})
}

// members are the names of an object's members, quoted and with the colon, in
// the order in which Asterisk writes them. Guessing the next name right is
// three times as fast as reading it; where the guess is wrong, it is read.
type members []string

// decode calls field for each member of the object or null at p, with the
// name's index or -1. field is to step over the member's value.
func (m members) decode(p *scanner, field func(member int) error) error {
	if p.null() {
		return nil
	}
	more, err := p.open('{', '}')
	for next := 0; more && err == nil; next++ {
		member := next
		if next < len(m) && strings.HasPrefix(p.s[p.i:], m[next]) {
			p.i += len(m[next])
		} else {
			key, err := p.key()
			if err != nil {
				return err
			}
			if member = m.index(key); member >= 0 {
				next = member
			}
		}
		if err := field(member); err != nil {
			if member >= 0 {
				return fmt.Errorf("%s %w", m[member], err)
			}
			return err
		}
		more, err = p.more('}')
	}
	return err
}

func (m members) index(key string) int {
	for i, name := range m {
		if len(name) == len(key)+3 && name[1:1+len(key)] == key {
			return i
		}
	}
	return -1
}

func variables(p *scanner, vars *[]Variable) error {
	if p.null() {
		return nil
	}
	return decodeObject(p, func(key string) error {
		if p.peek() != '"' {
			return p.skip()
		}
		value, err := p.str()
		*vars = append(*vars, Variable{Name: key, Value: value})
		return err
	})
}

func bridge(p *scanner, b *Bridge) error {
	if p.null() {
		return nil
	}
	return decodeObject(p, func(key string) error {
		switch key {
		case "id":
			return optional(p, &b.ID)
		case "technology":
			return optional(p, &b.Technology)
		case "bridge_type":
			return optional(p, &b.Type)
		case "bridge_class":
			return optional(p, &b.Class)
		case "creator":
			return optional(p, &b.Creator)
		case "name":
			return optional(p, &b.Name)
		case "creationtime":
			return timestamp(p, &b.CreationTime)
		case "channels":
			return list(p, func() error {
				id, err := p.str()
				b.Channels = append(b.Channels, ChannelID(id))
				return err
			})
		}
		return p.skip()
	})
}

func recording(p *scanner, r *Recording) error {
	if p.null() {
		return nil
	}
	return decodeObject(p, func(key string) error {
		switch key {
		case "name":
			return optional(p, &r.Name)
		case "format":
			return optional(p, &r.Format)
		case "state":
			return optional(p, &r.State)
		case "cause":
			return optional(p, &r.Cause)
		case "target_uri":
			return optional(p, &r.TargetURI)
		}
		return p.skip()
	})
}

func playback(p *scanner, b *Playback) error {
	if p.null() {
		return nil
	}
	return decodeObject(p, func(key string) error {
		switch key {
		case "id":
			return optional(p, &b.ID)
		case "state":
			return optional(p, &b.State)
		case "target_uri":
			return optional(p, &b.TargetURI)
		}
		return p.skip()
	})
}

// list calls element for each element of the array at p.
func list(p *scanner, element func() error) error {
	if p.null() {
		return nil
	}
	more, err := p.open('[', ']')
	for more && err == nil {
		if err = element(); err != nil {
			return err
		}
		more, err = p.more(']')
	}
	return err
}

// DecodeChannels reads the answer of GET /channels.
func DecodeChannels(data []byte) ([]Channel, error) {
	p := scanner{s: string(data)}
	var channels []Channel
	if err := list(&p, func() error {
		channels = append(channels, Channel{})
		return channel(&p, &channels[len(channels)-1])
	}); err != nil {
		return nil, fmt.Errorf("decode channels: %w", err)
	}
	return channels, nil
}

// DecodeBridges reads the answer of GET /bridges.
func DecodeBridges(data []byte) ([]Bridge, error) {
	p := scanner{s: string(data)}
	var bridges []Bridge
	if err := list(&p, func() error {
		bridges = append(bridges, Bridge{})
		return bridge(&p, &bridges[len(bridges)-1])
	}); err != nil {
		return nil, fmt.Errorf("decode bridges: %w", err)
	}
	return bridges, nil
}

func twoDigits(s string, i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }

// TimeLayout is how Asterisk writes times. It is not RFC 3339: the offset
// has no colon.
const TimeLayout = "2006-01-02T15:04:05.000-0700"

// timestamp reads a time of the layout TimeLayout into t, as UTC.
func timestamp(p *scanner, t *time.Time) error {
	if p.null() {
		return nil
	}
	s, err := p.str()
	if err != nil {
		return err
	}
	*t, err = ParseTime(s)
	return err
}

// ParseTime reads a time as Asterisk writes it and returns it as UTC. One
// before 1970 or after 9999 is no machine's, and could not be written as JSON,
// or counted in what is left of an int64.
func ParseTime(s string) (time.Time, error) {
	t, err := parseTime(s)
	if year := t.Year(); err == nil && (year < 1970 || year > 9999) {
		return time.Time{}, fmt.Errorf("time %q is none of 1970 to 9999", s)
	}
	return t, err
}

func parseTime(s string) (time.Time, error) {
	if t, ok := parsePlainTime(s); ok {
		return t, nil
	}
	t, err := time.Parse(TimeLayout, s)
	if err != nil {
		if t, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return time.Time{}, fmt.Errorf("time %q is not of the form %s", s, TimeLayout)
		}
	}
	return t.UTC(), nil
}

// daysIn are the days of each month; February's 29th is left to time.Parse.
var daysIn = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// daysBefore are the days of a year before each month, without February's 29th.
var daysBefore = [13]int{0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// parsePlainTime reads the one form that Asterisk writes, several times as
// fast as time.Parse, which is a third of decoding otherwise. What it is not
// sure of it leaves to time.Parse.
func parsePlainTime(s string) (time.Time, bool) {
	if len(s) != len(TimeLayout) || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' {
		return time.Time{}, false
	}
	for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 22, 24, 25, 26, 27} {
		if s[i]-'0' > 9 {
			return time.Time{}, false
		}
	}
	year, month, day := twoDigits(s, 0)*100+twoDigits(s, 2), twoDigits(s, 5), twoDigits(s, 8)
	hour, minute, second, milli := twoDigits(s, 11), twoDigits(s, 14), twoDigits(s, 17), twoDigits(s, 20)*10+int(s[22]-'0')
	zoneHour, zoneMinute := twoDigits(s, 24), twoDigits(s, 26)
	offset := zoneHour*3600 + zoneMinute*60
	switch s[23] {
	case '+':
		offset = -offset
	case '-':
	default:
		return time.Time{}, false
	}
	if year < 1970 || month < 1 || month > 12 || day < 1 || day > daysIn[month] || hour > 23 || minute > 59 || second > 59 ||
		zoneHour > 14 || zoneMinute > 59 {
		return time.Time{}, false
	}
	days := (year-1970)*365 + (year-1969)/4 - (year-1901)/100 + (year-1601)/400 + daysBefore[month] + day - 1
	if month > 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days++
	}
	return time.UnixMilli(int64(days*86400+hour*3600+minute*60+second+offset)*1000 + int64(milli)).UTC(), true
}
