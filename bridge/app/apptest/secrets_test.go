package apptest

import (
	"testing"
)

func TestEverySecretThatWasWrittenIsFound(t *testing.T) {
	t.Parallel()
	var r Recorder
	r.Secret("s3cret-one", "s3cret-one-longer", "s3cret-two", "8 bytes!", "never-written", "short")
	_, _ = r.Write([]byte(`8 bytes!{"a":"s3cret-one-longer"} s3cret-on short s3cret-two`))
	if got, err := r.found(); len(got) != 4 || err != nil {
		t.Errorf("found() = %q, %v, want four secrets", got, err)
	}
	if got, err := new(Recorder).found(); len(got) != 0 || err != nil {
		t.Errorf("found() of nothing = %q, %v", got, err)
	}
}
