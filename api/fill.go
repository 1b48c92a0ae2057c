package api

import (
	"errors"
	"fmt"
	"math"

	"callbackd/accounts"
	"callbackd/callbacks"
	"callbackd/phonebook"
	"callbackd/recording"
	"callbackd/webhooks"
)

// What follows fills in what a problem document tells beside its code.

func fillExists(p *Problem, err error, lang Language) {
	e, ok := errors.AsType[*callbacks.ExistsError](err)
	if !ok {
		return
	}
	id := int64(e.ID)
	p.CallbackID = &id
	p.Detail = fmt.Sprintf(lang.pick(
		"この通話の折り返し呼は既に登録されています(折り返し呼ID %d)。",
		"A callback for this call is registered already (callback ID %d)."), id)
}

func fillNotCallCenterCall(p *Problem, err error, lang Language) {
	e, ok := errors.AsType[*callbacks.NotCallCenterCallError](err)
	if !ok {
		return
	}
	kind := Kind(e.Call.Kind)
	p.Kind = &kind
	p.Receipt = signalsOf(e.Call.Receipt)
	p.Detail = refusal(e.Call, lang)
}

func fillRateLimited(p *Problem, err error, lang Language) {
	p.Detail = fmt.Sprintf(lang.pick(
		"ログインの試行回数が多すぎます。%d 秒後にもう一度お試しください。",
		"There were too many attempts to log in. Please try again after %d seconds."), waitSeconds(err))
}

// waitSeconds is how long to wait before the next attempt to log in.
func waitSeconds(err error) int {
	e, ok := errors.AsType[*accounts.RateLimitedError](err)
	if !ok {
		return 1
	}
	return max(1, int(math.Ceil(e.RetryAfter.Seconds())))
}

// fillStale shows the record as it now is.
func fillStale(p *Problem, err error, _ Language) {
	if e, ok := errors.AsType[*staleCallback](err); ok {
		p.Callback = &e.current
	}
	if e, ok := errors.AsType[*accounts.StaleError](err); ok {
		account := accountOf(&e.Current)
		p.Account = &account
	}
	if e, ok := errors.AsType[*staleEntry](err); ok {
		p.PhonebookEntry = &e.current
	}
	if e, ok := errors.AsType[*webhooks.StaleError](err); ok {
		p.Webhook = new(webhookOf(&e.Current))
	}
}

// fillNotReady says what there is instead of a recording to play.
func fillNotReady(p *Problem, err error, lang Language) {
	e, ok := errors.AsType[*recording.NotReadyError](err)
	if !ok {
		return
	}
	p.State = new(RecordingState(e.State))
	if e.Cause != "" {
		p.Cause = new(RecordingCause(e.Cause))
	}
	p.Detail = fmt.Sprintf(lang.pick("この録音は再生できません(%s)。", "This recording cannot be played: %s."), whyNotReady(e, lang))
}

func whyNotReady(e *recording.NotReadyError, lang Language) string {
	switch e.State {
	case recording.StateExpected:
		return lang.pick("録音ファイルはまだありません", "its file is not there yet")
	case recording.StateGrowing:
		return lang.pick("録音中です", "it is still being recorded")
	case recording.StateExpired:
		return lang.pick("保存期間が過ぎました", "it was kept as long as recordings are kept")
	case recording.StateMissing, recording.StateReady:
	}
	switch e.Cause {
	case recording.CauseEmpty, recording.CauseHeaderOnly:
		return lang.pick("録音ファイルに音声がありません", "its file holds no sound")
	case recording.CauseTruncated:
		return lang.pick("録音ファイルが途中で切れています", "its file ends too early")
	case recording.CauseNotAudio, recording.CauseUnsupported:
		return lang.pick("録音ファイルの形式に対応していません", "its file is in a format that cannot be played")
	case recording.CauseUnreadable, recording.CauseOutside:
		return lang.pick("録音ファイルを読み込めません", "its file cannot be read")
	case recording.CauseAbsent:
	}
	return lang.pick("録音ファイルが見つかりません", "its file is not there")
}

func fillNumberTaken(p *Problem, err error, lang Language) {
	e, ok := errors.AsType[*phonebook.TakenError](err)
	if !ok {
		return
	}
	id := int64(e.ID)
	p.PhonebookEntryID = &id
	p.Detail = fmt.Sprintf(lang.pick("この番号は既に登録されています(ID %d)。", "The number is there already (ID %d)."), id)
}

func fillImport(p *Problem, err error, lang Language) {
	e, ok := errors.AsType[*phonebook.ImportError](err)
	if !ok {
		return
	}
	count := len(e.Lines)
	p.LineCount, p.Lines = &count, lineProblems(e.Lines, lang)
	p.Detail = fmt.Sprintf(lang.pick(
		"ファイルに %d 件の誤りがあるため、取り込みませんでした。",
		"The file has %d faults; nothing was imported."), count)
}
