package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/callcenter"
	"callbackd/phonebook"
	"callbackd/recording"
	"callbackd/webhooks"
)

// Errors of the HTTP layer itself.
var (
	errRouteNotFound    = errors.New("no such route")
	errMethodNotAllowed = errors.New("method not allowed")
	errCrossOrigin      = errors.New("cross-origin request")
	errTooLarge         = errors.New("request body too large")
	errPanic            = errors.New("handler panicked")
	errStopping         = errors.New("server is stopping")
	errLoginFailed      = errors.New("no account has that name and password")
)

// asLoginFailure tells a wrong password from a request that nobody is known
// to have sent: both are accounts.ErrUnauthorized.
func asLoginFailure(err error) error {
	if errors.Is(err, accounts.ErrUnauthorized) {
		return errLoginFailed
	}
	return err
}

// invalidError refuses a request that does not fit the contract. It names
// every field at fault.
type invalidError struct{ fields []FieldProblem }

func (e *invalidError) Error() string {
	return fmt.Sprintf("invalid request: %d fields", len(e.fields))
}

// problem is one row of the table of everything that can go wrong.
type problem struct {
	code   string
	status int
	ja, en string
	// is reports whether an error is of this row.
	is func(error) bool
	// fill adds the members and words that depend on the error; nil when
	// there are none.
	fill func(p *Problem, err error, lang Language)
}

