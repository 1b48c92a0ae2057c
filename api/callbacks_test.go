package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callbackd/accounts"
	"callbackd/api"
	"callbackd/callcenter"
)

func (w *world) register(call *callcenter.Call, token string, header map[string]string) answer {
	w.t.Helper()
	return w.do(request{method: http.MethodPost, path: "/calls/" + string(call.RequestID) + "/callback", token: token, header: header})
}

func TestRegisterCallback_OfACallCenterCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first, second := centerCall(1, "support"), centerCall(2, "support")
	w.save(first, second)
	token := w.token(accounts.RoleAgent, "support")

	created := w.register(&first, token, nil)
	got := decode[api.RegisteredCallback](t, created, http.StatusCreated)
	if got.OtherOpenCallbacks != 0 || got.ContactNumber == nil || *got.ContactNumber != remoteNumber || got.CallCenter != "support" {
		t.Errorf("registered %+v", got)
	}
	location := fmt.Sprintf("/api/v1/callbacks/%d", got.ID)
	if created.header.Get("Location") != location {
		t.Errorf("Location %q, want %q", created.header.Get("Location"), location)
	}
	if again := decode[api.RegisteredCallback](t, w.register(&second, token, nil), http.StatusCreated); again.OtherOpenCallbacks != 1 {
		t.Errorf("other open callbacks of the number: %d, want 1", again.OtherOpenCallbacks)
	}

	shown := decode[map[string]any](t, w.do(request{path: fmt.Sprintf("/callbacks/%d", got.ID), token: token}), http.StatusOK)
	registered := decode[map[string]any](t, created, http.StatusCreated)
	registered["other_open_callbacks"] = 1.0 // the second, meanwhile
	if diff := cmp.Diff(registered, shown); diff != "" {
		t.Errorf("registered and shown callback differ (-registered +shown):\n%s", diff)
	}
	detail := decode[api.CallDetail](t, w.do(request{path: "/calls/" + string(first.RequestID), token: token}), http.StatusOK)
	if detail.CallbackID == nil || *detail.CallbackID != got.ID || detail.CallbackRefusal != nil {
		t.Errorf("call shows callback %v and refusal %v, want %d and none", detail.CallbackID, detail.CallbackRefusal, got.ID)
	}

	exists := problem(t, w.register(&first, token, nil), http.StatusConflict, "callback_exists")
	if exists.CallbackID == nil || *exists.CallbackID != got.ID || !strings.Contains(exists.Detail, fmt.Sprint(got.ID)) {
		t.Errorf("second registration: %+v, want callback_id %d", exists, got.ID)
	}
	w.wantMetrics(`
		# HELP callbackd_callbacks_registered_total Callbacks registered, by origin.
		# TYPE callbackd_callbacks_registered_total counter
		callbackd_callbacks_registered_total{origin="automatic"} 0
		callbackd_callbacks_registered_total{origin="manual"} 2
	`, "callbackd_callbacks_registered_total")
}

