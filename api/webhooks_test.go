package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callbacks"
	"callbackd/webhooks"
)

func TestWebhooks_Manage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := w.token(accounts.RoleAdmin)
	send := func(method, path string, body any) answer {
		return w.do(request{method: method, path: path, json: body, token: admin})
	}
	answered := send(http.MethodPost, "/webhooks", newWebhook("support", "sales"))
	created := decode[api.CreatedWebhook](t, answered, http.StatusCreated)
	path := fmt.Sprintf("/webhooks/%d", created.ID)
	if answered.header.Get("Location") != basePath+path || !strings.HasPrefix(created.Secret, "whsec_") || created.State != api.WebhookStateActive {
		t.Errorf("created %+v at %q", created, answered.header.Get("Location"))
	}
	w.secrets = append(w.secrets, created.Secret, "workspace.example.com")
	got := send(http.MethodGet, path, nil)
	shown := decode[api.Webhook](t, got, http.StatusOK)
	if strings.Contains(string(got.body), "whsec_") {
		t.Error("the secret is shown again")
	}
	if list := decode[api.WebhookList](t, send(http.MethodGet, "/webhooks", nil), http.StatusOK); len(list.Items) != 1 || !cmp.Equal(list.Items[0], shown) {
		t.Errorf("list %+v", list.Items)
	}
	changed := decode[api.Webhook](t, send(http.MethodPatch, path, map[string]any{
		"name": "CRM", "url": "https://crm.example.com/hook", "kinds": []string{"call", "node"}, "call_centers": []string{"sales"}, "active": false,
	}), http.StatusOK)
	if changed.Name != "CRM" || changed.State != api.WebhookStateInactive || len(changed.Kinds) != 2 || len(changed.CallCenters) != 1 {
		t.Errorf("changed to %+v", changed)
	}
	rotated := decode[api.WebhookSecret](t, send(http.MethodPost, path+"/secret", nil), http.StatusOK)
	w.secrets = append(w.secrets, rotated.Secret, "crm.example.com")
	if rotated.Secret == created.Secret || time.Until(rotated.OldSecretUntil) < 23*time.Hour {
		t.Errorf("rotated %+v", rotated)
	}
	problem(t, send(http.MethodPost, path+"/replay", map[string]any{"since": start}), http.StatusConflict, "webhook_inactive")
	ping := decode[api.WebhookDelivery](t, send(http.MethodPost, path+"/ping", nil), http.StatusAccepted)
	problem(t, send(http.MethodPost, fmt.Sprintf("%s/deliveries/%d/replay", path, ping.ID), nil), http.StatusConflict, "webhook_inactive")
	decode[api.Webhook](t, send(http.MethodPatch, path, map[string]any{"active": true}), http.StatusOK)
	delivery := fmt.Sprintf("%s/deliveries/%d", path, ping.ID)
	if got := decode[api.WebhookDelivery](t, send(http.MethodGet, delivery, nil), http.StatusOK); !cmp.Equal(got, ping) {
		t.Errorf("the delivery is %+v, want %+v", got, ping)
	}
	if got := decode[api.Webhook](t, send(http.MethodGet, path, nil), http.StatusOK); got.Waiting != 1 || got.LastTry != nil {
		t.Errorf("%d wait, last try %+v, want one and none", got.Waiting, got.LastTry)
	}
	replayed := decode[api.WebhookDelivery](t, send(http.MethodPost, fmt.Sprintf("%s/deliveries/%d/replay", path, ping.ID), nil), http.StatusAccepted)
	if replayed.ID != ping.ID || replayed.MessageID != ping.MessageID || replayed.State != api.WebhookDeliveryStatePending {
		t.Errorf("replayed %+v", replayed)
	}
	problem(t, send(http.MethodGet, path+"/deliveries/999999", nil), http.StatusNotFound, "webhook_delivery_not_found")
	problem(t, send(http.MethodPost, path+"/deliveries/999999/replay", nil), http.StatusNotFound, "webhook_delivery_not_found")
	if n := decode[api.WebhookReplayed](t, send(http.MethodPost, path+"/replay", map[string]any{"since": start}), http.StatusAccepted); n.Replayed != 0 {
		t.Errorf("replayed %d", n.Replayed)
	}
	if got := send(http.MethodDelete, path, nil); got.status != http.StatusNoContent {
		t.Errorf("delete: status %d: %s", got.status, got.body)
	}
	problem(t, send(http.MethodGet, path, nil), http.StatusNotFound, "webhook_not_found")
}

