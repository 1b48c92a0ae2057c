package replay

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"callbackd/callcenter"
)

// Difference is what is different of a call. Empty means none.
type Difference struct {
	Field    string `json:"field"`
	Stored   string `json:"stored"`
	Replayed string `json:"replayed"`
}

// Compare compares what people and other systems are told of a call.
func Compare(before, now *callcenter.Call) []Difference {
	var diffs []Difference
	was, is := comparedFields(before), comparedFields(now)
	for i := range was {
		if was[i].value != is[i].value {
			diffs = append(diffs, Difference{was[i].name, was[i].value, is[i].value})
		}
	}
	return diffs
}

type comparedField struct{ name, value string }

// comparedFields are those of a call that are compared, by the names that the
// API has for them. The rule is the one by which the call has its kind.
func comparedFields(c *callcenter.Call) []comparedField {
	when := func(at *time.Time) string {
		if at == nil {
			return ""
		}
		return at.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return []comparedField{
		{"kind", string(c.Kind)},
		{"callback_allowed", strconv.FormatBool(c.CallbackAllowed())},
		{"rule", string(decidingRule(c))},
		{"call_center", c.CallCenter},
		{"call_centers", strings.Join(c.CallCenters, " ")},
		{"business_label", c.BusinessLabel},
		{"direction", string(c.Direction)},
		{"remote_number", c.RemoteNumber},
		{"local_number", c.LocalNumber},
		{"agent", c.Agent},
		{"started_at", when(&c.StartedAt)},
		{"answered_at", when(c.AnsweredAt)},
		{"ended_at", when(c.EndedAt)},
		{"outcome", string(c.Outcome.Result)},
		{"reason", c.Outcome.Reason},
	}
}

// decidingRule is the strongest rule that speaks for the call's kind.
func decidingRule(c *callcenter.Call) callcenter.Rule {
	for _, rule := range callcenter.Rules {
		if slices.ContainsFunc(c.Receipt, func(s callcenter.Signal) bool { return s.Rule == rule && s.Kind == c.Kind }) {
			return rule
		}
	}
	return ""
}
