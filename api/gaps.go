package api

import (
	"context"

	"callbackd/callcenter"
)

// Gaps are the stored gaps.
type Gaps interface {
	// Gaps returns a page of gaps, newest first, and where the next page
	// begins; nil after the last.
	Gaps(ctx context.Context, filter callcenter.GapFilter) ([]callcenter.Gap, *callcenter.GapCursor, error)
	// UnsettledGaps returns the gaps of a node, or of all when it is empty,
	// that are not settled.
	UnsettledGaps(ctx context.Context, node string) ([]callcenter.Gap, error)
}

// ListGaps lists gaps. They are open to every caller: a gap names a PBX node
// and a time, and tells an agent why calls are missing.
func (o operations) ListGaps(ctx context.Context, request ListGapsRequestObject) (ListGapsResponseObject, error) {
	params := request.Params
	filter := callcenter.GapFilter{
		Node: value(params.Node), From: value(params.From), To: value(params.To), Limit: defaultPageSize,
	}
	if params.PageSize != nil {
		filter.Limit = *params.PageSize
	}
	if params.Cursor != nil {
		c, err := parseCursor(*params.Cursor)
		if err != nil {
			return nil, invalidCursor(ctx)
		}
		filter.After = &callcenter.GapCursor{From: c.time(), Node: c.ID}
	}
	gaps, next, err := o.options.Gaps.Gaps(ctx, filter)
	if err != nil {
		return nil, err
	}
	list := GapList{Items: make([]Gap, len(gaps))}
	for i := range gaps {
		list.Items[i] = gapOf(&gaps[i])
	}
	if next != nil {
		text := cursor{Micros: next.From.UnixMicro(), ID: next.Node}.String()
		list.NextCursor = &text
	}
	return ListGaps200JSONResponse(list), nil
}

func gapOf(gap *callcenter.Gap) Gap {
	return Gap{
		Node: gap.Node, From: gap.From.UTC(), To: utc(gap.To), Why: gap.Why, GapSeconds: seconds(&gap.From, gap.To),
		Settled: orNull(string(gap.Repair.Settled)), SettledAt: utc(gap.Repair.SettledAt),
		Calls: gap.Repair.Calls, RepairedCalls: gap.Repair.Repaired, UnknownCalls: gap.Repair.Unknown,
	}
}
