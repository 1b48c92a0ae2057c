package api

import "context"

// GetSite shows what a page must know before anybody logs in.
func (o operations) GetSite(context.Context, GetSiteRequestObject) (GetSiteResponseObject, error) {
	var signOn *SingleSignOn
	if o.options.SignOn != nil {
		signOn = &SingleSignOn{Name: o.options.SignOnName, URL: signOnPath}
	}
	return GetSite200JSONResponse(Site{
		SingleSignOn: signOn,
		Version:      o.options.Version, Timezone: o.options.Location.String(), DemoAccounts: o.options.DemoAccounts,
	}), nil
}
