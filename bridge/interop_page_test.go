package bridge_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/docs"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// compareInterop compares the results of all libraries and suites with the results from which the page is made.
func compareInterop(t *testing.T, all []interopResult) {
	t.Helper()
	libraries := map[string]bool{}
	for _, r := range all {
		libraries[r.Library] = true
	}
	if len(libraries) < len(interopColumns()) {
		return // only some were run
	}
	slices.SortStableFunc(all, func(a, b interopResult) int {
		return strings.Compare(a.Library+"\n"+a.Tenant, b.Library+"\n"+b.Tenant)
	})
	var text strings.Builder
	for i, r := range all {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		text.Write(line)
	}
	text.WriteString("\n]\n")
	if err := docs.Generated(interopResults, text.String(), *apptest.Update, "make interop"); err != nil {
		t.Error(err)
	}
	if *apptest.Update {
		writeInteropPage(t)
	}
}

// interopColumns are the libraries and suites in the page's order, with the file that pins their version.
func interopColumns() []struct{ library, file, artifact string } {
	return []struct{ library, file, artifact string }{
		{"scim-sdk-client", "interop/scim-sdk/pom.xml", "scim-sdk-client"},
		{"UnboundID SCIM 2 SDK", "interop/unboundid/pom.xml", "scim2-sdk-client"},
		{"keycloak-scim-core", "interop/keycloak-models/pom.xml", "keycloak-scim-core"},
		{"ConnId SCIM bundle", "interop/connid/pom.xml", "net.tirasa.connid.bundles.scim"},
		{"scim2-tester", "scim2-tester/requirements.txt", "scim2-tester"},
		{"scim-sanity", "scim-sanity/requirements.txt", "scim-sanity"},
	}
}

// TestTheInteropPageIsGenerated keeps the page with the results of client libraries. TestInterop tests that the results
// are true.
func TestTheInteropPageIsGenerated(t *testing.T) {
	t.Parallel()
	writeInteropPage(t)
}

func writeInteropPage(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(interopResults)
	if err != nil {
		t.Fatal(err)
	}
	var all []interopResult
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	p := interopText{all: all}
	fmt.Fprintf(&p.out, "# Client libraries\n\nWhat published client libraries and suites of checks find at a tenant of a realm and at one of an\norganization, on a real Keycloak %s, with `profile: tolerant` and the built-in mapping. "+
		"`make interop` runs\nthem and writes this page and [the same as JSON](interop.json); every run of `make test` compares.\n\n", keycloaktest.Versions()[0])
	p.out.WriteString("Each operation checks what the library made of the answer, and after a write what Keycloak itself has, by its\nAdmin API. The operations are in `tools/interop`.\n\n")
	p.libraries(t)
	p.table("Operations", "scim-sdk-client", "UnboundID SCIM 2 SDK", "keycloak-scim-core")
	p.table("Operations of ConnId", "ConnId SCIM bundle")
	p.table("Checks of scim2-tester", "scim2-tester")
	p.table("Checks of scim-sanity", "scim-sanity")
	p.out.WriteString("## Faults of the libraries\n\n")
	for i, reason := range p.reasons {
		fmt.Fprintf(&p.out, "%d. %s.\n", i+1, reason)
	}
	apptest.CompareGenerated(t, interopPage, p.out.String())
}

// interopText is the text of the page, which is written part by part.
type interopText struct {
	all     []interopResult
	out     strings.Builder
	reasons []string // of faults, in the order of their first mention
}

// libraries writes a row for each library with its version and its counts.
func (p *interopText) libraries(t *testing.T) {
	t.Helper()
	p.out.WriteString("| library | version | operations | pass | not in the library | fault of the library |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, c := range interopColumns() {
		pinned, err := os.ReadFile(filepath.Join("../tools", c.file))
		if err != nil {
			t.Fatal(err)
		}
		version := regexp.MustCompile(regexp.QuoteMeta(c.artifact) + `(?:</artifactId>\s*<version>|==)([0-9.]+)`).FindSubmatch(pinned)
		if version == nil {
			t.Fatalf("%s pins no version of %s", c.file, c.artifact)
		}
		counts := map[string]int{}
		for _, r := range p.all {
			if r.Library == c.library {
				counts[r.Outcome]++
			}
		}
		fmt.Fprintf(&p.out, "| %s | %s | %d | %d | %d | %d |\n", c.library, version[1], counts["pass"]+counts["none"]+counts["fault"], counts["pass"], counts["none"], counts["fault"])
	}
	p.out.WriteString("\nThe counts are those of both tenants.\n\n")
}

// table writes the results of libraries with the same operations.
func (p *interopText) table(title string, libraries ...string) {
	fmt.Fprintf(&p.out, "## %s\n\n| | operation |", title)
	for _, library := range libraries {
		fmt.Fprintf(&p.out, " %s |", library)
	}
	fmt.Fprintf(&p.out, "\n%s\n", "| --- | --- |"+strings.Repeat(" --- |", len(libraries)))
	written := map[[2]string]bool{}
	for _, r := range p.all {
		row := [2]string{r.Group, r.Operation}
		if written[row] || !slices.Contains(libraries, r.Library) {
			continue
		}
		written[row] = true
		fmt.Fprintf(&p.out, "| %s | %s |", r.Group, strings.ReplaceAll(r.Operation, "|", ", "))
		for _, library := range libraries {
			fmt.Fprintf(&p.out, " %s |", p.cell(library, row))
		}
		p.out.WriteString("\n")
	}
	p.out.WriteString("\n")
}

// cell is the result of a library at both tenants.
func (p *interopText) cell(library string, row [2]string) string {
	told := map[string]string{}
	for _, r := range p.all {
		if r.Library == library && r.Group == row[0] && r.Operation == row[1] {
			told[r.Tenant] = p.outcome(r)
		}
	}
	realm, organization := told["realm"], told["organization"]
	switch {
	case len(told) == 0:
		return "–"
	case realm == organization:
		return realm
	}
	return "realm: " + realm + ", organization: " + organization
}

func (p *interopText) outcome(r interopResult) string {
	switch r.Outcome {
	case "none":
		return "–"
	case "fault":
		reason := r.Library + ": " + r.Detail
		i := slices.Index(p.reasons, reason)
		if i < 0 {
			i = len(p.reasons)
			p.reasons = append(p.reasons, reason)
		}
		return fmt.Sprintf("fault %d", i+1)
	}
	return r.Outcome
}
