package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/oapi-codegen/nullable"

	"callbackd/accounts"
	"callbackd/api/apitest"
)

// A client that was generated from the contract, and knows nothing else, does
// what a workspace's back end does: from a call to a completed callback.
func TestGeneratedClient_FromCallToCompletedCallback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.account("sato", accounts.RoleAgent, "", "support")
	w.account("suzuki", accounts.RoleAgent, "", "support")
	w.save(centerCall(1, "support"), plainCall(2, "terminal", "terminal_dial", "PJSIP/2001"))
	token := w.actor(accounts.RoleSupervisor)
	client, err := apitest.NewClientWithResponses(w.url, apitest.WithHTTPClient(w.client),
		apitest.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+token)
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	kind := apitest.KindCallCenter
	calls, err := client.ListCallsWithResponse(ctx, &apitest.ListCallsParams{Kind: &kind})
	must(err)
	if calls.JSON200 == nil || len(calls.JSON200.Items) != 1 || !calls.JSON200.Items[0].CallbackAllowed {
		t.Fatalf("calls: %s", calls.Body)
	}
	key, memo := "client-1", "見積りの件"
	registered, err := client.RegisterCallbackWithResponse(ctx, calls.JSON200.Items[0].RequestID,
		&apitest.RegisterCallbackParams{IdempotencyKey: &key}, apitest.NewCallback{Memo: &memo})
	must(err)
	if registered.JSON201 == nil || registered.JSON201.Memo != memo {
		t.Fatalf("register: %s", registered.Body)
	}
	id := registered.JSON201.ID

	sato, suzuki := "sato", "suzuki"
	claimed, err := client.ClaimCallbackWithResponse(ctx, id, &apitest.ClaimCallbackParams{ActingFor: &sato}, apitest.Claim{Version: 1})
	must(err)
	if claimed.JSON200 == nil || *claimed.JSON200.Assignee != sato {
		t.Fatalf("claim: %s", claimed.Body)
	}
	lost, err := client.ClaimCallbackWithResponse(ctx, id, &apitest.ClaimCallbackParams{ActingFor: &suzuki}, apitest.Claim{Version: 1})
	must(err)
	if lost.ApplicationProblemJSON409 == nil || *lost.ApplicationProblemJSON409.Callback.Assignee != sato {
		t.Fatalf("claim again: %s", lost.Body)
	}
	done := apitest.StatusCompleted
	completed, err := client.ChangeCallbackWithResponse(ctx, id, &apitest.ChangeCallbackParams{ActingFor: &sato}, apitest.CallbackChange{
		Version: int(lost.ApplicationProblemJSON409.Callback.Version), Status: &done, ContactNumber: nullable.NewNullNullable[string](),
	})
	must(err)
	if completed.JSON200 == nil || completed.JSON200.CompletedBy == nil || completed.JSON200.ContactNumber != nil {
		t.Fatalf("complete: %s", completed.Body)
	}
	moved, err := client.ChangeCallbackWithResponse(ctx, id, nil, apitest.CallbackChange{
		Version: int(completed.JSON200.Version), Assignee: nullable.NewNullableWithValue(suzuki),
	})
	must(err)
	if moved.JSON200 == nil || *moved.JSON200.Assignee != suzuki {
		t.Fatalf("assign: %s", moved.Body)
	}
	history, err := client.ListHistoryWithResponse(ctx, id, nil)
	must(err)
	if history.JSON200 == nil || len(history.JSON200.Items) != 4 {
		t.Fatalf("history: %s", history.Body)
	}
	all, err := client.ListCallbacksWithResponse(ctx, &apitest.ListCallbacksParams{
		Status: []apitest.Status{apitest.StatusCompleted}, Assignee: []string{suzuki}, Q: &memo,
	})
	must(err)
	if all.JSON200 == nil || len(all.JSON200.Items) != 1 || all.JSON200.Items[0].ID != id {
		t.Fatalf("list: %s", all.Body)
	}
}
