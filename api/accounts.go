package api

import (
	"context"
	"encoding/base64"
	"fmt"

	"callbackd/accounts"
)

// ListAccounts lists the accounts that the caller may see.
func (o operations) ListAccounts(ctx context.Context, request ListAccountsRequestObject) (ListAccountsResponseObject, error) {
	params := request.Params
	filter := accounts.AccountFilter{
		Text: value(params.Q), CallCenter: value(params.CallCenter), Enabled: params.Enabled, Limit: value(params.PageSize),
	}
	if params.Role != nil {
		filter.Roles = []accounts.Role{accounts.Role(*params.Role)}
	}
	if params.Cursor != nil {
		// A name as it is would look as if it could be made up, and some of
		// its characters would have to be escaped.
		name, err := base64.RawURLEncoding.DecodeString(*params.Cursor)
		if err != nil || len(name) > accounts.MaxNameLength {
			return nil, invalidCursor(ctx)
		}
		filter.After = string(name)
	}
	page, err := o.options.Accounts.List(ctx, principalFrom(ctx), filter)
	if err != nil {
		return nil, err
	}
	list := AccountList{Items: make([]Account, len(page.Items))}
	for i := range page.Items {
		list.Items[i] = accountOf(&page.Items[i])
	}
	list.NextCursor = orNull(base64.RawURLEncoding.EncodeToString([]byte(page.Next)))
	return ListAccounts200JSONResponse(list), nil
}

// CreateAccount creates an account.
func (o operations) CreateAccount(ctx context.Context, request CreateAccountRequestObject) (CreateAccountResponseObject, error) {
	wish := request.Body
	account, err := o.options.Accounts.Create(ctx, principalFrom(ctx), accounts.NewAccount{
		Name: wish.Name, DisplayName: value(wish.DisplayName), Role: accounts.Role(wish.Role),
		CallCenters: value(wish.CallCenters), Endpoint: value(wish.Endpoint), Password: wish.Password,
	})
	if err != nil {
		return nil, err
	}
	return CreateAccount201JSONResponse{
		Headers: CreateAccount201ResponseHeaders{Location: fmt.Sprintf("%s/accounts/%d", basePath, account.ID)},
		Body:    accountOf(&account),
	}, nil
}

// GetAccount shows an account.
func (o operations) GetAccount(ctx context.Context, request GetAccountRequestObject) (GetAccountResponseObject, error) {
	account, err := o.options.Accounts.Get(ctx, principalFrom(ctx), accounts.AccountID(request.ID))
	if err != nil {
		return nil, err
	}
	return GetAccount200JSONResponse(accountOf(&account)), nil
}

// UpdateAccount changes an account.
func (o operations) UpdateAccount(ctx context.Context, request UpdateAccountRequestObject) (UpdateAccountResponseObject, error) {
	wish := request.Body
	change := accounts.AccountChange{
		Version: wish.Version, DisplayName: wish.DisplayName, Role: (*accounts.Role)(wish.Role),
		CallCenters: wish.CallCenters, Endpoint: orEmptyText(wish.Endpoint), Enabled: wish.Enabled,
	}
	account, err := o.options.Accounts.Update(ctx, principalFrom(ctx), accounts.AccountID(request.ID), change)
	if err != nil {
		return nil, err
	}
	// What its streams may show may have changed, or they are to end.
	o.verifyAccount(account.ID)
	return UpdateAccount200JSONResponse(accountOf(&account)), nil
}

// SetPassword sets an account's password.
func (o operations) SetPassword(ctx context.Context, request SetPasswordRequestObject) (SetPasswordResponseObject, error) {
	id := accounts.AccountID(request.ID)
	if err := o.options.Accounts.SetPassword(ctx, principalFrom(ctx), id, request.Body.Password); err != nil {
		return nil, err
	}
	o.verifyAccount(id)
	return SetPassword204Response{}, nil
}

// DeleteSessions logs an account out everywhere.
func (o operations) DeleteSessions(ctx context.Context, request DeleteSessionsRequestObject) (DeleteSessionsResponseObject, error) {
	id := accounts.AccountID(request.ID)
	if err := o.options.Accounts.LogoutEverywhere(ctx, principalFrom(ctx), id); err != nil {
		return nil, err
	}
	o.verifyAccount(id)
	return DeleteSessions204Response{}, nil
}

func accountOf(a *accounts.Account) Account {
	return Account{
		ID: int64(a.ID), Name: a.Name, DisplayName: a.DisplayName, Role: Role(a.Role), CallCenters: orEmpty(a.CallCenters),
		Endpoint: orNull(a.Endpoint), Enabled: a.Enabled, CreatedAt: a.CreatedAt.UTC(), Version: int64(a.Version),
	}
}