// problems is the table. The first row that claims an error wins.
var problems = []problem{
	{
		code: "invalid_request", status: http.StatusBadRequest, is: isType[*invalidError],
		ja: "リクエストに誤りがあります。",
		en: "The request is not valid.",
		fill: func(p *Problem, err error, _ Language) {
			if e, ok := errors.AsType[*invalidError](err); ok {
				p.Fields = e.fields
			}
		},
	},
	{
		code: "unauthorized", status: http.StatusUnauthorized, is: isAny(errNoToken, accounts.ErrUnauthorized),
		ja: "認証が必要です。ログインするか、有効なトークンを指定してください。",
		en: "Authentication is needed. Log in or send a valid token.",
	},
	{
		code: "login_failed", status: http.StatusUnauthorized, is: isAny(errLoginFailed),
		ja: "ログイン名またはパスワードが違います。",
		en: "The name or the password is wrong.",
	},
	{
		code: "too_many_attempts", status: http.StatusTooManyRequests, is: isType[*accounts.RateLimitedError],
		fill: fillRateLimited,
	},
	{
		code: "acting_refused", status: http.StatusForbidden, is: isAny(accounts.ErrMayNotActFor),
		ja: "このトークンで、指定されたアカウントとして操作することはできません。may_act_for_accounts のトークンと、有効なアカウントの名前が必要です。",
		en: "This token may not act for that account. It takes a token with may_act_for_accounts, and the name of an enabled account.",
	},
	{
		code: codeForbidden, status: http.StatusForbidden, is: isAny(accounts.ErrForbidden),
		ja: "この操作を行う権限がありません。役割と所属コールセンターをご確認ください。",
		en: "You are not allowed to do this. It takes another role, or a call center that is not yours.",
	},
	{
		code: "cross_origin", status: http.StatusForbidden, is: isAny(errCrossOrigin),
		ja: "他のサイトのページからの操作は受け付けられません。",
		en: "Requests from other sites' pages are not accepted.",
	},
	{
		code: "not_found", status: http.StatusNotFound, is: isAny(errRouteNotFound),
		ja: "指定された URL は存在しません。",
		en: "There is nothing at this URL.",
	},
	{
		code: "method_not_allowed", status: http.StatusMethodNotAllowed, is: isAny(errMethodNotAllowed),
		ja: "この URL ではこのメソッドを使用できません。使用できるものは Allow ヘッダにあります。",
		en: "This URL does not have this method. The header Allow names those that it has.",
	},
	{
		code: "call_not_found", status: http.StatusNotFound, is: isAny(callcenter.ErrNotFound),
		ja: "通話が見つかりません。",
		en: "The call was not found.",
	},
	{
		code: "callback_not_found", status: http.StatusNotFound, is: isAny(callbacks.ErrNotFound),
		ja: "折り返し呼が見つかりません。",
		en: "The callback was not found.",
	},
	{
		code: "account_not_found", status: http.StatusNotFound, is: isAny(accounts.ErrAccountNotFound),
		ja: "アカウントが見つかりません。",
		en: "The account was not found.",
	},
	{
		code: "token_not_found", status: http.StatusNotFound, is: isAny(accounts.ErrTokenNotFound),
		ja: "トークンが見つかりません。",
		en: "The token was not found.",
	},
	{
		code: "phonebook_entry_not_found", status: http.StatusNotFound, is: isAny(phonebook.ErrNotFound),
		ja: "共通電話帳に該当する登録がありません。",
		en: "The phone book has no such entry.",
	},
	{
		code: "webhook_not_found", status: http.StatusNotFound, is: isAny(webhooks.ErrNotFound),
		ja: "Webhook が見つかりません。",
		en: "The webhook was not found.",
	},
	{
		code: "webhook_delivery_not_found", status: http.StatusNotFound, is: isAny(webhooks.ErrDeliveryNotFound),
		ja: "Webhook の送信記録が見つかりません。",
		en: "The delivery of the webhook was not found.",
	},
	{
		code: "webhook_inactive", status: http.StatusConflict, is: isAny(webhooks.ErrInactive),
		ja: "この Webhook は無効になっています。有効にしてからもう一度お試しください。",
		en: "This webhook is off. Switch it on and try again.",
	},
	{
		code: "too_many_webhooks", status: http.StatusConflict, is: isAny(webhooks.ErrTooMany),
		ja: fmt.Sprintf("Webhook は %d 件までです。", webhooks.MaxWebhooks),
		en: fmt.Sprintf("There can be no more than %d webhooks.", webhooks.MaxWebhooks),
	},
	{
		code: "stale", status: http.StatusConflict,
		is: func(err error) bool {
			return isType[*callbacks.StaleError](err) || isType[*accounts.StaleError](err) || isType[*phonebook.StaleError](err) ||
				isType[*webhooks.StaleError](err)
		},
		ja:   "このレコードは既に更新されています。",
		en:   "This record has been changed since.",
		fill: fillStale,
	},
	{
		code: "account_name_taken", status: http.StatusConflict, is: isAny(accounts.ErrNameTaken),
		ja: "このログイン名は既に使用されています。",
		en: "This account name is taken.",
	},
	{
		code: "endpoint_taken", status: http.StatusConflict, is: isAny(accounts.ErrEndpointTaken),
		ja: "この電話端末は別のアカウントに割り当てられています。",
		en: "Another account has this phone.",
	},
	{
		code: "last_admin", status: http.StatusConflict, is: isAny(accounts.ErrLastAdmin),
		ja: "有効なシステム管理者が 1 人もいなくなるため、変更できません。",
		en: "This would leave no enabled administrator.",
	},
	{
		code: "token_name_taken", status: http.StatusConflict, is: isAny(accounts.ErrTokenNameTaken),
		ja: "このトークン名は既に使用されています。",
		en: "This token name is taken.",
	},
	{
		code: "number_taken", status: http.StatusConflict, is: isType[*phonebook.TakenError],
		fill: fillNumberTaken,
	},
	{
		code: "wrong_password", status: http.StatusUnprocessableEntity, is: isAny(accounts.ErrWrongPassword),
		ja: "現在のパスワードが違います。",
		en: "The current password is wrong.",
	},
	{
		code: "assignee_not_in_call_center", status: http.StatusUnprocessableEntity, is: isType[*callbacks.AssigneeError],
		ja: "担当者には、このコールセンターに所属する有効なユーザを指定してください。",
		en: "The assignee must be an enabled account of this call center.",
	},
	{
		code: "callback_unassigned", status: http.StatusUnprocessableEntity, is: isAny(callbacks.ErrUnassigned),
		ja: "担当者が未登録のため、対応状況を変更できません。",
		en: "The status cannot be set while there is no assignee.",
	},
	{
		code: "invalid_import", status: http.StatusUnprocessableEntity, is: isType[*phonebook.ImportError],
		fill: fillImport,
	},
	{
		code: "callback_exists", status: http.StatusConflict, is: isType[*callbacks.ExistsError],
		fill: fillExists,
	},
	{
		code: "idempotency_key_reused", status: http.StatusConflict, is: isAny(callbacks.ErrKeyReused),
		ja: "この Idempotency-Key は別のリクエストで使用されています。",
		en: "This Idempotency-Key was used for another request.",
	},
	{
		code: "not_call_center_call", status: http.StatusUnprocessableEntity, is: isType[*callbacks.NotCallCenterCallError],
		fill: fillNotCallCenterCall,
	},
	{
		code: "session_required", status: http.StatusForbidden, is: isAny(recording.ErrSessionRequired),
		ja: "録音を再生できるのは、ログイン中のユーザのみです。トークンでは再生できません。",
		en: "Only people who are logged in can play recordings; tokens cannot.",
	},
	{
		code: "media_only", status: http.StatusForbidden, is: isAny(errMediaOnly),
		ja: "録音は、ワークスペースの再生画面でのみ再生できます。",
		en: "Recordings are only played, by the players of the workspace.",
	},
	{
		code: "recording_not_found", status: http.StatusNotFound, is: isAny(recording.ErrNotFound),
		ja: "録音が見つかりません。",
		en: "The recording was not found.",
	},
	{
		code: "recording_not_ready", status: http.StatusConflict, is: isType[*recording.NotReadyError],
		fill: fillNotReady,
	},
	{
		code: "playback_not_found", status: http.StatusNotFound, is: isAny(recording.ErrPlaybackNotFound),
		ja: "この再生は無効です。もう一度再生してください。",
		en: "This playback is not valid. Please play the recording again.",
	},
	{
		code: "playback_expired", status: http.StatusGone, is: isAny(recording.ErrPlaybackExpired),
		ja: "再生の有効期限が切れました。もう一度再生してください。",
		en: "This playback has expired. Please play the recording again.",
	},
	{
		code: "range_not_satisfiable", status: http.StatusRequestedRangeNotSatisfiable, is: isType[*rangeError],
		ja: "指定された範囲は録音の長さを超えています。",
		en: "The range lies beyond the end of the recording.",
	},
	{
		code: "request_too_large", status: http.StatusRequestEntityTooLarge, is: isTooLarge,
		ja: "リクエストが大きすぎます。",
		en: "The request is too large.",
	},
	{
		code: "unsupported_media_type", status: http.StatusUnsupportedMediaType, is: isAny(errMediaType),
		ja: "この Content-Type または Content-Encoding は使用できません。圧縮せずに application/json で送信してください。共通電話帳の取り込みは text/csv です。",
		en: "This Content-Type or Content-Encoding is not taken here. Send application/json, for an import of the phone book text/csv, not compressed.",
	},
	{
		code: codeUnavailable, status: http.StatusServiceUnavailable, is: isAny(errUnavailable, errStopping, context.DeadlineExceeded),
		ja: "現在サービスを利用できません。しばらくしてからもう一度お試しください。",
		en: "The service is not available now. Please try again later.",
	},
	// Whatever nobody claimed is a fault of the program.
	{
		code: codeInternal, status: http.StatusInternalServerError, is: func(error) bool { return true },
		ja: "内部エラーが発生しました。",
		en: "Internal error.",
	},
}

