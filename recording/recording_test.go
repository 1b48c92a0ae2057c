package recording_test

import (
	"testing"

	"callbackd/recording"
)

func TestValid(t *testing.T) {
	t.Parallel()
	for _, kind := range recording.Kinds {
		if !kind.Valid() {
			t.Errorf("kind %q is not valid", kind)
		}
	}
	for _, state := range recording.States {
		if !state.Valid() {
			t.Errorf("state %q is not valid", state)
		}
	}
	for _, cause := range recording.Causes {
		if !cause.Valid() {
			t.Errorf("cause %q is not valid", cause)
		}
	}
	if recording.Kind("").Valid() || recording.State("").Valid() || recording.Cause("").Valid() {
		t.Error("an empty word is valid")
	}
}
