package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

// The files of testdata/idp-traffic are recorded request sequences of identity
// providers with assertions; each file's "conventions" explain the format.

var update = flag.Bool("update", false, "write the pages that tests generate")

type traffic struct {
	IDP       string              `json:"idp"`
	Sequences []scimtest.Sequence `json:"sequences"`
}

// notYet are the sequences that do not concern users and groups of a realm, with
// the reason. A sequence listed here that passes is a failure of this test.
func notYet() map[string]string {
	return map[string]string{
		"entra/oauth-client-credentials":           "the bridge has no token endpoint: tokens are static until issue 8",
		"entra/oauth-workload-identity-federation": "the bridge has no token endpoint: tokens are static until issue 8",
	}
}

// TestIdPTraffic replays every recorded sequence against a realm of its own.
func TestIdPTraffic(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/idp-traffic/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded traffic: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, s := range readTraffic(t, file).Sequences {
			id := name + "/" + s.Name
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				reason, later := notYet()[id]
				failures := replay(t, s)
				switch {
				case later && len(failures) == 0:
					t.Errorf("passes, though it is listed as not yet: %s", reason)
				case later:
					t.Logf("not yet: %s", reason)
				default:
					for _, f := range failures {
						t.Error(f)
					}
				}
			})
		}
	}
}

// TestIdPTrafficIsListed keeps the page of sequences and results; go test -update
// writes it. That a result is true is what TestIdPTraffic is for.
func TestIdPTrafficIsListed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/idp-traffic/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString("# Recorded requests of identity providers\n\nReplayed against a real Keycloak by every run of `make test`.\n\n| sequence | result |\n| --- | --- |\n")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		for _, s := range readTraffic(t, file).Sequences {
			result := "pass"
			if reason, later := notYet()[name+"/"+s.Name]; later {
				result = "not yet: " + reason
			}
			fmt.Fprintf(&page, "| %s/%s | %s |\n", name, s.Name, result)
		}
	}
	const path = "../../docs/reference/idp-traffic.md"
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if readPage(t, path) != page.String() {
		t.Error("docs/reference/idp-traffic.md is not what the sequences say; run go test -update")
	}
}

func readTraffic(t *testing.T, file string) traffic {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out traffic
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// replay runs a sequence and returns what was not as expected.
func replay(t *testing.T, s scimtest.Sequence) []string {
	t.Helper()
	b := newBridge(t, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].BareToken = true // Okta's header mode
		}
	})
	vars := map[string]string{"token": b.Token, "base": b.Base, "basic": "dXNlcjpwYXNzd29yZA=="}
	failures, err := scimtest.Replayer{Base: b.Base, HTTP: http.DefaultClient}.Replay(t.Context(), s, vars)
	if err != nil {
		t.Error(err)
	}
	return failures
}
