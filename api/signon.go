package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"callbackd/accounts"
	"callbackd/accounts/oidc"
)

// SignOn has people log in elsewhere; oidc.Provider is one.
type SignOn interface {
	Begin(ctx context.Context) (address string, attempt oidc.Attempt, err error)
	Finish(ctx context.Context, attempt oidc.Attempt, answer oidc.Answer) (identity accounts.Identity, idToken string, err error)
	// LogoutURL returns where to log out, or "".
	LogoutURL(idToken string) string
}

// The paths that browsers are sent to, beside the contract: what they answer
// is for browsers alone, and providers add parameters of their own.
const (
	signOnPath   = "/sso/login"
	SignOnReturn = "/sso/callback" // SignOnReturn is where the provider sends browsers back to.
	signOnRoute  = "sso"           // of metrics and the log
)

// logoutHeader says where to log out elsewhere.
const logoutHeader = "X-Callbackd-Logout"

// The cookie that keeps what was begun with the browser that began it.
const (
	attemptCookie      = "__Host-callbackd-login"
	plainAttemptCookie = "callbackd-login"
	// attemptLifetime is how long somebody may take at the provider.
	attemptLifetime = 15 * time.Minute
	maxReturnTo     = 1000
)

// attempt is what that cookie holds.
type attempt struct {
	oidc.Attempt
	ReturnTo string `json:"return_to"`
}

func (s *Server) forSignOn(r *http.Request) bool {
	return s.options.SignOn != nil && r.Method == http.MethodGet && (r.URL.Path == signOnPath || r.URL.Path == SignOnReturn)
}

// serveSignOn sends the browser on, whatever happens: there is nobody else who
// would read an answer.
func (s *Server) serveSignOn(w http.ResponseWriter, r *http.Request) {
	if rec, ok := w.(*recorder); ok {
		rec.route = signOnRoute
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.options.RequestTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	// Writers that have no deadlines, as in tests, do without.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * s.options.RequestTimeout))
	next := s.beginSignOn
	if r.URL.Path == SignOnReturn {
		next = s.finishSignOn
	}
	to, err := next(w, r)
	if err != nil {
		code := s.signOnFailure(err)
		level := slog.LevelInfo
		if code == codeInternal || code == codeUnavailable {
			level = slog.LevelWarn
		}
		s.log.LogAttrs(ctx, level, "login elsewhere refused", slog.String("code", code), slog.Any("err", err))
		to = "/?login_error=" + url.QueryEscape(code)
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// beginSignOn sends the browser to the provider.
func (s *Server) beginSignOn(w http.ResponseWriter, r *http.Request) (to string, err error) {
	to, begun, err := s.options.SignOn.Begin(r.Context())
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(attempt{Attempt: begun, ReturnTo: localPath(r.URL.Query().Get("return_to"))})
	if err != nil {
		return "", err
	}
	s.setAttempt(w, base64.RawURLEncoding.EncodeToString(text), int(attemptLifetime.Seconds()))
	return to, nil
}

// finishSignOn begins the session of whoever comes back.
func (s *Server) finishSignOn(w http.ResponseWriter, r *http.Request) (to string, err error) {
	begun := s.attempt(r)
	s.setAttempt(w, "", -1) // once
	query := r.URL.Query()
	var idToken string
	account, err := s.options.Accounts.AuthenticateElsewhere(r.Context(), clientFrom(r.Context()), func(ctx context.Context) (identity accounts.Identity, err error) {
		identity, idToken, err = s.options.SignOn.Finish(ctx, begun.Attempt, oidc.Answer{
			State: query.Get("state"), Code: query.Get("code"), Error: query.Get("error"),
		})
		return identity, err
	})
	if err != nil {
		return "", err
	}
	if _, err := s.options.Sessions.BeginElsewhere(w, r, &account, idToken); err != nil {
		return "", err
	}
	s.verifyAccount(account.ID) // its role may be another one now
	return localPath(begun.ReturnTo), nil
}

func (s *Server) attemptCookieName() string {
	if s.options.PlainCookies {
		return plainAttemptCookie
	}
	return attemptCookie
}

// setAttempt keeps what was begun with the browser. The cookie comes with the
// browser when the provider sends it back, and with no other request of other
// sites: whoever gets a browser to finish a login of their own is refused.
func (s *Server) setAttempt(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.attemptCookieName(), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: !s.options.PlainCookies, SameSite: http.SameSiteLaxMode,
	})
}

// attempt returns what was begun in the browser; the zero attempt, which
// nothing finishes, when nothing was.
func (s *Server) attempt(r *http.Request) (begun attempt) {
	cookie, err := r.Cookie(s.attemptCookieName())
	if err != nil {
		return attempt{}
	}
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(text, &begun) != nil {
		return attempt{}
	}
	return begun
}

// localPath returns a path of this server, with its query; "/" for whatever is
// none. A browser must not be sent to another site by a link to this one.
func localPath(text string) string {
	to, err := url.Parse(text)
	switch {
	case err != nil, len(text) > maxReturnTo, to.Scheme != "", to.Host != "", to.User != nil, to.Opaque != "",
		!strings.HasPrefix(to.Path, "/"), to.Path != path.Clean(to.Path), strings.ContainsAny(text, "\\\t\r\n"),
		to.Path == signOnPath, to.Path == SignOnReturn:
		return "/"
	}
	return (&url.URL{Path: to.Path, RawQuery: to.RawQuery}).String()
}

// signOnFailures is what the page is told, by error. The first that fits.
var signOnFailures = []struct {
	code string
	is   func(error) bool
}{
	{"too_many_attempts", isType[*accounts.RateLimitedError]},
	{"no_role", isAny(oidc.ErrNoRole)},
	{codeUnavailable, isAny(oidc.ErrUnavailable)},
	{"refused", isAny(oidc.ErrRefused)},
	{"name_taken", isAny(accounts.ErrNameTaken)},
	{"disabled", isAny(accounts.ErrDisabled, accounts.ErrUnauthorized)},
	{"last_admin", isAny(accounts.ErrLastAdmin)},
	{"account_invalid", func(err error) bool { _, ok := errors.AsType[*accounts.FieldError](err); return ok }},
	{codeUnavailable, isAny(errUnavailable, context.DeadlineExceeded)},
}

func (s *Server) signOnFailure(err error) string {
	if s.options.IsUnavailable != nil && s.options.IsUnavailable(err) {
		return codeUnavailable
	}
	for _, row := range signOnFailures {
		if row.is(err) {
			return row.code
		}
	}
	return codeInternal
}

// logoutElsewhere returns where to log out, for a session that began
// elsewhere.
func (s *Server) logoutElsewhere(r *http.Request) (string, error) {
	if s.options.SignOn == nil {
		return "", nil
	}
	idToken, err := s.options.Sessions.IDToken(r)
	if err != nil || idToken == "" {
		return "", err
	}
	return s.options.SignOn.LogoutURL(idToken), nil
}
