package configs

import "time"

// Canary says whether the daemon calls the node itself from time to time, to
// prove that calls are followed, stored and shown. The zero value says no.
type Canary struct {
	// Every is the time between two such calls; none when omitted.
	Every Duration `yaml:"every"`
	// Context is the dialplan context with the extension canary;
	// "callbackd-canary" when omitted.
	Context string `yaml:"context"`
}

// Enabled reports whether such calls are made.
func (c Canary) Enabled() bool { return c.Every.Duration > 0 }

func (c *Canary) setDefaults() {
	if c.Enabled() && c.Context == "" {
		c.Context = "callbackd-canary"
	}
}

// Calls more often would crowd logs, and those less often prove too little.
const (
	minCanary = 5 * time.Second
	maxCanary = 10 * time.Minute
)

// canary checks how often the node is called.
func (v *validator) canary(path string, c Canary) {
	if !v.sound(path + ".every") {
		return
	}
	if c != (Canary{}) && !c.Enabled() {
		v.report(path+".every", "is missing: write the time between two calls, such as 30s, or leave canary out")
		return
	}
	if c.Enabled() && (c.Every.Duration < minCanary || c.Every.Duration > maxCanary) {
		v.report(path+".every", "%s is not between %s and %s: write 30s, for instance", c.Every, minCanary, maxCanary)
	}
	if c.Enabled() && v.sound(path+".context") && !contextName.MatchString(c.Context) {
		v.report(path+".context", "%s is not a context: write its name as the dialplan has it", quote(c.Context))
	}
}
