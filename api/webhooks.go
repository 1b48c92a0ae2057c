package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"callbackd/callbacks"
	"callbackd/webhooks"
)

// ListWebhooks lists the webhooks that the caller may manage.
func (o operations) ListWebhooks(ctx context.Context, _ ListWebhooksRequestObject) (ListWebhooksResponseObject, error) {
	all, err := o.options.Webhooks.List(ctx, principalFrom(ctx))
	if err != nil {
		return nil, err
	}
	list := WebhookList{Items: make([]Webhook, len(all))}
	for i := range all {
		list.Items[i] = webhookOf(&all[i])
	}
	return ListWebhooks200JSONResponse(list), nil
}

// CreateWebhook creates a webhook and shows its secret, this once.
func (o operations) CreateWebhook(ctx context.Context, request CreateWebhookRequestObject) (CreateWebhookResponseObject, error) {
	wish := request.Body
	webhook, secret, err := o.options.Webhooks.Create(ctx, principalFrom(ctx), webhooks.NewWebhook{
		Name: wish.Name, URL: wish.URL, Kinds: changeKindsOf(wish.Kinds), CallCenters: wish.CallCenters,
		Active: wish.Active == nil || *wish.Active,
	})
	if err != nil {
		return nil, withWebhookFields(ctx, err)
	}
	w := webhookOf(&webhook)
	return CreateWebhook201JSONResponse{
		Headers: CreateWebhook201ResponseHeaders{Location: fmt.Sprintf("%s/webhooks/%d", basePath, webhook.ID)},
		Body: CreatedWebhook{
			ID: w.ID, Name: w.Name, URL: w.URL, Kinds: w.Kinds, CallCenters: w.CallCenters, State: w.State,
			DisabledReason: w.DisabledReason, DisabledAt: w.DisabledAt, FailingSince: w.FailingSince,
			OldSecretUntil: w.OldSecretUntil, Waiting: w.Waiting, LastTry: w.LastTry,
			CreatedAt: w.CreatedAt, CreatedBy: w.CreatedBy, UpdatedAt: w.UpdatedAt, UpdatedBy: w.UpdatedBy, Version: w.Version,
			Secret: secret.Reveal(),
		},
	}, nil
}

// GetWebhook shows a webhook.
func (o operations) GetWebhook(ctx context.Context, request GetWebhookRequestObject) (GetWebhookResponseObject, error) {
	webhook, err := o.options.Webhooks.Get(ctx, principalFrom(ctx), webhooks.ID(request.ID))
	if err != nil {
		return nil, err
	}
	return GetWebhook200JSONResponse(webhookOf(&webhook)), nil
}

// ChangeWebhook changes a webhook.
func (o operations) ChangeWebhook(ctx context.Context, request ChangeWebhookRequestObject) (ChangeWebhookResponseObject, error) {
	wish := request.Body
	change := webhooks.Change{
		Version: value(wish.Version), Name: wish.Name, URL: wish.URL, Kinds: changeKindsOf(value(wish.Kinds)), Active: wish.Active,
	}
	if wish.CallCenters.IsSpecified() {
		change.CallCenters = new([]string)
		if !wish.CallCenters.IsNull() {
			*change.CallCenters = wish.CallCenters.MustGet()
		}
	}
	webhook, err := o.options.Webhooks.Change(ctx, principalFrom(ctx), webhooks.ID(request.ID), change)
	if err != nil {
		return nil, withWebhookFields(ctx, err)
	}
	return ChangeWebhook200JSONResponse(webhookOf(&webhook)), nil
}

// DeleteWebhook takes a webhook away.
func (o operations) DeleteWebhook(ctx context.Context, request DeleteWebhookRequestObject) (DeleteWebhookResponseObject, error) {
	if err := o.options.Webhooks.Delete(ctx, principalFrom(ctx), webhooks.ID(request.ID)); err != nil {
		return nil, err
	}
	return DeleteWebhook204Response{}, nil
}

