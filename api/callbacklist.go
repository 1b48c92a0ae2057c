package api

import (
	"context"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
)

// ListCallbacks lists the callbacks that the caller may see.
func (o operations) ListCallbacks(ctx context.Context, request ListCallbacksRequestObject) (ListCallbacksResponseObject, error) {
	p := request.Params
	by := principalFrom(ctx)
	filter, err := callbackFilter(ctx, ExportCallbacksParams{
		Q: p.Q, Status: p.Status, Assignee: p.Assignee, Unassigned: p.Unassigned, Mine: p.Mine,
		CallCenter: p.CallCenter, BusinessLabel: p.BusinessLabel, Origin: p.Origin,
		RegisteredFrom: p.RegisteredFrom, RegisteredTo: p.RegisteredTo, Number: p.Number, LocalNumber: p.LocalNumber,
		RequestID: p.RequestID, Sort: p.Sort, Order: p.Order,
	})
	if err != nil {
		return nil, err
	}
	filter.Cursor, filter.Limit = value(p.Cursor), value(p.PageSize)

	// The number is taken before the list is read: a change that comes between
	// is then told of twice rather than never.
	change, err := o.options.Changes.LastChange(ctx)
	if err != nil {
		return nil, err
	}
	list := CallbackList{Change: change}
	page, err := o.options.Callbacks.List(ctx, by, filter)
	if err != nil {
		return nil, err
	}
	list.NextCursor = orNull(page.Next)
	if list.Items, err = o.callbacksOf(ctx, page.Items); err != nil {
		return nil, err
	}
	if value(p.Total) {
		total, err := o.options.Callbacks.Count(ctx, by, filter)
		if err != nil {
			return nil, err
		}
		list.Total = &total
	}
	if p.NewSince != nil {
		count, err := o.options.Callbacks.NewSince(ctx, by, filter, *p.NewSince)
		if err != nil {
			return nil, err
		}
		list.NewCount = &count
	}
	return ListCallbacks200JSONResponse(list), nil
}

// callbackFilter is what the parameters of lists and exports of callbacks
// ask for.
func callbackFilter(ctx context.Context, p ExportCallbacksParams) (callbacks.Filter, error) {
	filter := callbacks.Filter{
		Text: value(p.Q), Assignees: p.Assignee, Unassigned: value(p.Unassigned), Mine: value(p.Mine),
		CallCenters: p.CallCenter, BusinessLabels: p.BusinessLabel,
		From: value(p.RegisteredFrom), To: value(p.RegisteredTo),
		RemoteNumber: value(p.Number), LocalNumber: value(p.LocalNumber),
		RequestID: callcenter.RequestID(value(p.RequestID)),
		Sort:      callbacks.Sort(value(p.Sort)), Descending: value(p.Order) == "desc",
	}
	for _, status := range p.Status {
		filter.Statuses = append(filter.Statuses, callbacks.Status(status))
	}
	if p.Origin != nil {
		filter.Origins = []callbacks.Origin{callbacks.Origin(*p.Origin)}
	}
	if filter.Mine && principalFrom(ctx).Kind != accounts.KindAccount {
		return filter, invalidField(languageFrom(ctx), "mine", openapi3.ParameterInQuery,
			"トークンには自分の折り返し呼がありません。X-Callbackd-Account でアカウントを指定してください。",
			"A token has no callbacks of its own: name an account by X-Callbackd-Account.")
	}
	if slices.Contains(filter.Assignees, "") {
		return filter, invalidField(languageFrom(ctx), "assignee", openapi3.ParameterInQuery,
			"空の名前があります。", "There is an empty name.")
	}
	return filter, nil
}
