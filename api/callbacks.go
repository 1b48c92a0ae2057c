package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/oapi-codegen/nullable"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// RegisterCallback registers a callback for a call.
func (o operations) RegisterCallback(ctx context.Context, request RegisterCallbackRequestObject) (RegisterCallbackResponseObject, error) {
	registration := callbacks.Registration{IdempotencyKey: value(request.Params.IdempotencyKey)}
	if request.Body != nil {
		registration.Memo = value(request.Body.Memo)
	}
	result, err := o.options.Callbacks.Register(ctx, principalFrom(ctx), callcenter.RequestID(request.RequestID), registration)
	if err != nil {
		o.countRefusal(err)
		return nil, err
	}
	if !result.Replayed {
		o.metrics.registered.WithLabelValues(string(result.Callback.Origin)).Inc()
	}
	shown, err := o.callbackOf(ctx, &result.Callback)
	if err != nil {
		return nil, err
	}
	return RegisterCallback201JSONResponse{
		Headers: RegisterCallback201ResponseHeaders{Location: fmt.Sprintf("%s/callbacks/%d", basePath, shown.ID)},
		Body:    registeredOf(&shown, result.OtherOpen),
	}, nil
}

// countRefusal counts a registration that was refused for a reason; faults
// of the service are no refusals.
func (o operations) countRefusal(err error) {
	row := o.problemOf(err)
	if row.status >= 500 {
		return
	}
	kind := ""
	if e, ok := asNotCallCenterCall(err); ok {
		kind = string(e.Call.Kind)
	}
	o.metrics.refused.WithLabelValues(row.code, kind).Inc()
}

// GetCallback shows a callback, with how many others its number has.
func (o operations) GetCallback(ctx context.Context, request GetCallbackRequestObject) (GetCallbackResponseObject, error) {
	by := principalFrom(ctx)
	callback, err := o.options.Callbacks.Get(ctx, by, callbacks.ID(request.ID))
	if err != nil {
		return nil, err
	}
	shown, err := o.callbackOf(ctx, &callback)
	if err != nil {
		return nil, err
	}
	others, err := o.options.Callbacks.OpenOf(ctx, by, callback.RemoteNumber, callback.CallCenter)
	if err != nil {
		return nil, err
	}
	if callback.Status == callbacks.StatusOpen && others > 0 {
		others-- // this one
	}
	return GetCallback200JSONResponse(CallbackDetail(registeredOf(&shown, others))), nil
}

// ChangeCallback changes a callback.
func (o operations) ChangeCallback(ctx context.Context, request ChangeCallbackRequestObject) (ChangeCallbackResponseObject, error) {
	wish := request.Body
	result, err := o.options.Callbacks.Change(ctx, principalFrom(ctx), callbacks.ID(request.ID), callbacks.Patch{
		Version: wish.Version, Assignee: orEmptyText(wish.Assignee), Status: (*callbacks.Status)(wish.Status),
		Memo: wish.Memo, ContactNumber: orEmptyText(wish.ContactNumber),
		IdempotencyKey: value(request.Params.IdempotencyKey),
	})
	if err != nil {
		return nil, o.withRecord(ctx, err)
	}
	shown, err := o.callbackOf(ctx, &result.Callback)
	if err != nil {
		return nil, err
	}
	return ChangeCallback200JSONResponse(shown), nil
}

// ClaimCallback makes the caller the assignee of a callback.
func (o operations) ClaimCallback(ctx context.Context, request ClaimCallbackRequestObject) (ClaimCallbackResponseObject, error) {
	result, err := o.options.Callbacks.Claim(ctx, principalFrom(ctx), callbacks.ID(request.ID), request.Body.Version,
		value(request.Params.IdempotencyKey))
	if err != nil {
		return nil, o.withRecord(ctx, err)
	}
	shown, err := o.callbackOf(ctx, &result.Callback)
	if err != nil {
		return nil, err
	}
	return ClaimCallback200JSONResponse(shown), nil
}

// staleCallback is a *callbacks.StaleError with the record as the contract
// shows it, which takes names from the database.
type staleCallback struct {
	error
	current Callback
}

func (e *staleCallback) Unwrap() error { return e.error }

