package attendant

import (
	"fmt"
	"strings"
	"testing"

	"callbackd/lab/labtest"
)

// words are the states of a dialogue as docs/states.md names them.
var words = map[state]string{
	stateConfirming: "confirming", stateEntering: "entering", stateRegistering: "registering", stateOffering: "offering",
	stateRecording: "recording", stateParting: "parting", stateOver: "over",
}

// TestStates holds the diagram in docs/states.md against the dialogue:
// everything that can happen, in every state that one can come to.
func TestStates(t *testing.T) {
	t.Parallel()
	// What happens, in the words of script.does and in those of the page.
	happens := map[string]string{
		"1": "key 1", "2": "key 2", "#": "key #", "*": "key *", "9": "another key",
		"09012345678": "digits", "09012345678#": "number", "played": "prompt ends", "silence": "silence", "recorded": "message ends", "left": "caller leaves", "stopped": "daemon ends",
		"replaced": "other application", "REGISTERED": "registered", "FAILED": "refused",
	}
	seen := labtest.Transitions{}
	reached := map[string]bool{}
	again := func(s *script) *script {
		d := *s.d
		return &script{d: &d, prompt: s.prompt, timer: s.timer}
	}
	var todo []*script
	for presented, word := range map[string]string{"": "number withheld", "0312345678": "number shown"} {
		for _, message := range []bool{false, true} {
			s := newScript(presented, message)
			seen.Add("[*]", words[s.d.state], word)
			todo = append(todo, s)
		}
	}
	for len(todo) > 0 {
		before := todo[0]
		todo = todo[1:]
		for event, word := range happens {
			from := before.d.state
			if digits := strings.Trim(event, "0123456789") == ""; from == stateEntering && digits && len(event) == 1 ||
				from != stateEntering && len(event) > 1 && strings.HasPrefix(event, "0") {
				continue // numbers are keyed in as a whole, where they are asked for
			}
			s := again(before)
			s.does(event)
			d := s.d
			if d.state != from {
				seen.Add(words[from], words[d.state], word)
			}
			key := fmt.Sprint(d.message, d.state, d.presented, d.candidate, d.entered, d.tries, d.playing, d.asked, d.gone, d.stopping)
			if !reached[key] && !d.over() {
				reached[key] = true
				todo = append(todo, s)
			}
		}
	}
	seen.Holds(t, "../docs/states.md", "Asking for a callback")
}
