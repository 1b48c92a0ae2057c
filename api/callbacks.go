package api

import (
	"context"
	"fmt"

	"callbackd/callbacks"
	"callbackd/callcenter"
)

// RegisterCallback registers a callback for a call.
func (o operations) RegisterCallback(ctx context.Context, request RegisterCallbackRequestObject) (RegisterCallbackResponseObject, error) {
	result, err := o.callbacks.Register(ctx, principalFrom(ctx), callcenter.RequestID(request.RequestID), callbacks.Registration{
		IdempotencyKey: value(request.Params.IdempotencyKey),
	})
	if err != nil {
		o.countRefusal(err)
		return nil, err
	}
	if !result.Replayed {
		o.metrics.registered.WithLabelValues(string(result.Callback.Origin)).Inc()
	}
	return RegisterCallback201JSONResponse{
		Headers: RegisterCallback201ResponseHeaders{Location: fmt.Sprintf("%s/callbacks/%d", basePath, result.Callback.ID)},
		Body:    registeredOf(&result),
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

// GetCallback shows a callback.
func (o operations) GetCallback(ctx context.Context, request GetCallbackRequestObject) (GetCallbackResponseObject, error) {
	callback, err := o.callbacks.Get(ctx, principalFrom(ctx), callbacks.ID(request.ID))
	if err != nil {
		return nil, err
	}
	return GetCallback200JSONResponse(callbackOf(&callback)), nil
}

// callbackOf is the callback as the contract shows it. Names of the phone
// book and recordings are not known yet, so they are null.
func callbackOf(c *callbacks.Callback) Callback {
	return Callback{
		ID:            int64(c.ID),
		RequestID:     string(c.RequestID),
		Origin:        string(c.Origin),
		Status:        string(c.Status),
		Assignee:      orNull(c.Assignee),
		Memo:          c.Memo,
		RegisteredAt:  c.RegisteredAt.UTC(),
		RegisteredBy:  c.RegisteredBy,
		CompletedAt:   utc(c.CompletedAt),
		CompletedBy:   orNull(c.CompletedBy),
		RemoteNumber:  orNull(c.RemoteNumber),
		ContactNumber: orNull(c.ContactNumber),
		CallCenter:    c.CallCenter,
		BusinessLabel: orNull(c.BusinessLabel),
		LocalNumber:   orNull(c.LocalNumber),
		Version:       int64(c.Version),
	}
}

func registeredOf(result *callbacks.RegisterResult) RegisteredCallback {
	c := callbackOf(&result.Callback)
	return RegisteredCallback{
		ID: c.ID, RequestID: c.RequestID, Origin: c.Origin, Status: c.Status, Assignee: c.Assignee, Memo: c.Memo,
		RegisteredAt: c.RegisteredAt, RegisteredBy: c.RegisteredBy, CompletedAt: c.CompletedAt, CompletedBy: c.CompletedBy,
		RemoteNumber: c.RemoteNumber, ContactNumber: c.ContactNumber, RemoteName: c.RemoteName,
		CallCenter: c.CallCenter, BusinessLabel: c.BusinessLabel, LocalNumber: c.LocalNumber,
		Recording: c.Recording, Version: c.Version,
		OtherOpenCallbacks: result.OtherOpen,
	}
}
