package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
)

// TestTheMetricsNameTheTenantsThatTheConfigurationSays: the tenants without a label of their own share one, and their
// metrics are as complete.
func TestTheMetricsNameTheTenantsThatTheConfigurationSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tenants config.NamedTenants
		named   bool
	}{
		"all":  {config.NamedTenants{All: true}, true},
		"some": {config.NamedTenants{Top: 1}, true},
		"none": {config.NamedTenants{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), func(conf *config.Config) { conf.Metrics.Tenants = c.tenants })
			b.Must(t, http.MethodGet, "/Users", "")
			label := observe.OtherTenants
			if c.named {
				label = b.Realm
			}
			for metric, value := range map[string]string{
				`scim_bridge_tenant_fit{tenant="` + label + `"} `:                           "1",
				`scim_bridge_tenant_requests_total{status="2xx",tenant="` + label + `"} `:   "1",
				`scim_bridge_token_expiry_timestamp_seconds{client="`:                       "",
				`scim_bridge_mapping_applied{tenant="` + label + `"} `:                      "1",
				`scim_bridge_tenant_last_request_timestamp_seconds{tenant="` + label + `"}`: "",
			} {
				if got := b.Metric(t, metric); !strings.HasPrefix(got, metric+value) || !strings.Contains(got, `tenant="`+label+`"`) {
					t.Errorf("%q is shown as %q", metric, got)
				}
			}
		})
	}
}

// TestNoTenantHasTheNameOfTheOthers: its values would mix with the values of the shared label.
func TestNoTenantHasTheNameOfTheOthers(t *testing.T) {
	t.Parallel()
	b := apptest.NewBridgeOn(t, keycloaktest.NewFake(t).Server(), nil)
	b.ApplyFile(t, "config.yaml", apptest.Replaced(t, "        # For Okta", "        path: "+observe.OtherTenants+"\n        # For Okta"))
	if said := b.Statusz(t); !strings.Contains(said, "cannot be a segment of a URL") {
		t.Errorf("/statusz says %q", said)
	}
}
