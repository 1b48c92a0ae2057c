package api

import "context"

// GetMe shows who the caller is.
func (o operations) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	p := principalFrom(ctx)
	return GetMe200JSONResponse{
		Kind: string(p.Kind), Name: p.Name, Role: string(p.Role), CallCenters: p.CallCenters,
		Language: string(languageFrom(ctx)),
	}, nil
}
