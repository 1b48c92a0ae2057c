package api

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"golang.org/x/sync/errgroup"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/phonebook"
)

// defaultPageSize is the contract's default of page_size.
const defaultPageSize = 50

// operations are the methods of the contract's operations.
type operations struct{ *Server }

var _ StrictServerInterface = operations{}

// ListCalls lists the calls that the caller may see.
func (o operations) ListCalls(ctx context.Context, request ListCallsRequestObject) (ListCallsResponseObject, error) {
	filter, err := o.callFilter(ctx, request.Params)
	if err != nil {
		return nil, err
	}
	var page CallList
	if value(request.Params.Total) {
		total, err := o.options.Calls.Count(ctx, filter)
		if err != nil {
			return nil, err
		}
		page.Total = &total
	}
	calls, next, err := o.options.Calls.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	if next != nil {
		text := callCursor(*next)
		page.NextCursor = &text
	}
	if page.Items, err = o.callsOf(ctx, calls); err != nil {
		return nil, err
	}
	return ListCalls200JSONResponse(page), nil
}

func (s *Server) callFilter(ctx context.Context, params ListCallsParams) (callcenter.CallFilter, error) {
	filter := callcenter.CallFilter{
		CallCenters: principalFrom(ctx).CallCenters,
		OwnAgent:    principalFrom(ctx).Endpoint,
		CallCenter:  value(params.CallCenter),
		Agent:       value(params.Agent),
		Active:      params.Active,
		From:        value(params.From),
		To:          value(params.To),
		Limit:       defaultPageSize,
	}
	if params.Kind != nil {
		filter.Kinds = []callcenter.Kind{callcenter.Kind(*params.Kind)}
	}
	if params.Direction != nil {
		filter.Directions = []callcenter.Direction{callcenter.Direction(*params.Direction)}
	}
	if params.Number != nil {
		for _, beginning := range phonebook.Beginnings(*params.Number, s.options.Phonebook.Region()) {
			filter.Numbers = append(filter.Numbers, callcenter.NumberPrefix(beginning))
		}
		if filter.Numbers == nil {
			return filter, invalidField(languageFrom(ctx), "number", openapi3.ParameterInQuery,
				"電話番号の初めの数字か、SIP のユーザ名の初めの文字を指定してください。",
				"Must be the beginning of a telephone number, or of a SIP user's name.")
		}
	}
	if params.PageSize != nil {
		filter.Limit = *params.PageSize
	}
	if params.Cursor != nil {
		c, err := parseCursor(*params.Cursor)
		if err != nil {
			return filter, invalidCursor(ctx)
		}
		filter.After = &callcenter.CallCursor{StartedAt: c.time(), RequestID: callcenter.RequestID(c.ID)}
	}
	return filter, nil
}

func invalidCursor(ctx context.Context) error {
	return invalidField(languageFrom(ctx), "cursor", "query",
		"前のページの next_cursor を指定してください。", "Must be the next_cursor of the page before.")
}

// GetCall shows a call with everything that is known of it.
func (o operations) GetCall(ctx context.Context, request GetCallRequestObject) (GetCallResponseObject, error) {
	call, err := o.options.Calls.Get(ctx, callcenter.RequestID(request.RequestID))
	if err != nil {
		return nil, err
	}
	if !accounts.CanReadCall(principalFrom(ctx), call.CallCenters, call.Agents) {
		return nil, callcenter.ErrNotFound
	}
	items, err := o.callsOf(ctx, []callcenter.Call{call})
	if err != nil {
		return nil, err
	}
	detail := detailOf(items[0], &call)
	if !call.CallbackAllowed() {
		why := refusal(&call, languageFrom(ctx))
		detail.CallbackRefusal = &why
	}
	return GetCall200JSONResponse(detail), nil
}