// RotateWebhookSecret gives a webhook a new secret and shows it, this once.
func (o operations) RotateWebhookSecret(
	ctx context.Context, request RotateWebhookSecretRequestObject,
) (RotateWebhookSecretResponseObject, error) {
	webhook, secret, err := o.options.Webhooks.RotateSecret(ctx, principalFrom(ctx), webhooks.ID(request.ID))
	if err != nil {
		return nil, err
	}
	return RotateWebhookSecret200JSONResponse(WebhookSecret{
		Secret: secret.Reveal(), OldSecretUntil: value(webhook.OldSecretUntil).UTC(),
	}), nil
}

// PingWebhook tries a webhook out.
func (o operations) PingWebhook(ctx context.Context, request PingWebhookRequestObject) (PingWebhookResponseObject, error) {
	delivery, err := o.options.Webhooks.Ping(ctx, principalFrom(ctx), webhooks.ID(request.ID))
	if err != nil {
		return nil, err
	}
	return PingWebhook202JSONResponse(deliveryOf(&delivery)), nil
}

// ListWebhookDeliveries lists what a webhook was, and is to be, sent.
func (o operations) ListWebhookDeliveries(
	ctx context.Context, request ListWebhookDeliveriesRequestObject,
) (ListWebhookDeliveriesResponseObject, error) {
	p := request.Params
	size := cmp.Or(value(p.PageSize), defaultPageSize)
	// One more than the page holds says whether there is another.
	filter := webhooks.DeliveryFilter{Limit: size + 1}
	if p.State != nil {
		filter.State = webhooks.DeliveryState(*p.State)
	}
	if p.Cursor != nil {
		at, err := parseCursor(*p.Cursor)
		id, numberErr := strconv.ParseInt(at.ID, 10, 64)
		if err != nil || numberErr != nil || id < 1 {
			return nil, invalidCursor(ctx)
		}
		filter.Before = webhooks.DeliveryID(id)
	}
	deliveries, err := o.options.Webhooks.Deliveries(ctx, principalFrom(ctx), webhooks.ID(request.ID), filter)
	if err != nil {
		return nil, err
	}
	var list WebhookDeliveryList
	if len(deliveries) > size {
		deliveries = deliveries[:size]
		list.NextCursor = new(cursor{ID: strconv.FormatInt(int64(deliveries[size-1].ID), 10)}.String())
	}
	list.Items = make([]WebhookDelivery, len(deliveries))
	for i := range deliveries {
		list.Items[i] = deliveryOf(&deliveries[i])
	}
	return ListWebhookDeliveries200JSONResponse(list), nil
}

// GetWebhookDelivery shows what became of a delivery.
func (o operations) GetWebhookDelivery(
	ctx context.Context, request GetWebhookDeliveryRequestObject,
) (GetWebhookDeliveryResponseObject, error) {
	delivery, err := o.options.Webhooks.Delivery(ctx, principalFrom(ctx), webhooks.ID(request.ID), webhooks.DeliveryID(request.DeliveryID))
	if err != nil {
		return nil, err
	}
	return GetWebhookDelivery200JSONResponse(deliveryOf(&delivery)), nil
}

// ReplayWebhookDelivery sends a delivery again.
func (o operations) ReplayWebhookDelivery(
	ctx context.Context, request ReplayWebhookDeliveryRequestObject,
) (ReplayWebhookDeliveryResponseObject, error) {
	delivery, err := o.options.Webhooks.Replay(ctx, principalFrom(ctx), webhooks.ID(request.ID), webhooks.DeliveryID(request.DeliveryID))
	if err != nil {
		return nil, err
	}
	return ReplayWebhookDelivery202JSONResponse(deliveryOf(&delivery)), nil
}

// ReplayWebhook sends again what failed or was missed.
func (o operations) ReplayWebhook(ctx context.Context, request ReplayWebhookRequestObject) (ReplayWebhookResponseObject, error) {
	n, err := o.options.Webhooks.ReplaySince(ctx, principalFrom(ctx), webhooks.ID(request.ID), request.Body.Since)
	if err != nil {
		return nil, err
	}
	return ReplayWebhook202JSONResponse(WebhookReplayed{Replayed: n}), nil
}

