package docs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheCompatibilityPageIsGenerated: the page names the versions of Keycloak that the tests run on.
func TestTheCompatibilityPageIsGenerated(t *testing.T) {
	t.Parallel()
	versions := keycloaktest.Versions()
	others, last := versions[1:len(versions)-1], versions[len(versions)-1]
	text := fmt.Sprintf("The tests of every commit run on Keycloak %s.\nBefore a release they also run on %s and %s.\n", versions[0], strings.Join(others, ", "), last)
	if err := GeneratedPart("reference/compatibility.md", text, *update, "go test ./docs -update"); err != nil {
		t.Error(err)
	}
}
