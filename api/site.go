package api

import "context"

// GetSite shows what a page must know before anybody logs in.
func (o operations) GetSite(context.Context, GetSiteRequestObject) (GetSiteResponseObject, error) {
	return GetSite200JSONResponse(Site{
		Version: o.options.Version, Timezone: o.options.Location.String(), DemoAccounts: o.options.DemoAccounts,
	}), nil
}
