package api

import (
	"context"
	"time"

	"callbackd/accounts"
)

// ListTokens lists all API tokens.
func (o operations) ListTokens(ctx context.Context, _ ListTokensRequestObject) (ListTokensResponseObject, error) {
	if err := mayManageTokens(ctx); err != nil {
		return nil, err
	}
	tokens, err := o.options.Tokens.List(ctx)
	if err != nil {
		return nil, err
	}
	list := TokenList{Items: make([]Token, len(tokens))}
	for i := range tokens {
		list.Items[i] = tokenOf(&tokens[i])
	}
	return ListTokens200JSONResponse(list), nil
}

// CreateToken creates an API token and shows its secret, this once.
func (o operations) CreateToken(ctx context.Context, request CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	if err := mayManageTokens(ctx); err != nil {
		return nil, err
	}
	wish := request.Body
	for _, id := range wish.CallCenters {
		if !o.hasCallCenter(id) {
			return nil, invalidField(languageFrom(ctx), "/call_centers", inBody,
				"設定にないコールセンターです: "+shown(id), "There is no such call center: "+shown(id)+".")
		}
	}
	if wish.ExpiresAt != nil && !wish.ExpiresAt.After(time.Now()) {
		return nil, invalidField(languageFrom(ctx), "/expires_at", inBody, "将来の日時を指定してください。", "Must lie in the future.")
	}
	secret, token, err := o.options.Tokens.Create(ctx, accounts.NewToken{
		Name: wish.Name, Role: accounts.Role(wish.Role), CallCenters: wish.CallCenters,
		MayActFor: value(wish.MayActForAccounts), ExpiresAt: wish.ExpiresAt,
	})
	if err != nil {
		return nil, err
	}
	t := tokenOf(&token)
	return CreateToken201JSONResponse(CreatedToken{
		ID: t.ID, Name: t.Name, Role: t.Role, CallCenters: t.CallCenters, MayActForAccounts: t.MayActForAccounts,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt, RevokedAt: t.RevokedAt,
		Secret: secret,
	}), nil
}

// RevokeToken ends an API token, and its event streams.
func (o operations) RevokeToken(ctx context.Context, request RevokeTokenRequestObject) (RevokeTokenResponseObject, error) {
	if err := mayManageTokens(ctx); err != nil {
		return nil, err
	}
	id := accounts.TokenID(request.ID)
	if err := o.options.Tokens.Revoke(ctx, id); err != nil {
		return nil, err
	}
	o.streams.verify(func(p accounts.Principal) bool { return p.TokenID == id })
	return RevokeToken204Response{}, nil
}

func mayManageTokens(ctx context.Context) error {
	if !accounts.Can(principalFrom(ctx), accounts.ActionManageTokens, nil) {
		return accounts.ErrForbidden
	}
	return nil
}

func tokenOf(t *accounts.Token) Token {
	return Token{
		ID: int64(t.ID), Name: t.Name, Role: Role(t.Role), CallCenters: t.CallCenters, MayActForAccounts: t.MayActFor,
		CreatedAt: t.CreatedAt.UTC(), ExpiresAt: utc(t.ExpiresAt), LastUsedAt: utc(t.LastUsedAt), RevokedAt: utc(t.RevokedAt),
	}
}