// Of two administrators who saw the same webhook, the second changes nothing
// and is told what it is now.
func TestWebhooks_Stale(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := w.token(accounts.RoleAdmin)
	send := func(method, path string, body any) answer {
		return w.do(request{method: method, path: path, json: body, token: admin})
	}
	seen := decode[api.CreatedWebhook](t, send(http.MethodPost, "/webhooks", newWebhook("support")), http.StatusCreated)
	path := fmt.Sprintf("/webhooks/%d", seen.ID)
	first := decode[api.Webhook](t, send(http.MethodPatch, path, map[string]any{"version": seen.Version, "call_centers": nil}), http.StatusOK)
	if first.CallCenters != nil || first.Version != seen.Version+1 {
		t.Errorf("changed to %+v, want all call centers and version %d", first, seen.Version+1)
	}
	refused := problem(t, send(http.MethodPatch, path, map[string]any{"version": seen.Version, "name": "late"}), http.StatusConflict, "stale")
	if refused.Webhook == nil || !cmp.Equal(*refused.Webhook, first) {
		t.Errorf("the problem has %+v, want %+v", refused.Webhook, first)
	}
	last := decode[api.Webhook](t, send(http.MethodPatch, path, map[string]any{"name": "whichever"}), http.StatusOK)
	if last.Name != "whichever" || last.CallCenters != nil {
		t.Errorf("changed to %+v", last)
	}
	limited := w.token(accounts.RoleAdmin, "support")
	mine := decode[api.CreatedWebhook](t, w.do(request{method: http.MethodPost, path: "/webhooks", json: newWebhook("support"), token: limited}), http.StatusCreated)
	problem(t, w.do(request{
		method: http.MethodPatch, path: fmt.Sprintf("/webhooks/%d", mine.ID), token: limited, json: map[string]any{"call_centers": nil},
	}), http.StatusForbidden, "forbidden")
}

func TestWebhooks_Faults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin, limited := w.token(accounts.RoleAdmin), w.token(accounts.RoleAdmin, "support")
	create := func(token, member string, value any) answer {
		wish := newWebhook("support")
		wish[member] = value
		if value == nil {
			delete(wish, member)
		}
		return w.do(request{method: http.MethodPost, path: "/webhooks", json: wish, token: token})
	}
	for _, address := range []string{
		"http://example.com/", "https://127.0.0.1/", "https://user:password@example.com/", "https://example.com/#x", "gopher://example.com",
	} {
		w.wantField(address, create(admin, "url", address), "/url", "body")
	}
	w.wantField("a call center that is not configured", create(admin, "call_centers", []string{"unheard"}), "/call_centers", "body")
	w.wantField("a call center of others", create(limited, "call_centers", []string{"support", "sales"}), "/call_centers", "body")
	problem(t, create(limited, "call_centers", nil), http.StatusForbidden, "forbidden")
	w.wantField("no kinds", create(admin, "kinds", []string{}), "/kinds", "body")

	mine := decode[api.CreatedWebhook](t, create(limited, "name", "mine"), http.StatusCreated)
	others := decode[api.CreatedWebhook](t, create(admin, "call_centers", nil), http.StatusCreated)
	if list := decode[api.WebhookList](t, w.do(request{path: "/webhooks", token: limited}), http.StatusOK); len(list.Items) != 1 || list.Items[0].ID != mine.ID {
		t.Errorf("list %+v", list.Items)
	}
	problem(t, w.do(request{path: fmt.Sprintf("/webhooks/%d", others.ID), token: limited}), http.StatusNotFound, "webhook_not_found")
	path := fmt.Sprintf("/webhooks/%d", mine.ID)
	w.wantField("a forbidden address", w.do(request{
		method: http.MethodPatch, path: path, token: limited, json: map[string]any{"url": "https://10.0.0.1/"},
	}), "/url", "body")
	w.wantField("cursor", w.do(request{path: path + "/deliveries", token: limited, query: url.Values{"cursor": {"abc"}}}), "cursor", "query")
	for len(decode[api.WebhookList](t, w.do(request{path: "/webhooks", token: admin}), http.StatusOK).Items) < webhooks.MaxWebhooks {
		decode[api.CreatedWebhook](t, create(admin, "name", "more"), http.StatusCreated)
	}
	problem(t, create(admin, "name", "too many"), http.StatusConflict, "too_many_webhooks")
}

