package api

import (
	"context"
	"slices"

	"callbackd/callcenter"
)

// Gaps are the stored gaps.
type Gaps interface {
	// Gaps returns the newest gaps of a node, newest first.
	Gaps(ctx context.Context, node string, limit int) ([]callcenter.Gap, error)
}

// ListGaps lists the newest gaps. They are open to every caller: a gap names
// a PBX node and a time, and tells an agent why calls are missing.
func (o operations) ListGaps(ctx context.Context, request ListGapsRequestObject) (ListGapsResponseObject, error) {
	nodes := o.options.Nodes
	if request.Params.Node != nil {
		nodes = []string{*request.Params.Node}
	}
	limit := defaultPageSize
	if request.Params.PageSize != nil {
		limit = *request.Params.PageSize
	}
	var gaps []callcenter.Gap
	for _, node := range nodes {
		ofNode, err := o.options.Gaps.Gaps(ctx, node, limit)
		if err != nil {
			return nil, err
		}
		gaps = append(gaps, ofNode...)
	}
	slices.SortStableFunc(gaps, func(a, b callcenter.Gap) int { return b.From.Compare(a.From) })
	gaps = gaps[:min(limit, len(gaps))]
	list := GapList{Items: make([]Gap, len(gaps))}
	for i, gap := range gaps {
		list.Items[i] = Gap{
			Node: gap.Node, From: gap.From.UTC(), To: utc(gap.To), Why: gap.Why,
			GapSeconds: seconds(&gap.From, gap.To),
		}
	}
	return ListGaps200JSONResponse(list), nil
}
