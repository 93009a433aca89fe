package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
)

// followed names the test that runs the commands of each page. charts has the pages that need a
// cluster.
func followed() map[string]string {
	return map[string]string{
		"docs/tutorials/quickstart.md": "TestTheTutorials", "docs/tutorials/first-mapping.md": "TestTheTutorials",
		"docs/guides/what-happened.md": "TestTheGuideToWhatHappened", "docs/guides/react.md": "TestTheGuideToReactions", "docs/guides/store.md": "TestTheGuideToTheStore",
		"docs/guides/onboard.md": "TestTheGuideToOnboarding", "docs/guides/undo.md": "TestTheGuideToUndoing",
		"docs/guides/setup.md": "TestTheGuideToSetup", "docs/guides/existing-users.md": "TestTheGuideToARealmWithUsers",
		"docs/guides/accounts.md": "TestTheGuideToAccounts", "docs/guides/identity-providers.md": "TestTheGuidesToIdentityProviders",
		"docs/guides/import.md": "TestTheGuideToImports", "docs/guides/organizations.md": "TestTheGuideToOrganizations",
		"docs/guides/credentials.md": "TestTheGuideToCredentials", "docs/reference/operations.md": "TestTheReferenceOfOperations",
		"docs/guides/install-helm.md": "", "docs/guides/rotate-credentials.md": "",
	}
}

// unfollowed says why a block of commands does not run here. The key is the page and the beginning
// of the block.
func unfollowed() map[string]string {
	return map[string]string{
		"README.md: make demo":  "TestDemo runs what the target runs",
		"README.md: make test":  "it is what runs this test",
		"README.md: make build": "it builds; the commands behind it are those of the guide to setup",
		"docs/guides/accounts.md: kcadm.sh update organizations/ID":   "TestAnOrganizationWithoutAVerifiedDomain does what the same command does, with the id of an organization",
		"docs/guides/credentials.md: scim-bridge tokens new --config": "it needs a tenant of Entra; TestEntraWorkloadIdentityFederation has an issuer in its place",
		"docs/guides/store.md: scim-bridge store restore":             "it needs a bridge that is stopped; TestTheStoreOfARunningBridge restores a copy",
		"docs/guides/sidecar.md: kubectl --namespace keycloak create": "it needs a cluster with the operator of Keycloak",
		"docs/guides/sidecar.md: kubectl --namespace keycloak exec":   "it needs a cluster with the operator of Keycloak",
		"charts/keycloak-scim-bridge/README.md: helm install":         "no release has been published; the test of the guide to Helm installs the chart of this checkout",
		"docs/guides/upgrade.md: kubectl --namespace scim create":     "it needs a cluster; the guide to Helm installs the same store, and its test runs those commands",
		"docs/guides/install-helm.md: helm install":                   "it needs OpenShift; TestPodsWithAnySecurityContext renders the pods with the same value",
	}
}

// fenced matches a block of a page with its language. variables matches a line that the reader
// fills in.
var (
	fenced    = regexp.MustCompile("(?ms)^(?:\\d+\\.)? *```([a-z]*)\n(.*?)^ *```")
	commands  = regexp.MustCompile(`(?m)^(bin/)?(scim-bridge|curl|kubectl|helm|kcadm\.sh|make|jq|docker|openssl|sed|cat) `)
	variables = regexp.MustCompile(`^(export [^\n]*\n)+$`)
)

// TestEveryCommandOfAPageIsRun: a test runs each block for a shell, or unfollowed says why no test
// can. Other blocks have no commands.
func TestEveryCommandOfAPageIsRun(t *testing.T) {
	t.Parallel()
	pages, err := docs.Pages(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	tests, reasons, run := apptest.RemedyTests(t), unfollowed(), followed()
	ran := map[string]bool{}
	for page, text := range pages {
		if page == "docs/reference/cli.md" { // this page has command lines without values
			continue
		}
		by, known := run[page]
		if filepath.Dir(page) == "docs/guides/identity-providers" { // this test runs all these pages
			by, known = "TestTheGuidesToIdentityProviders", true
		}
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			language, body := block[1], block[2]
			switch {
			case language == "sh" && !known:
				t.Errorf("no test runs the commands of %s", page)
			case language == "sh":
				ran[page] = true
			case language == "" && commands.MatchString(body) && !variables.MatchString(body) && !excused(reasons, page, body):
				t.Errorf("%s has commands in a block that is not for a shell (sh), so that no test runs them:\n%s", page, body)
			}
		}
		if by != "" && ran[page] && !strings.Contains(tests[by], strings.TrimPrefix(page, "docs/")) && !strings.Contains(tests[by], "guides/identity-providers/") {
			t.Errorf("%s does not name %s", by, page)
		}
	}
	for page := range run {
		if !ran[page] {
			t.Errorf("%s has no commands for a shell", page)
		}
	}
	for block, reason := range reasons {
		if reason != used {
			t.Errorf("no page has the block %q", block)
		}
	}
}

const used = ""

// excused reports whether the list has a reason for a block, and removes the reason from the list.
func excused(reasons map[string]string, page, body string) bool {
	for block := range reasons {
		if at, begins, _ := strings.Cut(block, ": "); at == page && strings.HasPrefix(body, begins) {
			reasons[block] = used
			return true
		}
	}
	return false
}
