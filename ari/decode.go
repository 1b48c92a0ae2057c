package ari

import (
	"fmt"
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
