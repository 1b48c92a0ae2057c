package api

import (
	"context"
	"net/http"

	"callbackd/accounts"
)

// CreateSession logs a person in.
func (o operations) CreateSession(ctx context.Context, request CreateSessionRequestObject) (CreateSessionResponseObject, error) {
	account, err := o.options.Accounts.Authenticate(ctx, request.Body.Name, request.Body.Password, clientFrom(ctx))
	if err != nil {
		return nil, asLoginFailure(err)
	}
	principal, cookie, err := o.beginSession(ctx, &account)
	if err != nil {
		return nil, asLoginFailure(err)
	}
	return CreateSession200JSONResponse{
		Headers: CreateSession200ResponseHeaders{SetCookie: cookie},
		Body:    meOf(ctx, principal),
	}, nil
}

// DeleteSession logs a person out.
func (o operations) DeleteSession(ctx context.Context, _ DeleteSessionRequestObject) (DeleteSessionResponseObject, error) {
	r := requestFrom(ctx)
	principal, err := o.options.Sessions.Principal(r)
	if err == nil {
		defer o.streams.verify(func(p accounts.Principal) bool { return p.SessionID == principal.SessionID })
	}
	elsewhere, err := o.logoutElsewhere(r)
	if err != nil {
		return nil, err
	}
	answer := discard{header: make(http.Header)}
	if err := o.options.Sessions.End(&answer, r); err != nil {
		return nil, err
	}
	return sessionEnded{cookie: answer.header.Get("Set-Cookie"), elsewhere: elsewhere}, nil
}

// sessionEnded is the generated answer with the cookie that takes the
// session's away.
type sessionEnded struct{ cookie, elsewhere string }

// VisitDeleteSessionResponse implements DeleteSessionResponseObject.
func (e sessionEnded) VisitDeleteSessionResponse(w http.ResponseWriter) error {
	if e.cookie != "" {
		w.Header().Set("Set-Cookie", e.cookie)
	}
	if e.elsewhere != "" {
		w.Header().Set(logoutHeader, e.elsewhere)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// GetMe shows who the caller is.
func (o operations) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	return GetMe200JSONResponse(meOf(ctx, principalFrom(ctx))), nil
}

// ChangePassword changes the caller's password and begins a new session, for
// all those of the account have ended.
func (o operations) ChangePassword(ctx context.Context, request ChangePasswordRequestObject) (ChangePasswordResponseObject, error) {
	by := principalFrom(ctx)
	account, err := o.options.Accounts.ChangePassword(ctx, by, request.Body.CurrentPassword, request.Body.NewPassword, clientFrom(ctx))
	if err != nil {
		return nil, err
	}
	defer o.verifyAccount(account.ID)
	principal, cookie, err := o.beginSession(ctx, &account)
	if err != nil {
		return nil, err
	}
	return ChangePassword200JSONResponse{
		Headers: ChangePassword200ResponseHeaders{SetCookie: cookie},
		Body:    meOf(ctx, principal),
	}, nil
}

// DeleteMySessions logs the caller out everywhere.
func (o operations) DeleteMySessions(ctx context.Context, _ DeleteMySessionsRequestObject) (DeleteMySessionsResponseObject, error) {
	by := principalFrom(ctx)
	if by.Kind != accounts.KindAccount {
		return nil, accounts.ErrForbidden // a token has no sessions
	}
	if err := o.options.Accounts.LogoutEverywhere(ctx, by, by.AccountID); err != nil {
		return nil, err
	}
	o.verifyAccount(by.AccountID)
	return DeleteMySessions204Response{}, nil
}

// beginSession begins a session and returns its cookie.
func (s *Server) beginSession(ctx context.Context, account *accounts.Account) (accounts.Principal, string, error) {
	answer := discard{header: make(http.Header)}
	principal, err := s.options.Sessions.Begin(&answer, requestFrom(ctx), account)
	return principal, answer.header.Get("Set-Cookie"), err
}

// verifyAccount makes the event streams of an account look at once whether
// they may go on.
func (s *Server) verifyAccount(id accounts.AccountID) {
	s.streams.verify(func(p accounts.Principal) bool { return p.AccountID == id })
}

func meOf(ctx context.Context, p accounts.Principal) Me {
	me := Me{
		Kind: string(p.Kind), Name: p.Name, DisplayName: orNull(p.DisplayName), Role: Role(p.Role),
		CallCenters: p.CallCenters, Endpoint: orNull(p.Endpoint), Token: orNull(p.TokenName),
		HasPassword: p.HasPassword, Language: string(languageFrom(ctx)),
	}
	if p.AccountID != 0 {
		id := int64(p.AccountID)
		me.AccountID = &id
	}
	return me
}