func TestRegisterCallback_RefusesOtherKindsAndSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	terminal := plainCall(1, callcenter.KindTerminal, callcenter.RuleTerminalDial, "PJSIP/2001")
	unknown := plainCall(2, callcenter.KindUnknown, callcenter.RuleUnknownQueue, "vip")
	w.save(terminal, unknown)
	token := w.token(accounts.RoleAgent)
	tests := []struct {
		call     callcenter.Call
		language string
		want     string
	}{
		{terminal, "", "この通話は電話端末(2001)への着信のため、折り返し呼を登録できません。コールセンターの通話のみ登録できます。"},
		{terminal, "fr;q=0.9, en-GB;q=0.5", "A callback cannot be registered because this call was to a phone (2001). Only call-center calls can have one."},
		{terminal, "zh", "この通話は電話端末(2001)への着信のため、折り返し呼を登録できません。コールセンターの通話のみ登録できます。"},
		{unknown, "ja", "この通話が入ったキュー「vip」がどのコールセンターにも設定されていないため、折り返し呼を登録できません。コールセンターの通話であれば、設定について管理者に連絡してください。"},
	}
	for _, tt := range tests {
		header := map[string]string{}
		if tt.language != "" {
			header["Accept-Language"] = tt.language
		}
		got := problem(t, w.register(&tt.call, token, header), http.StatusUnprocessableEntity, "not_call_center_call")
		if got.Detail != tt.want {
			t.Errorf("Accept-Language %q: detail\n%s\nwant\n%s", tt.language, got.Detail, tt.want)
		}
		if got.Kind == nil || *got.Kind != api.Kind(tt.call.Kind) || len(got.Receipt) != 1 || got.Receipt[0].Rule != string(tt.call.Receipt[0].Rule) {
			t.Errorf("kind %v and receipt %v of a refusal for a %s call", got.Kind, got.Receipt, tt.call.Kind)
		}
		detail := decode[api.CallDetail](t, w.do(request{path: "/calls/" + string(tt.call.RequestID), token: token, header: header}), http.StatusOK)
		if detail.CallbackAllowed || detail.CallbackRefusal == nil || *detail.CallbackRefusal != tt.want {
			t.Errorf("the call itself says %v, want %s", detail.CallbackRefusal, tt.want)
		}
	}
	w.wantMetrics(`
		# HELP callbackd_callbacks_refused_total Refused registrations by the problem's code and, where it is the reason, the call's kind.
		# TYPE callbackd_callbacks_refused_total counter
		callbackd_callbacks_refused_total{kind="terminal",reason="not_call_center_call"} 3
		callbackd_callbacks_refused_total{kind="unknown",reason="not_call_center_call"} 1
	`, "callbackd_callbacks_refused_total")
}

func TestRegisterCallback_SameKeySameAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call, other := centerCall(1, "support"), centerCall(2, "support")
	w.save(call, other)
	token := w.token(accounts.RoleAgent, "support")
	header := map[string]string{"Idempotency-Key": "4be1f9a2-6d0e"}
	first := decode[api.RegisteredCallback](t, w.register(&call, token, header), http.StatusCreated)
	second := decode[api.RegisteredCallback](t, w.register(&call, token, header), http.StatusCreated)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("answers with one key differ (-first +second):\n%s", diff)
	}
	problem(t, w.register(&other, token, header), http.StatusConflict, "idempotency_key_reused")
	problem(t, w.register(&call, w.token(accounts.RoleAgent, "support"), header), http.StatusConflict, "callback_exists")
	w.wantMetrics(`
		# HELP callbackd_callbacks_registered_total Callbacks registered, by origin.
		# TYPE callbackd_callbacks_registered_total counter
		callbackd_callbacks_registered_total{origin="automatic"} 0
		callbackd_callbacks_registered_total{origin="manual"} 1
	`, "callbackd_callbacks_registered_total")
}

func TestRegisterCallback_UnknownCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call := centerCall(1, "support")
	problem(t, w.register(&call, w.token(accounts.RoleAdmin), nil), http.StatusNotFound, "call_not_found")
}

func TestGetCallback_OnlyOfTheCallersCallCenters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	call := centerCall(1, "support")
	w.save(call)
	got := decode[api.RegisteredCallback](t, w.register(&call, w.token(accounts.RoleAdmin), nil), http.StatusCreated)
	path := fmt.Sprintf("/callbacks/%d", got.ID)
	problem(t, w.do(request{path: path, token: w.token(accounts.RoleSupervisor, "sales")}), http.StatusNotFound, "callback_not_found")
	problem(t, w.do(request{path: "/callbacks/9223372036854775807", token: w.token(accounts.RoleAdmin)}), http.StatusNotFound, "callback_not_found")
	if got := w.do(request{path: path, token: w.token(accounts.RoleAgent, "sales", "support")}); got.status != http.StatusOK {
		t.Errorf("status %d for an agent of the call center: %s", got.status, got.body)
	}
}
