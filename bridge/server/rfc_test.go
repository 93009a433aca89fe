package server_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/config"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/keycloak/keycloaktest"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Items of the checklist that a client cannot check from outside.

// TestRFC_063_TooManyToIndexAreRefused: when an index would need too much memory, a filter that needs the index is
// refused. It never returns a partial list. A filter that needs no index is answered.
func TestRFC_063_TooManyToIndexAreRefused(t *testing.T) {
	t.Parallel()
	fake := keycloaktest.NewFake(t)
	b := apptest.NewBridgeOn(t, fake.Server(), func(c *config.Config) { c.Index.MaxMemoryBytes = 50_000 })
	apptest.CreateUsers(t, b, 120)
	const scan = "/Users?filter=userName+co+%22user%22"
	if found := b.Must(t, http.MethodGet, scan, ""); fmt.Sprint(found["totalResults"]) != "120" {
		t.Errorf("a filter over 120 users finds %v", found["totalResults"])
	}
	apptest.CreateUsers(t, b, 300)
	for _, query := range []string{scan, "/Users?sortBy=userName", "/Users?cursor="} {
		_, err := b.Send(t, http.MethodGet, query, "")
		var e *client.Error
		if !errors.As(err, &e) || e.Status != http.StatusBadRequest || e.Type != "tooMany" || !strings.Contains(e.Detail, "userName") || !strings.Contains(e.Detail, "more memory") {
			t.Errorf("%s over 300 users = %v, want 400 tooMany that says what to do", query, err)
		}
	}
	for _, query := range []string{"/Users?count=7", "/Users?filter=userName+eq+%22user0000%22"} {
		list, _ := b.Must(t, http.MethodGet, query, "")["Resources"].([]any)
		if len(list) == 0 {
			t.Errorf("%s finds nothing among 300 users", query)
		}
	}
}

func TestRFC_148_AnotherVersionHasNoEndpoint(t *testing.T) {
	t.Parallel()
	b := apptest.NewCallBridge(t)
	root := strings.TrimSuffix(b.Base, "/v2")
	for _, version := range []string{"/v1", "/v3", ""} {
		status, body := apptest.GetFrom(t, root+version+"/Users", b.Token)
		if status != http.StatusNotFound || !strings.Contains(body, "urn:ietf:params:scim:api:messages:2.0:Error") {
			t.Errorf("GET %s/Users = %d %s, want 404 with a SCIM error", version, status, body)
		}
	}
}

// TestRFC_154_ATenantIsCheckedAgainstTheCredential: with the token of one tenant, another tenant answers like a
// tenant that does not exist.
func TestRFC_154_ATenantIsCheckedAgainstTheCredential(t *testing.T) {
	t.Parallel()
	c := apptest.NewCustomers(t, keycloaktest.NewFake(t).Server(), nil)
	acme, globex := c.Of["acme"], c.Of["globex"]
	foreign, foreignBody := apptest.GetFrom(t, acme.Base+"/Users", globex.Token)
	absent, absentBody := apptest.GetFrom(t, c.Realm.At("absent").Base+"/Users", globex.Token)
	if foreign != http.StatusUnauthorized || absent != foreign || foreignBody != absentBody {
		t.Errorf("a foreign tenant = %d %s, an absent one = %d %s, want the same 401", foreign, foreignBody, absent, absentBody)
	}
	if status, body := apptest.GetFrom(t, acme.Base+"/Users", acme.Token); status != http.StatusOK {
		t.Errorf("the tenant's own token = %d %s", status, body)
	}
}

// TestRFC_155_TokensAreLongAndTLSIsRecent: setup's tokens have 256 bits and are never the same. The bridge calls
// Keycloak with TLS 1.2 or later. TLS for clients ends before the bridge.
func TestRFC_155_TokensAreLongAndTLSIsRecent(t *testing.T) {
	t.Parallel()
	server := keycloaktest.NewFake(t).Server()
	realm, _ := apptest.NewEmptyRealm(t, server)
	one, two := apptest.RunSetup(t, server, realm).Token, apptest.RunSetup(t, server, realm).Token
	const least = 43 // 256 bits in base64
	if len(one) < least || one == two {
		t.Errorf("tokens %q and %q, want two different ones of %d characters", one, two, least)
	}
	transport, err := keycloak.NewTransport(keycloak.TransportConfig{})
	if err != nil || transport.TLSClientConfig.MinVersion < tls.VersionTLS12 {
		t.Errorf("transport = %v, %v, want at least TLS 1.2", transport, err)
	}
}
