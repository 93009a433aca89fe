package scimtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// TestConformance runs the suite on the fake and on the real Keycloak, in both profiles.
func TestConformance(t *testing.T) {
	t.Parallel()
	servers := map[string]func(*testing.T) keycloaktest.Server{
		"fake": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.NewFake(t).Server() },
		"real": func(t *testing.T) keycloaktest.Server { t.Helper(); return keycloaktest.Real(t) },
	}
	for name, server := range servers {
		for _, profile := range []config.Profile{config.ProfileTolerant, config.ProfileStrict} {
			t.Run(name+"/"+string(profile), func(t *testing.T) {
				t.Parallel()
				conforms(t, server(t), profile)
			})
		}
	}
}

func conforms(t *testing.T, server keycloaktest.Server, profile config.Profile) {
	t.Helper()
	b := apptest.NewBridgeOn(t, server, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].Profile = profile
		}
	})
	passed := 0
	err := scimtest.Run(t.Context(), scimtest.Config{Base: b.Base, Token: b.Token, Profile: string(profile), HTTP: http.DefaultClient}, func(r scimtest.Result) {
		switch r.Outcome {
		case scimtest.Pass:
			passed++
		case scimtest.Fail:
			t.Errorf("%s: %s:\n%s", r.Check.Section, r.Check.Name, strings.Join(r.Details, "\n"))
		case scimtest.Skip:
			if r.Check.Profile == "" && !strings.HasPrefix(r.Check.Needs, "!") { // a check for a feature that is absent
				t.Errorf("%s: %s is skipped: %s", r.Check.Section, r.Check.Name, r.Details)
			}
		}
	})
	if err != nil || passed < 60 {
		t.Errorf("%d checks passed, %v, want at least 60", passed, err)
	}
}

// TestTheConformancePageIsGenerated keeps the page that lists what covers each item of the checklist; go test -update
// writes the page. TestConformance tests that the checks pass.
func TestTheConformancePageIsGenerated(t *testing.T) {
	t.Parallel()
	covered := coverage(t)
	var page strings.Builder
	page.WriteString("# Conformance\n\nThe duties of a service provider in RFC 7643 and RFC 7644 (M: must, S: should, O: optional, P: a choice that the RFCs\n" +
		"leave open), and the check of each. A check is one of `scim-bridge conformance`, or a test of this repository. Every\n" +
		"`make test` runs the checks in both profiles against a real Keycloak. All pass.\n\n| | | source | duty or choice | checked by | result |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, item := range scimtest.Items() {
		by := covered[item.Number]
		if len(by) == 0 {
			t.Errorf("nothing checks item %d: %s", item.Number, item.Text)
		}
		fmt.Fprintf(&page, "| %d | %s | %s | %s | %s | pass |\n", item.Number, item.Level, item.Source, strings.ReplaceAll(item.Text, "|", ", "), strings.Join(by, "; "))
		delete(covered, item.Number)
	}
	for number := range covered {
		t.Errorf("%v speak of item %d, which the checklist does not have", covered[number], number)
	}
	apptest.CompareGenerated(t, "../../docs/reference/conformance.md", page.String())
}

// coverage is what covers each item: checks of the suite and test functions, by name.
func coverage(t *testing.T) map[int][]string {
	t.Helper()
	checks, err := scimtest.Checks()
	if err != nil {
		t.Fatal(err)
	}
	covered := map[int][]string{}
	for _, c := range checks {
		for _, item := range c.Items {
			covered[item] = append(covered[item], c.Name)
		}
	}
	named := regexp.MustCompile(`^TestRFC_(\d+)_`)
	for _, function := range testFunctions(t) {
		if m := named.FindStringSubmatch(function); m != nil {
			item, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			covered[item] = append(covered[item], "`"+function+"`")
		}
	}
	return covered
}

// testFunctions are the names of all test functions of the repository.
func testFunctions(t *testing.T) (names []string) {
	t.Helper()
	for _, path := range apptest.TestFiles(t) {
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}
