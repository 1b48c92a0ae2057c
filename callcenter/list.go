package callcenter

import "time"

// CallFilter says which calls to list, and which page of them. Apart from
// Limit its zero value matches every call; what is set narrows it together.
type CallFilter struct {
	// CallCenters are the ids of the call centers whose calls the asking
	// principal may see: calls that visited one of them match. Nil is for
	// principals that may see every call; empty but not nil matches nothing.
	CallCenters []string
	// OwnAgent is the endpoint of the asking principal: calls in which one of
	// its legs was answered match as well. Empty for none; it means nothing
	// when CallCenters is nil.
	OwnAgent string

	Kinds      []Kind
	Directions []Direction
	// CallCenter is the id of a call center that the call visited.
	CallCenter string
	// Agent is an endpoint, such as PJSIP/2001, of which one of the call's
	// legs was answered.
	Agent string
	// Numbers are prefixes of which the remote or the local number has one;
	// none for any number.
	Numbers []NumberPrefix
	// Active is nil for both running and ended calls.
	Active *bool
	// From and To bound StartedAt: From is in, To is out. Zero for no bound.
	From, To time.Time

	// Limit is the largest number of calls in a page, at least 1.
	Limit int
	// After is where the page before ended; nil for the first page.
	After *CallCursor
}

// NumberPrefix is how a number begins in one of the ways in which PBXs report
// it.
type NumberPrefix struct {
	Text string
	// MinLength is the least length of the number in characters.
	MinLength int
}

// CallCursor is a place in a list of calls. Calls are listed newest first, by
// StartedAt and then by RequestID, so that a page stays where it is while new
// calls come in above it.
type CallCursor struct {
	StartedAt time.Time
	RequestID RequestID
}
