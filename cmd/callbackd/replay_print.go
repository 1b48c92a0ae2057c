package main

import (
	"bufio"
	"encoding/json"
	"io"
	"time"

	"callbackd/callcenter"
	"callbackd/callcenter/replay"
)

// replayedCall is a call as the subcommands print it.
type replayedCall struct {
	RequestID       callcenter.RequestID `json:"request_id"`
	Node            string               `json:"node"`
	LinkedID        string               `json:"linked_id"`
	Kind            callcenter.Kind      `json:"kind"`
	Direction       callcenter.Direction `json:"direction"`
	CallCenter      *string              `json:"call_center"`
	CallCenters     []string             `json:"call_centers"`
	BusinessLabel   *string              `json:"business_label"`
	CallbackAllowed bool                 `json:"callback_allowed"`
	RemoteNumber    *string              `json:"remote_number"`
	LocalNumber     *string              `json:"local_number"`
	Agent           *string              `json:"agent"`
	Outcome         *string              `json:"outcome"`
	Reason          *string              `json:"reason"`
	State           callcenter.State     `json:"state"`
	StartedAt       time.Time            `json:"started_at"`
	AnsweredAt      *time.Time           `json:"answered_at"`
	EndedAt         *time.Time           `json:"ended_at"`
	Recordings      []string             `json:"recordings"`
	Receipt         []callcenter.Signal  `json:"receipt"`
	// Incomplete is why the journal may not tell all of the call.
	Incomplete string `json:"incomplete,omitempty"`
}

// maskCall hides the phone numbers of a call. What the PBX names after them, as
// the endpoint of an outgoing call, is hidden, too.
func maskCall(c *callcenter.Call) {
	c.RemoteNumber, c.LocalNumber, c.Agent = maskNumbers(c.RemoteNumber), maskNumbers(c.LocalNumber), maskNumbers(c.Agent)
	for _, names := range [][]string{c.Agents, c.Recordings} {
		for i := range names {
			names[i] = maskNumbers(names[i])
		}
	}
	for i := range c.Legs {
		c.Legs[i].Endpoint = maskNumbers(c.Legs[i].Endpoint)
	}
	for i := range c.Receipt {
		c.Receipt[i].Value = maskNumbers(c.Receipt[i].Value)
	}
}

func newReplayedCall(c *callcenter.Call) replayedCall {
	return replayedCall{
		RequestID: c.RequestID, Node: c.Node, LinkedID: c.LinkedID, Kind: c.Kind, Direction: c.Direction,
		CallCenter: orNull(c.CallCenter), CallCenters: orEmpty(c.CallCenters), BusinessLabel: orNull(c.BusinessLabel),
		CallbackAllowed: c.CallbackAllowed(), RemoteNumber: orNull(c.RemoteNumber), LocalNumber: orNull(c.LocalNumber),
		Agent: orNull(c.Agent), Outcome: orNull(string(c.Outcome.Result)), Reason: orNull(c.Outcome.Reason),
		State: c.State, StartedAt: c.StartedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt,
		Recordings: orEmpty(c.Recordings), Receipt: orEmpty(c.Receipt),
	}
}

func printCalls(w io.Writer, r *replay.Replayer, mask bool) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	calls := r.Calls()
	for i := range calls {
		c := &calls[i]
		why := r.Incomplete(c)
		if mask {
			maskCall(c)
		}
		line := newReplayedCall(c)
		line.Incomplete = why
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
