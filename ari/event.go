package ari

import "time"

// ChannelID is a channel's unique ID, such as "pbx1-1795405579.0".
type ChannelID string

// BridgeID is a bridge's unique ID.
type BridgeID string

// PlaybackID names one playing of media. Who asks for it chooses it.
type PlaybackID string

// EventType is the name of an event, as Asterisk's event descriptions
// (rest-api/api-docs/events.json) write it.
type EventType string

// The event types that Decode reads fields of. Others decode with their
// type, time and channel.
const (
	ApplicationReplaced    EventType = "ApplicationReplaced"
	BridgeCreated          EventType = "BridgeCreated"
	BridgeDestroyed        EventType = "BridgeDestroyed"
	BridgeMerged           EventType = "BridgeMerged"
	ChannelCallerID        EventType = "ChannelCallerId"
	ChannelCreated         EventType = "ChannelCreated"
	ChannelDestroyed       EventType = "ChannelDestroyed"
	ChannelDialplan        EventType = "ChannelDialplan"
	ChannelDtmfReceived    EventType = "ChannelDtmfReceived"
	ChannelEnteredBridge   EventType = "ChannelEnteredBridge"
	ChannelHangupRequest   EventType = "ChannelHangupRequest"
	ChannelLeftBridge      EventType = "ChannelLeftBridge"
	ChannelStateChange     EventType = "ChannelStateChange"
	ChannelUserevent       EventType = "ChannelUserevent"
	ChannelVarset          EventType = "ChannelVarset"
	Dial                   EventType = "Dial"
	PlaybackFinished       EventType = "PlaybackFinished"
	PlaybackStarted        EventType = "PlaybackStarted"
	RecordingFailed        EventType = "RecordingFailed"
	RecordingFinished      EventType = "RecordingFinished"
	RecordingStarted       EventType = "RecordingStarted"
	StasisEnd              EventType = "StasisEnd"
	StasisStart            EventType = "StasisStart"
	BridgeAttendedTransfer EventType = "BridgeAttendedTransfer"
	BridgeBlindTransfer    EventType = "BridgeBlindTransfer"
)

// knownTypes are the types of Asterisk 22's event descriptions. The set
// bounds the label of metrics; an event of another type is passed on all the
// same.
var knownTypes = map[EventType]EventType{}

func init() {
	for _, t := range []EventType{
		ApplicationReplaced, BridgeAttendedTransfer, BridgeBlindTransfer, BridgeCreated, BridgeDestroyed, BridgeMerged,
		ChannelCallerID, ChannelCreated, ChannelDestroyed, ChannelDialplan, ChannelDtmfReceived, ChannelEnteredBridge,
		ChannelHangupRequest, ChannelLeftBridge, ChannelStateChange, ChannelUserevent, ChannelVarset, Dial,
		PlaybackFinished, PlaybackStarted, RecordingFailed, RecordingFinished, RecordingStarted, StasisEnd, StasisStart,
		"ApplicationMoveFailed", "ApplicationRegistered", "ApplicationUnregistered", "BridgeVideoSourceChanged",
		"ChannelConnectedLine", "ChannelHold", "ChannelTalkingFinished", "ChannelTalkingStarted",
		"ChannelToneDetected", "ChannelTransfer", "ChannelUnhold", "ContactStatusChange", "DeviceStateChanged",
		"EndpointStateChange", "PeerStatusChange", "PlaybackContinuing",
		"RESTResponse", "TextMessageReceived",
	} {
		knownTypes[t] = t
	}
}

// known reports whether the type is in the descriptions of Asterisk 22.
func (t EventType) known() bool {
	_, ok := knownTypes[t]
	return ok
}

// Event is one event. Which fields are set depends on the type; all others
// are zero. Its strings may share memory with the text that it was decoded
// from: who keeps one for long copies it (strings.Clone).
type Event struct {
	Type EventType
	// Timestamp is UTC, of millisecond resolution, by the PBX's clock.
	Timestamp   time.Time
	Application string

	// Channel is what most Channel… events are about, as it is after the
	// event. Its ID is empty where there is none.
	Channel Channel
	// Caller and Peer are the two sides of Dial. Caller's ID is empty when
	// Asterisk dials by itself (originate).
	Caller, Peer Channel
	// Bridge is as it is after the event; its ID is empty where there is none.
	Bridge Bridge

	// Variable and Value are of ChannelVarset. A name starts with one or two
	// underscores when children inherit it.
	Variable, Value string

	// DialplanApp and DialplanAppData are of ChannelDialplan: the application
	// about to run and its arguments, variables substituted.
	DialplanApp, DialplanAppData string

	// DialStatus and DialString are of Dial: empty at the start, then RINGING,
	// PROGRESS…, and at last ANSWER, BUSY, CANCEL, NOANSWER, CHANUNAVAIL….
	DialStatus, DialString string

	// Cause and CauseText (Q.850) and Soft (asked for by Asterisk itself) are
	// of ChannelHangupRequest and ChannelDestroyed.
	Cause     int
	CauseText string
	Soft      bool

	// PresentationText is caller_presentation_txt of ChannelCallerId.
	PresentationText string

	// EventName is of ChannelUserevent.
	EventName string

	// Recording is of Recording… events.
	Recording Recording

	// Args are of StasisStart: the arguments behind the application's name.
	Args []string
	// Digit is of ChannelDtmfReceived: the key that was pressed.
	Digit string
	// Playback is of Playback… events.
	Playback Playback

	// has are the parts that Decode has set.
	has parts
}

// Channel is a channel as an event or GET /channels shows it.
type Channel struct {
	ID ChannelID
	// Name is technology, resource and a serial: PJSIP/2001-0000001f.
	Name string
	// State is Down, Rsrvd, OffHook, Dialing, Ring, Ringing, Up, Busy….
	State             string
	Caller, Connected CallerID
	AccountCode       string
	Dialplan          DialplanPosition
	CreationTime      time.Time
	// Vars are the variables that ari.conf's channelvars names, in no order
	// that means anything.
	Vars []Variable
}

// Var returns the value of a variable that channelvars put on the channel,
// and whether it is there.
func (c *Channel) Var(name string) (string, bool) {
	for i := range c.Vars {
		if c.Vars[i].Name == name {
			return c.Vars[i].Value, true
		}
	}
	return "", false
}

// CallerID is a party's name and number; empty when not known or withheld.
type CallerID struct{ Name, Number string }

// DialplanPosition is where in the dialplan a channel is.
type DialplanPosition struct{ Context, Exten, AppName, AppData string }

// Variable is a channel variable or a function's value.
type Variable struct{ Name, Value string }

// Bridge is a bridge as an event or GET /bridges shows it.
type Bridge struct {
	ID                                     BridgeID
	Technology, Type, Class, Creator, Name string
	Channels                               []ChannelID
	CreationTime                           time.Time
}

// Recording is a live recording made by ARI.
type Recording struct {
	// Name is relative to the recordings folder and lacks the suffix that
	// Format gives.
	Name, Format, State, Cause string
	// TargetURI is "channel:<id>" or "bridge:<id>".
	TargetURI string
}

// Playback is media being played to a channel or bridge.
type Playback struct {
	ID PlaybackID
	// State is queued, playing, continuing (with the next of a list), done or
	// failed.
	State string
	// TargetURI is "channel:<id>" or "bridge:<id>".
	TargetURI string
}