// withWebhookFields names the member that is at fault.
func withWebhookFields(ctx context.Context, err error) error {
	lang := languageFrom(ctx)
	if e, ok := errors.AsType[*webhooks.CallCenterError](err); ok {
		return invalidField(lang, "/call_centers", inBody,
			"設定にないコールセンターです: "+shown(e.ID), "There is no such call center: "+shown(e.ID)+".")
	}
	e, ok := errors.AsType[*webhooks.URLError](err)
	if !ok {
		return err
	}
	ja, en := "https://ホスト名/パス の形で指定してください。", "Must be https://host/path."
	switch e.Fault {
	case webhooks.URLPlain:
		ja, en = "暗号化されないため http:// には送信できません。https:// で始まる URL を指定してください。", "Must begin with https://: over http:// it could be read on the way."
	case webhooks.URLUserinfo:
		ja, en = "URL にユーザ名とパスワードを含めることはできません。", "Must not hold a user and a password."
	case webhooks.URLForbidden:
		ja = "社内などの公開されていないアドレスには送信できません。公開されたアドレスを指定するか、設定の webhooks.allow_networks で許可してください。"
		en = "Nothing is sent to an address that is not of the public internet, unless webhooks.allow_networks of the configuration allows it."
	case webhooks.URLMalformed:
	}
	return invalidField(lang, "/url", inBody, ja, en)
}

func changeKindsOf(kinds []EventKind) []callbacks.ChangeKind {
	var list []callbacks.ChangeKind
	for _, kind := range kinds {
		list = append(list, callbacks.ChangeKind(kind))
	}
	return list
}

// webhookOf is a webhook as the contract shows it.
func webhookOf(w *webhooks.Webhook) Webhook {
	shown := Webhook{
		ID: int64(w.ID), Name: w.Name, URL: w.URL, CallCenters: w.CallCenters, State: WebhookState(w.State),
		DisabledAt: utc(w.DisabledAt), FailingSince: utc(w.FailingSince), OldSecretUntil: utc(w.OldSecretUntil),
		Waiting: w.Waiting, CreatedAt: w.CreatedAt.UTC(), CreatedBy: w.CreatedBy, UpdatedAt: w.UpdatedAt.UTC(), UpdatedBy: w.UpdatedBy,
		Version: w.Version,
	}
	for _, kind := range w.Kinds {
		shown.Kinds = append(shown.Kinds, EventKind(kind))
	}
	if w.Reason != "" {
		shown.DisabledReason = new(WebhookReason(w.Reason))
	}
	if try := w.LastTry; try != nil {
		shown.LastTry = &WebhookTry{DeliveryID: int64(try.Delivery), At: try.At.UTC(), Outcome: WebhookOutcome(try.Outcome)}
		if try.Status != 0 {
			shown.LastTry.HTTPStatus = &try.Status
		}
	}
	return shown
}

// deliveryOf is a delivery as the contract shows it.
func deliveryOf(d *webhooks.Delivery) WebhookDelivery {
	shown := WebhookDelivery{
		ID: int64(d.ID), MessageID: d.Message, Kind: WebhookDeliveryKind(d.Kind), At: d.At.UTC(),
		RequestID: orNull(string(d.RequestID)), Node: orNull(d.NodeName),
		State: WebhookDeliveryState(d.State), Tries: d.Tries, TriedAt: utc(d.TriedAt), NextTryAt: utc(d.NextTryAt),
	}
	if d.Number != 0 {
		shown.Change = &d.Number
	}
	if d.CallbackID != 0 {
		shown.CallbackID = new(int64(d.CallbackID))
	}
	if d.Outcome != "" {
		shown.Outcome = new(WebhookOutcome(d.Outcome))
		shown.TookSeconds = new(d.Took.Seconds())
	}
	if d.Status != 0 {
		shown.HTTPStatus = &d.Status
	}
	return shown
}
