package bridge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/scimtest"
)

type traffic struct {
	IDP       string              `json:"idp"`
	Sequences []scimtest.Sequence `json:"sequences"`
}

// notYet are the sequences that do not apply to the bridge, with the reason. TestIdPTraffic fails
// when such a sequence passes.
func notYet() map[string]string {
	return map[string]string{
		"entra/oauth-client-credentials":           "the bridge has no token endpoint; the identity provider gets its tokens from Keycloak's token endpoint, and `accessTokens` accepts them",
		"entra/oauth-workload-identity-federation": "the bridge has no token endpoint; the identity provider gets its tokens from Keycloak's token endpoint, and `accessTokens` accepts them",
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
					t.Errorf("passes, although it is listed as not applicable: %s", reason)
				case later:
					t.Logf("does not apply: %s", reason)
				default:
					for _, f := range failures {
						t.Error(f)
					}
				}
			})
		}
	}
}

// TestTheIdPTrafficPageIsGenerated keeps the page of sequences and results; go test -update
// writes the page. TestIdPTraffic checks the results.
func TestTheIdPTrafficPageIsGenerated(t *testing.T) {
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
				result = "does not apply: " + reason
			}
			fmt.Fprintf(&page, "| %s/%s | %s |\n", name, s.Name, result)
		}
	}
	apptest.CompareGenerated(t, "../docs/reference/idp-traffic.md", page.String())
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
	b := apptest.NewBridge(t, func(c *config.Config) {
		for _, realm := range c.Realms {
			realm.Tenants[0].BareToken = true // Okta's header mode
		}
	})
	return replayOf(t, b, s)
}

// replayOf runs a sequence against a tenant.
func replayOf(t *testing.T, b apptest.Bridge, s scimtest.Sequence) []string {
	t.Helper()
	vars := map[string]string{"token": b.Token, "base": b.Base, "basic": "dXNlcjpuZXZlci1hLXRva2Vu"}
	failures, err := scimtest.Replayer{Base: b.Base, HTTP: http.DefaultClient}.Replay(t.Context(), s, vars)
	if err != nil {
		t.Error(err)
	}
	return failures
}

// TestIdPTrafficOfTwoOrganizations replays the sequences of Okta and Entra, two at once
// against two organizations of a realm. Neither organization gets anything of the other, over
// HTTP and in Keycloak.
func TestIdPTrafficOfTwoOrganizations(t *testing.T) {
	t.Parallel()
	okta, entra := readTraffic(t, "testdata/idp-traffic/okta.json").Sequences, readTraffic(t, "testdata/idp-traffic/entra.json").Sequences
	for i := range max(len(okta), len(entra)) {
		one, two := okta[i%len(okta)], entra[i%len(entra)]
		t.Run(one.Name+"+"+two.Name, func(t *testing.T) {
			t.Parallel()
			c := apptest.NewCustomers(t, keycloaktest.Real(t), func(c *config.Config) {
				for _, r := range c.Realms {
					for i := range r.Tenants {
						r.Tenants[i].Domains = config.DomainsAny // both sequences use the same domains
						r.Tenants[i].BareToken = true            // Okta's header mode
					}
				}
			})
			var g errgroup.Group
			for idp, run := range map[string]struct {
				at       apptest.Bridge
				sequence scimtest.Sequence
			}{"okta": {c.Of["acme"], one}, "entra": {c.Of["globex"], two}} {
				g.Go(func() error {
					if _, later := notYet()[idp+"/"+run.sequence.Name]; later {
						return nil
					}
					for _, f := range replayOf(t, run.at, run.sequence) {
						t.Errorf("%s/%s: %s", idp, run.sequence.Name, f)
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			c.CheckApart(t)
		})
	}
}