// Codes that the code itself asks for.
const (
	codeForbidden   = "forbidden"
	codeInternal    = "internal"
	codeUnavailable = "unavailable"
)

// retryAfterSeconds is what a refused caller is told to wait: about as long
// as a restart or a failover of the database takes.
const retryAfterSeconds = 5

func isAny(targets ...error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTooLarge(err error) bool {
	return errors.Is(err, errTooLarge) || isType[*http.MaxBytesError](err)
}

// problemOf finds an error's row.
func (s *Server) problemOf(err error) problem {
	if s.options.IsUnavailable != nil && s.options.IsUnavailable(err) {
		err = errUnavailable
	}
	for _, row := range problems {
		if row.is(err) {
			return row
		}
	}
	return problems[len(problems)-1]
}

// fail answers a request with an error's problem document. Errors that are
// the program's own fault are logged here and shown as no more than that.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if away := foundAway(r.Context()); away != nil && !isType[*invalidError](err) {
		err = away
	}
	err = withFields(r, err)
	row := s.problemOf(err)
	switch {
	case isType[*invalidError](err):
		// Also of a body that broke off, with which the context ends.
	case errors.Is(r.Context().Err(), context.Canceled) && !isKnownAway(err):
		// The caller went away, or the server stops: what the stores said to
		// a cancelled context is no fault, and hardly anybody reads this.
		row = s.problemOf(errStopping)
		if rec, ok := w.(*recorder); ok && !s.stopping() {
			rec.left = true
		}
	case row.code == codeInternal:
		s.log.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("route", routeFrom(w)), slog.Any("err", err))
	case row.code == codeUnavailable && !isKnownAway(err):
		s.log.LogAttrs(r.Context(), slog.LevelWarn, "request could not be served", slog.String("route", routeFrom(w)), slog.Any("err", err))
	}
	s.countUnplayed(w, &row)
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		// The answer is on its way; there is no taking it back.
		return
	}
	lang := requestLanguage(r)
	p := Problem{
		Type: ProblemTypeAboutBlank, Title: http.StatusText(row.status), Status: row.status,
		Code: row.code, Detail: lang.pick(row.ja, row.en),
	}
	if row.fill != nil {
		row.fill(&p, err, lang)
	}
	if row.code == codeForbidden && isTokenAlone(r) {
		p.Detail += lang.pick("利用者としての操作には、X-Callbackd-Account でアカウントを指定してください。",
			" What people do for themselves, a token does for an account that X-Callbackd-Account names.")
	}
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(p); err != nil {
		s.log.LogAttrs(r.Context(), slog.LevelError, "encode problem", slog.String("code", row.code), slog.Any("err", err))
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Language", string(lang))
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	switch row.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	case http.StatusTooManyRequests:
		header.Set("Retry-After", strconv.Itoa(waitSeconds(err)))
	case http.StatusRequestedRangeNotSatisfiable:
		if e, ok := errors.AsType[*rangeError](err); ok {
			header.Set("Content-Range", fmt.Sprintf("bytes */%d", e.size))
		}
	}
	w.WriteHeader(row.status)
	// An error here means that the caller is gone.
	_, _ = w.Write(body.Bytes())
}

// countUnplayed counts a refusal to play something; faults of the service are
// no refusals.
func (s *Server) countUnplayed(w http.ResponseWriter, row *problem) {
	if route := routeFrom(w); row.status < 500 && (route == playbackRoute || route == beginPlaybackRoute) {
		s.metrics.unplayed.WithLabelValues(row.code).Inc()
	}
}
