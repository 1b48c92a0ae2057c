package api

import (
	"context"
	"slices"

	"callbackd/callcenter"
)

// ListCallCenters lists the call centers that the caller may see.
func (o operations) ListCallCenters(ctx context.Context, _ ListCallCentersRequestObject) (ListCallCentersResponseObject, error) {
	by := principalFrom(ctx)
	list := CallCenterList{Items: []CallCenter{}}
	for _, c := range o.options.Plan().CallCenters {
		if by.CallCenters == nil || slices.Contains(by.CallCenters, c.ID) {
			list.Items = append(list.Items, CallCenter{ID: c.ID, Name: c.Name, Extension: c.Extension, BusinessLabel: orNull(c.Label)})
		}
	}
	return ListCallCenters200JSONResponse(list), nil
}

// ListBusinessLabels lists the business labels. They are open to everybody:
// a label belongs to no call center.
func (o operations) ListBusinessLabels(context.Context, ListBusinessLabelsRequestObject) (ListBusinessLabelsResponseObject, error) {
	list := BusinessLabelList{Items: []BusinessLabel{}}
	for _, l := range o.options.Plan().Labels {
		list.Items = append(list.Items, BusinessLabel{ID: l.ID, Name: l.Name, DialledNumbers: orEmpty(l.DIDs)})
	}
	return ListBusinessLabels200JSONResponse(list), nil
}

func (s *Server) hasCallCenter(id string) bool {
	return slices.ContainsFunc(s.options.Plan().CallCenters, func(c callcenter.CallCenter) bool { return c.ID == id })
}
