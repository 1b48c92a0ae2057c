package doctor

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"callbackd/accounts/oidc"
	"callbackd/ari"
	"callbackd/callcenter"
	"callbackd/configs"
	"callbackd/postgres"
	"callbackd/recording"
)

// timeout bounds how long one database, library or provider may take.
const timeout = 10 * time.Second

// Level says how bad a finding is.
type Level string

// The levels.
const (
	Fault   Level = "fault"   // calls or callbacks are lost, or something that is configured cannot work
	Warning Level = "warning" // something may go wrong, or looks like a slip
	Good    Level = "good"
)

// Finding is what was found out about a part of the site.
type Finding struct {
	Level Level `json:"level"`
	// Part is the part of the site: "listen", "database", "oidc", "queues", or
	// "pbx " and a node's name.
	Part string `json:"part"`
	// What is one line.
	What string `json:"what"`
	// Change is what to change and where; empty when nothing is to be.
	Change string `json:"change,omitempty"`
}

// Count returns how many findings are of a level.
func Count(findings []Finding, l Level) (n int) {
	for _, f := range findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// Site is what is looked at: a configuration, and how serve reaches what it
// names. The functions are handed in, and all needed, so that nothing is looked
// at in another way than it is used.
type Site struct {
	Config *configs.Config

	// Client returns a client of a node's REST interface.
	Client func(node *configs.PBX) (*ari.Client, error)
	// Shelf returns where the recordings of a node lie.
	Shelf func(node *configs.PBX) (recording.Shelf, error)
	// EventLog returns a node's channel event log.
	EventLog func(ctx context.Context, node *configs.PBX) (*postgres.CEL, error)
	// Lines asks once by SIP on each line of a node.
	Lines func(ctx context.Context, node *configs.PBX) ([]callcenter.Line, error)
	// Provider returns the provider with which people log in.
	Provider func(*configs.OIDC) *oidc.Provider

	// AsteriskConfig are folders such as /etc/asterisk by the nodes' names. Of
	// a node without one ARI alone is asked.
	AsteriskConfig map[string]string
}

// Examine looks at all parts of the site, those that others need first. It
// returns what it found until ctx ended.
func (s *Site) Examine(ctx context.Context) []Finding {
	cfg := s.Config
	findings := JudgeConfig(cfg)
	database, calls, followed := examineDatabase(ctx, cfg)
	findings = append(findings, database...)
	findings = append(findings, s.examineSignOn(ctx)...)
	facts := make([]nodeFacts, len(cfg.PBX))
	for i := range cfg.PBX {
		facts[i] = s.gatherNode(ctx, &cfg.PBX[i])
		if by, known := followed[cfg.PBX[i].Name]; known {
			facts[i].followedBy = &by
		}
	}
	for n := range facts {
		findings = append(findings, judgeNode(cfg, facts, n)...)
		if folder, given := s.AsteriskConfig[cfg.PBX[n].Name]; given {
			findings = append(findings, judgeAsteriskConfig(cfg, &cfg.PBX[n], readAsteriskConfig(folder))...)
		}
	}
	return append(findings, judgeQueues(cfg, calls)...)
}

// examined collects the findings of one part.
type examined struct {
	part     string
	findings []Finding
}

// lineBreak is what errors of several lines have between them.
var lineBreak = regexp.MustCompile(`\s*\n\s*`)

func (e *examined) add(l Level, change, format string, args ...any) {
	what := lineBreak.ReplaceAllLiteralString(fmt.Sprintf(format, args...), " ")
	e.findings = append(e.findings, Finding{Level: l, Part: e.part, What: what, Change: change})
}