func TestWebhooks_Deliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	admin := w.token(accounts.RoleAdmin)
	created := decode[api.CreatedWebhook](t, w.do(request{method: http.MethodPost, path: "/webhooks", json: newWebhook("support"), token: admin}), http.StatusCreated)
	var ids []int64
	for n := range 3 {
		call := centerCall(n, "support")
		w.save(call)
		c := decode[api.RegisteredCallback](t, w.register(&call, admin, nil), http.StatusCreated)
		ids = append([]int64{c.ID}, ids...)
	}
	if _, err := w.db.Webhooks().FanOut(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	list := func(query url.Values) api.WebhookDeliveryList {
		return decode[api.WebhookDeliveryList](t, w.do(request{
			path: fmt.Sprintf("/webhooks/%d/deliveries", created.ID), token: admin, query: query,
		}), http.StatusOK)
	}
	first := list(url.Values{"page_size": {"2"}, "state": {"pending"}})
	if first.NextCursor == nil {
		t.Fatalf("there is no next page: %+v", first)
	}
	second := list(url.Values{"page_size": {"2"}, "state": {"pending"}, "cursor": {*first.NextCursor}})
	var got []int64
	for _, d := range append(first.Items, second.Items...) {
		got = append(got, *d.CallbackID)
		if d.Kind != api.WebhookDeliveryKindCallback || *d.Change == 0 || *d.RequestID == "" || d.Outcome != nil {
			t.Errorf("delivery %+v", d)
		}
	}
	if diff := cmp.Diff(ids, got); diff != "" || second.NextCursor != nil {
		t.Errorf("deliveries of callbacks (-want +got):\n%s", diff)
	}
	if none := list(url.Values{"state": {"delivered"}}); len(none.Items) != 0 {
		t.Errorf("delivered %+v", none.Items)
	}
}

// What is sent to webhooks of a change is what the event stream says of it.
func TestWebhooks_SendEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call := centerCall(1, "support")
	w.save(call)
	decode[api.RegisteredCallback](t, w.register(&call, w.token(accounts.RoleAdmin), nil), http.StatusCreated)
	for _, change := range []callbacks.Change{
		{Number: 1, At: start, Kind: callbacks.ChangeCall, RequestID: call.RequestID},
		{Number: 2, At: start, Kind: callbacks.ChangeCallback, RequestID: call.RequestID, CallbackID: 1},
	} {
		change, err := w.db.Webhooks().Record(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		data, err := w.server.EventData(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"type":%q,"timestamp":"2026-11-20T01:06:19Z","data":%s}`, change.Kind, data)
		if err := covered.checkSchema("WebhookEvent", []byte(body)); err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(data), `"`+string(change.Kind)+`":{`) {
			t.Errorf("the record is missing in %s", data)
		}
	}
}
