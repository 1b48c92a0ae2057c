package configs

import _ "embed"

// Example is callbackd.yaml, the annotated example. It belongs to the sample
// configuration of Asterisk (package asterisk below), and is what the demo
// and the end-to-end tests run on.
//
//go:embed callbackd.yaml
var Example []byte
