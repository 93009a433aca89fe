package console_test

import (
	"os/exec"
	"regexp"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// TestThePagesAreGenerated: the files *_templ.go are generated from the files *.templ with the generator of
// tools/go.mod; -update generates them.
func TestThePagesAreGenerated(t *testing.T) {
	t.Parallel()
	args := []string{"tool", "-modfile=../../tools/go.mod", "templ", "generate", "-path", "."}
	if !*apptest.Update {
		args = append(args, "-check")
	}
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Errorf("go test ./bridge/console -short -run Generated -update generates the pages again: %v\n%s", err, out)
	}
}

// TestTheGeneratorIsOfTheLibrary: the library in go.mod and the generator in tools/go.mod have the same version.
func TestTheGeneratorIsOfTheLibrary(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`github.com/a-h/templ v\S+`)
	library, generator := version.FindString(apptest.ReadPage(t, "../../go.mod")), version.FindString(apptest.ReadPage(t, "../../tools/go.mod"))
	if library == "" || library != generator {
		t.Errorf("go.mod has %q, and tools/go.mod has %q", library, generator)
	}
}
