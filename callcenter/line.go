package callcenter

import "time"

// LineState says whether anybody answers by SIP.
type LineState string

// The states of lines.
const (
	// LineAnswers: it was asked by SIP, or by the PBX itself, and is there.
	LineAnswers LineState = "answers"
	// LineRefuses: it is there, and answers with an error. A PBX that does not
	// know who asks does so; calls may come all the same.
	LineRefuses LineState = "refuses"
	// LineSilent: nobody answers, so no call can come or go there.
	LineSilent LineState = "silent"
	// LineUnknown: it was not asked yet, or the PBX does not know either.
	LineUnknown LineState = "unknown"
)

// Line is a SIP address of a node, its own or a trunk's, and whether anybody
// answers there.
type Line struct {
	// Name is the trunk's, such as PJSIP/trunk, or LineOfNode.
	Name  string    `json:"name"`
	State LineState `json:"state"`
	// Since is from when on it has been so.
	Since time.Time `json:"since"`
	// Status is the SIP status of the answer; 0 when there was none, or the PBX
	// itself was asked.
	Status int `json:"status,omitempty"`
	// RoundTrip is how long the answer took; 0 likewise.
	RoundTrip time.Duration `json:"round_trip,omitempty"`
	// Why says what is wrong, for operators; empty when nothing is.
	Why string `json:"why,omitempty"`
}

// LineOfNode is the name of the node's own line, by which phones and trunks
// reach it.
const LineOfNode = "pbx"