// callsOf is calls as the contract shows them, each with its callback.
func (s *Server) callsOf(ctx context.Context, calls []callcenter.Call) ([]Call, error) {
	if len(calls) == 0 {
		return []Call{}, nil
	}
	items := make([]Call, len(calls))
	var eligible []callcenter.RequestID
	for i := range calls {
		items[i] = callOf(&calls[i])
		if calls[i].CallbackAllowed() {
			eligible = append(eligible, calls[i].RequestID)
		}
	}
	var gaps []callcenter.Gap
	var found map[callcenter.RequestID]callbacks.ID
	// Both at the same time: all who follow the events wait for this.
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		gaps, err = s.options.Gaps.UnsettledGaps(ctx, "")
		return err
	})
	if len(eligible) > 0 {
		group.Go(func() (err error) {
			found, err = s.options.Calls.CallbackOf(ctx, eligible)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i := range items {
		items[i].Unsettled = slices.ContainsFunc(gaps, func(g callcenter.Gap) bool { return g.Overlaps(&calls[i]) })
		if id, ok := found[calls[i].RequestID]; ok {
			number := int64(id)
			items[i].CallbackID = &number
		}
	}
	return items, nil
}

// callOf is the call as the contract shows it in lists and events, without its
// callback and without whether it is settled.
func callOf(call *callcenter.Call) Call {
	return Call{
		RequestID:       string(call.RequestID),
		Node:            call.Node,
		LinkedID:        call.LinkedID,
		Kind:            Kind(call.Kind),
		Direction:       Direction(call.Direction),
		State:           State(call.State),
		CallCenter:      orNull(call.CallCenter),
		CallCenters:     orEmpty(call.CallCenters),
		BusinessLabel:   orNull(call.BusinessLabel),
		CallbackAllowed: call.CallbackAllowed(),
		RemoteNumber:    orNull(call.RemoteNumber),
		LocalNumber:     orNull(call.LocalNumber),
		Agent:           orNull(call.Agent),
		Agents:          orEmpty(call.Agents),
		Outcome:         orNull(string(call.Outcome.Result)),
		Reason:          orNull(call.Outcome.Reason),
		StartedAt:       call.StartedAt.UTC(),
		AnsweredAt:      utc(call.AnsweredAt),
		EndedAt:         utc(call.EndedAt),
		WaitSeconds:     seconds(&call.StartedAt, firstOf(call.AnsweredAt, call.EndedAt)),
		TalkSeconds:     seconds(call.AnsweredAt, call.EndedAt),
		MergedInto:      orNull(string(call.MergedInto)),
	}
}

// detailOf adds to a call what lists leave out, except for the refusal, which
// depends on who asks.
func detailOf(c Call, call *callcenter.Call) CallDetail {
	legs := make([]Leg, len(call.Legs))
	for i := range call.Legs {
		legs[i] = legOf(&call.Legs[i])
	}
	return CallDetail{
		RequestID: c.RequestID, Node: c.Node, LinkedID: c.LinkedID,
		Kind: c.Kind, Direction: c.Direction, State: c.State,
		CallCenter: c.CallCenter, CallCenters: c.CallCenters, BusinessLabel: c.BusinessLabel,
		CallbackAllowed: c.CallbackAllowed, CallbackID: c.CallbackID,
		RemoteNumber: c.RemoteNumber, LocalNumber: c.LocalNumber, Agent: c.Agent, Agents: c.Agents,
		Outcome: c.Outcome, Reason: c.Reason,
		StartedAt: c.StartedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt,
		WaitSeconds: c.WaitSeconds, TalkSeconds: c.TalkSeconds, MergedInto: c.MergedInto, Unsettled: c.Unsettled,
		Receipt: signalsOf(call.Receipt),
		Legs:    legs,
	}
}

func signalsOf(receipt []callcenter.Signal) []Signal {
	signals := make([]Signal, len(receipt))
	for i, s := range receipt {
		signals[i] = Signal{
			At: s.At.UTC(), Event: string(s.Event), Channel: string(s.Channel), Rule: string(s.Rule), Kind: Kind(s.Kind),
			CallCenter: orNull(s.CallCenter), Value: orNull(s.Value), MergedFrom: orNull(string(s.MergedFrom)),
		}
	}
	return signals
}

func legOf(leg *callcenter.Leg) Leg {
	l := Leg{
		Channel: string(leg.Channel), Endpoint: leg.Endpoint, Dialled: leg.Dialled, Trunk: leg.Trunk,
		CallCenter: orNull(leg.CallCenter),
		StartedAt:  leg.StartedAt.UTC(), RingingAt: utc(leg.RingingAt), AnsweredAt: utc(leg.AnsweredAt),
		EndedAt: utc(leg.EndedAt), HungUpAt: utc(leg.HungUpAt),
		DialStatus: orNull(leg.DialStatus), Lost: leg.Lost,
	}
	if leg.Cause != 0 {
		l.Cause = &leg.Cause
	}
	return l
}

// value is what an optional parameter points to, or zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// orNull turns the domain's "empty for none" into null.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// orEmpty keeps a list without items from being null.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func firstOf(times ...*time.Time) *time.Time {
	for _, t := range times {
		if t != nil {
			return t
		}
	}
	return nil
}

// seconds is the time between two times, to the millisecond, or null when
// one of them is not known. A PBX's clock that was set back gives 0, not a
// negative length.
func seconds(from, to *time.Time) *float64 {
	if from == nil || to == nil {
		return nil
	}
	length := max(0, math.Round(to.Sub(*from).Seconds()*1000)/1000)
	return &length
}
