package docs

import (
	"fmt"
	"strings"
	"testing"
)

// commonErrors are the codes of the errors that the administrator of any identity provider can get.
func commonErrors() []string {
	return []string{
		"no-endpoint", "credential-missing", "credential-malformed", "credential-invalid", "credential-expired", "credential-lacks-scope",
		"endpoint-paused", "endpoint-read-only", "rate-limited", "attribute-required", "value-wrong", "value-taken", "external-id-taken", "value-refused-by-realm",
		"domain-not-verified", "member-unknown", "not-found", "account-protected", "account-not-owned", "account-not-created-here", "group-not-created-here",
		"removal-held", "keycloak-unavailable", "realm-unfit",
	}
}

// TestTheGuideHasTheRemediesOfThePageOfErrors: the guide repeats the column for the administrator of the identity provider.
func TestTheGuideHasTheRemediesOfThePageOfErrors(t *testing.T) {
	t.Parallel()
	rows, err := ErrorRows(readFile(t, "reference/errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| you see | do |\n| --- | --- |\n")
	for _, code := range commonErrors() {
		row, ok := rows[code]
		if !ok {
			t.Fatalf("there is no error %s", code)
		}
		do := strings.ReplaceAll(row.Customer, "](../guides/", "](")
		do = strings.ReplaceAll(do, "](configuration", "](../reference/configuration")
		fmt.Fprintf(&b, "| %d [`%s`](../reference/errors.md#%s) | %s |\n", row.Status, code, code, do)
	}
	if err := GeneratedPart("guides/identity-providers.md", b.String(), *update, "go test ./docs -update"); err != nil {
		t.Error(err)
	}
}