// withRecord adds the record to an error that carries one.
func (o operations) withRecord(ctx context.Context, err error) error {
	stale, ok := errors.AsType[*callbacks.StaleError](err)
	if !ok {
		return err
	}
	current, nameErr := o.callbackOf(ctx, &stale.Current)
	if nameErr != nil {
		return nameErr
	}
	return &staleCallback{error: err, current: current}
}

// ListHistory lists all changes of a callback.
func (o operations) ListHistory(ctx context.Context, request ListHistoryRequestObject) (ListHistoryResponseObject, error) {
	entries, err := o.options.Callbacks.History(ctx, principalFrom(ctx), callbacks.ID(request.ID))
	if err != nil {
		return nil, err
	}
	history := History{Items: make([]HistoryEntry, len(entries))}
	for i, entry := range entries {
		changes := make([]FieldChange, len(entry.Changes))
		for j, change := range entry.Changes {
			changes[j] = FieldChange{Field: change.Field, From: change.From, To: change.To}
		}
		history.Items[i] = HistoryEntry{
			Version: int64(entry.Version), Action: string(entry.Action), At: entry.At.UTC(), By: entry.By, Changes: changes,
		}
	}
	return ListHistory200JSONResponse(history), nil
}

// callbackOf is a callback as the contract shows it.
func (s *Server) callbackOf(ctx context.Context, c *callbacks.Callback) (Callback, error) {
	shown, err := s.callbacksOf(ctx, []callbacks.Callback{*c})
	if err != nil {
		return Callback{}, err
	}
	return shown[0], nil
}

// callbacksOf is callbacks as the contract shows them, with names.
func (s *Server) callbacksOf(ctx context.Context, list []callbacks.Callback) ([]Callback, error) {
	if len(list) == 0 {
		return []Callback{}, nil
	}
	rows, err := s.options.Callbacks.Rows(ctx, list)
	if err != nil {
		return nil, err
	}
	shown := make([]Callback, len(rows))
	for i := range rows {
		shown[i] = rowOf(&rows[i])
	}
	return shown, nil
}

// rowOf is a callback with its names as the contract shows it.
func rowOf(c *callbacks.Row) Callback {
	return Callback{
		ID:            int64(c.ID),
		RequestID:     string(c.RequestID),
		Origin:        Origin(c.Origin),
		Status:        Status(c.Status),
		Assignee:      orNull(c.Assignee),
		AssigneeName:  orNull(c.AssigneeName),
		Memo:          c.Memo,
		RegisteredAt:  c.RegisteredAt.UTC(),
		RegisteredBy:  c.RegisteredBy,
		CompletedAt:   utc(c.CompletedAt),
		CompletedBy:   orNull(c.CompletedBy),
		RemoteNumber:  orNull(c.RemoteNumber),
		ContactNumber: orNull(c.ContactNumber),
		RemoteName:    orNull(c.RemoteName),
		CallCenter:    c.CallCenter,
		BusinessLabel: orNull(c.BusinessLabel),
		LocalNumber:   orNull(c.LocalNumber),
		Requests:      c.Requests, LastRequestedAt: c.LastRequestedAt.UTC(),
		Recording: orNull(string(c.Recording)),
		Version:   int64(c.Version),
	}
}

func registeredOf(c *Callback, otherOpen int) RegisteredCallback {
	return RegisteredCallback{
		ID: c.ID, RequestID: c.RequestID, Origin: c.Origin, Status: c.Status,
		Assignee: c.Assignee, AssigneeName: c.AssigneeName, Memo: c.Memo,
		RegisteredAt: c.RegisteredAt, RegisteredBy: c.RegisteredBy, CompletedAt: c.CompletedAt, CompletedBy: c.CompletedBy,
		RemoteNumber: c.RemoteNumber, ContactNumber: c.ContactNumber, RemoteName: c.RemoteName,
		CallCenter: c.CallCenter, BusinessLabel: c.BusinessLabel, LocalNumber: c.LocalNumber,
		Requests: c.Requests, LastRequestedAt: c.LastRequestedAt, Recording: c.Recording, Version: c.Version,
		OtherOpenCallbacks: otherOpen,
	}
}

// orEmptyText turns the contract's "null for none" into the domain's "empty
// for none"; nil when the member was left out.
func orEmptyText(n nullable.Nullable[string]) *string {
	if !n.IsSpecified() {
		return nil
	}
	text, _ := n.Get() // an error says that it is null
	return &text
}
